import type { Pricing } from './pricing.js'

/**
 * List prices, which change: look at the source before you rely on one, and override it with `pricing`.
 * One row for each service; each row says when it was looked up, and where.
 */
export const LIST_PRICES = {
  captchaai: {
    asOf: '2025',
    source: 'https://captchaai.com/#pricing (the smallest plan: five threads for a flat price a month)',
    // A solve costs nothing more there. What it is worth is the user's to say: this is a solve's share of a busy plan.
    pricing: { per: 'thread', threads: 5, usdPerMonth: 15, imputedUsd: 0.001 },
  },
} as const satisfies Record<string, { asOf: string; source: string; pricing: Pricing }>

import type { Pricing } from './pricing-options.js'

/**
 * List prices, which change: look at the source before you rely on one, and override it with `pricing`.
 * One row for each service; each says as of when it is, and where the list stands. Where a price has a range this is its upper end, for that
 * is what has to be reserved; a service that says what a solve did cost is believed. Where no figure was to be had (Friendly Captcha,
 * MTCaptcha, Amazon WAF) it is that of the service's dearest other family.
 */
export const LIST_PRICES = {
  captchaai: {
    asOf: '2025',
    source: 'https://captchaai.com/#pricing (the smallest plan: five threads for a flat price a month)',
    // A solve costs nothing more there. What it is worth is the user's to say: this is a solve's share of a busy plan.
    pricing: { per: 'thread', threads: 5, usdPerMonth: 15, imputedUsd: 0.001 },
  },
  twocaptcha: {
    asOf: '2025',
    source: 'https://2captcha.com/pricing',
    pricing: {
      per: 'solve',
      usd: {
        recaptcha: 0.00299,
        turnstile: 0.00145,
        hcaptcha: 0.00299,
        geetest: 0.00299,
        friendly: 0.00299,
        mtcaptcha: 0.00299,
        arkose: 0.05,
        image: 0.001,
      },
    },
  },
  anticaptcha: {
    asOf: '2025',
    source: 'https://anti-captcha.com/#prices',
    pricing: {
      per: 'solve',
      usd: {
        recaptcha: 0.002,
        'recaptcha/enterprise-checkbox': 0.005,
        'recaptcha/enterprise-invisible': 0.005,
        'recaptcha/enterprise-score': 0.005,
        turnstile: 0.002,
        hcaptcha: 0.003,
        geetest: 0.0018,
        friendly: 0.005,
        'aws-waf': 0.005,
        arkose: 0.003,
        image: 0.0007,
      },
    },
  },
  capmonster: {
    asOf: '2025',
    source: 'https://capmonster.cloud/en/#prices',
    pricing: {
      per: 'solve',
      usd: {
        recaptcha: 0.0006,
        'recaptcha/v3': 0.0009,
        'recaptcha/enterprise-checkbox': 0.001,
        'recaptcha/enterprise-invisible': 0.001,
        'recaptcha/enterprise-score': 0.002,
        turnstile: 0.0013,
        geetest: 0.0012,
        mtcaptcha: 0.002,
        friendly: 0.002,
        'aws-waf': 0.002,
        image: 0.0003,
        bls: 0.0003,
      },
    },
  },
  capsolver: {
    asOf: '2025',
    source: 'https://www.capsolver.com/ (pricing)',
    pricing: {
      per: 'solve',
      usd: {
        recaptcha: 0.0008,
        'recaptcha/v3': 0.001,
        'recaptcha/enterprise-checkbox': 0.001,
        'recaptcha/enterprise-invisible': 0.001,
        'recaptcha/enterprise-score': 0.003,
        turnstile: 0.0012,
        geetest: 0.0012,
        mtcaptcha: 0.003,
        'aws-waf': 0.003,
        image: 0.0004,
      },
    },
  },
} as const satisfies Record<string, { asOf: string; source: string; pricing: Pricing }>

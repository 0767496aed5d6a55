import type { Pricing } from './pricing-options.js'

/**
 * List prices in US dollars for a solve. They change: read the source before you rely on one, and override it with
 * `pricing`. Each service has one row with its date and source. Where a price has a range, the upper end is listed,
 * because that is what has to be reserved; a cost that a service reports replaces it. Where no price was published
 * (Friendly Captcha, MTCaptcha, Amazon WAF, Yandex SmartCaptcha), the price of the service's most expensive other
 * family is used.
 */
export const LIST_PRICES = {
  captchaai: {
    asOf: '2025',
    source: 'https://captchaai.com/#pricing (the smallest plan: five threads for a flat price a month)',
    // A solve costs nothing in addition. `imputedUsd` is one solve's share of a plan that is in full use.
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
        captchafox: 0.00145,
        yandex: 0.00299,
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
        yandex: 0.003,
        'aws-waf': 0.003,
        image: 0.0004,
      },
    },
  },
} as const satisfies Record<string, { asOf: string; source: string; pricing: Pricing }>

import type { Family } from '../base/challenge.js'
import type { ErrorTable } from './errors.js'
import { formCall, formReaders } from './form-family.js'
import { fieldsFor, missingFrom, type Offer } from './offer.js'
import { checkOptions, type SolverOptions } from './options.js'
import { LIST_PRICES } from './prices.js'
import { priceList } from './pricing.js'
import { RECAPTCHA_VARIANTS, recaptchaFields } from './recaptcha.js'
import type { Patience, Solver } from './solver.js'
import { turnstileFields } from './turnstile.js'

const BASE_URL = 'https://ocr.captchaai.com'

/** reCAPTCHA takes 10 to 20 s there, Turnstile 10 to 15; after that the service asks for 5 s between polls. */
const PATIENCE: Patience = { firstPollMs: 15_000, everyMs: 5_000 }
const SHORTER: { readonly [family in Family]?: Patience } = { turnstile: { firstPollMs: 10_000, everyMs: 5_000 } }

const OFFER: Offer = {
  recaptcha: { variants: RECAPTCHA_VARIANTS, fields: recaptchaFields },
  turnstile: { variants: ['turnstile'], fields: turnstileFields },
}

/** Where CaptchaAI's reference (docs.captchaai.com, blog.captchaai.com) means something else by a code. */
const ERRORS: ErrorTable = {
  ERROR_ZERO_BALANCE: {
    class: 'busy',
    says: 'Every thread of the CaptchaAI plan is in use (lower policy.budget.concurrent, or take a larger plan)',
    retryAfterMs: 5_000,
  },
  ERROR_NO_SLOT_AVAILABLE: {
    class: 'busy',
    says: 'Every thread of the CaptchaAI plan is in use (lower policy.budget.concurrent, or take a larger plan)',
    retryAfterMs: 5_000,
  },
  ERROR_KEY_DOES_NOT_EXIST: {
    class: 'key',
    says: 'CaptchaAI does not know the key, or its account has no threads (no plan and no trial)',
  },
}

/**
 * CaptchaAI (captchaai.com): the form family, sold by the thread. Does reCAPTCHA v2, v3 and Enterprise, and Turnstile.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 * @example
 * createGuard({ solver: captchaAI({ pricing: { per: 'thread', threads: 50, usdPerMonth: 90, imputedUsd: 0.0005 } }), … })
 */
export function captchaAI(options: SolverOptions = {}): Solver {
  const name = 'captchaai'
  const { baseUrl, patience } = checkOptions(name, options, BASE_URL)
  const { pricing = LIST_PRICES.captchaai.pricing } = options
  return {
    name,
    baseUrl,
    patience: ({ family }) => patience ?? SHORTER[family] ?? PATIENCE,
    unsupported: (challenge) => missingFrom(OFFER, challenge),
    price: priceList(pricing, name),
    submit: (challenge) => formCall('/in.php', fieldsFor(OFFER, challenge)),
    poll: (taskId) => formCall('/res.php', { action: 'get', id: taskId }),
    balance: () => formCall('/res.php', { action: 'getbalance' }),
    report: (taskId, good) => formCall('/res.php', { action: good ? 'reportgood' : 'reportbad', id: taskId }),
    ...formReaders({
      errors: ERRORS,
      unreadableRetryMs: 5_000,
      serverErrorRetryMs: 10_000,
      pricesCount: pricing.per === 'solve',
    }),
    addressHelp:
      "Allow the address in your account's settings at https://captchaai.com, or take the IP restriction off.",
  }
}

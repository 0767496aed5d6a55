import type { Capabilities } from './capabilities.js'
import { captchafoxForm } from './captchafox.js'
import type { ErrorTable } from './errors.js'
import { formSolver } from './form-solver.js'
import { friendlyVersionForm } from './friendly.js'
import { geetestForm } from './geetest.js'
import type { SolverOptions } from './options.js'
import { gridForm, imageForm } from './picture.js'
import { isScore, recaptchaForm } from './recaptcha.js'
import { CHARACTERS_32, type ServiceDefinition } from './service-definition.js'
import type { Polling, Solver } from './solver.js'
import { turnstileForm } from './turnstile.js'

const CAPABILITIES: Capabilities = {
  recaptcha: {
    ...recaptchaForm,
    // Its official client requires an action for a score, and refuses the solve without one.
    unsupported: ({ variant, action }) =>
      isScore(variant) && action === undefined ? 'a reCAPTCHA with a score and without an `action`' : undefined,
  },
  turnstile: turnstileForm,
  geetest: geetestForm('captchaai'),
  friendly: friendlyVersionForm,
  captchafox: captchafoxForm('user_agent', false),
  // Its documents disagree on the smallest picture, 100 bytes or 1 KB: between the two the service decides.
  image: imageForm({ names: { minLength: 'minLen', maxLength: 'maxLen' }, bytes: [100, 1024 * 1024] }),
  bls: gridForm,
}

const THREADS_BUSY =
  'Every thread of the CaptchaAI plan is in use (lower policy.budget.concurrent, or take a larger plan)'

const PLAN_ENDED =
  'The CaptchaAI plan has ended, or has no threads: renew it, or start a trial, at https://captchaai.com.'

/**
 * The codes that mean something else in CaptchaAI's reference (https://docs.captchaai.com, https://blog.captchaai.com).
 */
const ERRORS: ErrorTable = {
  ERROR_ZERO_BALANCE: { class: 'busy', message: THREADS_BUSY, retryAfterMs: 5_000, maybeEnded: true },
  ERROR_NO_SLOT_AVAILABLE: { class: 'busy', message: THREADS_BUSY, retryAfterMs: 5_000 },
  ERROR_KEY_DOES_NOT_EXIST: {
    class: 'key',
    message: 'CaptchaAI does not know the key, or its account has no threads (no plan and no trial)',
  },
}

const PICTURES: Polling = {
  firstPollMs: 1_000,
  everyMs: 5_000,
  usual: { medianMs: 4_000, spread: 0.5, idleMs: 2_600 },
}
const SCORES: Polling = {
  firstPollMs: 10_000,
  everyMs: 5_000,
  usual: { medianMs: 12_000, spread: 0.4, idleMs: 2_600 },
}

const DEFINITION: ServiceDefinition = {
  name: 'captchaai',
  baseUrl: 'https://ocr.captchaai.com',
  capabilities: CAPABILITIES,
  // All of its methods take `proxy` and `proxytype` (https://blog.captchaai.com/captchaai-api-quick-reference-card).
  proxy: {
    families: ['recaptcha', 'turnstile', 'geetest', 'friendly', 'captchafox'],
    required: ['captchafox'],
    hostnames: true,
    inOneString: true,
  },
  // It solves a reCAPTCHA in 10 to 20 s, a Turnstile in 10 to 15 s, a picture in up to 5 s. First polls, and the 5 s
  // between polls, are those of its official Python client 1.0.1 (https://pypi.org/project/captchaai/).
  polling: { firstPollMs: 15_000, everyMs: 5_000, usual: { medianMs: 17_000, spread: 0.4, idleMs: 2_600 } },
  pollingFor: {
    turnstile: { firstPollMs: 10_000, everyMs: 5_000, usual: { medianMs: 12_000, spread: 0.4, idleMs: 2_600 } },
    // How long the service takes is not published.
    friendly: { firstPollMs: 10_000, everyMs: 5_000, usual: { medianMs: 12_000, spread: 0.4, idleMs: 2_600 } },
    captchafox: { firstPollMs: 10_000, everyMs: 5_000, usual: { medianMs: 12_000, spread: 0.4, idleMs: 2_600 } },
    'recaptcha/v3': SCORES,
    'recaptcha/enterprise-score': SCORES,
    image: PICTURES,
    bls: PICTURES,
  },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  // https://blog.captchaai.com/api-key-setup-and-authentication
  keyFormat: CHARACTERS_32,
  addressHelp: "Allow the address in your account's settings at https://captchaai.com, or take the IP restriction off.",
}

/**
 * CaptchaAI (https://captchaai.com): the form family, sold by the thread. Solves reCAPTCHA v2, v3 and Enterprise,
 * Turnstile, GeeTest v3 and v4, Friendly Captcha v1 and v2, CaptchaFox (through a proxy), pictures with text, and BLS
 * grids.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const pricing = { per: 'thread', threads: 50, usdPerMonth: 90, imputedUsd: 0.0005 } as const
 * const guard = await createGuard({ solver: captchaAI({ pricing }), policy: { origins: ['https://staging.example.com']
 * } })
 */
export function captchaAI(options: SolverOptions = {}): Solver {
  return formSolver(DEFINITION, options, { endedMessage: PLAN_ENDED })
}

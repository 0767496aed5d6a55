import { type Capabilities, fieldsFor } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { formCall, formReaders } from './form-family.js'
import { geetestForm } from './geetest.js'
import type { SolverOptions } from './options.js'
import { formWithProxy, hiddenFieldsOf } from './page-proxy.js'
import { gridForm, imageForm } from './picture.js'
import { recaptchaForm } from './recaptcha.js'
import { fromDefinition, type ServiceDefinition } from './service-definition.js'
import type { Polling, Solver } from './solver.js'
import { turnstileForm } from './turnstile.js'

const CAPABILITIES: Capabilities = {
  recaptcha: recaptchaForm,
  turnstile: turnstileForm,
  geetest: geetestForm('captchaai'),
  // Its pages disagree on the smallest, 100 bytes or 1 KB: in between the service itself decides.
  image: imageForm({ names: { minLength: 'minLen', maxLength: 'maxLen' }, bytes: [100, 1024 * 1024] }),
  bls: gridForm,
}

/** Where CaptchaAI's reference (docs.captchaai.com, blog.captchaai.com) means something else by a code. */
const ERRORS: ErrorTable = {
  ERROR_ZERO_BALANCE: {
    class: 'busy',
    message: 'Every thread of the CaptchaAI plan is in use (lower policy.budget.concurrent, or take a larger plan)',
    retryAfterMs: 5_000,
  },
  ERROR_NO_SLOT_AVAILABLE: {
    class: 'busy',
    message: 'Every thread of the CaptchaAI plan is in use (lower policy.budget.concurrent, or take a larger plan)',
    retryAfterMs: 5_000,
  },
  ERROR_KEY_DOES_NOT_EXIST: {
    class: 'key',
    message: 'CaptchaAI does not know the key, or its account has no threads (no plan and no trial)',
  },
}

const PICTURES: Polling = {
  firstPollMs: 5_000,
  everyMs: 5_000,
  usual: { medianMs: 4_000, spread: 0.5, idleMs: 2_600 },
}

const DEFINITION: ServiceDefinition = {
  name: 'captchaai',
  baseUrl: 'https://ocr.captchaai.com',
  capabilities: CAPABILITIES,
  // Two fields that all of its methods have in common (blog.captchaai.com, quick reference card).
  proxy: { families: ['recaptcha', 'turnstile', 'geetest'], hostnames: true, inOneString: true },
  // reCAPTCHA takes 10 to 20 s there, Turnstile 10 to 15, pictures up to 5; after that the service asks for 5 s between polls.
  polling: { firstPollMs: 15_000, everyMs: 5_000, usual: { medianMs: 17_000, spread: 0.4, idleMs: 2_600 } },
  pollingFor: {
    turnstile: { firstPollMs: 10_000, everyMs: 5_000, usual: { medianMs: 12_000, spread: 0.4, idleMs: 2_600 } },
    image: PICTURES,
    bls: PICTURES,
  },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  addressHelp: "Allow the address in your account's settings at https://captchaai.com, or take the IP restriction off.",
}

/**
 * CaptchaAI (captchaai.com): the form family, sold by the thread. Does reCAPTCHA v2, v3 and Enterprise, Turnstile, GeeTest v3 and v4,
 * pictures with text, and BLS grids.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 * @example
 * createGuard({ solver: captchaAI({ pricing: { per: 'thread', threads: 50, usdPerMonth: 90, imputedUsd: 0.0005 } }), … })
 */
export function captchaAI(options: SolverOptions = {}): Solver {
  const { common, rules } = fromDefinition(DEFINITION, options)
  return {
    ...common,
    submit: (challenge, proxy) => ({
      ...formCall('/in.php', formWithProxy(fieldsFor(CAPABILITIES, challenge), challenge, proxy)),
      ...hiddenFieldsOf(proxy),
    }),
    poll: (taskId) => formCall('/res.php', { action: 'get', id: taskId }),
    balance: () => formCall('/res.php', { action: 'getbalance' }),
    report: (taskId, good) => formCall('/res.php', { action: good ? 'reportgood' : 'reportbad', id: taskId }),
    ...formReaders(rules, CAPABILITIES),
  }
}

import { SolveguardError } from '../base/errors.js'
import { awsWafTask } from './aws-waf.js'
import type { Capabilities } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { geetestTask } from './geetest.js'
import { mtcaptchaTask } from './mtcaptcha.js'
import type { SolverOptions } from './options.js'
import { imageTask } from './picture.js'
import { recaptchaTask } from './recaptcha.js'
import type { ServiceDefinition } from './service-definition.js'
import type { Solver } from './solver.js'
import { taskSolver } from './task-solver.js'
import { turnstileTask } from './turnstile.js'
import { yandexTask } from './yandex.js'

const CAPABILITIES: Capabilities = {
  recaptcha: recaptchaTask({
    v2: 'ReCaptchaV2TaskProxyLess',
    enterprise: 'ReCaptchaV2EnterpriseTaskProxyLess',
    v3: 'ReCaptchaV3TaskProxyLess',
    v3Enterprise: 'ReCaptchaV3EnterpriseTaskProxyLess',
    dataS: 'enterprisePayload',
    recaptchaNet: 'www.recaptcha.net',
    enterpriseAction: true,
  }),
  turnstile: turnstileTask('AntiTurnstileTaskProxyLess', ({ action, cData }) => ({
    metadata: action === undefined && cData === undefined ? undefined : { action, cdata: cData },
  })),
  geetest: geetestTask('GeeTestTaskProxyLess', (captchaId) => ({ captchaId })),
  mtcaptcha: mtcaptchaTask('MtCaptchaTaskProxyLess'),
  yandex: yandexTask('YandexCaptchaTaskProxyLess'),
  'aws-waf': awsWafTask('AntiAwsWafTaskProxyLess', ({ scriptUrl }) => ({ awsApiJs: scriptUrl })),
  // Read at once, by a program that takes no hints.
  image: imageTask({ bytes: [100, 1024 * 1024], hints: () => ({ module: 'common' }) }),
}

/** The codes that mean something else in CapSolver's reference (https://docs.capsolver.com/en/guide/api-error/). */
const ERRORS: ErrorTable = {
  ERROR_KEY_DENIED_ACCESS: { class: 'key', message: 'The service does not know the key.' },
  ERROR_IP_BANNED: {
    class: 'address',
    message: 'The service has banned this address for ten minutes.',
    retryAfterMs: 600_000,
  },
}

const DEFINITION: ServiceDefinition = {
  name: 'capsolver',
  baseUrl: 'https://api.capsolver.com',
  capabilities: CAPABILITIES,
  // It solves Turnstile, GeeTest and Yandex SmartCaptcha only without a proxy (https://docs.capsolver.com).
  proxy: { families: ['recaptcha', 'mtcaptcha', 'aws-waf'], hostnames: true },
  // It has most answers within 1 to 10 s, and allows 120 polls for a task
  // (https://docs.capsolver.com/en/guide/api-gettaskresult/).
  polling: { firstPollMs: 1_000, everyMs: 2_000, usual: { medianMs: 6_000, spread: 0.6, idleMs: 1_500 } },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  // The example at https://docs.capsolver.com/en/guide/api-getbalance
  keyFormat: { pattern: /^CAP-/, description: 'CAP- at their beginning' },
  addressHelp: "Allow the address in your account's settings at https://dashboard.capsolver.com.",
}

/** The options of `capSolver`. */
export interface CapSolverOptions extends SolverOptions {
  /**
   * The id of your own app at CapSolver, sent with each task.
   * @default none is sent
   */
  readonly appId?: string | undefined
}

/**
 * CapSolver (https://www.capsolver.com): the task family, paid by the solve. Solves reCAPTCHA v2, v3 and Enterprise,
 * Turnstile, GeeTest v3 and v4, MTCaptcha, Amazon WAF, Yandex SmartCaptcha, and pictures with text.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const policy = { origins: ['https://staging.example.com'] }
 * const guard = await createGuard({ solver: capSolver(), secret: envSecret('CAPSOLVER_KEY'), policy })
 */
export function capSolver({ appId, ...options }: CapSolverOptions = {}): Solver {
  if (appId !== undefined && !(typeof appId === 'string' && /^[\w-]{1,64}$/.test(appId))) {
    throw new SolveguardError('CONFIG_INVALID', 'capsolver: appId must be 1 to 64 letters, digits, _ and -.')
  }
  const solver = taskSolver(
    DEFINITION,
    options,
    (taskId, good) => [
      '/feedbackTask',
      { taskId, result: good ? { invalid: false } : { invalid: true, code: 1001, message: 'invalid token' } },
    ],
    [],
  )
  if (appId === undefined) return solver
  const submit: Solver['submit'] = (challenge, proxy) => {
    const call = solver.submit(challenge, proxy)
    return { ...call, fields: { ...call.fields, appId } }
  }
  return Object.freeze({ ...solver, submit })
}

import { SolveguardError } from '../base/errors.js'
import { arkoseForm, arkoseTask } from './arkose.js'
import type { Capabilities } from './capabilities.js'
import { captchafoxForm, captchafoxTask } from './captchafox.js'
import type { ErrorTable } from './errors.js'
import { formSolver } from './form-solver.js'
import { friendlyForm, friendlyTask } from './friendly.js'
import { geetestForm, geetestTask } from './geetest.js'
import { hcaptchaForm, hcaptchaTask } from './hcaptcha.js'
import { mtcaptchaForm, mtcaptchaTask } from './mtcaptcha.js'
import { imageForm, imageTask } from './picture.js'
import { recaptchaForm, recaptchaTask } from './recaptcha.js'
import { CHARACTERS_32, type ServiceDefinition } from './service-definition.js'
import type { Solver } from './solver.js'
import { checkSoftId, type TaskOptions, taskSolver } from './task-solver.js'
import { turnstileForm, turnstileTask } from './turnstile.js'
import { yandexForm, yandexTask } from './yandex.js'

/** The size of a picture that it takes: least and most bytes. */
const IMAGE_BYTES = [100, 100 * 1024] as const

/** API v2, the task family. */
const CAPABILITIES: Capabilities = {
  recaptcha: recaptchaTask({
    v2: 'RecaptchaV2TaskProxyless',
    enterprise: 'RecaptchaV2EnterpriseTaskProxyless',
    v3: 'RecaptchaV3TaskProxyless',
    dataS: 'recaptchaDataSValue',
    recaptchaNet: 'recaptcha.net',
    enterpriseAction: false,
  }),
  turnstile: turnstileTask('TurnstileTaskProxyless', ({ action, cData, pageData }) => ({
    action,
    data: cData,
    pagedata: pageData,
  })),
  hcaptcha: hcaptchaTask,
  geetest: geetestTask('GeeTestTaskProxyless'),
  friendly: friendlyTask,
  mtcaptcha: mtcaptchaTask('MtCaptchaTaskProxyless'),
  arkose: arkoseTask,
  captchafox: captchafoxTask,
  yandex: yandexTask('YandexSmartCaptchaTaskProxyless'),
  image: imageTask({ bytes: IMAGE_BYTES, hints: (hints) => ({ ...hints }) }),
}

/** The older API, the form family. */
const FORM_CAPABILITIES: Capabilities = {
  recaptcha: recaptchaForm,
  turnstile: turnstileForm,
  hcaptcha: hcaptchaForm,
  geetest: geetestForm('twocaptcha'),
  friendly: friendlyForm,
  mtcaptcha: mtcaptchaForm,
  arkose: arkoseForm,
  captchafox: captchafoxForm('userAgent', true),
  yandex: yandexForm,
  image: imageForm({ names: { minLength: 'min_len', maxLength: 'max_len' }, bytes: IMAGE_BYTES }),
}

/** No code means something else in 2Captcha's reference (https://2captcha.com/api-docs/error-codes). */
const ERRORS: ErrorTable = {}

const DEFINITION: ServiceDefinition = {
  name: 'twocaptcha',
  baseUrl: 'https://api.2captcha.com',
  capabilities: CAPABILITIES,
  // All but v3, which its workers solve from their own addresses (https://2captcha.com/api-docs/recaptcha-v3).
  proxy: {
    families: [
      'recaptcha/v2-checkbox',
      'recaptcha/v2-invisible',
      'recaptcha/enterprise-checkbox',
      'recaptcha/enterprise-invisible',
      'turnstile',
      'hcaptcha',
      'geetest',
      'friendly',
      'mtcaptcha',
      'arkose',
      'captchafox',
      'yandex',
    ],
    required: ['captchafox'],
    hostnames: true,
  },
  // It asks for 5 s before the first poll, 10 to 20 s for a reCAPTCHA, and 5 s between polls, and blocks clients that
  // poll faster (https://2captcha.com/2captcha-api).
  polling: { firstPollMs: 5_000, everyMs: 5_000, usual: { medianMs: 12_000, spread: 0.5, idleMs: 2_550 } },
  pollingFor: {
    recaptcha: { firstPollMs: 10_000, everyMs: 5_000, usual: { medianMs: 16_000, spread: 0.5, idleMs: 2_550 } },
  },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  // The description of ERROR_WRONG_USER_KEY at https://2captcha.com/2captcha-api#error_handling
  keyFormat: CHARACTERS_32,
  addressHelp: 'Add the address to the trusted ones at https://2captcha.com/setting, or empty that list.',
}

/** The older API, on another host, with the proxy in one field. */
const FORM_DEFINITION: ServiceDefinition = {
  ...DEFINITION,
  baseUrl: 'https://2captcha.com',
  capabilities: FORM_CAPABILITIES,
  proxy: { ...DEFINITION.proxy, inOneString: true },
}

/** The options of `twoCaptcha`. */
export interface TwoCaptchaOptions extends TaskOptions {
  /**
   * Which of its two APIs to use: `v2`, JSON tasks, or `v1`, the older `in.php` and `res.php` that many other services
   * imitate. Every answer of `v2` has its price.
   * @default 'v2'
   */
  readonly api?: 'v1' | 'v2' | undefined
}

/**
 * 2Captcha (https://2captcha.com): the task family (API v2), or the form family (its older API); paid by the solve.
 * Solves reCAPTCHA v2, v3 and Enterprise, hCaptcha, Turnstile, GeeTest v3 and v4, Friendly Captcha, MTCaptcha, Arkose,
 * CaptchaFox (through a proxy), Yandex SmartCaptcha, and pictures with text.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const policy = { origins: ['https://staging.example.com'] }
 * const guard = await createGuard({ solver: twoCaptcha(), secret: envSecret('TWOCAPTCHA_KEY'), policy })
 * const imitator = twoCaptcha({ api: 'v1', baseUrl: 'https://imitator.example' })
 */
export function twoCaptcha({ api = 'v2', ...options }: TwoCaptchaOptions = {}): Solver {
  if (api === 'v1') return olderApi(options)
  if (api !== 'v2') throw new SolveguardError('CONFIG_INVALID', "twocaptcha: api must be 'v1' or 'v2'.")
  return taskSolver(DEFINITION, options, (taskId, good) => [good ? '/reportCorrect' : '/reportIncorrect', { taskId }])
}

function olderApi(options: TaskOptions): Solver {
  const softId = checkSoftId(options.softId, DEFINITION.name)
  return formSolver(FORM_DEFINITION, options, {
    fields: softId === undefined ? {} : { soft_id: String(softId) },
    pollAction: 'get2',
    // A batch is answered without prices: each answer counts at its list price. Tokens of these families contain no |.
    batch: { max: 50, families: ['recaptcha', 'turnstile', 'hcaptcha'] },
    moreOptions: ['softId'],
  })
}

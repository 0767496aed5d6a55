import { SolveguardError } from '../base/errors.js'
import { arkoseForm, arkoseTask } from './arkose.js'
import { type Capabilities, fieldsFor } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { formBatchPoll, formCall, formReaders } from './form-family.js'
import { friendlyForm, friendlyTask } from './friendly.js'
import { geetestForm, geetestTask } from './geetest.js'
import { hcaptchaForm, hcaptchaTask } from './hcaptcha.js'
import { mtcaptchaForm, mtcaptchaTask } from './mtcaptcha.js'
import { formWithProxy, hiddenFieldsOf } from './page-proxy.js'
import { imageForm, imageTask } from './picture.js'
import { recaptchaForm, recaptchaTask } from './recaptcha.js'
import { fromDefinition, type ServiceDefinition } from './service-definition.js'
import type { Solver } from './solver.js'
import { checkSoftId, type TaskOptions, taskSolver } from './task-solver.js'
import { turnstileForm, turnstileTask } from './turnstile.js'

/** The smallest and the largest picture that it takes. */
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
  image: imageForm({ names: { minLength: 'min_len', maxLength: 'max_len' }, bytes: IMAGE_BYTES }),
}

/** Where 2Captcha's reference (2captcha.com/api-docs/error-codes) means something else by a code, or is stricter. */
const ERRORS: ErrorTable = {}

const DEFINITION: ServiceDefinition = {
  name: 'twocaptcha',
  baseUrl: 'https://api.2captcha.com',
  capabilities: CAPABILITIES,
  // All but v3, which its workers solve from addresses of their own (2captcha.com/api-docs/recaptcha-v3).
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
    ],
    hostnames: true,
  },
  // 5 s before the first poll, 10 to 20 for a reCAPTCHA, and 5 between polls: clients that do not are blocked.
  polling: { firstPollMs: 5_000, everyMs: 5_000, usual: { medianMs: 12_000, spread: 0.5, idleMs: 2_550 } },
  pollingFor: {
    recaptcha: { firstPollMs: 10_000, everyMs: 5_000, usual: { medianMs: 16_000, spread: 0.5, idleMs: 2_550 } },
  },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  addressHelp: 'Add the address to the trusted ones at https://2captcha.com/setting, or empty that list.',
}

/** What `twoCaptcha` takes. */
export interface TwoCaptchaOptions extends TaskOptions {
  /**
   * Which of its two interfaces to speak: `v2`, JSON tasks, or `v1`, the older `in.php` and `res.php` that many other services
   * imitate. Default: `v2`, for every answer of it says what it cost.
   */
  readonly api?: 'v1' | 'v2' | undefined
}

/**
 * 2Captcha (2captcha.com): the task family (API v2), or the form family (its older API); paid by the solve. Does reCAPTCHA v2, v3 and
 * Enterprise, hCaptcha, Turnstile, GeeTest v3 and v4, Friendly Captcha, MTCaptcha,
 * Arkose, and pictures with text.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 * @example
 * createGuard({ solver: twoCaptcha(), secret: envSecret('TWOCAPTCHA_KEY'), … })
 * createGuard({ solver: twoCaptcha({ api: 'v1', baseUrl: 'https://imitator.example' }), … })
 */
export function twoCaptcha({ api = 'v2', ...options }: TwoCaptchaOptions = {}): Solver {
  if (api === 'v1') return olderApi(options)
  if (api !== 'v2') throw new SolveguardError('CONFIG_INVALID', "twocaptcha: api must be 'v1' or 'v2'.")
  return taskSolver(DEFINITION, options, (taskId, good) => [good ? '/reportCorrect' : '/reportIncorrect', { taskId }])
}

function olderApi(options: TaskOptions): Solver {
  const proxySupport = { ...DEFINITION.proxy, inOneString: true }
  const row = { ...DEFINITION, baseUrl: 'https://2captcha.com', capabilities: FORM_CAPABILITIES, proxy: proxySupport }
  const { common, rules } = fromDefinition(row, options, ['softId'])
  const softId = checkSoftId(options.softId, row.name)
  return {
    ...common,
    submit: (challenge, proxy) => ({
      ...formCall('/in.php', {
        ...formWithProxy(fieldsFor(FORM_CAPABILITIES, challenge), challenge, proxy),
        ...(softId !== undefined && { soft_id: String(softId) }),
      }),
      ...hiddenFieldsOf(proxy),
    }),
    // With what it cost.
    poll: (taskId) => formCall('/res.php', { action: 'get2', id: taskId }),
    // Without what they cost: each is held to have cost its price. Tokens of these families have no | in them.
    batchPoll: formBatchPoll(rules, FORM_CAPABILITIES, { max: 50, families: ['recaptcha', 'turnstile', 'hcaptcha'] }),
    balance: () => formCall('/res.php', { action: 'getbalance' }),
    report: (taskId, good) => formCall('/res.php', { action: good ? 'reportgood' : 'reportbad', id: taskId }),
    ...formReaders(rules, FORM_CAPABILITIES),
  }
}

import { awsWafTask } from './aws-waf.js'
import type { Capabilities } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { friendlyCustomTask } from './friendly.js'
import { geetestTask } from './geetest.js'
import { mtcaptchaTask } from './mtcaptcha.js'
import { gridTask, imageTask } from './picture.js'
import { recaptchaTask } from './recaptcha.js'
import { CHARACTERS_32, type ServiceDefinition } from './service-definition.js'
import type { Solver } from './solver.js'
import { type TaskOptions, taskSolver } from './task-solver.js'
import { turnstileTask } from './turnstile.js'

/** The size of a picture that it takes: least and most bytes. */
const IMAGE_BYTES = [100, 50 * 1024] as const

const CAPABILITIES: Capabilities = {
  recaptcha: recaptchaTask({
    v2: 'RecaptchaV2Task',
    enterprise: 'RecaptchaV2EnterpriseTask',
    v3: 'RecaptchaV3TaskProxyless',
    v3Enterprise: 'RecaptchaV3EnterpriseTask',
    dataS: 'recaptchaDataSValue',
    recaptchaNet: 'www.recaptcha.net',
    enterpriseAction: true,
  }),
  // Its `pageData` is for Cloudflare's challenge pages, which are not widgets.
  turnstile: turnstileTask('TurnstileTask', ({ action, cData }) => ({ pageAction: action, data: cData })),
  geetest: geetestTask('GeeTestTask'),
  mtcaptcha: mtcaptchaTask('MTCaptchaTask', 'pageAction'),
  friendly: friendlyCustomTask,
  'aws-waf': awsWafTask('AmazonTask', ({ sitekey, scriptUrl }) => ({
    websiteKey: sitekey,
    captchaScript: scriptUrl,
    cookieSolution: true,
  })),
  image: imageTask({
    bytes: IMAGE_BYTES,
    hints: ({ numeric, math, case: capitals }) => ({
      case: capitals,
      math,
      numeric: numeric === 1 ? 1 : undefined,
    }),
  }),
  bls: gridTask(IMAGE_BYTES),
}

/**
 * The codes that mean something else in CapMonster Cloud's reference
 * (https://docs.capmonster.cloud/docs/api/api-errors).
 */
const ERRORS: ErrorTable = {
  // A page's one-time value was used before the service used it: the service charges for finding out.
  ERROR_TOKEN_EXPIRED: {
    class: 'unsolvable',
    message: 'The one-time value of the page was used, or expired, before the service used it.',
    charged: true,
  },
  ERROR_IP_BANNED: {
    class: 'address',
    message: 'The service has banned this address for a while, after repeated calls with a wrong key.',
    retryAfterMs: 300_000,
  },
}

const DEFINITION: ServiceDefinition = {
  name: 'capmonster',
  baseUrl: 'https://api.capmonster.cloud',
  capabilities: CAPABILITIES,
  // All but v3 (https://docs.capmonster.cloud/docs/captchas/recaptcha-v3-task).
  proxy: {
    families: [
      'recaptcha/v2-checkbox',
      'recaptcha/v2-invisible',
      'recaptcha/enterprise-checkbox',
      'recaptcha/enterprise-invisible',
      'turnstile',
      'geetest',
      'mtcaptcha',
      'friendly',
      'aws-waf',
    ],
    hostnames: false,
  },
  // It allows 120 polls for a task, with 2 s between them
  // (https://docs.capmonster.cloud/docs/api/methods/get-task-result).
  polling: { firstPollMs: 2_000, everyMs: 2_000, usual: { medianMs: 10_000, spread: 0.6, idleMs: 1_560 } },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  // The example at https://zennolab.atlassian.net/wiki/spaces/APIS/pages/655432
  keyFormat: CHARACTERS_32,
  addressHelp: 'Add the address to the trusted ones at https://dash.capmonster.cloud/Account/Settings.',
}

/**
 * CapMonster Cloud (https://capmonster.cloud): the task family, paid by the solve. Solves reCAPTCHA v2, v3 and
 * Enterprise, Turnstile, GeeTest v3 and v4, MTCaptcha, Friendly Captcha, Amazon WAF, pictures with text, and BLS grids.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const policy = { origins: ['https://staging.example.com'] }
 * const guard = await createGuard({ solver: capMonster(), secret: envSecret('CAPMONSTER_KEY'), policy })
 */
export function capMonster(options: TaskOptions = {}): Solver {
  // It takes bad reports only.
  return taskSolver(DEFINITION, options, (taskId, good, family) => {
    if (good) return undefined
    const isPicture = family === 'image' || family === 'bls'
    return [isPicture ? '/reportIncorrectImageCaptcha' : '/reportIncorrectTokenCaptcha', { taskId }]
  })
}

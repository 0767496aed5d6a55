import { arkoseTask } from './arkose.js'
import { awsWafTask } from './aws-waf.js'
import type { Capabilities } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { friendlyV1Task } from './friendly.js'
import { geetestTask } from './geetest.js'
import { hcaptchaTask } from './hcaptcha.js'
import { imageTask } from './picture.js'
import { recaptchaTask } from './recaptcha.js'
import type { ServiceDefinition } from './service-definition.js'
import type { Solver } from './solver.js'
import { type TaskOptions, taskSolver } from './task-solver.js'
import { turnstileTask } from './turnstile.js'

const CAPABILITIES: Capabilities = {
  recaptcha: recaptchaTask({
    v2: 'RecaptchaV2TaskProxyless',
    enterprise: 'RecaptchaV2EnterpriseTaskProxyless',
    v3: 'RecaptchaV3TaskProxyless',
    dataS: 'recaptchaDataSValue',
    recaptchaNet: 'www.recaptcha.net',
    enterpriseAction: false,
  }),
  turnstile: turnstileTask('TurnstileTaskProxyless', ({ action, cData, pageData }) => ({
    action,
    cData,
    chlPageData: pageData,
  })),
  hcaptcha: hcaptchaTask,
  geetest: geetestTask('GeeTestTaskProxyless'),
  friendly: friendlyV1Task,
  'aws-waf': awsWafTask('AmazonTaskProxyless', ({ sitekey, scriptUrl }) => ({
    wafType: 'widget',
    websiteKey: sitekey,
    jsapiScript: scriptUrl,
  })),
  arkose: arkoseTask,
  image: imageTask({
    bytes: [100, 500_000],
    // It has "digits only" and "letters only", and none of the other values
    // (https://anti-captcha.com/apidoc/task-types/ImageToTextTask).
    hints: ({ numeric, ...hints }) => ({ ...hints, ...((numeric === 1 || numeric === 2) && { numeric }) }),
  }),
}

/** The codes that mean something else in Anti-Captcha's reference (https://anti-captcha.com/apidoc/errors). */
const ERRORS: ErrorTable = {
  // Five workers have tried a picture by then, and the service charges for it.
  ERROR_CAPTCHA_UNSOLVABLE: {
    class: 'unsolvable',
    message: 'The service could not solve this CAPTCHA.',
    charged: ['image'],
  },
}

const DEFINITION: ServiceDefinition = {
  name: 'anticaptcha',
  baseUrl: 'https://api.anti-captcha.com',
  capabilities: CAPABILITIES,
  // Its other tasks through a proxy need the browser's user agent (https://anti-captcha.com/apidoc/task-types), which
  // is not known here.
  proxy: { families: ['turnstile', 'friendly', 'aws-waf'], hostnames: false },
  // Its own client first polls after 5 s, and then every 2 s
  // (https://www.npmjs.com/package/@antiadmin/anticaptchaofficial).
  polling: { firstPollMs: 5_000, everyMs: 1_000, usual: { medianMs: 10_000, spread: 0.5, idleMs: 1_040 } },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  keyFormat: undefined,
  addressHelp:
    'Add the address to the IP list in your security settings at https://anti-captcha.com, or empty that list.',
}

/**
 * Anti-Captcha (https://anti-captcha.com): the task family, paid by the solve. Solves reCAPTCHA v2, v3 and Enterprise,
 * hCaptcha, Turnstile, GeeTest v3 and v4, Friendly Captcha v1, Amazon WAF, Arkose, and pictures with text.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const solver = antiCaptcha({ pricing: { per: 'solve', usd: { recaptcha: 0.002 } } })
 * const guard = await createGuard({ solver, policy: { origins: ['https://staging.example.com'] } })
 */
export function antiCaptcha(options: TaskOptions = {}): Solver {
  return taskSolver(DEFINITION, options, (taskId, good, family) => {
    // It takes good reports for reCAPTCHA only, and for some families no reports at all.
    if (family === 'recaptcha') return [good ? '/reportCorrectRecaptcha' : '/reportIncorrectRecaptcha', { taskId }]
    if (good) return undefined
    if (family === 'image') return ['/reportIncorrectImageCaptcha', { taskId }]
    return family === 'hcaptcha' ? ['/reportIncorrectHcaptcha', { taskId }] : undefined
  })
}

import { arkoseTask } from './arkose.js'
import { awsWafTask } from './aws-waf.js'
import type { ErrorTable } from './errors.js'
import { friendlyTask } from './friendly.js'
import { geetestTask } from './geetest.js'
import { hcaptchaTask } from './hcaptcha.js'
import type { Offer } from './offer.js'
import { recaptchaTask } from './recaptcha.js'
import type { ServiceRow } from './row.js'
import type { Solver } from './solver.js'
import { type TaskOptions, taskSolver } from './task-solver.js'
import { turnstileTask } from './turnstile.js'

const OFFER: Offer = {
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
  friendly: friendlyTask,
  'aws-waf': awsWafTask('AmazonTaskProxyless', ({ sitekey, scriptUrl }) => ({
    wafType: 'widget',
    websiteKey: sitekey,
    jsapiScript: scriptUrl,
  })),
  arkose: arkoseTask,
}

/** Where Anti-Captcha's reference (anti-captcha.com/apidoc/errors) means something else by a code, or is stricter. */
const ERRORS: ErrorTable = {}

const ROW: ServiceRow = {
  name: 'anticaptcha',
  baseUrl: 'https://api.anti-captcha.com',
  offer: OFFER,
  // Its own client asks after 5 s, and then every 2.
  patience: { firstPollMs: 5_000, everyMs: 1_000, usual: { medianMs: 10_000, spread: 0.5, idleMs: 1_040 } },
  errors: ERRORS,
  unreadableRetryMs: 5_000,
  serverErrorRetryMs: 10_000,
  addressHelp:
    'Add the address to the IP list in the security settings of your account at https://anti-captcha.com, or empty that list.',
}

/**
 * Anti-Captcha (anti-captcha.com): the task family, paid by the solve. Does reCAPTCHA v2, v3 and Enterprise, hCaptcha,
 * Turnstile, GeeTest v3 and v4, Friendly Captcha v1, Amazon WAF, Arkose.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 * @example
 * createGuard({ solver: antiCaptcha({ pricing: { per: 'solve', usd: { recaptcha: 0.002 } } }), … })
 */
export function antiCaptcha(options: TaskOptions = {}): Solver {
  return taskSolver(ROW, options, (taskId, good, family) => {
    // It has no word for a good hCaptcha, nor for any other family.
    if (family === 'recaptcha') return [good ? '/reportCorrectRecaptcha' : '/reportIncorrectRecaptcha', { taskId }]
    return family === 'hcaptcha' && !good ? ['/reportIncorrectHcaptcha', { taskId }] : undefined
  })
}

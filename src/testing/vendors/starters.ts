import type { WidgetFamily } from '../../base/challenge.js'
import { startAltcha } from './altcha/index.js'
import { startArkose } from './arkose/index.js'
import { startAwsWaf } from './aws-waf/index.js'
import { startCap } from './cap/index.js'
import { startCaptchafox } from './captchafox/index.js'
import { startFriendly } from './friendly/index.js'
import { startGeetest } from './geetest/index.js'
import { startHcaptcha } from './hcaptcha/index.js'
import { startMtcaptcha } from './mtcaptcha/index.js'
import { startRecaptcha } from './recaptcha/index.js'
import { startTurnstile } from './turnstile/index.js'
import { startYandex } from './yandex/index.js'

/** What starts the stand-in of a family's vendor, a line each. */
export const VENDOR_STARTERS = {
  recaptcha: startRecaptcha,
  turnstile: startTurnstile,
  hcaptcha: startHcaptcha,
  geetest: startGeetest,
  arkose: startArkose,
  friendly: startFriendly,
  mtcaptcha: startMtcaptcha,
  'aws-waf': startAwsWaf,
  captchafox: startCaptchafox,
  yandex: startYandex,
  altcha: startAltcha,
  cap: startCap,
} satisfies Readonly<Record<WidgetFamily, unknown>>

/** The stand-ins of these families, or of all. */
export type StartedVendors<F extends WidgetFamily = WidgetFamily> = {
  readonly [family in F]: Awaited<ReturnType<(typeof VENDOR_STARTERS)[family]>>
}

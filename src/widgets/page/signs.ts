import { altchaSigns } from '../families/altcha/page/signs.js'
import { arkoseSigns } from '../families/arkose/page/signs.js'
import { awsWafSigns } from '../families/aws-waf/page/signs.js'
import { capSigns } from '../families/cap/page/signs.js'
import { captchafoxSigns } from '../families/captchafox/page/signs.js'
import { friendlySigns } from '../families/friendly/page/signs.js'
import { geetestSigns } from '../families/geetest/page/signs.js'
import { hcaptchaSigns } from '../families/hcaptcha/page/signs.js'
import { mtcaptchaSigns } from '../families/mtcaptcha/page/signs.js'
import { recaptchaSigns } from '../families/recaptcha/page/signs.js'
import { turnstileSigns } from '../families/turnstile/page/signs.js'
import { yandexSigns } from '../families/yandex/page/signs.js'
import type { Signs } from '../page-kit/signs.js'

/**
 * By which signs each family is recognized, a line each, in the order in which widgets are listed. They are in the core
 * script, which is evaluated with the first `find`.
 */
export const signs: Readonly<Record<string, Signs>> = {
  recaptcha: recaptchaSigns,
  turnstile: turnstileSigns,
  hcaptcha: hcaptchaSigns,
  friendly: friendlySigns,
  geetest: geetestSigns,
  mtcaptcha: mtcaptchaSigns,
  'aws-waf': awsWafSigns,
  arkose: arkoseSigns,
  captchafox: captchafoxSigns,
  yandex: yandexSigns,
  altcha: altchaSigns,
  cap: capSigns,
}

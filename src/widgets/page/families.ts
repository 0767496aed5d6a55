import { altcha } from '../families/altcha/page/index.js'
import { arkose } from '../families/arkose/page/index.js'
import { awsWaf } from '../families/aws-waf/page/index.js'
import { cap } from '../families/cap/page/index.js'
import { captchafox } from '../families/captchafox/page/index.js'
import { friendly } from '../families/friendly/page/index.js'
import { geetest } from '../families/geetest/page/index.js'
import { hcaptcha } from '../families/hcaptcha/page/index.js'
import { mtcaptcha } from '../families/mtcaptcha/page/index.js'
import { recaptcha } from '../families/recaptcha/page/index.js'
import { turnstile } from '../families/turnstile/page/index.js'
import { yandex } from '../families/yandex/page/index.js'
import type { PageFamily } from '../page-kit/family.js'

/** The families of widgets, a line each. They are in the page script, which is evaluated with the first `find`. */
export const families: Readonly<Record<string, PageFamily>> = {
  recaptcha,
  turnstile,
  hcaptcha,
  friendly,
  geetest,
  mtcaptcha,
  'aws-waf': awsWaf,
  arkose,
  captchafox,
  yandex,
  altcha,
  cap,
}

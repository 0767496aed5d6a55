import type { WidgetFamily } from '../../base/challenge.js'
import type { SiteFamily } from '../shared/site-family.js'
import { altchaSite } from '../vendors/altcha/site.js'
import { arkoseSite } from '../vendors/arkose/site.js'
import { awsWafSite } from '../vendors/aws-waf/site.js'
import { capSite } from '../vendors/cap/site.js'
import { captchafoxSite } from '../vendors/captchafox/site.js'
import { friendlySite } from '../vendors/friendly/site.js'
import { geetestSite } from '../vendors/geetest/site.js'
import { hcaptchaSite } from '../vendors/hcaptcha/site.js'
import { mtcaptchaSite } from '../vendors/mtcaptcha/site.js'
import { recaptchaSite } from '../vendors/recaptcha/site.js'
import { turnstileSite } from '../vendors/turnstile/site.js'
import { yandexSite } from '../vendors/yandex/site.js'

/** The families of the stand-in site. */
export const SITE_FAMILIES: { readonly [family in WidgetFamily]: SiteFamily } = {
  recaptcha: recaptchaSite,
  turnstile: turnstileSite,
  hcaptcha: hcaptchaSite,
  friendly: friendlySite,
  arkose: arkoseSite,
  geetest: geetestSite,
  mtcaptcha: mtcaptchaSite,
  'aws-waf': awsWafSite,
  captchafox: captchafoxSite,
  yandex: yandexSite,
  altcha: altchaSite,
  cap: capSite,
}

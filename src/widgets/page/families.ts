import { altcha } from '../families/altcha/page/index.js'
import { arkose } from '../families/arkose/page/index.js'
import { isArkoses, watchArkose } from '../families/arkose/page/watch.js'
import { awsWaf } from '../families/aws-waf/page/index.js'
import { watchAwsWaf } from '../families/aws-waf/page/watch.js'
import { cap } from '../families/cap/page/index.js'
import { friendly } from '../families/friendly/page/index.js'
import { geetest } from '../families/geetest/page/index.js'
import { watchGeetest } from '../families/geetest/page/watch.js'
import { hcaptcha } from '../families/hcaptcha/page/index.js'
import { watchHcaptcha } from '../families/hcaptcha/page/watch.js'
import { mtcaptcha } from '../families/mtcaptcha/page/index.js'
import { recaptcha } from '../families/recaptcha/page/index.js'
import { watchRecaptcha } from '../families/recaptcha/page/watch.js'
import { turnstile } from '../families/turnstile/page/index.js'
import { watchTurnstile } from '../families/turnstile/page/watch.js'
import type { PageFamily } from '../page-kit/family.js'
import type { Primordials } from '../page-kit/primordials.js'

/** Who watches a vendor's API: a line each, in the init script. */
export const watchers = {
  recaptcha: watchRecaptcha,
  turnstile: watchTurnstile,
  hcaptcha: watchHcaptcha,
  geetest: watchGeetest,
  awsWaf: watchAwsWaf,
  arkose: watchArkose,
}

/**
 * By what a window shows that a vendor's script has run in it, or is about to: until then nobody watches, and a page without a widget
 * pays for none.
 */
export const signs: { readonly [K in keyof typeof watchers]: (p: Primordials, script?: Element) => boolean } = {
  recaptcha: there('grecaptcha'),
  turnstile: there('turnstile'),
  hcaptcha: there('hcaptcha'),
  geetest: there('initGeetest', 'initGeetest4', 'Geetest', 'Geetest4'),
  awsWaf: there('AwsWafCaptcha'),
  arkose: isArkoses,
}

function there(...names: readonly string[]) {
  return (p: Primordials): boolean => {
    for (let index = 0; index < names.length; index++) if (p.has(window, names[index] as string)) return true
    return false
  }
}

/** The families of widgets, a line each. They come with the first `find`. */
export const families: Readonly<Record<string, PageFamily>> = {
  recaptcha,
  turnstile,
  hcaptcha,
  friendly,
  geetest,
  mtcaptcha,
  'aws-waf': awsWaf,
  arkose,
  altcha,
  cap,
}

import { altcha } from './altcha.js'
import { arkose } from './arkose.js'
import { isArkoses, watchArkose } from './arkose-watch.js'
import { awsWaf } from './aws-waf.js'
import { watchAwsWaf } from './aws-waf-watch.js'
import { cap } from './cap.js'
import type { PageFamily } from './family.js'
import { friendly } from './friendly.js'
import { geetest } from './geetest.js'
import { watchGeetest } from './geetest-watch.js'
import { hcaptcha } from './hcaptcha.js'
import { watchHcaptcha } from './hcaptcha-watch.js'
import { mtcaptcha } from './mtcaptcha.js'
import type { Primordials } from './primordials.js'
import { recaptcha } from './recaptcha.js'
import { watchRecaptcha } from './recaptcha-watch.js'
import { turnstile } from './turnstile.js'
import { watchTurnstile } from './turnstile-watch.js'

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

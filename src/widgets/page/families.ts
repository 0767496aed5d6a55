import type { PageFamily } from './family.js'
import { hcaptcha } from './hcaptcha.js'
import { watchHcaptcha } from './hcaptcha-watch.js'
import { recaptcha } from './recaptcha.js'
import { watchRecaptcha } from './recaptcha-watch.js'
import { turnstile } from './turnstile.js'
import { watchTurnstile } from './turnstile-watch.js'

/** The families of widgets, a line each. Watchers go into the init script, the rest comes with the first `find`. */
export const watchers = { recaptcha: watchRecaptcha, turnstile: watchTurnstile, hcaptcha: watchHcaptcha }

export const families: { readonly [K in keyof typeof watchers]: PageFamily } = { recaptcha, turnstile, hcaptcha }

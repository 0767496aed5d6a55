import type { Family } from '../base/challenge.js'
import { altcha } from './altcha.js'
import { cap } from './cap.js'
import { hcaptcha } from './hcaptcha.js'
import { recaptcha } from './recaptcha.js'
import { turnstile } from './turnstile.js'
import type { Widget } from './widget.js'

/** The families, a line each. Their other halves are listed in `page/families.ts`. */
export const WIDGETS: { readonly [K in Family]: Widget } = {
  recaptcha,
  turnstile,
  hcaptcha,
  altcha,
  cap,
}

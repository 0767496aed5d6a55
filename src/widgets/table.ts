import type { Answer, Family, WidgetFamily } from '../base/challenge.js'
import { altcha } from './families/altcha/index.js'
import { arkose } from './families/arkose/index.js'
import { awsWaf } from './families/aws-waf/index.js'
import { cap } from './families/cap/index.js'
import { friendly } from './families/friendly/index.js'
import { geetest } from './families/geetest/index.js'
import { hcaptcha } from './families/hcaptcha/index.js'
import { mtcaptcha } from './families/mtcaptcha/index.js'
import { recaptcha } from './families/recaptcha/index.js'
import { turnstile } from './families/turnstile/index.js'
import type { Widget } from './widget.js'

/** The families, a line each. Their other halves are listed in `page/families.ts`. */
export const WIDGETS: { readonly [K in WidgetFamily]: Widget } = {
  recaptcha,
  turnstile,
  hcaptcha,
  geetest,
  arkose,
  altcha,
  cap,
  friendly,
  mtcaptcha,
  'aws-waf': awsWaf,
}

/** What a picture says is good for as long as the site remembers the picture; sessions rarely last less. */
const PICTURE_LIVES_MS = 10 * 60_000

/** How long an answer to a challenge of this family can be used, ms. */
export function answerLifetimeMs(family: Family): number {
  return family === 'image' || family === 'bls' ? PICTURE_LIVES_MS : WIDGETS[family].tokenLifetimeMs
}

/** Whether an answer has all that a site's server verifies of its family. */
export function isCompleteAnswer(family: Family, { fields = {} }: Answer): boolean {
  const wanted = family === 'image' || family === 'bls' ? undefined : WIDGETS[family].fields
  return !wanted || wanted.some((names) => names.every((name) => Object.hasOwn(fields, name)))
}

import type { Answer, Family, WidgetFamily } from '../base/challenge.js'
import { altcha } from './families/altcha/index.js'
import { arkose } from './families/arkose/index.js'
import { awsWaf } from './families/aws-waf/index.js'
import { cap } from './families/cap/index.js'
import { captchafox } from './families/captchafox/index.js'
import { friendly } from './families/friendly/index.js'
import { geetest } from './families/geetest/index.js'
import { hcaptcha } from './families/hcaptcha/index.js'
import { mtcaptcha } from './families/mtcaptcha/index.js'
import { recaptcha } from './families/recaptcha/index.js'
import { turnstile } from './families/turnstile/index.js'
import { yandex } from './families/yandex/index.js'
import type { Widget } from './widget.js'

/** The families, a line each. `page/families.ts` lists their page halves. */
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
  captchafox,
  yandex,
}

/**
 * The text of a picture is valid for as long as the site's session remembers the picture; sessions are rarely shorter,
 * ms.
 */
const PICTURE_LIVES_MS = 10 * 60_000

/** For how long an answer to a challenge of this family is valid, ms. */
export function answerLifetimeMs(family: Family): number {
  return family === 'image' || family === 'bls' ? PICTURE_LIVES_MS : WIDGETS[family].tokenLifetimeMs
}

/** Whether an answer has all the values that a site's server verifies for this family. */
export function isCompleteAnswer(family: Family, { fields = {} }: Answer): boolean {
  const wanted = family === 'image' || family === 'bls' ? undefined : WIDGETS[family].fields
  return !wanted || wanted.some((names) => names.every((name) => Object.hasOwn(fields, name)))
}

import { SolveguardError } from '../base/errors.js'
import type { Grant, NarrowingInput, NarrowOptions } from '../guard/types.js'
import { type Captcha, type CaptchaOptions, createCaptcha } from './captcha.js'
import type { Driver } from './driver.js'

/** How a context is guarded: the budget's name, the subject on the record, and limits on time. */
export interface GuardContextOptions<P = unknown> extends NarrowOptions, CaptchaOptions<P> {}

/** Guards what a driver drives: under the guard's own grant, or under a narrower one where anything was said. */
export async function guardDriver<P, E>(
  guard: Grant,
  driver: Driver<P, E>,
  narrowing: NarrowingInput | undefined,
  options: GuardContextOptions<P>,
): Promise<Captcha<P, E>> {
  if (typeof (guard as Partial<Grant> | undefined)?.narrow !== 'function') {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'guardContext takes a guard of createGuard first, then the browser context.',
    )
  }
  const { name, subject } = options
  const narrower = narrowing !== undefined || name !== undefined || subject !== undefined
  return createCaptcha(narrower ? guard.narrow(narrowing ?? {}, { name, subject }) : guard, driver, options)
}

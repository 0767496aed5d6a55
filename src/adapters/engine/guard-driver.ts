import { SolveguardError } from '../../base/errors.js'
import type { Grant, NarrowingInput, NarrowOptions } from '../../guard/types.js'
import type { Driver } from '../driver.js'
import { type Captcha, type CaptchaOptions, createCaptcha } from './captcha.js'

/** How a context is guarded: the budget's name, the subject on the record, and limits on time. */
export interface GuardContextOptions<P = unknown> extends NarrowOptions, CaptchaOptions<P> {}

/**
 * What is said to whoever hands in something else than was asked for.
 * @param expected what was, as a sentence
 */
export function invalidArgument(expected: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', expected)
}

/** Whether something has these methods: what users hand in may be anything. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function')
}

/** Guards what a driver drives: under the guard's own grant, or under a narrower one where anything was said. */
export async function guardDriver<P, E>(
  guard: Grant,
  driver: Driver<P, E>,
  narrowing: NarrowingInput | undefined,
  options: GuardContextOptions<P>,
): Promise<Captcha<P, E>> {
  if (!hasMethods(guard, 'narrow'))
    throw invalidArgument('guardContext takes a guard first, such as `await createGuard(…)`, then the browser context.')
  const { name, subject } = options
  const narrower = narrowing !== undefined || name !== undefined || subject !== undefined
  return createCaptcha(narrower ? guard.narrow(narrowing ?? {}, { name, subject }) : guard, driver, options)
}

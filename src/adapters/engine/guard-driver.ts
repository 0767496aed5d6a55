import { SolveguardError } from '../../base/errors.js'
import type { Grant, NarrowingInput, NarrowOptions } from '../../guard/types.js'
import type { Driver } from '../driver.js'
import { type Captcha, type CaptchaOptions, createCaptcha } from './captcha.js'

/** Options of `guardContext`: the budget's name, the subject in the audit record, and time limits. */
export interface GuardContextOptions<P = unknown> extends NarrowOptions, CaptchaOptions<P> {}

/**
 * The error for an argument of the wrong kind.
 * @param expected what the function takes, as a sentence
 */
export function invalidArgument(expected: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', expected)
}

/** Whether a value has these methods: callers may pass anything. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function')
}

/** Guards a driver's context: under the guard's own grant, or under a narrower one if any narrowing was given. */
export async function guardDriver<P, E>(
  guard: Grant,
  driver: Driver<P, E>,
  narrowing: NarrowingInput | undefined,
  options: GuardContextOptions<P>,
): Promise<Captcha<P, E>> {
  if (!hasMethods(guard, 'narrow')) {
    throw invalidArgument('guardContext takes a guard first, such as `await createGuard(…)`, then the browser context.')
  }
  const { name, subject } = options
  const narrower = narrowing !== undefined || name !== undefined || subject !== undefined
  return createCaptcha(narrower ? guard.narrow(narrowing ?? {}, { name, subject }) : guard, driver, options)
}

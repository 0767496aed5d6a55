import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import { withTimeout } from '../../base/timeout.js'
import type { DriverFrame, DriverPage } from '../driver.js'

/** How a call ended that may fail, or never settle. */
export type CallResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: 'failed' | 'timeout'; readonly error?: unknown }

const TIMED_OUT = new Error('The call did not settle in time.')

/** Evaluates in a frame, for at most `ms`: a page may keep its thread busy for ever. Never rejects. */
export function evaluateWithTimeout(
  clock: Clock,
  frame: DriverFrame,
  expression: string,
  ms: number,
): Promise<CallResult> {
  return callWithTimeout(clock, ms, () => frame.evaluate(expression))
}

/**
 * Updates a page whose tool is polled, for at most `ms`.
 * @returns whether the tool did it in time
 * @throws SolveguardError what the driver threw; other errors of the tool are a `false`
 */
export async function refreshWithTimeout(clock: Clock, page: DriverPage, ms: number): Promise<boolean> {
  if (!page.refresh) return true
  const reply = await callWithTimeout(clock, ms, () => page.refresh?.() ?? Promise.resolve())
  if (!reply.ok && reply.error instanceof SolveguardError) throw reply.error
  return reply.ok
}

/** Makes a call that may fail, or never settle, and waits for it for at most `ms`. Never rejects. */
export async function callWithTimeout(clock: Clock, ms: number, call: () => Promise<unknown>): Promise<CallResult> {
  try {
    return { ok: true, value: await withTimeout(call(), { clock, ms, error: () => TIMED_OUT }) }
  } catch (error) {
    return error === TIMED_OUT ? { ok: false, reason: 'timeout' } : { ok: false, reason: 'failed', error }
  }
}

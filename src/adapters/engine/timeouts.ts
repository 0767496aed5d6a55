import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import type { DriverFrame, DriverPage } from '../driver.js'

/** How an evaluation ended that may fail, or never end. */
export type EvaluateResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly why: 'failed' | 'timeout'; readonly error?: unknown }

/** Evaluates in a frame, for at most `ms`: a page may keep its thread busy for ever. Never rejects. */
export function evaluateWithTimeout(
  clock: Clock,
  frame: DriverFrame,
  expression: string,
  ms: number,
): Promise<EvaluateResult> {
  return within(clock, ms, () => frame.evaluate(expression))
}

/** Brings a page up to date where its tool has to be asked, for at most `ms`. Errors of ours are thrown; others say false. */
export async function refreshWithTimeout(clock: Clock, page: DriverPage, ms: number): Promise<boolean> {
  if (!page.refresh) return true
  const reply = await within(clock, ms, () => page.refresh?.() ?? Promise.resolve())
  if (!reply.ok && reply.error instanceof SolveguardError) throw reply.error
  return reply.ok
}

/** Does something that may fail, or never end, for at most `ms`. Never rejects. */
export function within(clock: Clock, ms: number, run: () => Promise<unknown>): Promise<EvaluateResult> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve({ ok: false, why: 'timeout' }))
    const end = (result: EvaluateResult) => {
      cancel()
      resolve(result)
    }
    try {
      run().then(
        (value) => end({ ok: true, value }),
        (error) => end({ ok: false, why: 'failed', error }),
      )
    } catch (error) {
      end({ ok: false, why: 'failed', error })
    }
  })
}

/** Waits, or until the signal. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}

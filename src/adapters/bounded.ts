import type { Clock } from '../base/clock.js'
import type { DriverFrame } from './driver.js'

/** How an evaluation ended that may fail, or never end. */
export type Evaluated =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly why: 'failed' | 'timeout' }

/** Evaluates in a frame, for at most `ms`: a page may keep its thread busy for ever. Never rejects. */
export function evaluateWithin(clock: Clock, frame: DriverFrame, expression: string, ms: number): Promise<Evaluated> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve({ ok: false, why: 'timeout' }))
    const end = (result: Evaluated) => {
      cancel()
      resolve(result)
    }
    try {
      frame.evaluate(expression).then(
        (value) => end({ ok: true, value }),
        () => end({ ok: false, why: 'failed' }),
      )
    } catch {
      end({ ok: false, why: 'failed' })
    }
  })
}

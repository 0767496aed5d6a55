import type { ManualClock } from '../../src/testing/clock.js'

/** Waits until a condition in this process is true, in real time, or until the test's time limit. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/**
 * Advances the clock step by step until a condition is true, or until the test's time limit. Small steps: real
 * connections get real time between them, and on a busy machine they need many.
 * @param limitMs how far the clock goes; from then on only real time passes
 */
export function advanceUntil(
  clock: ManualClock,
  condition: () => boolean | Promise<boolean>,
  stepMs: number,
  limitMs: number,
): Promise<void> {
  const end = clock.monotonic() + limitMs
  return eventually(async () => {
    if (await condition()) return true
    if (clock.monotonic() < end) await clock.advance(stepMs)
    return false
  })
}

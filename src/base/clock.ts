/**
 * Time is passed in: all code that needs time takes a clock, so that every time rule is tested without sleeping.
 */
export interface Clock {
  /** Wall time, milliseconds since 1970. */
  now(): number
  /** Milliseconds on a clock that never goes back, for measuring durations. */
  monotonic(): number
  /**
   * Calls back once after `ms` milliseconds. Returns a function that cancels the timer.
   * @param keepAlive whether the timer keeps the process from ending by itself; default: true
   */
  after(ms: number, callback: () => void, keepAlive?: boolean): () => void
}

/** The latest time that a `Date` can have, ms since 1970. */
export const MAX_TIME_MS = 8.64e15

/** Whether a value is a time, ms since 1970. Of what is none, `Date.toISOString` throws. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_TIME_MS
}

const MAX_TIMER_MS = 2 ** 31 - 1

/** The machine's own clock. */
export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(ms, callback, keepAlive = true) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), MAX_TIMER_MS))
    if (!keepAlive) timer.unref()
    return () => clearTimeout(timer)
  },
}

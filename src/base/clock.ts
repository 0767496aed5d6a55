/**
 * Time is passed in: whatever needs time is handed a clock, so that every rule about time is tested without sleeping.
 */
export interface Clock {
  /** Wall time, milliseconds since 1970. */
  now(): number
  /** Milliseconds on a clock that never goes back, for measuring how long something took. */
  monotonic(): number
  /**
   * Calls back once after `ms` milliseconds. Returns a function that cancels it.
   * @param keepAlive whether the wait keeps the process from ending by itself
   */
  after(ms: number, callback: () => void, keepAlive?: boolean): () => void
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

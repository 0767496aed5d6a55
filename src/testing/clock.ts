import type { Clock } from '../base/clock.js'

/** A clock that moves only when a test moves it. */
export interface ManualClock extends Clock {
  /**
   * Moves wall and monotonic time by `ms`. Calls each timer that becomes due, in order, at its own time. Before the
   * next timer is called, the promises that the last one has started get time to settle. Timers that a timer sets are
   * called too, if they are due.
   *
   * @param ms a duration in ms
   */
  advance(ms: number): Promise<void>
  /**
   * Sets the wall time, as an operator or NTP would. Monotonic time and timers do not change.
   *
   * @param wall ms since 1970
   */
  set(wall: number): void
  /** How many timers are set. */
  readonly waiting: number
}

interface Timer {
  readonly at: number
  readonly callback: () => void
}

const MAX_TIMERS_PER_ADVANCE = 1_000_000

/**
 * A clock for tests of time rules without sleeping.
 *
 * @param start the first wall time, ms since 1970. Default: Monday, 6 January 2025, 12:00 UTC
 * @example
 * const clock = manualClock()
 * const guard = await createGuard({ clock, … })
 * await clock.advance(60_000)
 */
export function manualClock(start = Date.UTC(2025, 0, 6, 12)): ManualClock {
  let wall = start
  let monotonic = 0
  // In the order in which they become due; timers of the same time in the order in which they were set.
  const timers: Timer[] = []

  return {
    now: () => wall,
    monotonic: () => monotonic,
    after(ms, callback) {
      const timer = { at: monotonic + Math.max(ms, 0), callback }
      let index = timers.length
      while (index > 0 && (timers[index - 1] as Timer).at > timer.at) index--
      timers.splice(index, 0, timer)
      return () => {
        const found = timers.indexOf(timer)
        if (found >= 0) timers.splice(found, 1)
      }
    },
    async advance(ms) {
      const until = monotonic + ms
      await settle()
      for (let count = 0; count < MAX_TIMERS_PER_ADVANCE; count++) {
        const next = timers[0]
        if (!next || next.at > until) break
        timers.shift()
        wall += next.at - monotonic
        monotonic = next.at
        next.callback()
        await settle()
      }
      wall += until - monotonic
      monotonic = until
      await settle()
    },
    set(time) {
      wall = time
    },
    get waiting() {
      return timers.length
    },
  }
}

/** Runs what is ready: promises, and the callbacks that they have queued in the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

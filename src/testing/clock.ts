import type { Clock } from '../base/clock.js'

/** A clock that moves only when it is told to. */
export interface ManualClock extends Clock {
  /**
   * Moves both wall and monotonic time on by `ms`, calling each timer that comes due, in order, at its own time. What
   * a timer sets going is let settle before the next one is called; a timer that it sets is called too, if it is due.
   */
  advance(ms: number): Promise<void>
  /** Sets the wall time, as an operator or NTP would: monotonic time and timers take no notice. */
  set(wall: number): void
  /** How many timers wait. */
  readonly waiting: number
}

interface Timer {
  readonly at: number
  readonly callback: () => void
}

const MAX_TIMERS_PER_ADVANCE = 1_000_000

/**
 * A clock for tests: time rules without sleeping.
 *
 * @param start the wall time to begin with, ms since 1970; default: noon UTC, Monday 6 January 2025
 * @example
 * const clock = manualClock()
 * const guard = await createGuard({ clock, … })
 * await clock.advance(60_000)
 */
export function manualClock(start = Date.UTC(2025, 0, 6, 12)): ManualClock {
  let wall = start
  let monotonic = 0
  // Kept in the order in which they come due; those of one time in the order in which they were set.
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

/** Lets everything that is ready run: promises, and what they hand to the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

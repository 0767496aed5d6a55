import { type Clock, systemClock } from '../base/clock.js'

/** A clock that runs like the machine's, from a moment of one's own, and jumps where a scenario lets time pass. */
export interface DrillClock extends Clock {
  /**
   * Moves wall and monotonic time by `ms` at once. Timers that become due are called in order, each at its own time.
   *
   * @param ms a duration in ms
   */
  advance(ms: number): Promise<void>
}

interface Timer {
  readonly at: number
  readonly keepAlive: boolean
  readonly callback: () => void
  cancel: () => void
}

/** @param start the first wall time, ms since 1970 */
export function drillClock(start: number): DrillClock {
  const began = systemClock.monotonic()
  const timers = new Set<Timer>()
  let jumped = 0

  const monotonic = (): number => systemClock.monotonic() - began + jumped

  function arm(timer: Timer): void {
    timer.cancel = systemClock.after(timer.at - monotonic(), () => fire(timer), timer.keepAlive)
  }

  function fire(timer: Timer): void {
    timer.cancel()
    if (timers.delete(timer)) timer.callback()
  }

  function next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers) if (!first || timer.at < first.at) first = timer
    return first
  }

  return {
    now: () => Math.floor(start + monotonic()),
    monotonic,
    after(ms, callback, keepAlive = true) {
      const timer: Timer = { at: monotonic() + Math.max(ms, 0), callback, keepAlive, cancel: () => {} }
      timers.add(timer)
      arm(timer)
      return () => {
        timer.cancel()
        timers.delete(timer)
      }
    },
    async advance(ms) {
      const until = monotonic() + ms
      await settle()
      for (let timer = next(); timer && timer.at <= until; timer = next()) {
        jumped += Math.max(timer.at - monotonic(), 0)
        fire(timer)
        await settle()
      }
      jumped += Math.max(until - monotonic(), 0)
      for (const timer of timers) {
        timer.cancel()
        arm(timer)
      }
    },
  }
}

/** Runs what is ready: promises, and the callbacks that they have queued in the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

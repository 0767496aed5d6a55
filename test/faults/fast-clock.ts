import { type Clock, systemClock } from '../../src/base/clock.js'

/**
 * A clock that runs faster than the machine's, so that a time-out of half a minute passes in seconds.
 * @param speed how many of its seconds pass in one
 * @param aheadMs how far its wall time begins ahead of the machine's
 */
export function fastClock(speed: number, aheadMs = 0): Clock {
  const wall = systemClock.now() + aheadMs
  const start = systemClock.monotonic()
  const monotonic = (): number => (systemClock.monotonic() - start) * speed
  return {
    monotonic,
    now: () => Math.floor(wall + monotonic()),
    after: (ms, callback, keepAlive) => systemClock.after(ms / speed, callback, keepAlive),
  }
}

import { type Clock, systemClock } from '../../src/base/clock.js'
import type { Ledger } from '../../src/ledger/ledger.js'

/** A second clock for ledgers under test: it shows the latest time that any call has passed in. */
export interface LatestClock {
  readonly clock: Clock
  /** The ledger, whose calls set the clock. */
  watch<T extends Ledger>(ledger: T): T
}

export function latestClock(): LatestClock {
  let latest = 0
  return {
    clock: { ...systemClock, now: () => latest },
    watch(ledger) {
      return new Proxy(ledger, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name)
          if (typeof member !== 'function') return member
          return (...args: unknown[]) => {
            const [, now] = args
            if (typeof now === 'number') latest = Math.max(latest, now)
            return member.apply(target, args)
          }
        },
      })
    },
  }
}

import type { Clock } from '../base/clock.js'
import { withTimeout } from '../base/timeout.js'
import { denied } from './errors.js'

/** How long the ledger may take to answer a question about status. */
const LEDGER_TIMEOUT_MS = 5_000

/** Settles as `work` does, or rejects with `LEDGER_UNAVAILABLE` after `ms`. */
export function withLedgerTimeout<T>(clock: Clock, work: Promise<T>, ms = LEDGER_TIMEOUT_MS): Promise<T> {
  return withTimeout(work, {
    clock,
    ms,
    error: () => denied('LEDGER_UNAVAILABLE', `The ledger has not answered within ${ms / 1000} s.`),
  })
}

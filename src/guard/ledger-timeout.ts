import type { Clock } from '../base/clock.js'
import { withTimeout } from '../base/timeout.js'
import { denied } from './errors.js'

/** How long the ledger may take to answer a question about status. */
const LEDGER_TIMEOUT_MS = 5_000

/** Settles as `work` does, or rejects with `LEDGER_UNAVAILABLE` after 5 s. */
export function withLedgerTimeout<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return withTimeout(work, {
    clock,
    ms: LEDGER_TIMEOUT_MS,
    error: () => denied('LEDGER_UNAVAILABLE', `The ledger has not answered within ${LEDGER_TIMEOUT_MS / 1000} s.`),
  })
}

import type { Clock } from '../base/clock.js'
import { withTimeout } from '../base/timeout.js'
import { denied } from './errors.js'

/** How long the ledger may take to answer a question about status. */
const LEDGER_TIMEOUT_MS = 5_000

/**
 * Settles as `work` does, or rejects with `LEDGER_UNAVAILABLE` after `ms`.
 * @param keepAlive whether the timer keeps the process from ending by itself
 */
export function withLedgerTimeout<T>(
  clock: Clock,
  work: Promise<T>,
  ms = LEDGER_TIMEOUT_MS,
  keepAlive = true,
): Promise<T> {
  return withTimeout(work, {
    clock,
    ms,
    keepAlive,
    error: () => denied('LEDGER_UNAVAILABLE', `The ledger has not answered within ${ms / 1000} s.`),
  })
}

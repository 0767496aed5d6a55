import type { AnyChallenge } from '../../base/challenge.js'
import type { Transport } from '../../egress/transport.js'
import type { Account, AccountParts } from '../accounts/account.js'
import type { BudgetStatus, Solution } from '../types.js'
import type { Events } from './events.js'

/** OpenTelemetry as the guard sees it: without spans and instruments. */
export interface Telemetry {
  /** Starts to observe a guard. `readStatus` reads the status of its budget with one ledger call. */
  observe(guard: ObservedGuard, readStatus: () => Promise<BudgetStatus>): void
  /**
   * Runs one solve within a span of its own, in its caller's trace.
   * @param budget the id of the grant's own budget
   * @param run calls `onParsed` with the challenge once it is parsed
   */
  solve(budget: string, run: (onParsed: (challenge: AnyChallenge) => void) => Promise<Solution>): Promise<Solution>
  /** Wraps a transport so that each call has a span. */
  transport(of: Transport, account: Pick<AccountParts, 'name' | 'solver'>): Transport
  /** Stops observing. */
  close(): void
}

/** The parts of a guard that are observed. */
export interface ObservedGuard {
  readonly name: string
  readonly events: Events
  readonly accounts: readonly Account[]
  readonly waitQueue: { readonly waiting: number }
  /** Wall-clock ms for the age of keys; see `KeyClock`. */
  keyTime(): number
}

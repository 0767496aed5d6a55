import type { AnyChallenge } from '../../base/challenge.js'
import type { Transport } from '../../egress/transport.js'
import type { Account, AccountParts } from '../accounts/account.js'
import type { BudgetStatus, Solution } from '../types.js'
import type { Events } from './events.js'

/** What is told to OpenTelemetry, as the guard sees it: it knows of no span and no instrument. */
export interface Telemetry {
  /** Begins to watch a guard. `readStatus` says how its budget stands, with one question to the ledger. */
  observe(guard: ObservedGuard, readStatus: () => Promise<BudgetStatus>): void
  /**
   * Runs one solve, with a span of its own around it in its caller's trace.
   * @param budget the id of the grant's own
   * @param run is to tell what is solved, once it knows
   */
  solve(budget: string, run: (onParsed: (challenge: AnyChallenge) => void) => Promise<Solution>): Promise<Solution>
  /** The same transport, with a span around each call. */
  transport(of: Transport, account: Pick<AccountParts, 'name' | 'solver'>): Transport
  /** Nothing more is told. */
  close(): void
}

/** What there is to watch of a guard. */
export interface ObservedGuard {
  readonly name: string
  readonly events: Events
  readonly accounts: readonly Account[]
  readonly waitQueue: { readonly waiting: number }
  /** The time that the age of a key is told by. */
  keyTime(): number
}

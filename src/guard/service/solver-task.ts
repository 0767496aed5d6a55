import type { Answer, Family } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { Transport } from '../../egress/transport.js'
import type { Money } from '../../policy/money.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { Failure } from '../../solvers/solver.js'
import type { Account } from '../accounts/account.js'
import type { KeyEpoch } from '../accounts/key-rotation.js'
import type { Gate } from '../admission/gate.js'

/** One task to the service: a challenge to hand in, or a task to follow. Its fields change as it goes on. */
export interface SolverTask {
  /** One solve from its first record to its last. */
  readonly id: string
  readonly gate: Gate
  readonly family: Family
  /** What a service that repeats it must not carry into messages, records or logs: the password of the page's proxy. */
  readonly hidden: readonly string[]
  /** Whom it is taken to. */
  account: Account
  transport: Transport
  /** The most it may cost, and what it is held to have cost where the service leaves that open. */
  amount: Money
  /** How long to go on asking a service that has no room; absent where there is no other one to ask. */
  fallbackAfterMs: number | undefined
  key: SecretVersion
  /** When its last call was sent, in rounds of the key. */
  sentInEpoch: KeyEpoch
  /** Wall-clock ms at which its reservation lapses: nothing is asked for after that. */
  reservationExpiresAt: number
  /** Nobody waits for the answer any more. What was handed in is still followed, so that it is accounted for. */
  abandoned: boolean
  /** Ends the wait between two calls, while there is one. */
  wake: (() => void) | undefined
  /** What went wrong last, to tell when the time is up. */
  lastFailure: Failure | undefined
  /** When its task was last heard not to be ready: wall-clock ms. */
  notReadyAt: number | undefined
}

/** How a task ended, and what it is held to have cost. */
export type TaskOutcome =
  | { readonly kind: 'solved'; readonly answer: Answer; readonly cost: Money }
  | {
      readonly kind: 'failed'
      readonly error: SolveguardError
      readonly cost: Money
      /** Whether a new attempt, with a reservation of its own, makes sense. */
      readonly retry: boolean
      /**
       * The service took nothing, and another one may take it: `busy` where this one only had no room, `refused` where it does not take
       * anything for now.
       */
      readonly fallback?: 'busy' | 'refused' | undefined
    }
  /** The guard closes: the task is noted in the ledger, and left to the next process. */
  | { readonly kind: 'detached' }

/** A task that the service has taken: all that is needed to ask for its answer again. */
export interface SubmittedTask {
  /** The account. */
  readonly solver: string
  readonly taskId: string
  readonly keyVersion: string
  readonly family: Family
  /** What it was reserved as, and how much. */
  readonly reservationId: string
  readonly amount: Money
  readonly path: readonly string[]
}

/** Who wants to know which task the service has for a solve. */
export interface SubmitObserver {
  /** From here on the service may take one. */
  begin(): void
  /** It has taken one, which is not asked for before this has settled. Never rejects. */
  onSubmitted(task: SubmittedTask): Promise<void>
  /** It takes none any more. */
  end(): void
}

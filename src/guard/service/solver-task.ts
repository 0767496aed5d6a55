import type { MaybePromise } from '../../base/async.js'
import type { Answer, Family, Variant } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { Transport } from '../../egress/transport.js'
import type { Money } from '../../policy/money.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { Failure } from '../../solvers/solver.js'
import type { Account } from '../accounts/account.js'
import type { KeyEpoch } from '../accounts/key-rotation.js'
import type { Gate } from '../admission/gate.js'
import type { TaskCallback } from '../callbacks/callbacks.js'

/** A task at a service: a challenge to submit, or a submitted task to follow. Its fields change while it runs. */
export interface SolverTask {
  /** The id of its solve, the same in all records of the solve. */
  readonly id: string
  readonly gate: Gate
  readonly family: Family
  /** Absent for a task that another process submitted. */
  readonly variant: Variant | undefined
  /** Values to mask in messages, records and logs if a service repeats them: the password of the page's proxy. */
  readonly hidden: readonly string[]
  account: Account
  transport: Transport
  /** The reserved amount, in micro-dollars: its maximum cost, and its cost if the service does not say otherwise. */
  amount: Money
  /** How long to retry a service that has no capacity, in ms; undefined if there is no other account. */
  fallbackAfterMs: number | undefined
  key: SecretVersion
  /** The epoch of the key rotation in which its last call was sent. */
  sentInEpoch: KeyEpoch
  /** When its caller stops waiting; monotonic ms. */
  readonly deadlineAt: number
  /** Wall-clock ms at which its reservation expires. No call is sent after that. */
  reservationExpiresAt: number
  /** Whether the service may have accepted a task for the reservation, which may then cost its amount. */
  mayBeCharged: boolean
  /** The caller no longer waits for the answer. A submitted task is still followed, so that its cost is settled. */
  abandoned: boolean
  /** Ends the wait between two calls, while there is one. */
  wake: (() => void) | undefined
  /** The call-back that the service was asked for; undefined where there is none. */
  callback: TaskCallback | undefined
  /** Another process has a task of the same id: its answer is for another challenge. */
  isRepeated: boolean
  /** The last failure: the error of a solve that times out includes it. */
  lastFailure: Failure | undefined
  /** Settles when the pause is in the ledger that a failure of the task has caused. */
  pausing: Promise<unknown> | undefined
  /** When a poll last found the task not ready; wall-clock ms. */
  notReadyAt: number | undefined
}

/** How a task ended, and its cost in micro-dollars. */
export type TaskOutcome =
  | { readonly kind: 'solved'; readonly answer: Answer; readonly cost: Money }
  | {
      readonly kind: 'failed'
      readonly error: SolveguardError
      readonly cost: Money
      /** Whether a new attempt, with a new reservation, may succeed. */
      readonly retry: boolean
      /**
       * The service accepted nothing, and another account may take the solve. `busy`: the service only had no capacity.
       * `refused`: it does not accept any task for now.
       */
      readonly fallback?: 'busy' | 'refused' | undefined
    }
  /** The guard closed: the ledger has the task, for the next process to recover. */
  | { readonly kind: 'detached' }

/** A task that the service has accepted: all that another process needs to poll it. */
export interface SubmittedTask {
  /** The name of the account. */
  readonly solver: string
  readonly taskId: string
  readonly keyVersion: string
  readonly family: Family
  readonly reservationId: string
  /** The reserved amount, in micro-dollars. */
  readonly amount: Money
  /** The ids of the budgets that it was reserved from. */
  readonly path: readonly string[]
}

/** Is called with each task that a service accepts for a solve. */
export interface SubmitObserver {
  /**
   * From now on the service may accept a task. It is called once the returned promise has resolved.
   * @throws SolveguardError if the task must not be submitted: its id could not be stored
   */
  begin(task: Omit<SubmittedTask, 'taskId'>): MaybePromise<void>
  /** The service has accepted a task. The first poll waits for the returned promise, which never rejects. */
  onSubmitted(task: SubmittedTask): Promise<void>
  /** The service can no longer accept a task. */
  end(): void
}

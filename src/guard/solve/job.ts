import { type AnyChallenge, type ChallengeFacts, withoutPictures } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { SecretVersion } from '../../secrets/provider.js'
import { proxySecrets } from '../../solvers/page-proxy.js'
import type { Price } from '../../solvers/solver.js'
import type { Account } from '../accounts/account.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import type { GuardContext } from '../ports.js'
import type { SolverTask, SubmitObserver, SubmittedTask } from '../service/solver-task.js'
import type { WaitQueue } from '../spending/wait-queue.js'
import type { SelectedAccount } from './select-account.js'
import { solveId } from './solve-id.js'

/** One solve under way. */
export interface Job extends SolverTask {
  readonly grant: GrantContext
  /** Without pictures: they are large, and a solution keeps its job in memory. */
  readonly challenge: ChallengeFacts
  readonly admitted: AdmittedPage
  price: Price
  /** The index of its current account in the guard's list. */
  index: number
  /** The index of an account that only had no capacity: the job may return to it when no other account can take it. */
  busyIndex: number | undefined
  /** Why accounts were rejected, in order. */
  readonly rejectedAccounts: SolveguardError[]
  /** Earlier solves of this process have smaller tickets. */
  readonly ticket: number
  /** How long it may queue for rate and slots, in ms. */
  readonly waitMs: number
  /** Monotonic ms. */
  readonly startedAt: number
  /** How many attempts have ended in a failure that allows another attempt. */
  attempt: number
  /** Whether the job has cost something, or may have. */
  spent: boolean
  /** How many reservations were requested for it, granted or not. Numbers the reservation ids. */
  reservations: number
  reservationId: string
  taskId: string
  readonly submitObserver: SubmitObserver | undefined
  /** Rejects the caller's promise. No effect if that promise is settled already. */
  reject: (error: unknown) => void
  /** The page load that the job counts for; undefined once it has ended. */
  pageLoad: object | undefined
  /** Cancels the deadline timer, and stops listening to the caller's signal. */
  release: () => void
  /**
   * Settles when the job has ended and its reservation is settled, or left in the ledger for another process. Undefined
   * until the first asynchronous step.
   */
  flow: Promise<void> | undefined
}

/** What a new job needs from the guard. */
export interface JobDeps extends Pick<GuardContext, 'clock'> {
  readonly waitQueue: Pick<WaitQueue, 'takeTicket'>
}

const noop = (): void => {}

/**
 * Creates a job: it has an account, a key and a transport, and has not reserved anything. One flat literal, because
 * thousands of jobs are in memory at a time.
 */
export function createJob(
  deps: JobDeps,
  grant: GrantContext,
  challenge: AnyChallenge,
  admitted: AdmittedPage,
  selected: SelectedAccount,
  rejectedAccounts: SolveguardError[],
  pageLoad: object | undefined,
  submitObserver: SubmitObserver | undefined,
  waitMs = grant.policy.budget.waitMs ?? 0,
): Job {
  const { index, account, price, key, transport, fallbackAfterMs } = selected
  const startedAt = deps.clock.monotonic()
  return {
    id: solveId(),
    grant,
    gate: grant.gate,
    challenge: withoutPictures(challenge),
    family: challenge.family,
    variant: challenge.variant,
    hidden: proxySecrets(grant.pageProxy()),
    admitted,
    index,
    busyIndex: undefined,
    rejectedAccounts,
    account,
    fallbackAfterMs,
    price,
    amount: price.amount,
    key,
    sentInEpoch: 0,
    transport,
    ticket: deps.waitQueue.takeTicket(),
    waitMs,
    startedAt,
    deadlineAt: startedAt + deadlineMs(grant),
    attempt: 0,
    spent: false,
    pageLoad,
    reservations: 0,
    reservationId: '',
    reservationExpiresAt: 0,
    taskId: '',
    mayBeCharged: false,
    abandoned: false,
    wake: undefined,
    callback: undefined,
    isRepeated: false,
    lastFailure: undefined,
    pausing: undefined,
    notReadyAt: undefined,
    submitObserver,
    reject: noop,
    release: noop,
    flow: undefined,
  }
}

/** The deadline of a solve, in ms after its start. */
export function deadlineMs({ policy }: Pick<GrantContext, 'policy'>): number {
  return policy.deadlineMs as number
}

/** The task that the service has accepted for a job. */
export function submittedTask(job: Job): SubmittedTask {
  const { account, taskId, key, family, reservationId, amount, grant, admitted } = job
  const path = grant.pathFor(admitted.origin)
  return { solver: account.name, taskId, keyVersion: key.version, family, reservationId, amount, path }
}

/** What `budgetIdsOf` reads of a job. */
export interface BudgetedJob {
  readonly grant: Pick<GrantContext, 'pathFor'>
  readonly admitted: Pick<AdmittedPage, 'origin'>
  readonly account: Pick<Account, 'ownBudgetIds'>
  readonly key: SecretVersion
}

/** The ids of the budgets that a solve draws on: the budgets of its grant, then those of its account. */
export function budgetIdsOf({ grant, admitted, account, key }: BudgetedJob): readonly string[] {
  const ids = grant.pathFor(admitted.origin)
  const own = account.ownBudgetIds(key)
  return own.length > 0 ? [...ids, ...own] : ids
}

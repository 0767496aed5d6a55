import { randomUUID } from 'node:crypto'
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

/** One solve under way. */
export interface Job extends SolverTask {
  readonly grant: GrantContext
  /** Without pictures: they are large, and whoever keeps a solution keeps its job. */
  readonly challenge: ChallengeFacts
  readonly admitted: AdmittedPage
  price: Price
  /** Which of the guard's accounts it is taken to now. */
  index: number
  /** An account that only had no room, and may be asked again when the others could not take it. */
  busyIndex: number | undefined
  /** Why accounts were passed over, in order. */
  readonly rejectedAccounts: SolveguardError[]
  /** Whoever came before in this process has a smaller one. */
  readonly ticket: number
  /** Monotonic ms. */
  readonly startedAt: number
  readonly deadlineAt: number
  attempt: number
  /** Whether something was spent on it, or may have been. */
  spent: boolean
  /** How often it was reserved for, whatever came of it. */
  reservations: number
  reservationId: string
  taskId: string
  readonly submitObserver: SubmitObserver | undefined
  /** Answers the caller with an error, unless it was answered already. */
  reject: (error: unknown) => void
  /** The load of the page that it is for; until it has ended. */
  pageLoad: object | undefined
  /** Lets go of the deadline and of the caller's signal. */
  release: () => void
  /** Settles when all is accounted for. Absent until the first step that has to be waited for. */
  flow: Promise<void> | undefined
}

/** What a new job takes of the guard. */
export interface JobDeps extends Pick<GuardContext, 'clock'> {
  readonly waitQueue: Pick<WaitQueue, 'takeTicket'>
}

const noop = (): void => {}

/** A solve that has an account, a key and a transport, and has not reserved anything. One flat literal: thousands are kept at a time. */
export function createJob(
  deps: JobDeps,
  grant: GrantContext,
  challenge: AnyChallenge,
  admitted: AdmittedPage,
  selected: SelectedAccount,
  rejectedAccounts: SolveguardError[],
  pageLoad: object | undefined,
  submitObserver: SubmitObserver | undefined,
): Job {
  const { index, account, price, key, transport, fallbackAfterMs } = selected
  const startedAt = deps.clock.monotonic()
  return {
    id: solveId(),
    grant,
    gate: grant.gate,
    challenge: withoutPictures(challenge),
    family: challenge.family,
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
    startedAt,
    deadlineAt: startedAt + deadlineMs(grant),
    attempt: 0,
    spent: false,
    pageLoad,
    reservations: 0,
    reservationId: '',
    reservationExpiresAt: 0,
    taskId: '',
    abandoned: false,
    wake: undefined,
    lastFailure: undefined,
    notReadyAt: undefined,
    submitObserver,
    reject: noop,
    release: noop,
    flow: undefined,
  }
}

/** Names a solve. In one piece: Node joins a UUID from sixteen strings, which take six times the memory while it is kept. */
function solveId(): string {
  return Buffer.from(randomUUID(), 'latin1').toString('latin1')
}

/** How long a solve may take, in ms. */
export function deadlineMs({ policy }: Pick<GrantContext, 'policy'>): number {
  return policy.deadlineMs as number
}

/** The task that the service has for a job. */
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

/** The ids of the budgets that a solve draws on: those of its grant, and those of the account. */
export function budgetIdsOf({ grant, admitted, account, key }: BudgetedJob): readonly string[] {
  const ids = grant.pathFor(admitted.origin)
  const own = account.ownBudgetIds(key)
  return own.length > 0 ? [...ids, ...own] : ids
}

import { isPromise, type MaybePromise } from '../../base/async.js'
import { DeniedError } from '../../base/errors.js'
import type { ReserveResult, ThresholdAlert } from '../../ledger/ledger.js'
import { formatMs } from '../../policy/duration.js'
import { formatUsd, type Money } from '../../policy/money.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { Account } from '../accounts/account.js'
import type { Pauses } from '../accounts/pauses.js'
import type { Gate } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import { abandoned, denied, ledgerDown } from '../errors.js'
import type { GuardContext } from '../ports.js'
import { periodOf } from '../spending/budgets.js'
import type { RemoteQueues } from '../spending/remote-queues.js'
import type { Refusal, WaitQueue } from '../spending/wait-queue.js'
import { type BudgetedJob, budgetIdsOf, deadlineMs, type Job } from './job.js'

/** How often the first of a line looks for a slot that another process may have given back, and for room in the rate. */
const RETRY_MS = 250
const MAX_RATE_RETRY_MS = 5_000

/** What it takes of the guard. */
export interface ReserveDeps extends Omit<GuardContext, 'name'> {
  readonly pauses: Pick<Pauses, 'observe'>
  readonly waitQueue: WaitQueue
  readonly remoteQueues: Pick<RemoteQueues, 'isEmpty' | 'blockedBy' | 'announce' | 'withdraw' | 'refresh'>
}

/** What a reservation reads of a job. */
export interface ReservingJob extends BudgetedJob {
  readonly grant: Pick<GrantContext, 'claims' | 'pathFor'> & {
    readonly policy: { readonly budget: { readonly waitMs?: number | undefined } }
  }
  readonly gate: Pick<Gate, 'admitTime'>
  readonly account: Pick<Account, 'ownBudgetIds' | 'path'>
  readonly key: SecretVersion
  readonly amount: Money
  readonly ticket: number
  readonly startedAt: number
  readonly deadlineAt: number
  readonly reservationId: string
  readonly reservationExpiresAt: number
  readonly abandoned: boolean
}

/** How long after its solve's deadline a reservation expires: time for an abandoned task to end. */
const RESERVATION_GRACE_MS = 120_000

/**
 * The spending layer: a new reservation for a job.
 * @returns the denial, where only the account's own budget has no room: another account may take the job
 * @throws DeniedError any other denial
 */
export function reserveAttempt(
  deps: ReserveDeps & { alertThresholds(alerts: readonly ThresholdAlert[]): void },
  job: Job,
): MaybePromise<DeniedError | undefined> {
  job.reservationId = `${job.id}.${++job.reservations}`
  job.taskId = ''
  job.reservationExpiresAt = deps.clock.now() + deadlineMs(job.grant) + RESERVATION_GRACE_MS
  const refused = (error: unknown): DeniedError => {
    if (error instanceof DeniedError && job.account.ownBudgetIds(job.key).some((id) => id === error.details?.budgetId))
      return error
    throw error
  }
  const reserved = (alerts: readonly ThresholdAlert[]): undefined => deps.alertThresholds(alerts) as undefined
  try {
    const alerts = reserve(deps, job)
    return isPromise(alerts) ? alerts.then(reserved, refused) : reserved(alerts)
  } catch (error) {
    return refused(error)
  }
}

/**
 * Takes a job's amount from every budget on its path: one ledger operation. With `policy.budget.wait` it stands in line
 * for rate and slots, in order; money is never waited for, since a day is too long. Nobody overtakes who came before and still waits.
 *
 * @throws DeniedError of the spending layer; of the time layer where the working hours ended meanwhile
 */
export function reserve(deps: ReserveDeps, job: ReservingJob): MaybePromise<readonly ThresholdAlert[]> {
  const waits = (job.grant.policy.budget.waitMs ?? 0) > 0
  const refused = (answer: Refusal): Promise<readonly ThresholdAlert[]> => {
    if (answer.reason === 'paused') deps.pauses.observe(answer.budgetId, answer.pause)
    if (waits && mayWait(answer)) return waitInQueue(deps, job, answer)
    throw denialOf(answer, job.amount, deps.clock.now())
  }
  const blocker = blockedBy(deps, job)
  if (blocker) return refused(blocker)
  const result = reserveNow(deps, job)
  const decide = (answer: ReserveResult): MaybePromise<readonly ThresholdAlert[]> =>
    answer.ok ? answer.alerts : refused(answer)
  return isPromise(result) ? result.then(decide) : decide(result)
}

/** Why a job must not even ask: somebody waits who came before. */
function blockedBy({ waitQueue, remoteQueues, clock }: ReserveDeps, job: ReservingJob): Refusal | undefined {
  if (waitQueue.isEmpty && remoteQueues.isEmpty) return undefined
  const path = budgetIdsOf(job)
  return (
    waitQueue.blockedBy(path, job.ticket)?.refusal ?? remoteQueues.blockedBy(path, clock.monotonic() - job.startedAt)
  )
}

async function waitInQueue(deps: ReserveDeps, job: ReservingJob, why: Refusal): Promise<readonly ThresholdAlert[]> {
  const { clock, waitQueue, remoteQueues } = deps
  const until = Math.min(clock.monotonic() + (job.grant.policy.budget.waitMs ?? 0), job.deadlineAt)
  const path = budgetIdsOf(job)
  const waiter = waitQueue.enter(job.ticket, path, why)
  try {
    for (;;) {
      // Its caller has been answered: it must not take what others wait for, if only to give it back.
      if (job.abandoned) throw abandoned()
      const pending = waitQueue.settling(waiter)
      if (pending) {
        await pending.whenIdle()
        continue
      }
      waiter.beginAttempt()
      const blocker = waitQueue.blockedBy(path, job.ticket)
      const asked = blocker?.refusal ?? reserveInOrder(deps, job)
      const answer = isPromise(asked) ? await asked : asked
      if (answer.ok) return answer.alerts
      waitQueue.requeue(waiter, answer)
      const left = until - clock.monotonic()
      if (!mayWait(answer) || left <= 0 || job.abandoned || deps.closed) throw denialOf(answer, job.amount, clock.now())
      const waited = clock.monotonic() - job.startedAt
      if (!blocker && waited >= RETRY_MS) remoteQueues.announce(answer, waited)
      await waiter.sleep(blocker ? left : Math.min(retryDelay(answer, clock.now()), left))
    }
  } finally {
    waitQueue.leave(waiter)
    if (waitQueue.isEmptyAt(waiter.refusal.budgetId)) remoteQueues.withdraw(waiter.refusal.budgetId)
  }
}

/** Asks, at once, unless somebody in another process has waited longer. */
function reserveInOrder(deps: ReserveDeps, job: ReservingJob): MaybePromise<ReserveResult> {
  const { clock, remoteQueues } = deps
  const waited = clock.monotonic() - job.startedAt
  if (waited >= RETRY_MS) remoteQueues.refresh()
  return remoteQueues.blockedBy(budgetIdsOf(job), waited) ?? reserveNow(deps, job)
}

/** The rate says when it has room; a slot may be given back at any moment, in another process too. */
function retryDelay({ reason, retryAt }: Refusal, now: number): number {
  if (reason !== 'perMinute' || retryAt === undefined) return RETRY_MS
  return Math.min(Math.max(retryAt - now, 1), MAX_RATE_RETRY_MS)
}

function reserveNow(deps: ReserveDeps, job: ReservingJob): MaybePromise<ReserveResult> {
  const now = deps.clock.now()
  job.gate.admitTime(now)
  const request = {
    id: job.reservationId,
    ownerId: deps.ownerId,
    path: job.account.path(job.grant.claims(job.admitted.origin, now), job.key, now),
    amount: job.amount,
    deadline: job.reservationExpiresAt,
  }
  try {
    const result = deps.ledger.reserve(request, now)
    if (!isPromise(result)) return result
    return result.catch((error) => {
      throw ledgerDown(error)
    })
  } catch (error) {
    throw ledgerDown(error)
  }
}

function mayWait({ reason }: Refusal): boolean {
  return reason === 'perMinute' || reason === 'concurrent'
}

function denialOf(result: Refusal, amount: Money, now: number): DeniedError {
  const { budgetId, reason, limit = 0, used = 0, timeZone, pause } = result
  // What others were told a while ago may be over.
  const retryAt = result.retryAt !== undefined && result.retryAt > now ? result.retryAt : undefined
  const again =
    retryAt === undefined
      ? ''
      : ` Worth trying again at ${new Date(retryAt).toISOString()} (in ${formatMs(retryAt - now)}).`
  const details = { budgetId, limit, used, ...(timeZone !== undefined && { timeZone }) }
  switch (reason) {
    case 'paused':
      return denied(
        'GUARD_PAUSED',
        `Paused since ${new Date(pause?.at ?? now).toISOString()}: ${pause?.message ?? 'no reason was kept.'}${again || ' Mend that, then call guard.resume().'}`,
        retryAt,
        {
          details: { budgetId, reason: pause?.code ?? 'MANUAL' },
        },
      )
    case 'perDay':
      return denied(
        'BUDGET_EXHAUSTED',
        `Budget '${budgetId}': ${formatUsd(used as Money)} of ${formatUsd(limit as Money)} ${periodOf(timeZone)} is spent or reserved, and this solve may cost ${formatUsd(amount)}.${again}`,
        retryAt,
        { details },
      )
    case 'perMinute':
      return denied(
        'RATE_EXCEEDED',
        `Budget '${budgetId}': ${used} of ${limit} solves a minute are used.${again}`,
        retryAt,
        { details },
      )
    case 'concurrent':
      return denied('SLOTS_FULL', `Budget '${budgetId}': ${used} of ${limit} slots are in use.${again}`, retryAt, {
        details,
      })
  }
}

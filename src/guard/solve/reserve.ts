import { isPromise, type MaybePromise } from '../../base/async.js'
import { counted } from '../../base/counted.js'
import { DeniedError } from '../../base/errors.js'
import type { Declarer, ReserveResult, ThresholdAlert } from '../../ledger/ledger.js'
import { formatMs } from '../../policy/duration.js'
import { formatTime } from '../../policy/format-time.js'
import { formatUsd, type Money, toUsd } from '../../policy/money.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { Account } from '../accounts/account.js'
import type { Pauses } from '../accounts/pauses.js'
import type { Gate } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import { abandoned, denied, ledgerDown } from '../errors.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext, Registration } from '../ports.js'
import { periodOf } from '../spending/budgets.js'
import { describeDeclarer } from '../spending/declarer.js'
import type { RemoteQueues } from '../spending/remote-queues.js'
import { stopDenial } from '../spending/stops.js'
import type { Refusal, WaitQueue } from '../spending/wait-queue.js'
import { type BudgetedJob, budgetIdsOf, deadlineMs, type Job } from './job.js'

/** How often the head of a queue retries: another process may have freed a slot, and a rate may have capacity again. */
const RETRY_MS = 250
/** A refusal for the rate has a `retryAt`, but the head of a queue waits at most this long before it retries. */
const MAX_RATE_RETRY_MS = 5_000

/** What a reservation needs from the guard. */
export interface ReserveDeps extends Omit<GuardContext, 'name'>, Pick<Registration, 'declareLimits'> {
  readonly pauses: Pick<Pauses, 'observe'>
  readonly waitQueue: WaitQueue
  readonly remoteQueues: Pick<RemoteQueues, 'isEmpty' | 'blockedBy' | 'announce' | 'withdraw' | 'refresh'>
  readonly recorder: Pick<Recorder, 'head'>
}

/** What a reservation reads of a job. */
export interface ReservingJob extends BudgetedJob {
  readonly grant: Pick<GrantContext, 'claims' | 'pathFor' | 'unless'>
  /** How long it may queue for rate and slots, in ms. */
  readonly waitMs: number
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

/** A reservation expires this long after its solve's deadline, so that an abandoned task has time to end. */
const RESERVATION_GRACE_MS = 120_000

/**
 * The spending layer: makes a new reservation for a job.
 * @returns the denial, if only the account's own budget has no capacity: another account may take the job
 * @throws DeniedError any other denial
 */
export function reserveAttempt(
  deps: ReserveDeps & { alertThresholds(alerts: readonly ThresholdAlert[]): void },
  job: Job,
): MaybePromise<DeniedError | undefined> {
  job.reservationId = `${job.id}.${++job.reservations}`
  job.taskId = ''
  job.mayBeCharged = false
  job.isRepeated = false
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
 * Reserves a job's amount from every budget on its path, in one ledger operation. With `policy.budget.wait` the job
 * queues, in order, for rate and slots. It never waits for money, because a day is too long. A job does not overtake an
 * earlier job that still waits.
 *
 * @throws DeniedError of the spending layer; of the time layer if the working hours ended meanwhile
 */
export function reserve(deps: ReserveDeps, job: ReservingJob): MaybePromise<readonly ThresholdAlert[]> {
  const waits = job.waitMs > 0
  const refused = (answer: Refusal): Promise<readonly ThresholdAlert[]> => {
    if (answer.reason === 'paused') deps.pauses.observe(answer.budgetId, answer.pause)
    if (waits && mayWait(answer)) return waitInQueue(deps, job, answer)
    throw denialOf(answer, job, deps.clock.now())
  }
  const blocker = blockedBy(deps, job)
  if (blocker) return refused(blocker)
  const result = reserveNow(deps, job)
  const decide = (answer: ReserveResult): MaybePromise<readonly ThresholdAlert[]> =>
    answer.ok ? answer.alerts : refused(answer)
  return isPromise(result) ? result.then(decide) : decide(result)
}

/** The refusal for a job that must not reserve yet, because an earlier solve waits. */
function blockedBy({ waitQueue, remoteQueues, clock }: ReserveDeps, job: ReservingJob): Refusal | undefined {
  if (waitQueue.isEmpty && remoteQueues.isEmpty) return undefined
  const path = budgetIdsOf(job)
  return (
    waitQueue.blockedBy(path, job.ticket)?.refusal ?? remoteQueues.blockedBy(path, clock.monotonic() - job.startedAt)
  )
}

async function waitInQueue(deps: ReserveDeps, job: ReservingJob, refusal: Refusal): Promise<readonly ThresholdAlert[]> {
  const { clock, waitQueue, remoteQueues } = deps
  const until = Math.min(clock.monotonic() + job.waitMs, job.deadlineAt)
  const path = budgetIdsOf(job)
  const waiter = waitQueue.enter(job.ticket, path, refusal)
  try {
    for (;;) {
      // Its caller has been answered: it must not take capacity that other solves wait for, not even briefly.
      if (job.abandoned) throw abandoned()
      const pending = waitQueue.settling(waiter)
      if (pending) {
        await pending.whenIdle()
        continue
      }
      waiter.beginAttempt()
      const blocker = waitQueue.blockedBy(path, job.ticket)
      const reserving = blocker?.refusal ?? reserveInOrder(deps, job)
      const answer = isPromise(reserving) ? await reserving : reserving
      if (answer.ok) return answer.alerts
      waitQueue.requeue(waiter, answer)
      const left = until - clock.monotonic()
      if (!mayWait(answer) || left <= 0 || job.abandoned || deps.closed) throw denialOf(answer, job, clock.now())
      const waited = clock.monotonic() - job.startedAt
      if (!blocker && waited >= RETRY_MS) remoteQueues.announce(answer, waited)
      await waiter.sleep(blocker ? left : Math.min(retryDelay(answer, clock.now()), left))
    }
  } finally {
    waitQueue.leave(waiter)
    if (waitQueue.isEmptyAt(waiter.refusal.budgetId)) remoteQueues.withdraw(waiter.refusal.budgetId)
  }
}

/** Reserves at once, unless a solve of another process has waited longer. */
function reserveInOrder(deps: ReserveDeps, job: ReservingJob): MaybePromise<ReserveResult> {
  const { clock, remoteQueues } = deps
  const waited = clock.monotonic() - job.startedAt
  if (waited >= RETRY_MS) remoteQueues.refresh()
  return remoteQueues.blockedBy(budgetIdsOf(job), waited) ?? reserveNow(deps, job)
}

/** A rate has a known time at which it has capacity again. A slot may be freed at any time, by another process too. */
function retryDelay({ reason, retryAt }: Refusal, now: number): number {
  if (reason !== 'perMinute' || retryAt === undefined) return RETRY_MS
  return Math.min(Math.max(retryAt - now, 1), MAX_RATE_RETRY_MS)
}

function reserveNow(deps: ReserveDeps, job: ReservingJob): MaybePromise<ReserveResult> {
  try {
    const declared = deps.declareLimits()
    const result = isPromise(declared) ? declared.then(() => ask(deps, job)) : ask(deps, job)
    if (!isPromise(result)) return result
    return result.catch((error) => {
      throw ledgerDown(error)
    })
  } catch (error) {
    throw ledgerDown(error)
  }
}

function ask(deps: ReserveDeps, job: ReservingJob): MaybePromise<ReserveResult> {
  const now = deps.clock.now()
  job.gate.admitTime(now)
  const request = {
    id: job.reservationId,
    ownerId: deps.ownerId,
    path: job.account.path(job.grant.claims(job.admitted.origin, now), job.key, now),
    amount: job.amount,
    deadline: job.reservationExpiresAt,
    unless: job.grant.unless,
    head: deps.recorder.head,
  }
  return deps.ledger.reserve(request, now)
}

export function mayWait({ reason }: Refusal): boolean {
  return reason === 'perMinute' || reason === 'concurrent'
}

/** What a refusal is about: the solve's amount, and the account whose own budgets it draws on. */
export interface RefusedSolve {
  readonly amount: Money
  readonly account: Pick<Account, 'ownBudgetIds'>
  readonly key: SecretVersion | undefined
}

/** The denial for a refusal of the ledger. */
export function denialOf(result: Refusal, solve: RefusedSolve, now: number): DeniedError {
  const { budgetId, reason, limit = 0, used = 0, timeZone, pause, declaredBy } = result
  const other = declaredBy && otherLimit(declaredBy, now)
  // The refusal may be an earlier one of another solve: its time may have passed.
  const times = [result.retryAt, other?.endsAt].filter((at) => at !== undefined && at > now) as number[]
  const retryAt = times.length === 0 ? undefined : Math.min(...times)
  const retry = retryAt === undefined ? '' : `Retry at ${formatTime(retryAt, timeZone)}, in ${formatMs(retryAt - now)}`
  const raise = `raise ${fieldOf(result, solve)}`
  const ownAdvice = retry === '' ? ` R${raise.slice(1)}.` : ` ${retry}, or ${raise}.`
  const advice = other ? ` ${other.text}${retry && ` ${retry}.`}` : ownAdvice
  const details = { budgetId, limit, used, ...(timeZone !== undefined && { timeZone }) }
  switch (reason) {
    case 'fact':
      return stopDenial(result)
    case 'paused': {
      const since = new Date(pause?.at ?? now).toISOString()
      const why = pause?.message ?? 'no reason was recorded.'
      return denied(
        'GUARD_PAUSED',
        `Paused since ${since}: ${why} ${retry === '' ? 'Fix the cause, then call guard.resume()' : retry}.`,
        retryAt,
        { details: { budgetId, reason: pause?.code ?? 'MANUAL' } },
      )
    }
    case 'perDay': {
      const sum = `${formatUsd(used as Money)} of ${formatUsd(limit as Money)} ${periodOf(timeZone)}`
      return denied(
        'BUDGET_EXHAUSTED',
        `Budget '${budgetId}': ${sum} is spent or reserved, and this solve may cost ${formatUsd(solve.amount)}.${advice}`,
        retryAt,
        { details: { ...details, limitUsd: toUsd(limit as Money), usedUsd: toUsd(used as Money) } },
      )
    }
    case 'perMinute':
      return denied(
        'RATE_EXCEEDED',
        `Budget '${budgetId}': ${used} of ${counted(limit, 'solve')} a minute are used.${advice}`,
        retryAt,
        { details },
      )
    case 'concurrent':
      return denied('SLOTS_FULL', `Budget '${budgetId}': ${used} of ${limit} slots are in use.${advice}`, retryAt, {
        details,
      })
  }
}

/** What to say of a limit that another process declared; with the end of it, where that process may have crashed. */
function otherLimit(declarer: Declarer, now: number): { text: string; endsAt?: number } {
  const { process, silence } = describeDeclarer(declarer)
  const { endsInMs } = declarer
  const who = `This limit is tighter than this guard's own: ${process} declared it`
  const end = `at ${formatTime(now + endsInMs)}, in ${formatMs(endsInMs)}`
  if (silence === undefined) {
    return { text: `${who}, and it holds while that process runs. If that has crashed, the limit ends ${end}.` }
  }
  return { text: `${who} and ${silence}. If it has crashed, the limit ends ${end}.`, endsAt: now + endsInMs }
}

/** The option that sets the limit of a refusal. */
function fieldOf({ budgetId, reason }: Refusal, { account, key }: RefusedSolve): string {
  if (budgetId.startsWith('threads/')) return "the solver's pricing.threads, if more threads are paid for"
  if (budgetId.includes('@')) return 'policy.budget.perOrigin'
  const isOfAccount = account.ownBudgetIds(key).includes(budgetId)
  return isOfAccount ? `budget.${reason} of that account in solvers` : `policy.budget.${reason}`
}

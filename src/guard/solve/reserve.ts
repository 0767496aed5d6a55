import { isPromise, type MaybePromise } from '../../base/async.js'
import { type DeniedError, SolveguardError } from '../../base/errors.js'
import type { ReserveResult, ThresholdAlert } from '../../ledger/ledger.js'
import { formatMs } from '../../policy/duration.js'
import { formatUsd, type Money } from '../../policy/money.js'
import { denied, ledgerDown } from '../admission/gate.js'
import type { GuardRuntime } from '../runtime.js'
import { aDay } from '../spending/budgets.js'
import type { Refusal } from '../spending/wait-queue.js'
import { idsOf, type Job } from './job.js'

/** How often the first of a line looks for a slot that another process may have given back, and for room in the rate. */
const LOOK_MS = 250
const LOOK_FOR_RATE_MS = 5_000

/**
 * Takes a job's amount from every budget on its path: one ledger operation. With `policy.budget.wait` it stands in line
 * for rate and slots, in order; money is never waited for, since a day is too long. Nobody overtakes who came before and still waits.
 *
 * @throws DeniedError of the spending layer; of the time layer where the working hours ended meanwhile
 */
export function reserve(core: GuardRuntime, job: Job): MaybePromise<readonly ThresholdAlert[]> {
  const waits = (job.grant.policy.budget.waitMs ?? 0) > 0
  const refused = (answer: Refusal): Promise<readonly ThresholdAlert[]> => {
    if (answer.reason === 'paused') core.pauses.saw(answer.budgetId, answer.pause)
    if (waits && mayWait(answer)) return standInLine(core, job, answer)
    throw refusal(answer, job.amount, core.clock.now())
  }
  const ahead = inTheWay(core, job)
  if (ahead) return refused(ahead)
  const result = ask(core, job)
  const decide = (answer: ReserveResult): MaybePromise<readonly ThresholdAlert[]> =>
    answer.ok ? answer.alerts : refused(answer)
  return isPromise(result) ? result.then(decide) : decide(result)
}

/** Why a job must not even ask: somebody waits who came before. */
function inTheWay({ turnstile, lines, clock }: GuardRuntime, job: Job): Refusal | undefined {
  if (turnstile.isEmpty && lines.isEmpty) return undefined
  const path = idsOf(job)
  return turnstile.ahead(path, job.turn)?.refusal ?? lines.ahead(path, clock.monotonic() - job.startedAt)
}

async function standInLine(core: GuardRuntime, job: Job, why: Refusal): Promise<readonly ThresholdAlert[]> {
  const { clock, turnstile, lines } = core
  const until = Math.min(clock.monotonic() + (job.grant.policy.budget.waitMs ?? 0), job.deadlineAt)
  const path = idsOf(job)
  const waiter = turnstile.enter(job.turn, path, why)
  try {
    for (;;) {
      // Its caller has been answered: it must not take what others wait for, if only to give it back.
      if (job.over) throw new SolveguardError('SOLVE_ABORTED', 'Nobody waits for the solve any more.')
      const pending = turnstile.pending(waiter)
      if (pending) {
        await pending.untilItRests()
        continue
      }
      waiter.asks()
      const ahead = turnstile.ahead(path, job.turn)
      const asked = ahead?.refusal ?? askInTurn(core, job)
      const answer = isPromise(asked) ? await asked : asked
      if (answer.ok) return answer.alerts
      turnstile.refused(waiter, answer)
      const left = until - clock.monotonic()
      if (!mayWait(answer) || left <= 0 || job.over || core.closed) throw refusal(answer, job.amount, clock.now())
      const waited = clock.monotonic() - job.startedAt
      if (!ahead && waited >= LOOK_MS) lines.say(answer, waited)
      await waiter.pause(ahead ? left : Math.min(pauseFor(answer, clock.now()), left))
    }
  } finally {
    turnstile.leave(waiter)
    if (turnstile.isEmptyAt(waiter.refusal.budgetId)) lines.takeBack(waiter.refusal.budgetId)
  }
}

/** Asks, at once, unless somebody in another process has waited longer. */
function askInTurn(core: GuardRuntime, job: Job): MaybePromise<ReserveResult> {
  const { clock, lines } = core
  const waited = clock.monotonic() - job.startedAt
  if (waited >= LOOK_MS) lines.look()
  return lines.ahead(idsOf(job), waited) ?? ask(core, job)
}

/** The rate says when it has room; a slot may be given back at any moment, in another process too. */
function pauseFor({ reason, retryAt }: Refusal, now: number): number {
  if (reason !== 'perMinute' || retryAt === undefined) return LOOK_MS
  return Math.min(Math.max(retryAt - now, 1), LOOK_FOR_RATE_MS)
}

function ask(core: GuardRuntime, job: Job): MaybePromise<ReserveResult> {
  const now = core.clock.now()
  job.gate.admitTime(now)
  const request = {
    id: job.reservationId,
    ownerId: core.ownerId,
    path: job.account.path(job.grant.claims(job.admitted.origin, now), job.key, now),
    amount: job.amount,
    deadline: job.lapsesAt,
  }
  try {
    const result = core.ledger.reserve(request, now)
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

function refusal(result: Refusal, amount: Money, now: number): DeniedError {
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
        `Budget '${budgetId}': ${formatUsd(used as Money)} of ${formatUsd(limit as Money)} ${aDay(timeZone)} is spent or reserved, and this solve may cost ${formatUsd(amount)}.${again}`,
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

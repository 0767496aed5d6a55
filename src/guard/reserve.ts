import { isPromise, type MaybePromise } from '../base/async.js'
import { type DeniedError, SolveguardError } from '../base/errors.js'
import type { BudgetClaim, ReserveResult, ThresholdAlert } from '../ledger/ledger.js'
import { formatMs } from '../policy/duration.js'
import { formatUsd, type Money } from '../policy/money.js'
import { aDay } from './budgets.js'
import type { Core } from './core.js'
import { denied, ledgerDown } from './gate.js'
import { idsOf, type Job } from './job.js'

type Refusal = Extract<ReserveResult, { ok: false }>

/** How often to look for room that another process may have given back. */
const LOOK_MS = 250

/**
 * Takes a job's amount from every budget on its path: one ledger operation. With `policy.budget.wait` it stands in line
 * for rate and slots, in order; money is never waited for, since a day is too long.
 *
 * @throws DeniedError of the spending layer
 */
export function reserve(core: Core, job: Job): MaybePromise<readonly ThresholdAlert[]> {
  const waitMs = job.grant.policy.budget.waitMs ?? 0
  if (waitMs > 0) {
    const ahead = idsOf(job).find((id) => core.turnstile.busy(id))
    if (ahead) return standInLine(core, job, ahead, waitMs)
  }
  const result = ask(core, job)
  const decide = (answer: ReserveResult): MaybePromise<readonly ThresholdAlert[]> => {
    if (answer.ok) return answer.alerts
    if (waitMs > 0 && mayWait(answer)) return standInLine(core, job, answer.budgetId, waitMs)
    throw refusal(answer, job.amount, core.clock.now())
  }
  return isPromise(result) ? result.then(decide) : decide(result)
}

/** The budgets of the grant, and that of the account. */
function pathOf({ grant, admitted, account }: Job, now: number): readonly BudgetClaim[] {
  const claims = grant.claims(admitted.origin, now)
  return account.claim ? [...claims, account.claim.at(now)] : claims
}

async function standInLine(core: Core, job: Job, budgetId: string, waitMs: number): Promise<readonly ThresholdAlert[]> {
  const { clock, turnstile } = core
  const until = Math.min(clock.monotonic() + waitMs, job.deadlineAt)
  const leave = await turnstile.enter(budgetId, until - clock.monotonic())
  try {
    for (;;) {
      // Its caller has been answered: it must not take what others wait for, if only to give it back.
      if (job.over) throw new SolveguardError('SOLVE_ABORTED', 'Nobody waits for the solve any more.')
      const answer = await ask(core, job)
      if (answer.ok) return answer.alerts
      const left = until - clock.monotonic()
      if (!leave || !mayWait(answer) || left <= 0 || job.over || core.closed) {
        throw refusal(answer, job.amount, clock.now())
      }
      // The rate says when it has room; a slot may be given back at any moment, in another process too.
      const pause =
        answer.reason === 'perMinute' && answer.retryAt !== undefined ? answer.retryAt - clock.now() : LOOK_MS
      await turnstile.room(Math.min(Math.max(pause, 1), left))
    }
  } finally {
    leave?.()
  }
}

function ask(core: Core, job: Job): MaybePromise<ReserveResult> {
  const now = core.clock.now()
  const request = {
    id: job.reservationId,
    ownerId: core.ownerId,
    path: pathOf(job, now),
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
  const { budgetId, reason, retryAt, limit = 0, used = 0, timeZone, pause } = result
  const again =
    retryAt === undefined
      ? ''
      : ` Worth trying again at ${new Date(retryAt).toISOString()} (in ${formatMs(retryAt - now)}).`
  const details = { budgetId, limit, used, ...(timeZone !== undefined && { timeZone }) }
  switch (reason) {
    case 'paused':
      return denied(
        'GUARD_PAUSED',
        `Paused since ${new Date(pause?.at ?? now).toISOString()}: ${pause?.message ?? 'no reason kept'}`,
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

import { inspect } from 'node:util'
import { counted } from '../base/counted.js'
import { formatTime } from '../policy/format-time.js'
import { formatUsd, type Money } from '../policy/money.js'
import type { DayStatus, HolderPause, KeyStatus, SolverStatus, Status, TokenLinkStatus } from './types.js'

/**
 * A status in sentences: what is left of the budget, what is in use, what is wrong, and where everything is.
 * `console.log` prints a status like this too.
 *
 * @example
 * console.log(formatStatus(await guard.status()))
 * // checkout-tests: $4.99 of $5.00 left in 24 hours ($0.01 spent), 2 of 20 solves a minute, 0 of 10 slots in use.
 */
export function formatStatus(status: Status): string {
  const { name, day, minute, slots, paused, solvers, process } = status
  const use = `${ofCap(minute, 'solve', 'in the last minute')}, ${ofCap(slots, 'slot', 'in use')}`
  const several = solvers.length > 1
  return [
    paused && `PAUSED since ${formatTime(paused.at)}: ${paused.message}`,
    ...status.pauses.map(holderPauseOf),
    `${name}: ${formatDay(day)}, ${use}.`,
    ...status.links.map(linkOf),
    scheduleOf(status),
    ...solvers.map((solver) => solverOf(solver, several)),
    `Calls leave ${status.egress === 'direct' ? 'directly' : `by ${status.egress}`}${
      status.egressAddress === undefined ? '' : `, from ${status.egressAddress}`
    }.`,
    `Ledger: ${at(status.ledger)}. Audit log: ${at(status.audit)}${auditProblem(status)}.`,
    status.ledger.clocks &&
      `The clock here shows ${formatTime(status.ledger.clocks.here.getTime())}, that of the ledger ` +
        `${formatTime(status.ledger.clocks.ledger.getTime())}: one of them is wrong.`,
    ...status.alerts.flatMap(({ kind, place, pending, problem }) =>
      pending === 0 && problem === undefined
        ? []
        : `Alerts to ${kind} ${place}: ${pending} not delivered${problem === undefined ? '' : ` (${problem})`}.`,
    ),
    processOf(process),
  ]
    .filter((line) => line !== undefined && line !== '')
    .join('\n')
}

function holderPauseOf({ subject, token, reason }: HolderPause): string {
  const who = subject === undefined ? `token ${token}` : `subject '${subject}'`
  return `PAUSED, the ${who}, since ${formatTime(reason.at)}: ${reason.message}`
}

function linkOf({ id, subject, expiresAt, spent, reserved, paused, revoked }: TokenLinkStatus): string {
  const whose = subject === undefined ? '' : ` (${subject})`
  const state = revoked ? 'revoked' : `valid until ${formatTime(expiresAt.getTime())}${paused ? ', paused' : ''}`
  return `Link ${id}${whose}: ${formatUsd(spent)} spent, ${formatUsd(reserved)} reserved, ${state}.`
}

/** What is left of a daily amount, as `status` and messages say it: `$4.99 of $5.00 left in 24 hours ($0.01 spent)`. */
function formatDay({ cap, spent, reserved, left, moreAt, resetsAt, timeZone }: DayStatus): string {
  const period = resetsAt === undefined ? 'in 24 hours' : `until ${formatTime(resetsAt.getTime(), timeZone)}`
  const used = [`${formatUsd(spent)} spent`, reserved > 0 && `${formatUsd(reserved)} reserved`].filter(Boolean)
  const more = left === 0 && moreAt !== undefined ? `, more from ${formatTime(moreAt.getTime())} on` : ''
  return `${formatUsd(left)} of ${formatUsd(cap)} left ${period} (${used.join(', ')}${more})`
}

/** The status, printed by `console.log` and `inspect` as `formatStatus` formats it. Its fields and its JSON stay. */
export function printedAsSentence(status: Status): Status {
  return Object.defineProperty(status, inspect.custom, { value: () => formatStatus(status) })
}

function ofCap(
  { cap, used }: { readonly cap?: number | undefined; readonly used: number },
  unit: string,
  when: string,
): string {
  return cap === undefined ? `${counted(used, unit)} ${when}` : `${used} of ${counted(cap, unit)} ${when}`
}

function scheduleOf({ schedule: { open, changesAt, timeZone } }: Status): string | undefined {
  if (changesAt === undefined) return open ? undefined : 'Outside the working hours, and no opening is scheduled.'
  const time = formatTime(changesAt.getTime(), timeZone)
  return open ? `Open until ${time}.` : `Outside the working hours, which start at ${time}.`
}

function solverOf({ name, key, paused, day, minute, slots, threads, balance }: SolverStatus, several: boolean): string {
  const parts = [
    keyOf(key),
    several && day && accountDay(day),
    several && minute?.cap !== undefined && ofCap(minute, 'solve', 'in the last minute'),
    several && slots?.cap !== undefined && ofCap(slots, 'slot', 'in use'),
    threads && ofCap({ cap: threads.has, used: threads.used }, 'thread', 'in use'),
    balance && `balance ${formatUsd(balance.amount)} at ${formatTime(balance.at.getTime())}`,
    balance && balance.missing > 0 && `${formatUsd(balance.missing)} of it spent elsewhere`,
    several && paused && `PAUSED since ${formatTime(paused.at)}: ${paused.message.replace(/\.$/, '')}`,
  ]
  return `${name}: ${parts.filter(Boolean).join('; ')}.`
}

function keyOf({ place, version, createdAt, dueAt, expiresAt }: KeyStatus): string {
  if (version === undefined) return `key from ${place}, not fetched yet`
  const dates = [
    createdAt && `created ${formatTime(createdAt.getTime())}`,
    dueAt && `due for rotation ${formatTime(dueAt.getTime())}`,
    expiresAt && `expires ${formatTime(expiresAt.getTime())}`,
  ].filter(Boolean)
  return `key from ${place}, version ${version}${dates.length > 0 ? ` (${dates.join(', ')})` : ''}`
}

function accountDay({ cap, left, spent, reserved, ...day }: NonNullable<SolverStatus['day']>): string {
  if (cap === undefined || left === undefined) return `${formatUsd((spent + reserved) as Money)} spent or reserved`
  return formatDay({ cap, left, spent, reserved, ...day })
}

function at({ kind, place }: { readonly kind: string; readonly place?: string | undefined }): string {
  return place === undefined ? kind : `${kind}, ${place}`
}

function auditProblem({ audit: { lastError, pending, lost } }: Status): string {
  if (lastError === undefined) return lost > 0 ? `; ${counted(lost, 'record')} lost` : ''
  const since = formatTime(lastError.since.getTime())
  return `; it cannot be written since ${since}: ${lastError.message} (${pending} pending)`
}

function processOf({ solving, waiting, recovering, denied }: Status['process']): string | undefined {
  const codes = Object.entries(denied).map(([code, times]) => (times === 1 ? code : `${code} ×${times}`))
  const parts = [
    solving > 0 && `${solving} solving${waiting > 0 ? `, ${waiting} of them waiting for capacity` : ''}`,
    recovering > 0 && `${counted(recovering, 'task')} of ended processes followed`,
    codes.length > 0 && `denied: ${codes.join(', ')}`,
  ].filter(Boolean)
  return parts.length === 0 ? undefined : `This process: ${parts.join('; ')}.`
}

import type { ChainHead } from '../../base/chain.js'
import { isTime } from '../../base/clock.js'
import { DeniedError } from '../../base/errors.js'
import type { Money } from '../../policy/money.js'
import type {
  AttachedTask,
  BudgetClaim,
  CalendarCap,
  ClaimedTask,
  ClocksDiffer,
  Declarer,
  Limits,
  PauseReason,
  PreviewRequest,
  ReserveResult,
  ThresholdAlert,
  Usage,
} from '../ledger.js'
import { TOLERANCE_MS } from '../time.js'
import type { ScriptReply } from './link.js'

/*
 * From the replies of the scripts to the results of the interface. In a reply an absent number is `-1`, an absent
 * string is empty.
 */

/** One item of a reply. */
type ReplyItem = string | number | undefined

/** A list in groups of `size`. */
export function inGroups(items: readonly ReplyItem[], size: number): (readonly ReplyItem[])[] {
  return Array.from({ length: Math.floor(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

/** @param request in a reply, an alert has the index of its budget in the path, and a fact its index in `unless` */
export function readReserved([what, ...items]: ScriptReply, { path, unless = [] }: PreviewRequest): ReserveResult {
  const [budgetId = '', reason, limit, used, retryAt, timeZone, ownerId = '', endsIn, lease] = items
  if (what === 'ok')
    return { ok: true, alerts: items.length === 0 ? [] : inGroups(items, 5).map((each) => readAlert(each, path)) }
  if (what === 'paused') return { ok: false, budgetId: String(budgetId), reason: 'paused', pause: readReason(reason) }
  const forbidding = what === 'fact' ? unless[Number(items[0])] : undefined
  if (forbidding !== undefined) {
    const fact = { ...forbidding, value: String(items[1]) }
    return { ok: false, budgetId: path[0]?.id ?? '', reason: 'fact', fact }
  }
  if (what === 'denied' && (reason === 'perDay' || reason === 'perMinute' || reason === 'concurrent')) {
    return {
      ok: false,
      budgetId: String(budgetId),
      reason,
      limit: Number(limit),
      used: Number(used),
      retryAt: retryAt === '' ? undefined : toMidnight(Number(retryAt), path),
      timeZone: timeZone === '' ? undefined : String(timeZone),
      ...(ownerId !== '' && { declaredBy: readDeclarer([ownerId, endsIn, lease]) }),
    }
  }
  throw unreadable()
}

/** How long a call may be on its way to the server for a midnight to be recognised as the caller's, ms. */
const MAX_TRANSIT_MS = 1_000

/**
 * A time by the caller's clock. One that is a midnight of the caller's own claims is returned as exactly that, and not
 * later or earlier by the time that the call was on its way.
 */
function toMidnight(time: number, path: readonly BudgetClaim[]): number {
  const ends = path.flatMap(({ limits }) => (limits.perCalendarDay ?? []).map(({ end }) => end))
  return ends.find((end) => Math.abs(end - time) < MAX_TRANSIT_MS) ?? time
}

function readAlert(
  [at, which, used, limit, timeZone]: readonly ReplyItem[],
  path: readonly BudgetClaim[],
): ThresholdAlert {
  const claim = path[Number(at)]
  const threshold = claim?.alertsAt?.[Number(which)]
  if (claim === undefined || threshold === undefined) throw unreadable()
  const alert = { budgetId: claim.id, threshold, used: Number(used) as Money, limit: Number(limit) as Money }
  return timeZone === '' ? alert : { ...alert, timeZone: String(timeZone) }
}

/** Its id, in how long its lease ends, and how long that is, ms. */
export function readDeclarer([ownerId, endsIn, lease]: readonly ReplyItem[]): Declarer {
  return { ownerId: String(ownerId), silentMs: Number(lease) - Number(endsIn), endsInMs: Number(endsIn) }
}

export function readLimits([perDay, perMinute, concurrent, days]: readonly ReplyItem[]): Limits {
  return {
    perDay: limit(perDay) as Money | undefined,
    perCalendarDay: days === '' ? undefined : parse<CapTuple[]>(days).map(readCap),
    perMinute: limit(perMinute),
    concurrent: limit(concurrent),
  }
}

/** A calendar cap as the scripts take and return it. */
export type CapTuple = readonly [timeZone: string, amount: number, start: number, end: number]

export function capTuple({ timeZone, amount, start, end }: CalendarCap): CapTuple {
  return [timeZone, amount, start, end]
}

function readCap([timeZone, amount, start, end]: readonly ReplyItem[]): CalendarCap {
  return { timeZone: String(timeZone), amount: Number(amount) as Money, start: Number(start), end: Number(end) }
}

function limit(item: ReplyItem): number | undefined {
  return item === -1 ? undefined : Number(item)
}

export function readUsage(
  [
    ,
    spent,
    reserved,
    lastMinute,
    active,
    settled,
    unsure,
    solves,
    moreAt,
    perDay,
    perMinute,
    concurrent,
    paused,
    declaredDays,
    serverTime,
    ...days
  ]: ScriptReply,
  now: number,
): Usage {
  return {
    clocks: clocksOf(now, serverTime),
    spent: Number(spent) as Money,
    reserved: Number(reserved) as Money,
    lastMinute: Number(lastMinute),
    active: Number(active),
    declared: readLimits([perDay, perMinute, concurrent, declaredDays]),
    days:
      days.length === 0
        ? undefined
        : inGroups(days, 5).map((items) => ({ ...readCap(items), spent: Number(items[4]) as Money })),
    paused: paused === '' ? undefined : readReason(paused),
    moreAt: moreAt === '' ? undefined : Number(moreAt),
    totals: { settled: Number(settled) as Money, unsure: Number(unsure) as Money, solves: Number(solves) },
  }
}

/** The caller's clock and the server's, if they differ. */
export function clocksOf(caller: number, serverTime: ReplyItem): ClocksDiffer | undefined {
  const ledger = Number(serverTime)
  return Math.abs(caller - ledger) > TOLERANCE_MS ? { caller, ledger } : undefined
}

export function readTask([reservationId, amount, deadline, path, task]: readonly ReplyItem[]): ClaimedTask {
  const { solver, taskId, keyVersion, family, egressRoute } = parse<AttachedTask>(task)
  return {
    solver,
    taskId,
    keyVersion,
    family,
    ...(egressRoute !== undefined && { egressRoute }),
    reservationId: String(reservationId),
    amount: Number(amount) as Money,
    deadline: Number(deadline),
    path: parse<string[]>(path),
  }
}

function readReason(item: ReplyItem): PauseReason {
  const { code, message, at } = parse<Partial<PauseReason> | null>(item) ?? {}
  if (typeof code !== 'string' || typeof message !== 'string' || !isTime(at)) throw unreadable()
  return { code, message, at }
}

export function readHead([file, head]: readonly ReplyItem[]): ChainHead {
  const [seq, hash = '', end] = String(head).split(' ')
  return { file: String(file), seq: Number(seq), hash, end: end === 'whole' || end === 'torn' ? end : undefined }
}

function parse<T>(item: ReplyItem): T {
  try {
    return JSON.parse(String(item)) as T
  } catch {
    throw unreadable()
  }
}

function unreadable(): DeniedError {
  return new DeniedError('LEDGER_UNAVAILABLE', 'The reply of the ledger in Redis cannot be read: its data is damaged.')
}

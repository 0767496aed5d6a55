import type { ChainHead } from '../../base/chain.js'
import { DeniedError } from '../../base/errors.js'
import type { Money } from '../../policy/money.js'
import type {
  AttachedTask,
  BudgetClaim,
  CalendarCap,
  ClaimedTask,
  Limits,
  PauseReason,
  ReserveResult,
  ThresholdAlert,
  Usage,
} from '../ledger.js'
import type { Reply } from './link.js'

/** What the scripts answer, as the interface has it. Numbers that are not there are `-1`, texts are empty. */
type Word = string | number | undefined

/** A list by groups of `size`. */
export function inGroups(words: readonly Word[], size: number): (readonly Word[])[] {
  return Array.from({ length: Math.floor(words.length / size) }, (_, i) => words.slice(i * size, (i + 1) * size))
}

/** @param path the path of the request, by whose places alerts are told */
export function readReserved([what, ...words]: Reply, path: readonly BudgetClaim[]): ReserveResult {
  const [budgetId = '', reason, limit, used, retryAt, timeZone] = words
  if (what === 'ok')
    return { ok: true, alerts: words.length === 0 ? [] : inGroups(words, 5).map((each) => readAlert(each, path)) }
  if (what === 'paused') return { ok: false, budgetId: String(budgetId), reason: 'paused', pause: readReason(reason) }
  if (what === 'denied' && (reason === 'perDay' || reason === 'perMinute' || reason === 'concurrent')) {
    return {
      ok: false,
      budgetId: String(budgetId),
      reason,
      limit: Number(limit),
      used: Number(used),
      retryAt: retryAt === '' ? undefined : toMidnight(Number(retryAt), path),
      timeZone: timeZone === '' ? undefined : String(timeZone),
    }
  }
  throw unreadable()
}

/** How much later than the caller's now a call may reach the server, ms, without a midnight being told as the moment before it. */
const ON_ITS_WAY_MS = 1_000

/** A time by the caller's clock: a midnight of its own claims as that, and not earlier by how long the call was on its way. */
function toMidnight(time: number, path: readonly BudgetClaim[]): number {
  const ends = path.flatMap(({ limits }) => (limits.perCalendarDay ?? []).map(({ end }) => end))
  return ends.find((end) => Math.abs(end - time) < ON_ITS_WAY_MS) ?? time
}

function readAlert([at, which, used, limit, timeZone]: readonly Word[], path: readonly BudgetClaim[]): ThresholdAlert {
  const claim = path[Number(at)]
  const threshold = claim?.alertsAt?.[Number(which)]
  if (claim === undefined || threshold === undefined) throw unreadable()
  const alert = { budgetId: claim.id, threshold, used: Number(used) as Money, limit: Number(limit) as Money }
  return timeZone === '' ? alert : { ...alert, timeZone: String(timeZone) }
}

export function readLimits([perDay, perMinute, concurrent, days]: readonly Word[]): Limits {
  return {
    perDay: limit(perDay) as Money | undefined,
    perCalendarDay: days === '' ? undefined : parse<CapWords[]>(days).map(readCap),
    perMinute: limit(perMinute),
    concurrent: limit(concurrent),
  }
}

/** A calendar cap as the scripts have it. */
export type CapWords = readonly [timeZone: string, amount: number, start: number, end: number]

export function capWords({ timeZone, amount, start, end }: CalendarCap): CapWords {
  return [timeZone, amount, start, end]
}

function readCap([timeZone, amount, start, end]: readonly Word[]): CalendarCap {
  return { timeZone: String(timeZone), amount: Number(amount) as Money, start: Number(start), end: Number(end) }
}

function limit(word: Word): number | undefined {
  return word === -1 ? undefined : Number(word)
}

export function readUsage([
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
  ...days
]: Reply): Usage {
  return {
    spent: Number(spent) as Money,
    reserved: Number(reserved) as Money,
    lastMinute: Number(lastMinute),
    active: Number(active),
    declared: readLimits([perDay, perMinute, concurrent, declaredDays]),
    days:
      days.length === 0
        ? undefined
        : inGroups(days, 5).map((words) => ({ ...readCap(words), spent: Number(words[4]) as Money })),
    paused: paused === '' ? undefined : readReason(paused),
    moreAt: moreAt === '' ? undefined : Number(moreAt),
    totals: { settled: Number(settled) as Money, unsure: Number(unsure) as Money, solves: Number(solves) },
  }
}

export function readTask([reservationId, amount, deadline, path, task]: readonly Word[]): ClaimedTask {
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

function readReason(word: Word): PauseReason {
  const { code, message, at } = parse<PauseReason>(word)
  return { code, message, at }
}

export function readHead([file, head]: readonly Word[]): ChainHead {
  const [seq, hash = ''] = String(head).split(' ')
  return { file: String(file), seq: Number(seq), hash }
}

function parse<T>(word: Word): T {
  try {
    return JSON.parse(String(word)) as T
  } catch {
    throw unreadable()
  }
}

function unreadable(): DeniedError {
  return new DeniedError('LEDGER_UNAVAILABLE', 'What the ledger in Redis answered cannot be read: it is damaged.')
}

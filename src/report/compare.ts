import type { DayUsage, LedgerReader } from '../ledger/open.js'
import { DAY, slotExpiresAt, slotOf } from '../ledger/windows.js'
import { dayAt } from '../policy/calendar.js'
import { type Money, micros } from '../policy/money.js'
import type { Fold, GuardFold, SlotSums } from './fold.js'

/** What the ledger counts for one guard in one window, and what the log has of the same time. */
export interface Comparison {
  readonly guard: string
  /** `24 hours`, or the calendar day of a time zone. */
  readonly window: string
  /** What the ledger counts as spent, micro-dollars. */
  readonly ledger: Money
  /** What is reserved there, micro-dollars. */
  readonly reserved: Money
  /** The cap of the window, if a guard that lives declares one, micro-dollars. */
  readonly cap: Money | undefined
  /** What solves cost that the log has the end of, micro-dollars. */
  readonly log: Money
  /** What solves that it has no end of may have cost at most, micro-dollars. */
  readonly open: Money
  /** Whether the two say the same, as far as the log can know. */
  readonly agrees: boolean
  /** By how much they differ at least, micro-dollars; 0 where they agree. */
  readonly difference: Money
  /** Which of the two has more. */
  readonly higher: 'ledger' | 'log' | undefined
  /** What may be the reason, and what to do, as sentences. */
  readonly reason: string | undefined
}

const REASONS = {
  ledger:
    'The ledger has more. The log of some solves is in another folder or on another machine, or files of it were ' +
    'removed (`solveguard audit verify` names them); or a solve could not be settled, and its whole reservation counts.',
  log:
    'The log has more. The ledger is not the one that these solves drew on (another state folder or server), or it ' +
    'was replaced, rolled back or emptied; or lines were added to the log (`solveguard audit verify` names them).',
} as const

/**
 * Compares what a log and a ledger say that guards have spent: in the last 24 hours, and on the current day of each
 * calendar that a guard declares. The ledger knows no earlier time.
 *
 * Solves go on meanwhile, so where the two differ, both are read once more: what the ledger has said before and after
 * the log was read has to include what the log says.
 *
 * @param first the log, read just now
 * @param look reads the log again
 * @param names further guards that the ledger may know
 * @throws DeniedError `LEDGER_UNAVAILABLE`
 */
export async function compareWithLedger(
  reader: Pick<LedgerReader, 'status'>,
  first: Fold,
  look: () => Promise<Fold>,
  clock: { now(): number },
  names: readonly string[] = [],
): Promise<readonly Comparison[]> {
  const all = [...new Set([...first.guards.map(({ guard }) => guard), ...names])].filter((name) => name !== '')
  const results: Comparison[] = []
  for (const name of all) {
    const status = await reader.status(name)
    const found = windowsOf(name, guardOf(first, name), status, status, clock.now())
    if (found.every(({ agrees }) => agrees)) results.push(...found)
    else {
      const before = await reader.status(name)
      const again = guardOf(await look(), name)
      results.push(...windowsOf(name, again, before, await reader.status(name), clock.now()))
    }
  }
  return results
}

function guardOf(fold: Fold, name: string): GuardFold | undefined {
  return fold.guards.find(({ guard }) => guard === name)
}

type Status = Awaited<ReturnType<LedgerReader['status']>>

function windowsOf(
  guard: string,
  log: GuardFold | undefined,
  before: Status,
  after: Status,
  now: number,
): Comparison[] {
  const windows = [windowOf(guard, '24 hours', log, before.day, after.day, firstSlot(now))]
  for (const day of after.calendarDays) {
    const { timeZone = 'UTC' } = day
    const earlier = before.calendarDays.find((one) => one.timeZone === timeZone && +(one.resetsAt ?? 0) > now) ?? day
    const from = slotOf(DAY, dayAt(timeZone, now).start)
    windows.push(windowOf(guard, `the day in ${timeZone}`, log, earlier, day, from))
  }
  return windows
}

/** The first slot that counts in the last 24 hours. */
function firstSlot(now: number): number {
  const slot = slotOf(DAY, now - DAY.spanMs)
  return slotExpiresAt(DAY, slot - 1) > now ? slot - 1 : slot
}

function windowOf(
  guard: string,
  window: string,
  log: GuardFold | undefined,
  before: DayUsage,
  after: DayUsage,
  from: number,
): Comparison {
  const within = { spent: 0, recovered: 0, open: 0 }
  // A solve is recorded before it is settled: what is in the slot before may count in the first one.
  let edge = 0
  for (const [slot, sums] of log?.slots ?? []) {
    within.open += sums.open
    if (slot >= from) addTo(within, sums)
    else if (slot === from - 1) edge += sums.spent
  }
  // What another process settled may count earlier, as of when its reservation expired.
  const least = within.spent - within.recovered
  const most = within.spent + edge + within.open
  const [low, high] = [Math.min(before.spent, after.spent), Math.max(before.spent, after.spent)]
  // What is reserved explains no more than what the log has no beginning of.
  const reserved = Math.max(0, Math.max(before.reserved, after.reserved) - within.open)
  const missing = Math.max(0, low - most)
  const excess = Math.max(0, least - high - reserved)
  const higher = missing > 0 ? 'ledger' : excess > 0 ? 'log' : undefined
  return {
    guard,
    window,
    ledger: after.spent,
    reserved: after.reserved,
    cap: after.cap,
    log: micros(within.spent),
    open: micros(within.open),
    agrees: higher === undefined,
    difference: micros(missing + excess),
    higher,
    reason: higher && REASONS[higher],
  }
}

function addTo(sums: { spent: number; recovered: number }, { spent, recovered }: SlotSums): void {
  sums.spent += spent
  sums.recovered += recovered
}

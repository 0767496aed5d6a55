import type { Money } from '../policy/money.js'
import type { BudgetClaim, CalendarCap, Limits, PauseReason, ThresholdAlert, Usage } from './ledger.js'
import { DAY, dayEnd, dayStart, MAX_DAY_MS, MINUTE, SlidingSum, type SlotAmount, slotOf, tightest } from './windows.js'

export const NO_LIMITS: Limits = {}
const NO_THRESHOLDS: readonly number[] = []
const NO_CAPS: readonly CalendarCap[] = []

/** Why one budget refuses a solve. */
export interface Obstacle {
  readonly reason: 'paused' | 'perDay' | 'perMinute' | 'concurrent'
  readonly limit?: number | undefined
  readonly used?: number | undefined
  readonly timeZone?: string | undefined
  readonly pause?: PauseReason | undefined
}

/** An alert that a reservation gave, as it is recorded. */
export type BookedAlert = readonly [budgetId: string, threshold: number, timeZone?: string]

const NO_ALERTS: readonly BookedAlert[] = []

/** The alerts of a reservation, to be recorded. */
export function bookedAlerts(alerts: readonly ThresholdAlert[]): readonly BookedAlert[] {
  if (alerts.length === 0) return NO_ALERTS
  return alerts.map(({ budgetId, threshold, timeZone }) =>
    timeZone === undefined ? [budgetId, threshold] : [budgetId, threshold, timeZone],
  )
}

/** What counts in one budget, and what that still allows. */
export class BudgetState {
  readonly spent: SlidingSum
  readonly made: SlidingSum
  reserved = 0
  active = 0
  paused: PauseReason | undefined
  /** When each threshold's alert was last given, by threshold; those of a calendar's day by `alertKey`. */
  alertedAt: Map<number | string, number> | undefined
  /** The tightest limits that live owners declared. */
  declared = NO_LIMITS
  settled = 0
  unsure = 0
  solves = 0
  #marked: SlotAmount | undefined

  constructor(spent = new SlidingSum(DAY), made = new SlidingSum(MINUTE), marked?: SlotAmount) {
    this.spent = spent
    this.made = made
    this.#marked = marked
  }

  /** What was spent before the doubt, in the slot in which it began. */
  get marked(): SlotAmount | undefined {
    return this.#marked
  }

  /**
   * Why an amount is refused at `at`, or undefined if it is not.
   * @param ahead how far `at` is ahead of the clocks that calendar days are stated by
   * @param alerts receives the alerts that granting it would give
   */
  obstacle(
    { id, limits, alertsAt }: BudgetClaim,
    amount: number,
    at: number,
    ahead: number,
    alerts: ThresholdAlert[],
  ): Obstacle | undefined {
    if (this.paused !== undefined) return { reason: 'paused', pause: this.paused }
    const { perDay, perCalendarDay, perMinute, concurrent } = tightest(limits, this.declared, at - ahead)
    const used = this.spent.at(at) + this.reserved
    if (perDay !== undefined) {
      if (used + amount > perDay) return { reason: 'perDay', limit: perDay, used }
      if (alertsAt !== undefined) {
        for (const threshold of alertsAt) {
          if (!reaches(used + amount, threshold, perDay)) break
          const last = this.alertedAt?.get(threshold)
          if (last !== undefined && at < last + DAY.spanMs) continue
          alerts.push({ budgetId: id, threshold, used: (used + amount) as Money, limit: perDay })
        }
      }
    }
    if (perCalendarDay !== undefined) {
      for (const cap of perCalendarDay) {
        const obstacle = this.#calendarObstacle(id, byLedger(cap, ahead), alertsAt ?? NO_THRESHOLDS, amount, at, alerts)
        if (obstacle !== undefined) return obstacle
      }
    }
    const made = this.made.at(at)
    if (perMinute !== undefined && made >= perMinute) return { reason: 'perMinute', limit: perMinute, used: made }
    if (concurrent !== undefined && this.active >= concurrent)
      return { reason: 'concurrent', limit: concurrent, used: this.active }
    return undefined
  }

  #calendarObstacle(
    budgetId: string,
    cap: CalendarCap,
    alertsAt: readonly number[],
    amount: number,
    at: number,
    alerts: ThresholdAlert[],
  ): Obstacle | undefined {
    const { amount: limit, timeZone } = cap
    const from = dayStart(cap, at)
    const used = this.spent.since(from) + this.reserved
    if (used + amount > limit) return { reason: 'perDay', limit, used, timeZone }
    for (const threshold of alertsAt) {
      if (!reaches(used + amount, threshold, limit)) break
      const last = this.alertedAt?.get(alertKey(threshold, timeZone))
      if (last !== undefined && last >= from) continue
      alerts.push({ budgetId, threshold, used: (used + amount) as Money, limit, timeZone })
    }
    return undefined
  }

  /**
   * When this budget no longer refuses the amount; `at` if it does not refuse. Undefined where time alone changes
   * nothing.
   * @param nthDeadline the n-th deadline, from the earliest, among this budget's open reservations
   */
  capacityAt(
    limits: Limits,
    amount: number,
    at: number,
    ahead: number,
    nthDeadline: (n: number) => number,
  ): number | undefined {
    const { perDay, perCalendarDay = NO_CAPS, perMinute, concurrent } = tightest(limits, this.declared, at - ahead)
    if ((perDay ?? Infinity) < amount || (perMinute ?? 1) < 1 || (concurrent ?? 1) < 1) return undefined
    if (this.paused !== undefined || perCalendarDay.some((cap) => cap.amount < amount)) return undefined
    let freeAt = at
    const excess = perDay === undefined ? 0 : this.spent.at(at) + this.reserved + amount - perDay
    if (excess > 0) freeAt = this.spent.goneAt(excess) ?? nthDeadline(1)
    for (const stated of perCalendarDay) {
      const cap = byLedger(stated, ahead)
      const spent = this.spent.since(dayStart(cap, at))
      const over = spent + this.reserved + amount - cap.amount
      if (over > 0) freeAt = Math.max(freeAt, spent >= over ? dayEnd(cap, at) : nthDeadline(1))
    }
    const overRate = perMinute === undefined ? 0 : this.made.at(at) + 1 - perMinute
    if (overRate > 0) freeAt = Math.max(freeAt, this.made.goneAt(overRate) ?? at)
    const overActive = concurrent === undefined ? 0 : this.active + 1 - concurrent
    return overActive > 0 ? Math.max(freeAt, nthDeadline(overActive)) : freeAt
  }

  recordAlert([, threshold, timeZone]: BookedAlert, at: number): void {
    this.alertedAt ??= new Map()
    this.alertedAt.set(timeZone === undefined ? threshold : alertKey(threshold, timeZone), at)
  }

  /** Times in the result are by the clocks that `at` is ahead of. */
  usage(at: number, ahead: number, days?: readonly CalendarCap[]): Usage {
    const spent = this.spent.at(at) as Money
    const wall = at - ahead
    const { perCalendarDay } = tightest({ perCalendarDay: days }, this.declared, wall)
    const moreAt = this.spent.goneAt(1)
    return {
      spent,
      reserved: this.reserved as Money,
      lastMinute: this.made.at(at),
      active: this.active,
      declared: this.declared,
      days: perCalendarDay?.map((cap) => {
        const start = dayStart(cap, wall)
        return { ...cap, start, end: dayEnd(cap, wall), spent: this.spent.since(start + ahead) as Money }
      }),
      paused: this.paused,
      moreAt: moreAt === undefined ? undefined : moreAt - ahead,
      totals: { settled: this.settled as Money, unsure: this.unsure as Money, solves: this.solves },
    }
  }

  /** Notes what is spent until now: what is spent after it is in doubt. */
  beginDoubt(at: number): void {
    this.#marked = this.spent.mark(at)
  }

  /** What was spent in doubt was counted rightly. */
  endDoubt(): void {
    this.#marked = undefined
  }

  /**
   * @param to as of when what was spent in doubt counts
   * @param now the latest time that any process may have carried out: what no longer counted then is not moved
   */
  moveDoubt(from: number, to: number, now: number): void {
    const marked = this.#marked ?? [slotOf(DAY, from), 0]
    this.#marked = undefined
    this.spent.move(marked, to, now)
    for (const [key, at] of this.alertedAt ?? []) if (at >= from) this.alertedAt?.set(key, to)
  }

  /** Whether the budget can be forgotten: nothing of it counts any more, and nothing holds for it. */
  isIdle(at: number): boolean {
    if (this.active > 0 || this.paused !== undefined || this.declared !== NO_LIMITS) return false
    if (this.spent.at(at) > 0 || !this.spent.isEmpty || this.made.at(at) > 0) return false
    for (const alertedAt of this.alertedAt?.values() ?? []) if (at < alertedAt + MAX_DAY_MS) return false
    return true
  }
}

/** A calendar cap, its day in the ledger's time. */
function byLedger(cap: CalendarCap, ahead: number): CalendarCap {
  return ahead === 0 ? cap : { ...cap, start: cap.start + ahead, end: cap.end + ahead }
}

function alertKey(threshold: number, timeZone: string): string {
  return `${threshold} ${timeZone}`
}

/**
 * Whether an amount reaches a threshold. A threshold is a decimal fraction, so a millionth of a micro-dollar is
 * tolerated.
 */
function reaches(used: number, threshold: number, limit: number): boolean {
  return used + 1e-6 >= threshold * limit
}

import type { Money } from '../policy/money.js'
import type { BudgetClaim, CalendarCap, Limits, PauseReason, ThresholdAlert, Usage } from './ledger.js'
import { countsFrom, DAY, LONGEST_DAY_MS, MINUTE, resetsAt, SlidingSum, tightest } from './windows.js'

export const NO_LIMITS: Limits = {}
const NO_THRESHOLDS: readonly number[] = []
const NO_CAPS: readonly CalendarCap[] = []

/** What is in the way of a solve in one budget. */
export interface Obstacle {
  readonly reason: 'paused' | 'perDay' | 'perMinute' | 'concurrent'
  readonly limit?: number | undefined
  readonly used?: number | undefined
  readonly timeZone?: string | undefined
  readonly pause?: PauseReason | undefined
}

/** An alert that a reservation gave, as it is booked. */
export type TakenAlert = readonly [budgetId: string, threshold: number, timeZone?: string]

const NONE_TAKEN: readonly TakenAlert[] = []

/** The alerts of a reservation, to be booked. */
export function takenAlerts(alerts: readonly ThresholdAlert[]): readonly TakenAlert[] {
  if (alerts.length === 0) return NONE_TAKEN
  return alerts.map(({ budgetId, threshold, timeZone }) =>
    timeZone === undefined ? [budgetId, threshold] : [budgetId, threshold, timeZone],
  )
}

/** One budget's account: what counts in it, and what that leaves room for. */
export class BudgetState {
  readonly spent: SlidingSum
  readonly made: SlidingSum
  reserved = 0
  active = 0
  paused: PauseReason | undefined
  /** When each threshold's alert was last given; those of a calendar's day by `alertName`. */
  alerted: Map<number | string, number> | undefined
  /** The tightest that live owners declared. */
  declared = NO_LIMITS
  settled = 0
  unsure = 0
  solves = 0

  constructor(spent = new SlidingSum(DAY), made = new SlidingSum(MINUTE)) {
    this.spent = spent
    this.made = made
  }

  /**
   * What is in the way of an amount at `at`, or undefined.
   * @param alerts gets those that taking it would give
   */
  obstacle(
    { id, limits, alertsAt }: BudgetClaim,
    amount: number,
    at: number,
    alerts: ThresholdAlert[],
  ): Obstacle | undefined {
    if (this.paused !== undefined) return { reason: 'paused', pause: this.paused }
    const { perDay, perCalendarDay, perMinute, concurrent } = tightest(limits, this.declared)
    const used = this.spent.at(at) + this.reserved
    if (perDay !== undefined) {
      if (used + amount > perDay) return { reason: 'perDay', limit: perDay, used }
      if (alertsAt !== undefined) {
        for (const threshold of alertsAt) {
          if (!reaches(used + amount, threshold, perDay)) break
          const last = this.alerted?.get(threshold)
          if (last !== undefined && at < last + DAY.spanMs) continue
          alerts.push({ budgetId: id, threshold, used: (used + amount) as Money, limit: perDay })
        }
      }
    }
    if (perCalendarDay !== undefined) {
      for (const cap of perCalendarDay) {
        const obstacle = this.#calendarObstacle(id, cap, alertsAt ?? NO_THRESHOLDS, amount, at, alerts)
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
    const from = countsFrom(cap, at)
    const used = this.spent.since(from) + this.reserved
    if (used + amount > limit) return { reason: 'perDay', limit, used, timeZone }
    for (const threshold of alertsAt) {
      if (!reaches(used + amount, threshold, limit)) break
      const last = this.alerted?.get(alertName(threshold, timeZone))
      if (last !== undefined && last >= from) continue
      alerts.push({ budgetId, threshold, used: (used + amount) as Money, limit, timeZone })
    }
    return undefined
  }

  /**
   * When all that is in the way here will be gone, `at` if nothing is; undefined where time alone changes nothing.
   * @param deadline the n-th deadline, from the earliest, among what is under way here
   */
  roomAt(limits: Limits, amount: number, at: number, deadline: (n: number) => number): number | undefined {
    const { perDay, perCalendarDay = NO_CAPS, perMinute, concurrent } = tightest(limits, this.declared)
    if ((perDay ?? Infinity) < amount || (perMinute ?? 1) < 1 || (concurrent ?? 1) < 1) return undefined
    if (this.paused !== undefined || perCalendarDay.some((cap) => cap.amount < amount)) return undefined
    let room = at
    const excess = perDay === undefined ? 0 : this.spent.at(at) + this.reserved + amount - perDay
    if (excess > 0) room = this.spent.goneAt(excess) ?? deadline(1)
    for (const cap of perCalendarDay) {
      const spent = this.spent.since(countsFrom(cap, at))
      const over = spent + this.reserved + amount - cap.amount
      if (over > 0) room = Math.max(room, spent >= over ? resetsAt(cap, at) : deadline(1))
    }
    const tooMany = perMinute === undefined ? 0 : this.made.at(at) + 1 - perMinute
    if (tooMany > 0) room = Math.max(room, this.made.goneAt(tooMany) ?? at)
    const tooBusy = concurrent === undefined ? 0 : this.active + 1 - concurrent
    return tooBusy > 0 ? Math.max(room, deadline(tooBusy)) : room
  }

  alert([, threshold, timeZone]: TakenAlert, at: number): void {
    this.alerted ??= new Map()
    this.alerted.set(timeZone === undefined ? threshold : alertName(threshold, timeZone), at)
  }

  usage(at: number, days?: readonly CalendarCap[]): Usage {
    const spent = this.spent.at(at) as Money
    const { perCalendarDay } = tightest({ perCalendarDay: days }, this.declared)
    return {
      spent,
      reserved: this.reserved as Money,
      lastMinute: this.made.at(at),
      active: this.active,
      declared: this.declared,
      days: perCalendarDay?.map((cap) => {
        const start = countsFrom(cap, at)
        return { ...cap, start, end: resetsAt(cap, at), spent: this.spent.since(start) as Money }
      }),
      paused: this.paused,
      moreAt: this.spent.goneAt(1),
      totals: { settled: this.settled as Money, unsure: this.unsure as Money, solves: this.solves },
    }
  }

  /** Whether there is nothing to say of it any more. */
  isIdle(at: number): boolean {
    if (this.active > 0 || this.paused !== undefined || this.declared !== NO_LIMITS) return false
    if (this.spent.at(at) > 0 || !this.spent.isEmpty || this.made.at(at) > 0) return false
    for (const alerted of this.alerted?.values() ?? []) if (at < alerted + LONGEST_DAY_MS) return false
    return true
  }
}

function alertName(threshold: number, timeZone: string): string {
  return `${threshold} ${timeZone}`
}

/** Whether an amount is at a threshold. It is a fraction that a person wrote: what is a millionth of a cent away from it is on it. */
function reaches(used: number, threshold: number, limit: number): boolean {
  return used + 1e-6 >= threshold * limit
}

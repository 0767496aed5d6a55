import type { BudgetClaim, CalendarCap, ReserveRequest, ThresholdAlert } from '../../src/ledger/ledger.js'
import type { Money } from '../../src/policy/money.js'

/** One reservation as the model remembers it. Nothing is ever forgotten or summed up. */
export interface Deal {
  readonly id: string
  readonly madeAt: number
  readonly amount: number
  readonly deadline: number
  readonly path: readonly string[]
  settled?: { readonly at: number; readonly cost: number }
}

export type Reason = 'perDay' | 'perMinute' | 'concurrent'
export type Verdict =
  | { ok: true }
  | { ok: false; budgetId: string; reason: Reason; used: number; limit: number; timeZone?: string }
type Asked = Pick<ReserveRequest, 'path' | 'amount'>

const HOUR = 3_600_000
const endOfSlot = (at: number, ms: number) => (Math.floor(at / ms) + 1) * ms

/** When a deal's money started to count as spent, and how much. */
function spending(deal: Deal): { from: number; cost: number } {
  if (deal.settled === undefined) return { from: deal.deadline, cost: deal.amount }
  return { from: Math.min(deal.settled.at, deal.deadline), cost: deal.settled.cost }
}

/** A ledger as its promises are written, by looking at every deal each time. Slow, and too simple to be wrong. */
export class Model {
  readonly deals: Deal[] = []
  seen = 0
  /** When which alert was given, by budget, threshold and calendar. */
  readonly #alerted = new Map<string, number>()

  /** The time that counts: never earlier than any before. */
  time(now: number): number {
    this.seen = Math.max(this.seen, now)
    return this.seen
  }

  #of(budgetId: string): Deal[] {
    return this.deals.filter(({ path }) => path.includes(budgetId))
  }

  isActive(deal: Deal, at: number): boolean {
    return deal.settled === undefined && at < deal.deadline
  }

  active(budgetId: string, at: number): number {
    return this.#of(budgetId).filter((deal) => this.isActive(deal, at)).length
  }

  reserved(budgetId: string, at: number): number {
    return this.#of(budgetId).reduce((sum, deal) => sum + (this.isActive(deal, at) ? deal.amount : 0), 0)
  }

  /** @param rounded whether an amount counts to the end of its slot, or for exactly 24 hours */
  spent(budgetId: string, at: number, rounded = true): number {
    let sum = 0
    for (const deal of this.#of(budgetId)) {
      if (this.isActive(deal, at)) continue
      const { from, cost } = spending(deal)
      if (at < (rounded ? endOfSlot(from, 300_000) : from) + 24 * HOUR) sum += cost
    }
    return sum
  }

  /** What was spent on a calendar's day, by the time at which it was settled or expired. */
  spentSince(budgetId: string, from: number, at: number): number {
    const since = this.#of(budgetId).filter(
      (deal) => !this.isActive(deal, at) && endOfSlot(spending(deal).from, 300_000) > from,
    )
    return since.reduce((sum, deal) => sum + spending(deal).cost, 0)
  }

  /** What was taken in a calendar's day, by the time at which it was reserved. */
  takenIn(budgetId: string, { start, end }: CalendarCap, at: number): number {
    const made = this.#of(budgetId).filter(({ madeAt }) => madeAt >= start && madeAt < end)
    return made.reduce((sum, deal) => sum + (this.isActive(deal, at) ? deal.amount : spending(deal).cost), 0)
  }

  /**
   * When the day has begun that a cap counts for: the one after it where it is over; where it has not begun, all of 27
   * hours count.
   */
  dayBegan({ start, end }: CalendarCap, at: number): number {
    return at >= end ? Math.max(end, at - 27 * HOUR) : at < start ? at - 27 * HOUR : start
  }

  #day(budgetId: string, cap: CalendarCap, at: number): number {
    return this.reserved(budgetId, at) + this.spentSince(budgetId, this.dayBegan(cap, at), at)
  }

  /** The alerts that a request gives that is taken at `at`; each only once in its window. */
  alerts({ path, amount }: Asked, at: number): ThresholdAlert[] {
    const alerts: ThresholdAlert[] = []
    const look = (id: string, threshold: number, used: number, limit: Money, from: number, timeZone?: string): void => {
      const name = `${id} ${threshold} ${timeZone}`
      const last = this.#alerted.get(name) ?? Number.NEGATIVE_INFINITY
      if (used < threshold * limit || last >= from) return
      this.#alerted.set(name, at)
      alerts.push({ budgetId: id, threshold, used: used as Money, limit, ...(timeZone && { timeZone }) })
    }
    for (const { id, limits, alertsAt = [] } of path) {
      const used = this.reserved(id, at) + this.spent(id, at) + amount
      const { perDay, perCalendarDay = [] } = limits
      if (perDay !== undefined) for (const threshold of alertsAt) look(id, threshold, used, perDay, at - 24 * HOUR + 1)
      for (const cap of perCalendarDay) {
        for (const threshold of alertsAt) {
          look(id, threshold, this.#day(id, cap, at) + amount, cap.amount, this.dayBegan(cap, at), cap.timeZone)
        }
      }
    }
    return alerts
  }

  made(budgetId: string, at: number, rounded = true): number {
    return this.#of(budgetId).filter(({ madeAt }) => at < (rounded ? endOfSlot(madeAt, 1000) : madeAt) + 60_000).length
  }

  verdict(request: Asked, at: number): Verdict {
    for (const { id, limits } of request.path) {
      const { perDay = Infinity, perCalendarDay = [], perMinute = Infinity, concurrent = Infinity } = limits
      const used = this.reserved(id, at) + this.spent(id, at)
      if (used + request.amount > perDay) return { ok: false, budgetId: id, reason: 'perDay', used, limit: perDay }
      for (const cap of perCalendarDay) {
        const { amount: limit, timeZone } = cap
        const day = this.#day(id, cap, at)
        if (day + request.amount > limit)
          return { ok: false, budgetId: id, reason: 'perDay', used: day, limit, timeZone }
      }
      const made = this.made(id, at)
      if (made >= perMinute) return { ok: false, budgetId: id, reason: 'perMinute', used: made, limit: perMinute }
      const active = this.active(id, at)
      if (active >= concurrent)
        return { ok: false, budgetId: id, reason: 'concurrent', used: active, limit: concurrent }
    }
    return { ok: true }
  }

  /** The first moment after `at` at which the request would be taken if nothing else happened, by trying them all. */
  firstCapacity(request: Asked, at: number): number | undefined {
    const moments = new Set<number>()
    for (const deal of this.deals) {
      moments.add(deal.deadline)
      moments.add(endOfSlot(spending(deal).from, 300_000) + 24 * HOUR)
      moments.add(endOfSlot(deal.madeAt, 1000) + 60_000)
    }
    for (const { limits } of request.path) for (const { end } of limits.perCalendarDay ?? []) moments.add(end)
    const later = [...moments].filter((moment) => moment > at).sort((a, b) => a - b)
    return later.find((moment) => this.verdict(request, moment).ok)
  }

  /**
   * What `retryAt` has to be. Where money of open deals refuses, only their settlement can free capacity soon: it is
   * then the first deadline among them, or the time at which everything else has capacity, if that is later.
   */
  retryAt(request: Asked, at: number): number | undefined {
    const deadlines: number[] = []
    const open = (id: string) => this.#of(id).filter((deal) => this.isActive(deal, at))
    const path = request.path.map(({ id, limits }): BudgetClaim => {
      const { perDay = Infinity, perCalendarDay = [], ...others } = limits
      const reserved = this.reserved(id, at) + request.amount
      const isOpen = (limit: number) => request.amount <= limit && reserved > limit
      const first = () => deadlines.push(Math.min(...open(id).map(({ deadline }) => deadline)))
      if (isOpen(perDay)) first()
      const caps = perCalendarDay.filter((cap) => {
        if (isOpen(cap.amount)) first()
        const fits = request.amount > cap.amount || this.#day(id, cap, at) + request.amount <= cap.amount
        if (fits || isOpen(cap.amount)) return !isOpen(cap.amount)
        // For a caller with a wrong day, `retryAt` is when that day begins, or a time after the end of the next.
        if (at < cap.start) deadlines.push(cap.start)
        if (at >= cap.end) deadlines.push(Math.max(cap.end + 24 * HOUR, at))
        return at >= cap.start && at < cap.end
      })
      const day = isOpen(perDay) ? {} : { perDay: perDay as Money }
      return { id, limits: { ...day, perCalendarDay: caps, ...others } }
    })
    const rest = { path, amount: request.amount }
    const freeAt = this.verdict(rest, at).ok ? at : this.firstCapacity(rest, at)
    return freeAt === undefined ? undefined : Math.max(freeAt, ...deadlines)
  }
}

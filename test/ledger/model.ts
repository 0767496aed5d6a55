import type { Limits, ReserveRequest } from '../../src/ledger/ledger.js'
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
export type Verdict = { ok: true } | { ok: false; budgetId: string; reason: Reason; used: number; limit: number }

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

  made(budgetId: string, at: number, rounded = true): number {
    return this.#of(budgetId).filter(({ madeAt }) => at < (rounded ? endOfSlot(madeAt, 1000) : madeAt) + 60_000).length
  }

  verdict(request: Pick<ReserveRequest, 'path' | 'amount'>, at: number): Verdict {
    for (const { id, limits } of request.path) {
      const { perDay = Infinity, perMinute = Infinity, concurrent = Infinity } = limits as Limits
      const used = this.reserved(id, at) + this.spent(id, at)
      if (used + request.amount > perDay) return { ok: false, budgetId: id, reason: 'perDay', used, limit: perDay }
      const made = this.made(id, at)
      if (made >= perMinute) return { ok: false, budgetId: id, reason: 'perMinute', used: made, limit: perMinute }
      const active = this.active(id, at)
      if (active >= concurrent)
        return { ok: false, budgetId: id, reason: 'concurrent', used: active, limit: concurrent }
    }
    return { ok: true }
  }

  /** The first moment after `at` at which the request would be taken if nothing else happened, by trying them all. */
  firstRoom(request: Pick<ReserveRequest, 'path' | 'amount'>, at: number): number | undefined {
    const moments = new Set<number>()
    for (const deal of this.deals) {
      moments.add(deal.deadline)
      moments.add(endOfSlot(spending(deal).from, 300_000) + 24 * HOUR)
      moments.add(endOfSlot(deal.madeAt, 1000) + 60_000)
    }
    const later = [...moments].filter((moment) => moment > at).sort((a, b) => a - b)
    return later.find((moment) => this.verdict(request, moment).ok)
  }

  /**
   * What `retryAt` has to be. Where money of deals under way is in the way, only somebody's settling them can make room
   * soon: it is then the first deadline among them, or when all else makes room, if that is later.
   */
  retryAt(request: Pick<ReserveRequest, 'path' | 'amount'>, at: number): number | undefined {
    const deadlines: number[] = []
    const path = request.path.map(({ id, limits: { perDay = Infinity, ...others } }) => {
      if (request.amount > perDay || this.reserved(id, at) + request.amount <= perDay)
        return { id, limits: { perDay: perDay as Money, ...others } }
      const open = this.#of(id).filter((deal) => this.isActive(deal, at))
      deadlines.push(Math.min(...open.map(({ deadline }) => deadline)))
      return { id, limits: others }
    })
    const rest = { path, amount: request.amount }
    const room = this.verdict(rest, at).ok ? at : this.firstRoom(rest, at)
    return room === undefined ? undefined : Math.max(room, ...deadlines)
  }
}

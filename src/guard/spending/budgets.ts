import { frozenCopy } from '../../base/frozen.js'
import type { BudgetClaim, CalendarUsage, Limits, Usage } from '../../ledger/ledger.js'
import { type CalendarAmount, dayAt } from '../../policy/calendar.js'
import { type Money, micros, toUsd } from '../../policy/money.js'
import { smaller } from '../../policy/narrow.js'
import type { BudgetPolicy } from '../../policy/schema.js'
import type { DayStatus } from '../types.js'

/** The limits of a budget, as a policy states them. */
export type Terms = Pick<Limits, 'perDay' | 'perMinute' | 'concurrent'> & {
  readonly perCalendarDay?: readonly CalendarAmount[] | undefined
  readonly alertsAt?: readonly number[] | undefined
}

/** The terms of a policy's own budget. */
export function termsOf({ perDay, perCalendarDay, perMinute, concurrent, alertsAt }: BudgetPolicy): Terms {
  return { perDay, perCalendarDay, perMinute, concurrent, alertsAt }
}

/** The terms of the budget that each page origin gets; undefined if the policy has none. */
export function originTermsOf({ perOrigin, perOriginCalendarDay }: BudgetPolicy): Terms | undefined {
  if (perOrigin === undefined && !perOriginCalendarDay) return undefined
  return { perDay: perOrigin, perCalendarDay: perOriginCalendarDay }
}

/** A budget. Its claim for a moment is the same frozen object until one of its calendar days ends. */
export class Budget {
  readonly id: string
  readonly #terms: Terms
  #claim: BudgetClaim
  #from = Number.NEGATIVE_INFINITY
  #until = Number.POSITIVE_INFINITY

  constructor(id: string, terms: Terms) {
    const { perDay, perMinute, concurrent, alertsAt } = terms
    this.id = id
    this.#terms = frozenCopy(terms)
    this.#claim = frozenCopy({ id, limits: { perDay, perMinute, concurrent }, alertsAt })
    if (terms.perCalendarDay) this.#until = Number.NEGATIVE_INFINITY
  }

  at(now: number): BudgetClaim {
    if (now < this.#until && now >= this.#from) return this.#claim
    const days = (this.#terms.perCalendarDay ?? []).map((cap) => ({ ...cap, ...dayAt(cap.timeZone, now) }))
    this.#from = Math.max(...days.map(({ start }) => start))
    this.#until = Math.min(...days.map(({ end }) => end))
    this.#claim = frozenCopy({ ...this.#claim, limits: { ...this.#claim.limits, perCalendarDay: days } })
    return this.#claim
  }
}

/** The budgets on a path, widest first. */
export class BudgetPath {
  readonly budgets: readonly Budget[]
  readonly ids: readonly string[]
  /** The same list while its claims are the same objects, so that the ledger recognizes it. */
  #claims: readonly BudgetClaim[] = []

  constructor(budgets: readonly Budget[]) {
    this.budgets = budgets
    this.ids = frozenCopy(budgets.map(({ id }) => id))
  }

  with(budget: Budget): BudgetPath {
    return new BudgetPath([...this.budgets, budget])
  }

  at(now: number): readonly BudgetClaim[] {
    for (let i = 0; i < this.budgets.length; i++) {
      if (this.budgets[i]?.at(now) === this.#claims[i]) continue
      this.#claims = Object.freeze(this.budgets.map((budget) => budget.at(now)))
      break
    }
    return this.#claims
  }
}

/** The status of a budget's daily cap that has the least left: of the last 24 hours, or of a calendar day. */
export function dayStatus(
  { spent, reserved, declared, days = [], moreAt }: Usage,
  perDay: Money | undefined,
): DayStatus {
  const cap = smaller(perDay, declared.perDay)
  const all = days.map((day) => statusOf(day.amount, day.spent, reserved, day))
  const more = moreAt !== undefined && { moreAt: new Date(moreAt) }
  if (cap !== undefined) all.unshift({ ...statusOf(cap, spent, reserved), ...more })
  return inUsdToo(all.reduce((a, b) => (b.left < a.left ? b : a), all[0] ?? statusOf(micros(0), spent, reserved)))
}

/** The amounts of a day's budget. */
const AMOUNTS = ['cap', 'spent', 'reserved', 'left'] as const

/** The same object, whose JSON has each amount in dollars too: `"spent": 1000, "spentUsd": 0.001`. */
export function inUsdToo<T extends { readonly [name in (typeof AMOUNTS)[number]]?: Money | undefined }>(day: T): T {
  const toJSON = (): object => {
    const inUsd = AMOUNTS.flatMap((name) => {
      const amount = day[name]
      return amount === undefined ? [] : [[`${name}Usd`, toUsd(amount)]]
    })
    return { ...day, ...Object.fromEntries(inUsd) }
  }
  return Object.defineProperty(day, 'toJSON', { value: toJSON })
}

function statusOf(cap: Money, spent: Money, reserved: Money, day?: CalendarUsage): DayStatus {
  const left = micros(Math.max(0, cap - spent - reserved))
  return { cap, spent, reserved, left, ...(day && { resetsAt: new Date(day.end), timeZone: day.timeZone }) }
}

/** The period of a daily amount, for messages. */
export function periodOf(timeZone: string | undefined): string {
  return timeZone === undefined ? 'a day' : `a calendar day (${timeZone})`
}

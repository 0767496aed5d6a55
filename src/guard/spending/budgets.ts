import type { BudgetClaim, CalendarUsage, Limits, Usage } from '../../ledger/ledger.js'
import { type CalendarAmount, dayAt } from '../../policy/calendar.js'
import { type Money, micros } from '../../policy/money.js'
import { smaller } from '../../policy/narrow.js'
import type { Budget as BudgetPolicy } from '../../policy/schema.js'
import type { DayStatus } from '../types.js'

/** What a budget allows, by a policy. */
export type Terms = Pick<Limits, 'perDay' | 'perMinute' | 'concurrent'> & {
  readonly perCalendarDay?: readonly CalendarAmount[] | undefined
  readonly alertsAt?: readonly number[] | undefined
}

/** What the budget of a policy allows of itself. */
export function termsOf({ perDay, perCalendarDay, perMinute, concurrent, alertsAt }: BudgetPolicy): Terms {
  return { perDay, perCalendarDay, perMinute, concurrent, alertsAt }
}

/** What it allows for one page origin. */
export function originTermsOf({ perOrigin, perOriginCalendarDay }: BudgetPolicy): Terms | undefined {
  if (perOrigin === undefined && !perOriginCalendarDay) return undefined
  return { perDay: perOrigin, perCalendarDay: perOriginCalendarDay }
}

/** One budget, and what may be claimed from it at a moment: the same object for as long as no calendar day of it ends. */
export class Budget {
  readonly id: string
  readonly #terms: Terms
  #claim: BudgetClaim
  #from = Number.NEGATIVE_INFINITY
  #until = Number.POSITIVE_INFINITY

  constructor(id: string, terms: Terms) {
    const { perDay, perMinute, concurrent, alertsAt } = terms
    this.id = id
    this.#terms = terms
    this.#claim = { id, limits: { perDay, perMinute, concurrent }, alertsAt }
    if (terms.perCalendarDay) this.#until = Number.NEGATIVE_INFINITY
  }

  at(now: number): BudgetClaim {
    if (now < this.#until && now >= this.#from) return this.#claim
    const days = (this.#terms.perCalendarDay ?? []).map((cap) => ({ ...cap, ...dayAt(cap.timeZone, now) }))
    this.#from = Math.max(...days.map(({ start }) => start))
    this.#until = Math.min(...days.map(({ end }) => end))
    this.#claim = { ...this.#claim, limits: { ...this.#claim.limits, perCalendarDay: days } }
    return this.#claim
  }
}

/** The budgets on a path, widest first. */
export class BudgetPath {
  readonly budgets: readonly Budget[]
  readonly ids: readonly string[]
  /** The same list for as long as its claims are the same: the ledger knows it again. */
  #claims: readonly BudgetClaim[] = []

  constructor(budgets: readonly Budget[]) {
    this.budgets = budgets
    this.ids = budgets.map(({ id }) => id)
  }

  with(budget: Budget): BudgetPath {
    return new BudgetPath([...this.budgets, budget])
  }

  at(now: number): readonly BudgetClaim[] {
    for (let i = 0; i < this.budgets.length; i++) {
      if (this.budgets[i]?.at(now) === this.#claims[i]) continue
      this.#claims = this.budgets.map((budget) => budget.at(now))
      break
    }
    return this.#claims
  }
}

/** How a budget's day stands, by the cap that leaves the least: of any 24 hours, or of a calendar. */
export function dayStatus(
  { spent, reserved, declared, days = [], moreAt }: Usage,
  perDay: Money | undefined,
): DayStatus {
  const cap = smaller(perDay, declared.perDay)
  const all = days.map((day) => statusOf(day.amount, day.spent, reserved, day))
  const more = moreAt !== undefined && { moreAt: new Date(moreAt) }
  if (cap !== undefined) all.unshift({ ...statusOf(cap, spent, reserved), ...more })
  return all.reduce((a, b) => (b.left < a.left ? b : a), all[0] ?? statusOf(micros(0), spent, reserved))
}

function statusOf(cap: Money, spent: Money, reserved: Money, day?: CalendarUsage): DayStatus {
  const left = micros(Math.max(0, cap - spent - reserved))
  return { cap, spent, reserved, left, ...(day && { resetsAt: new Date(day.end), timeZone: day.timeZone }) }
}

/** How a daily amount is told. */
export function periodOf(timeZone: string | undefined): string {
  return timeZone === undefined ? 'a day' : `a calendar day (${timeZone})`
}

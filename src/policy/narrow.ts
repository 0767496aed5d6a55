import { frozenCopy } from '../base/frozen.js'
import type { CalendarAmount } from './calendar.js'
import { intersectOrigins, type OriginPattern } from './origin.js'
import type { BudgetPolicy, Policy } from './schema.js'

/**
 * The policy that allows exactly what both policies allow. Narrowing is the only operation on policies: it is
 * commutative, associative and idempotent, and its result never allows what either side denies. The result is frozen
 * and shares nothing with either side that can be changed.
 *
 * @example
 * const policy = parsePolicy({ origins: ['https://*.qa.example.com'] })
 * narrow(policy, parseNarrowing({ origins: ['https://a.qa.example.com'] }))
 */
export function narrow(a: Policy, b: Policy): Policy {
  return frozenCopy({
    origins: narrowOrigins(a.origins, b.origins),
    budget: narrowBudget(a.budget, b.budget),
    schedules: union(a.schedules, b.schedules, JSON.stringify),
    key: {
      rotateEveryMs: smaller(a.key.rotateEveryMs, b.key.rotateEveryMs),
      expireAfterMs: smaller(a.key.expireAfterMs, b.key.expireAfterMs),
    },
    egress: {
      proxies: union(a.egress.proxies, b.egress.proxies, String),
      localAddresses: union(a.egress.localAddresses, b.egress.localAddresses, String),
      expected: union(a.egress.expected, b.egress.expected, JSON.stringify),
    },
    pageProxies: union(a.pageProxies, b.pageProxies, String),
    attempts: smaller(a.attempts, b.attempts),
    deadlineMs: smaller(a.deadlineMs, b.deadlineMs),
    recaptchaV3: cautiousChoice(a.recaptchaV3, b.recaptchaV3, 'leave'),
    testKeys: cautiousChoice(a.testKeys, b.testKeys, 'answer'),
    renewals: smaller(a.renewals, b.renewals),
    graceMs: larger(a.graceMs, b.graceMs),
  })
}

function narrowBudget(a: BudgetPolicy, b: BudgetPolicy): BudgetPolicy {
  return {
    perDay: smaller(a.perDay, b.perDay),
    perCalendarDay: smallerByZone(a.perCalendarDay, b.perCalendarDay),
    perMinute: smaller(a.perMinute, b.perMinute),
    concurrent: smaller(a.concurrent, b.concurrent),
    perSolve: smaller(a.perSolve, b.perSolve),
    perPage: smaller(a.perPage, b.perPage),
    perOrigin: smaller(a.perOrigin, b.perOrigin),
    perOriginCalendarDay: smallerByZone(a.perOriginCalendarDay, b.perOriginCalendarDay),
    alertsAt: [...new Set([...a.alertsAt, ...b.alertsAt])].sort((x, y) => x - y),
    waitMs: smaller(a.waitMs, b.waitMs),
  }
}

/** The smaller amount for each time zone. Days of different zones cannot be compared, so the amounts of all apply. */
function smallerByZone(
  a: BudgetPolicy['perCalendarDay'],
  b: BudgetPolicy['perCalendarDay'],
): BudgetPolicy['perCalendarDay'] {
  if (!a || !b) return a ?? b
  const byZone = new Map<string, CalendarAmount>()
  for (const day of [...a, ...b]) {
    const same = byZone.get(day.timeZone)
    if (!same || day.amount < same.amount) byZone.set(day.timeZone, day)
  }
  return union([...byZone.values()], [], ({ timeZone }) => timeZone)
}

function narrowOrigins(
  a: readonly OriginPattern[] | undefined,
  b: readonly OriginPattern[] | undefined,
): readonly OriginPattern[] | undefined {
  return a && b ? intersectOrigins(a, b) : (a ?? b)
}

/** The smaller of two limits; an absent limit does not limit. */
export function smaller<T extends number>(a: T | undefined, b: T | undefined): T | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a
}

function larger<T extends number>(a: T | undefined, b: T | undefined): T | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}

/** The choice that spends less, if either side makes it. */
function cautiousChoice<T extends string>(a: T | undefined, b: T | undefined, cautious: T): T | undefined {
  return a === cautious || b === cautious ? cautious : (a ?? b)
}

/** The values of both sides, each once, in an order that does not depend on the sides. */
function union<T>(a: readonly T[], b: readonly T[], key: (value: T) => string): readonly T[] {
  const byKey = new Map([...a, ...b].map((value) => [key(value), value]))
  return [...byKey.keys()].sort().map((name) => byKey.get(name) as T)
}

import type { CalendarAmount } from './calendar.js'
import { intersectOrigins, type OriginPattern } from './origin.js'
import type { Budget, Policy } from './schema.js'

/**
 * The policy that allows exactly what both allow. Narrowing is the only operation on policies: it is commutative,
 * associative and idempotent, and its result never allows what either side denies.
 *
 * @example
 * narrow(parsePolicy({ origins: ['https://*.qa.example.com'] }), parseNarrowing({ origins: ['https://a.qa.example.com'] }))
 */
export function narrow(a: Policy, b: Policy): Policy {
  return {
    origins: narrowOrigins(a.origins, b.origins),
    budget: narrowBudget(a.budget, b.budget),
    schedules: union(a.schedules, b.schedules, JSON.stringify),
    key: {
      rotateEveryMs: least(a.key.rotateEveryMs, b.key.rotateEveryMs),
      expireAfterMs: least(a.key.expireAfterMs, b.key.expireAfterMs),
    },
    egress: {
      proxies: union(a.egress.proxies, b.egress.proxies, String),
      localAddresses: union(a.egress.localAddresses, b.egress.localAddresses, String),
      expected: union(a.egress.expected, b.egress.expected, JSON.stringify),
    },
    pageProxies: union(a.pageProxies, b.pageProxies, String),
    attempts: least(a.attempts, b.attempts),
    deadlineMs: least(a.deadlineMs, b.deadlineMs),
    recaptchaV3: either(a.recaptchaV3, b.recaptchaV3, 'leave'),
    testKeys: either(a.testKeys, b.testKeys, 'answer'),
    renewals: least(a.renewals, b.renewals),
    graceMs: greatest(a.graceMs, b.graceMs),
  }
}

function narrowBudget(a: Budget, b: Budget): Budget {
  return {
    perDay: least(a.perDay, b.perDay),
    perCalendarDay: leastDays(a.perCalendarDay, b.perCalendarDay),
    perMinute: least(a.perMinute, b.perMinute),
    concurrent: least(a.concurrent, b.concurrent),
    perSolve: least(a.perSolve, b.perSolve),
    perPage: least(a.perPage, b.perPage),
    perOrigin: least(a.perOrigin, b.perOrigin),
    perOriginCalendarDay: leastDays(a.perOriginCalendarDay, b.perOriginCalendarDay),
    alertsAt: [...new Set([...a.alertsAt, ...b.alertsAt])].sort((x, y) => x - y),
    waitMs: least(a.waitMs, b.waitMs),
  }
}

/** The smaller amount for each calendar: days of different ones cannot be compared, so all of them hold. */
function leastDays(a: Budget['perCalendarDay'], b: Budget['perCalendarDay']): Budget['perCalendarDay'] {
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

/** The smaller of two limits; an absent one limits nothing. */
export function least<T extends number>(a: T | undefined, b: T | undefined): T | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a
}

function greatest<T extends number>(a: T | undefined, b: T | undefined): T | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}

/** Of two choices, the one that spends less, if either side asks for it. */
function either<T extends string>(a: T | undefined, b: T | undefined, cautious: T): T | undefined {
  return a === cautious || b === cautious ? cautious : (a ?? b)
}

/** What either side requires, each once, in an order that does not depend on the sides. */
function union<T>(a: readonly T[], b: readonly T[], key: (value: T) => string): readonly T[] {
  const byKey = new Map([...a, ...b].map((value) => [key(value), value]))
  return [...byKey.keys()].sort().map((name) => byKey.get(name) as T)
}

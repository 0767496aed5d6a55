import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { narrow } from '../../src/policy/narrow.js'
import { matchesOrigin } from '../../src/policy/origin.js'
import { isOpen as isScheduleOpen } from '../../src/policy/schedule.js'
import { type Policy, parseNarrowing, parsePolicy } from '../../src/policy/schema.js'
import { narrowingInput, origin, originPattern, policy } from './arbitraries.js'

const NOTHING_SAID = parseNarrowing({})
const instant = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) })

const names = (p: Policy, page: string) => !p.origins || p.origins.some((pattern) => matchesOrigin(pattern, page))
const isOpen = (p: Policy, at: number) => p.schedules.every((one) => isScheduleOpen(one, at))

/** Amounts of calendar days, by field and time zone. */
const days = (p: Policy): Record<string, number> =>
  Object.fromEntries([
    ...(p.budget.perCalendarDay ?? []).map(({ timeZone, amount }) => [`perDay ${timeZone}`, amount]),
    ...(p.budget.perOriginCalendarDay ?? []).map(({ timeZone, amount }) => [`perOrigin ${timeZone}`, amount]),
  ])

/** All upper limits of a policy. */
const caps = (p: Policy): Record<string, number | undefined> => ({
  ...days(p),
  perDay: p.budget.perDay,
  perMinute: p.budget.perMinute,
  concurrent: p.budget.concurrent,
  perSolve: p.budget.perSolve,
  perPage: p.budget.perPage,
  perOrigin: p.budget.perOrigin,
  wait: p.budget.waitMs,
  rotateEvery: p.key.rotateEveryMs,
  expireAfter: p.key.expireAfterMs,
  attempts: p.attempts,
  deadline: p.deadlineMs,
  renewals: p.renewals,
})

/** Whether `inner` allows nothing that `outer` denies. */
function expectWithin(inner: Policy, outer: Policy, page: string, at: number): void {
  if (names(inner, page)) expect(names(outer, page)).toBe(true)
  if (isOpen(inner, at)) expect(isOpen(outer, at)).toBe(true)
  const innerCaps = caps(inner)
  for (const [name, cap] of Object.entries(caps(outer))) {
    if (cap !== undefined) expect(innerCaps[name], name).toBeLessThanOrEqual(cap)
  }
  expect(inner.graceMs ?? 0).toBeGreaterThanOrEqual(outer.graceMs ?? 0)
  if (outer.recaptchaV3 === 'leave') expect(inner.recaptchaV3).toBe('leave')
  if (outer.testKeys === 'answer') expect(inner.testKeys).toBe('answer')
  expect(inner.budget.alertsAt).toEqual(expect.arrayContaining([...outer.budget.alertsAt]))
  expect(inner.egress.proxies).toEqual(expect.arrayContaining([...outer.egress.proxies]))
  expect(inner.pageProxies).toEqual(expect.arrayContaining([...outer.pageProxies]))
  expect(inner.egress.localAddresses).toEqual(expect.arrayContaining([...outer.egress.localAddresses]))
}

const holds = <T extends [unknown, ...unknown[]]>(property: fc.IProperty<T>) => fc.assert(property, { numRuns: 300 })

/** Every object of a value, the value itself included. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, ...Object.values(value).flatMap(objectsIn)]
}

describe('a policy', () => {
  it('is frozen with everything in it', () => {
    holds(
      fc.property(policy, policy, (a, b) => {
        const objects = [a, b, narrow(a, b)].flatMap(objectsIn)
        expect(objects.filter((one) => !Object.isFrozen(one))).toEqual([])
      }),
    )
  })

  it('shares no object with the input that it was made from', () => {
    holds(
      fc.property(narrowingInput, fc.array(originPattern, { minLength: 1, maxLength: 4 }), (narrowing, origins) => {
        const input = { ...narrowing, origins }
        const given = new Set(objectsIn(input))
        const made = [parsePolicy(input), parseNarrowing(input)].flatMap(objectsIn)
        expect(made.filter((one) => given.has(one))).toEqual([])
      }),
    )
  })
})

describe('narrow', () => {
  it('is commutative', () => {
    holds(
      fc.property(policy, policy, (a, b) => {
        expect(narrow(a, b)).toEqual(narrow(b, a))
      }),
    )
  })

  it('is associative', () => {
    holds(
      fc.property(policy, policy, policy, (a, b, c) => {
        expect(narrow(narrow(a, b), c)).toEqual(narrow(a, narrow(b, c)))
      }),
    )
  })

  it('is idempotent', () => {
    holds(
      fc.property(policy, (a) => {
        expect(narrow(a, a)).toEqual(a)
      }),
    )
    holds(
      fc.property(policy, policy, (a, b) => {
        expect(narrow(narrow(a, b), b)).toEqual(narrow(a, b))
      }),
    )
  })

  it('changes nothing with the empty policy', () => {
    holds(
      fc.property(policy, (a) => {
        expect(narrow(a, NOTHING_SAID)).toEqual(a)
        expect(narrow(NOTHING_SAID, a)).toEqual(a)
      }),
    )
  })

  it('never allows what either side denies', () => {
    holds(
      fc.property(policy, policy, origin, instant, (a, b, page, at) => {
        const both = narrow(a, b)
        expectWithin(both, a, page, at)
        expectWithin(both, b, page, at)
      }),
    )
  })

  it('denies nothing that both sides allow', () => {
    holds(
      fc.property(policy, policy, origin, instant, (a, b, page, at) => {
        const both = narrow(a, b)
        expect(names(both, page)).toBe(names(a, page) && names(b, page))
        expect(isOpen(both, at)).toBe(isOpen(a, at) && isOpen(b, at))
        for (const [name, cap] of Object.entries(caps(both))) {
          expect([caps(a)[name], caps(b)[name]], name).toContain(cap)
        }
      }),
    )
  })

  it('is monotonic: a narrower policy stays narrower when both are narrowed by a third', () => {
    holds(
      fc.property(policy, policy, policy, origin, instant, (wide, further, other, page, at) => {
        expectWithin(narrow(narrow(wide, further), other), narrow(wide, other), page, at)
      }),
    )
  })

  it('allows no origin when the two lists have none in common', () => {
    const both = narrow(
      parseNarrowing({ origins: ['https://a.example'] }),
      parseNarrowing({ origins: ['https://b.example', 'https://*.a.example'] }),
    )
    expect(both.origins).toEqual([])
  })

  it('keeps both proxies when two are required, so that the conflict is detected', () => {
    const a = parseNarrowing({ egress: { proxy: 'http://one.internal:3128' } })
    const b = parseNarrowing({ egress: { proxy: 'http://two.internal:3128' } })
    expect(narrow(b, a).egress.proxies).toEqual(['http://one.internal:3128', 'http://two.internal:3128'])
  })

  it('does not change its arguments', () => {
    fc.assert(
      fc.property(policy, policy, (a, b) => {
        const before = JSON.stringify([a, b])
        narrow(a, b)
        expect(JSON.stringify([a, b])).toBe(before)
      }),
    )
  })
})

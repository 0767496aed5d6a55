import fc from 'fast-check'
import { expect, it } from 'vitest'
import { usd } from '../../src/policy/money.js'
import { narrow } from '../../src/policy/narrow.js'
import { type NarrowingInput, parseNarrowing } from '../../src/policy/schema.js'
import { widenedField } from '../../src/policy/widened.js'
import { narrowingInput } from './arbitraries.js'

const daily = (amount: number, timeZone = 'UTC') => ({ amount: usd(amount), resets: 'calendar', timeZone }) as const
const days = { days: 'Mon-Fri', from: '09:00', to: '17:00' } as const

/** Of each field, what a policy states, and what allows more than that. */
const FIELDS: Readonly<Record<string, readonly [NarrowingInput, NarrowingInput]>> = {
  origins: [{ origins: ['https://a.qa.example.com'] }, { origins: ['https://*.qa.example.com'] }],
  'budget.perMinute': [{ budget: { perMinute: 5 } }, { budget: { perMinute: 6 } }],
  'budget.concurrent': [{ budget: { concurrent: 5 } }, { budget: { concurrent: 6 } }],
  'budget.perSolve': [{ budget: { perSolve: usd(1) } }, { budget: { perSolve: usd(2) } }],
  'budget.perPage': [{ budget: { perPage: 5 } }, { budget: { perPage: 6 } }],
  'budget.wait': [{ budget: { wait: '5s' } }, { budget: { wait: '6s' } }],
  'key.rotateEvery': [{ key: { rotateEvery: '5d' } }, { key: { rotateEvery: '6d' } }],
  'key.expireAfter': [{ key: { expireAfter: '5d' } }, { key: { expireAfter: '6d' } }],
  attempts: [{ attempts: 1 }, { attempts: 2 }],
  deadline: [{ deadline: '10s' }, { deadline: '11s' }],
  recaptchaV3: [{ recaptchaV3: 'leave' }, { recaptchaV3: 'solve' }],
  testKeys: [{ testKeys: 'answer' }, { testKeys: 'solve' }],
  renewals: [{ renewals: 0 }, { renewals: 1 }],
  grace: [{ grace: '5s' }, { grace: '4s' }],
}

it.each(Object.entries(FIELDS))('a narrowing that allows more names its field: %s', (name, [strict, wide]) => {
  const above = parseNarrowing(strict)
  const below = parseNarrowing(wide)
  expect(widenedField(above, below)).toBe(name)
  expect(widenedField(above, above)).toBeUndefined()
  expect(widenedField(below, above)).toBeUndefined()
  expect(widenedField(parseNarrowing({}), below)).toBeUndefined()
  expect(widenedField(above, parseNarrowing({}))).toBeUndefined()
})

it.each(['perDay', 'perOrigin'] as const)('an amount for each day is compared with those of its kind: %s', (field) => {
  const widened = (...[above, below]: [above: NarrowingInput['budget'], below: NarrowingInput['budget']]) =>
    widenedField(parseNarrowing({ budget: above }), parseNarrowing({ budget: below }))
  const name = `budget.${field}`
  expect(widened({ [field]: usd(1) }, { [field]: usd(2) })).toBe(name)
  expect(widened({ [field]: usd(1) }, { [field]: usd(1) })).toBeUndefined()
  expect(widened({ [field]: daily(1) }, { [field]: daily(2) })).toBe(name)
  expect(widened({ [field]: daily(1) }, { [field]: daily(1) })).toBeUndefined()
  expect(widened({ [field]: daily(2) }, { [field]: daily(1) })).toBeUndefined()
  // Amounts of other days apply beside each other.
  expect(widened({ [field]: daily(1) }, { [field]: daily(2, 'Europe/Berlin') })).toBeUndefined()
  expect(widened({ [field]: daily(1) }, { [field]: usd(2) })).toBeUndefined()
})

it('one amount of several that is too much is named', () => {
  const first = parseNarrowing({ budget: { perDay: daily(1) } })
  const above = narrow(first, parseNarrowing({ budget: { perDay: daily(3, 'Asia/Tokyo') } }))
  const below = narrow(first, parseNarrowing({ budget: { perDay: daily(4, 'Asia/Tokyo') } }))
  expect(widenedField(above, below)).toBe('budget.perDay')
})

it('what always applies cannot allow more', () => {
  const above = parseNarrowing({ schedule: { timeZone: 'UTC', windows: [days] }, pageProxy: 'http://203.0.113.9:3128' })
  const below = parseNarrowing({
    schedule: { timeZone: 'UTC', windows: [{ ...days, to: '18:00' }] },
    pageProxy: 'http://203.0.113.10:3128',
  })
  expect(widenedField(above, below)).toBeUndefined()
})

it('a narrowing states nothing beyond a policy where narrow takes all of it over, and otherwise names a field', () => {
  const any = fc.property(narrowingInput, narrowingInput, (first, second) => {
    const above = parseNarrowing(first)
    const below = parseNarrowing(second)
    const both = narrow(above, below)
    expect(widenedField(above, both)).toBeUndefined()
    expect(widenedField(below, both)).toBeUndefined()
    expect(widenedField(parseNarrowing({}), below)).toBeUndefined()
    if (widenedField(above, below) !== undefined) return
    for (const [name, value] of Object.entries(below.budget)) {
      if (value === undefined || Array.isArray(value)) continue
      expect(both.budget[name as keyof typeof both.budget], name).toBe(value)
    }
    if (below.origins) expect(both.origins).toEqual(below.origins)
  })
  fc.assert(any, { numRuns: 200 })
})

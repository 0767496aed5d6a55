import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  Budget,
  BudgetPath,
  dayStatus,
  inUsdToo,
  originTermsOf,
  periodOf,
  type Terms,
  termsOf,
} from '../../../src/guard/spending/budgets.js'
import type { Usage } from '../../../src/ledger/ledger.js'
import { dayAt } from '../../../src/policy/calendar.js'
import { type Money, micros, usd } from '../../../src/policy/money.js'

const NOON = Date.UTC(2026, 0, 5, 12)
const HOUR = 3_600_000
const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Tokyo', 'America/Santiago')
const money = fc.integer({ min: 0, max: 1_000_000 }).map((amount) => amount as Money)

describe('the terms of a policy', () => {
  it('are the limits of its own budget, and those that each origin gets', () => {
    const calendar = [{ timeZone: 'UTC', amount: usd(1) }]
    const policy = {
      perDay: usd(5),
      perCalendarDay: calendar,
      perMinute: 20,
      concurrent: 10,
      perSolve: usd(0.1),
      perPage: 3,
      alertsAt: [0.5],
    }
    const { perSolve, perPage, ...terms } = policy
    expect(termsOf(policy)).toEqual(terms)
    expect(originTermsOf(policy)).toBeUndefined()
    expect(originTermsOf({ ...policy, perOrigin: usd(2) })).toEqual({ perDay: usd(2), perCalendarDay: undefined })
    expect(originTermsOf({ ...policy, perOrigin: usd(0) })).toEqual({ perDay: 0, perCalendarDay: undefined })
    expect(originTermsOf({ ...policy, perOriginCalendarDay: calendar })).toEqual({
      perDay: undefined,
      perCalendarDay: calendar,
    })
  })
})

describe('a budget', () => {
  it('claims the limits and thresholds of its terms, frozen', () => {
    const terms: Terms = { perDay: usd(5), perMinute: 20, concurrent: 10, alertsAt: [0.5] }
    const budget = new Budget('tests', terms)
    const claim = budget.at(NOON)
    expect(claim).toEqual({ id: 'tests', limits: { perDay: usd(5), perMinute: 20, concurrent: 10 }, alertsAt: [0.5] })
    expect([claim, claim.limits, claim.alertsAt].every((one) => Object.isFrozen(one))).toBe(true)
    for (const at of [0, NOON, Number.MAX_SAFE_INTEGER]) expect(budget.at(at)).toBe(claim)
    expect(new Budget('empty', {}).at(NOON)).toEqual({ id: 'empty', limits: {} })
  })

  it('claims the calendar days of the moment that it is asked for, whatever it was asked before', () => {
    const caps = fc.uniqueArray(fc.record({ timeZone: zone, amount: money }), {
      minLength: 1,
      selector: ({ timeZone }) => timeZone,
    })
    const moment = fc.integer({ min: Date.UTC(2026, 2, 20), max: Date.UTC(2026, 3, 20) })
    fc.assert(
      fc.property(caps, fc.array(moment, { minLength: 1, maxLength: 10 }), (perCalendarDay, moments) => {
        const budget = new Budget('tests', { perDay: usd(1), perCalendarDay, alertsAt: [0.8] })
        const days = (at: number) => perCalendarDay.map((cap) => ({ ...cap, ...dayAt(cap.timeZone, at) }))
        for (const at of moments) {
          const claim = budget.at(at)
          expect(claim).toEqual({
            id: 'tests',
            limits: { perDay: usd(1), perCalendarDay: days(at) },
            alertsAt: [0.8],
          })
          expect(Object.isFrozen(claim.limits.perCalendarDay?.[0])).toBe(true)
          // The same object from the latest midnight of its zones to the next one.
          const from = Math.max(...days(at).map(({ start }) => start))
          const until = Math.min(...days(at).map(({ end }) => end))
          expect(budget.at(from)).toBe(claim)
          expect(budget.at(until - 1)).toBe(claim)
          expect(budget.at(until).limits.perCalendarDay).toEqual(days(until))
          expect(budget.at(from - 1).limits.perCalendarDay).toEqual(days(from - 1))
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('a path of budgets', () => {
  const midnight = (id: string, timeZone: string) => new Budget(id, { perCalendarDay: [{ timeZone, amount: usd(1) }] })

  it('has the ids and the claims of its budgets, widest first', () => {
    const path = new BudgetPath([new Budget('a', { concurrent: 1 })]).with(new Budget('a/b', { concurrent: 2 }))
    expect(path.ids).toEqual(['a', 'a/b'])
    expect(Object.isFrozen(path.ids)).toBe(true)
    expect(path.at(NOON)).toEqual([
      { id: 'a', limits: { concurrent: 1 } },
      { id: 'a/b', limits: { concurrent: 2 } },
    ])
    expect(new BudgetPath([]).at(NOON)).toEqual([])
  })

  it('is the same frozen list for as long as each of its claims is the same', () => {
    const path = new BudgetPath([new Budget('a', {}), midnight('b', 'UTC'), midnight('c', 'Asia/Tokyo')])
    const claims = path.at(NOON)
    expect(Object.isFrozen(claims)).toBe(true)
    expect(path.at(NOON + 1)).toBe(claims)
    // Midnight in Tokyo, then in UTC: only the claim of that zone is another.
    const tokyo = path.at(NOON + 3 * HOUR)
    expect(tokyo.map((claim, at) => claim === claims[at])).toEqual([true, true, false])
    expect(path.at(NOON + 12 * HOUR - 1)).toBe(tokyo)
    expect(path.at(NOON + 12 * HOUR).map((claim, at) => claim === tokyo[at])).toEqual([true, false, true])
  })
})

describe('the status of a day', () => {
  const usage = (more: Partial<Usage>): Usage => ({
    spent: micros(0),
    reserved: micros(0),
    lastMinute: 0,
    active: 0,
    declared: {},
    totals: { settled: micros(0), unsure: micros(0), solves: 0 },
    ...more,
  })
  const day = (timeZone: string, amount: number, spent: number) => ({
    timeZone,
    amount: micros(amount),
    spent: micros(spent),
    ...dayAt(timeZone, NOON),
  })

  it('is that of the cap that leaves least, and never leaves less than nothing', () => {
    const days = fc.array(fc.record({ timeZone: zone, amount: money, spent: money }), { maxLength: 3 })
    fc.assert(
      fc.property(
        money,
        money,
        fc.option(money),
        fc.option(money),
        days,
        (spent, reserved, own, declared, calendar) => {
          const perDay = own ?? undefined
          const used = usage({
            spent,
            reserved,
            declared: { perDay: declared ?? undefined },
            days: calendar.map(({ timeZone, amount, spent }) => day(timeZone, amount, spent)),
          })
          const caps = [own, declared].filter((cap) => cap !== null)
          const left = [
            ...(caps.length > 0 ? [Math.min(...caps) - spent - reserved] : []),
            ...calendar.map((one) => one.amount - one.spent - reserved),
          ]
          const status = dayStatus(used, perDay)
          expect(status.left).toBe(left.length === 0 ? 0 : Math.max(0, Math.min(...left)))
          expect(status.reserved).toBe(reserved)
          if (status.timeZone === undefined) expect(status.spent).toBe(spent)
          expect(status.left).toBe(Math.max(0, status.cap - status.spent - status.reserved))
        },
      ),
    )
  })

  it('has the time at which it changes: the oldest amount leaves the 24 hours, or midnight', () => {
    const moreAt = NOON + HOUR
    const sliding = usage({ spent: usd(1), reserved: usd(0.5), moreAt })
    expect(dayStatus(sliding, usd(5))).toEqual({
      cap: usd(5),
      spent: usd(1),
      reserved: usd(0.5),
      left: usd(3.5),
      moreAt: new Date(moreAt),
    })
    expect(dayStatus({ ...sliding, moreAt: undefined }, usd(5))).not.toHaveProperty('moreAt')
    // In JSON each amount that there is has its dollars beside it.
    const partly = { cap: undefined, spent: usd(0.001), reserved: usd(0), other: 1 }
    expect(JSON.parse(JSON.stringify(inUsdToo(partly)))).toEqual({
      ...{ spent: 1_000, spentUsd: 0.001 },
      ...{ reserved: 0, reservedUsd: 0, other: 1 },
    })
    expect(Object.keys(inUsdToo({ cap: usd(1), left: usd(1) }))).toEqual(['cap', 'left'])
    expect(Object.keys(JSON.parse(JSON.stringify(dayStatus(sliding, usd(5)))))).toEqual(
      expect.arrayContaining(['capUsd', 'spentUsd', 'reservedUsd', 'leftUsd']),
    )
    const both = { ...sliding, days: [day('Asia/Tokyo', 2_000_000, 1_000_000)] }
    expect(dayStatus(both, usd(5))).toEqual({
      cap: usd(2),
      spent: usd(1),
      reserved: usd(0.5),
      left: usd(0.5),
      resetsAt: new Date(NOON + 3 * HOUR),
      timeZone: 'Asia/Tokyo',
    })
    // Of two that leave the same, the sliding one is shown.
    expect(dayStatus({ ...both, days: [day('Asia/Tokyo', 5_000_000, 1_000_000)] }, usd(5))).toHaveProperty('moreAt')
    expect(dayStatus(usage({ spent: usd(1) }), undefined)).toEqual({ cap: 0, spent: usd(1), reserved: 0, left: 0 })
  })
})

it('a message names the period of an amount, with the zone of a calendar day', () => {
  expect([periodOf(undefined), periodOf('UTC')]).toEqual(['a day', 'a calendar day (UTC)'])
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AdvisedAccount, advise, type Situation } from '../../../src/guard/advice/advise.js'
import { type Money, usd } from '../../../src/policy/money.js'

const ONE: AdvisedAccount = { name: 'twocaptcha', price: usd(0.003) }
const BASE: Situation = { queued: 100, underWay: 2, solveMs: 15_000, left: usd(5), accounts: [ONE] }

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const count = fc.integer({ min: 0, max: 500 })
const cap = fc.integer({ min: 1, max: 500 })
const money = fc.integer({ min: 0, max: 5_000_000 }).map((amount) => amount as Money)

const account: fc.Arbitrary<AdvisedAccount> = fc.record({
  name: fc.constantFrom('one', 'other'),
  price: fc.integer({ min: 0, max: 10_000 }).map((amount) => amount as Money),
  concurrent: maybe(cap),
  perMinute: maybe(cap),
  left: maybe(money),
  threads: maybe(cap),
  balance: maybe(money),
})

const situation: fc.Arbitrary<Situation> = fc.record({
  queued: count,
  underWay: count,
  solveMs: fc.integer({ min: 1, max: 120_000 }),
  left: money,
  concurrent: maybe(cap),
  perMinute: maybe(cap),
  accounts: fc.array(account, { minLength: 1, maxLength: 3 }),
})

const total = (accounts: readonly AdvisedAccount[], of: (one: AdvisedAccount) => number | undefined) =>
  accounts.reduce((sum, one) => sum + (of(one) ?? Number.POSITIVE_INFINITY), 0)

describe('advise', () => {
  it('recommends no more workers than each limit allows, and names the lowest limit first', () => {
    fc.assert(
      fc.property(situation, (of) => {
        const { workers, reasons, solvesPerMinute } = advise(of)
        expect(Number.isInteger(workers) && workers >= 0).toBe(true)
        expect(workers).toBeLessThanOrEqual(of.queued + of.underWay)
        expect(workers).toBeLessThanOrEqual(of.concurrent ?? Number.POSITIVE_INFINITY)
        expect(workers).toBeLessThanOrEqual(total(of.accounts, (one) => one.concurrent))
        expect(workers).toBeLessThanOrEqual(total(of.accounts, (one) => one.threads))
        expect(solvesPerMinute).toBeLessThanOrEqual(of.perMinute ?? Number.POSITIVE_INFINITY)
        // At most what Little's law gives, rounded up.
        if (of.perMinute !== undefined) {
          expect(workers).toBeLessThan((of.perMinute * of.solveMs) / 60_000 + 1)
        }
        const most = Math.max(...of.accounts.map(({ price }) => price))
        if (most > 0) expect((workers - of.underWay) * most).toBeLessThanOrEqual(of.left)
        expect(reasons[0]?.limit).toBe(workers)
        expect(reasons.map(({ limit }) => limit)).toEqual(reasons.map(({ limit }) => limit).sort((a, b) => a - b))
        for (const { message } of reasons) expect(message).toMatch(/\.$/)
      }),
    )
  })

  it('recommends no fewer workers for a longer queue or a larger budget', () => {
    fc.assert(
      fc.property(situation, count, money, (of, more, amount) => {
        const { workers } = advise(of)
        expect(advise({ ...of, queued: of.queued + more }).workers).toBeGreaterThanOrEqual(workers)
        expect(advise({ ...of, left: (of.left + amount) as Money }).workers).toBeGreaterThanOrEqual(workers)
      }),
    )
  })

  it('recommends no workers, with the time to retry, while no solve may start', () => {
    const retryAt = new Date(Date.UTC(2025, 0, 7, 8))
    fc.assert(
      fc.property(situation, fc.constantFrom('paused', 'schedule'), (of, code) => {
        const stopped = { code, message: 'Because.', retryAt } as const
        expect(advise({ ...of, stopped })).toMatchObject({
          workers: 0,
          retryAt,
          reasons: [{ code, limit: 0 }],
          solvesPerMinute: 0,
        })
      }),
    )
    const out = advise({ ...BASE, left: usd(0.001), refilledAt: retryAt })
    expect(out).toMatchObject({ workers: 0, retryAt, reasons: [{ code: 'budget', limit: 0 }, { code: 'queue' }] })
  })

  it.each<[string, Partial<Situation>, number, string, RegExp]>([
    ['nothing is queued', { queued: 0 }, 2, 'queue', /^0 solves queued and 2 under way/],
    [
      'the policy has slots',
      { concurrent: 10 },
      10,
      'concurrent',
      /policy\.budget\.concurrent allows 10 solves at a time/,
    ],
    ['the policy has a rate', { perMinute: 20 }, 5, 'rate', /^20 solves a minute, at 15 s each, keep 5 workers busy/],
    ['the budget is low', { left: usd(0.03) }, 12, 'budget', /^\$0\.03 of the day's budget is left, for 10 solves/],
    [
      'the balance is low',
      { accounts: [{ ...ONE, balance: usd(0.02) }] },
      6,
      'balance',
      /^The balance at twocaptcha is enough for 6 solves/,
    ],
    [
      'the account has paid threads',
      { accounts: [{ name: 'captchaai', price: usd(0.001), threads: 5 }] },
      5,
      'threads',
      /^The paid threads at captchaai allow 5 solves at a time/,
    ],
    [
      'two accounts have slots',
      {
        accounts: [
          { ...ONE, concurrent: 3 },
          { ...ONE, name: 'anticaptcha', concurrent: 4 },
        ],
      },
      7,
      'concurrent',
      /^The budgets of twocaptcha and anticaptcha allow 7 solves/,
    ],
    [
      'one of two accounts has no limit',
      { queued: 5, accounts: [{ ...ONE, concurrent: 3, balance: usd(0.003) }, ONE] },
      7,
      'queue',
      /^5 solves queued/,
    ],
  ])('gives the limiting reason when %s', (_, more, workers, code, message) => {
    const advice = advise({ ...BASE, ...more })
    expect([advice.workers, advice.reasons[0]?.code]).toEqual([workers, code])
    expect(advice.reasons[0]?.message).toMatch(message)
  })

  it('returns how many threads would be in use', () => {
    const accounts = [{ name: 'captchaai', price: usd(0.001), threads: 5 }]
    expect(advise({ ...BASE, accounts }).threads).toEqual({ has: 5, worth: 102 })
    expect(advise({ ...BASE, accounts, perMinute: 60 }).threads).toEqual({ has: 5, worth: 15 })
    expect(advise({ ...BASE, accounts, queued: 1, underWay: 0 }).threads).toEqual({ has: 5, worth: 1 })
    expect(advise(BASE).threads).toBeUndefined()
  })

  it('returns how many queued solves will not have started when the working hours end', () => {
    const closesAt = new Date(Date.UTC(2025, 0, 6, 17))
    // Ten workers at four solves a minute, for two minutes.
    const closing = { ...BASE, concurrent: 10, closesAt, closesInMs: 120_000 }
    expect(advise(closing)).toMatchObject({ workers: 10, closesAt, leftOver: 20 })
    expect(advise({ ...closing, queued: 50 }).leftOver).toBe(0)
    expect(advise(BASE).leftOver).toBeUndefined()
  })

  it('returns the rate of solves of the workers, and how long the budget lasts', () => {
    const { workers, solvesPerMinute, budgetLastsMs } = advise({ ...BASE, concurrent: 10, left: usd(0.3) })
    // Ten workers at four solves a minute; a hundred solves.
    expect([workers, solvesPerMinute, budgetLastsMs]).toEqual([10, 40, 150_000])
  })
})

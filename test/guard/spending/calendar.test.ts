import { describe, expect, it } from 'vitest'
import type { GuardEvents } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { dayAt } from '../../../src/policy/calendar.js'
import { usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, rig, settleWith } from '../support.js'

const HOUR = 3_600_000
/** Midnight in Berlin in winter, an hour before midnight in UTC. */
const BERLIN = Date.UTC(2025, 0, 6, 23)
const BERLINS = { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Sun', from: '00:00', to: '24:00' }] }
const daily = (amount: number, timeZone?: string) => ({ amount: usd(amount), resets: 'calendar', timeZone }) as const

describe('a budget that resets at midnight', () => {
  it('does not count the spending of the day before, and denies solves until midnight once used up', async () => {
    const clock = manualClock(BERLIN - 60_000)
    const { guard } = await rig({
      clock,
      policy: { budget: { perDay: daily(0.002), alertsAt: [] }, schedule: BERLINS },
    })
    for (let i = 0; i < 2; i++) await settleWith(clock, guard.solve(challenge), 5)
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'BUDGET_EXHAUSTED', layer: 'spending', retryAt: new Date(BERLIN) })
    expect(error).toMatchObject({ details: { limit: 2_000, used: 2_000, timeZone: 'Europe/Berlin' } })
    expect(error.message).toContain('$0.002 of $0.002 a calendar day (Europe/Berlin)')
    expect((await guard.status()).day).toEqual({
      cap: 2_000,
      spent: 2_000,
      reserved: 0,
      left: 0,
      resetsAt: new Date(BERLIN),
      timeZone: 'Europe/Berlin',
    })
    await clock.advance(BERLIN - 1 - clock.now())
    expect((await errorOf(guard.solve(challenge))).code).toBe('BUDGET_EXHAUSTED')
    await clock.advance(1)
    await settleWith(clock, guard.solve(challenge), 5)
    expect((await guard.status()).day).toMatchObject({
      spent: 1_000,
      left: 1_000,
      resetsAt: new Date(BERLIN + 24 * HOUR),
    })
  })

  it('applies together with one of a grant in another time zone; status has the one that leaves less', async () => {
    const clock = manualClock(BERLIN - HOUR)
    const { guard } = await rig({ clock, policy: { budget: { perDay: daily(0.003) }, schedule: BERLINS } })
    const tokyo = guard.narrow({ budget: { perDay: daily(0.002, 'Asia/Tokyo') } })
    const berlin = guard.narrow({ budget: { perDay: daily(0.001) } })
    expect(berlin.policy.budget.perCalendarDay).toEqual([{ timeZone: 'Europe/Berlin', amount: 1_000 }])
    for (let i = 0; i < 2; i++) await settleWith(clock, tokyo.solve(challenge), 5)
    expect(await errorOf(tokyo.solve(challenge))).toMatchObject({ details: { timeZone: 'Asia/Tokyo' } })
    expect((await tokyo.status()).day).toMatchObject({
      left: 0,
      timeZone: 'Asia/Tokyo',
      resetsAt: new Date(BERLIN + 16 * HOUR),
    })
    expect((await guard.status()).day).toMatchObject({ left: 1_000, timeZone: 'Europe/Berlin' })
  })

  it('may also be an amount for each origin', async () => {
    const clock = manualClock(BERLIN)
    const policy = {
      origins: ['https://staging.example.com', 'https://qa.example.com'],
      budget: { perDay: usd(1), perOrigin: daily(0.001) },
    }
    const { guard } = await rig({ clock, policy })
    await settleWith(clock, guard.solve(challenge), 5)
    expect(await errorOf(guard.solve(challenge))).toMatchObject({
      retryAt: new Date(BERLIN + HOUR),
      details: { timeZone: 'UTC' },
    })
    await settleWith(clock, guard.solve({ ...challenge, pageUrl: 'https://qa.example.com/' }), 5)
    await clock.advance(HOUR)
    await settleWith(clock, guard.solve(challenge), 5)
  })

  it('raises one alert for each threshold and day', async () => {
    const clock = manualClock(BERLIN - HOUR)
    const { guard } = await rig({
      clock,
      policy: { budget: { perDay: daily(0.002), alertsAt: [0.5] }, schedule: BERLINS },
    })
    const alerts: GuardEvents['alert'][] = []
    guard.on('alert', (alert) => alerts.push(alert))
    for (let i = 0; i < 2; i++) await settleWith(clock, guard.solve(challenge), 5)
    expect(alerts).toMatchObject([
      { code: 'BUDGET_THRESHOLD', details: { threshold: 0.5, used: 1_000, timeZone: 'Europe/Berlin' } },
    ])
    await clock.advance(2 * HOUR)
    await settleWith(clock, guard.solve(challenge), 5)
    expect(alerts).toHaveLength(2)
  })

  it('with different amounts in two guards raises an alert, and the lower one applies after midnight too', async () => {
    const clock = manualClock(BERLIN - HOUR)
    const ledger = memoryLedger()
    const options = (amount: number) => ({
      clock,
      ledger,
      policy: { budget: { perDay: daily(amount) }, schedule: BERLINS },
    })
    const tight = await rig(options(0.001))
    await settleWith(clock, tight.guard.solve(challenge), 5)
    const { guard } = await rig(options(0.005))
    const alerts: GuardEvents['alert'][] = []
    guard.on('alert', (alert) => alerts.push(alert))
    for (const wait of [2 * HOUR, 24 * HOUR]) {
      expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'BUDGET_EXHAUSTED' })
      const differing = alerts.filter(({ code }) => code === 'LIMITS_DIFFER')
      expect(differing).toMatchObject([{ message: expect.stringContaining('$0.001 a calendar day (Europe/Berlin)') }])
      await clock.advance(wait)
      await settleWith(clock, guard.solve(challenge), 5)
      expect(await errorOf(guard.solve(challenge))).toMatchObject({
        code: 'BUDGET_EXHAUSTED',
        details: { limit: 1_000 },
      })
      // By now a heartbeat has declared it for the current day.
      await clock.advance(10_000)
      const [day] = ledger.usage('tests', clock.now()).declared.perCalendarDay ?? []
      expect(day).toMatchObject({ amount: 1_000, ...dayAt('Europe/Berlin', clock.now()) })
    }
  })
})

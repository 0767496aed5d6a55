import { expect, it } from 'vitest'
import type { BudgetClaim, CalendarCap, Ledger, Limits, Owner } from '../../src/ledger/ledger.js'
import { micros } from '../../src/policy/money.js'
import { shorthand } from './shorthand.js'

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** A midnight somewhere. */
const T0 = Date.UTC(2026, 0, 5, 23)

/** An amount for the day of so many hours that begins at `start`. */
function daily(amount: number, start = T0, hours = 24, timeZone = 'Europe/Berlin'): CalendarCap {
  return { timeZone, amount: micros(amount), start, end: start + hours * HOUR }
}

function budget(caps: readonly CalendarCap[], more: Partial<Limits> = {}, alertsAt?: number[]): BudgetClaim {
  return { id: 'a', limits: { perCalendarDay: caps, ...more }, alertsAt }
}

function owner(id: string, caps: readonly CalendarCap[]): Owner {
  return { id, leaseMs: 30 * SECOND, declares: [{ budgetId: 'a', limits: { perCalendarDay: caps } }] }
}

/**
 * What a ledger promises of days that begin at midnight.
 * @param sides the ledger, and the same one as another process sees it
 */
export function calendarContract(sides: () => { readonly ledger: Ledger; readonly other: Ledger }): void {
  const here = () => shorthand(sides().ledger)
  const there = () => shorthand(sides().other)
  const spend = async (amount: number, now: number, path: readonly BudgetClaim[] = [budget([daily(100)])]) => {
    const id = `spent-${Math.random()}`
    expect(await here().reserve(path, amount, now, { id })).toMatchObject({ ok: true })
    await there().settle(id, amount, now)
  }

  it('begin anew at midnight, whatever was spent a minute before', async () => {
    const end = T0 + 24 * HOUR
    await spend(60, T0)
    await spend(40, end - MINUTE)
    expect(await there().reserve([budget([daily(100)])], 1, end - 1)).toEqual({
      ok: false,
      budgetId: 'a',
      reason: 'perDay',
      limit: 100,
      used: 100,
      retryAt: end,
      timeZone: 'Europe/Berlin',
    })
    expect(await there().reserve([budget([daily(100, end)])], 100, end)).toMatchObject({ ok: true })
    expect(await here().reserve([budget([daily(100, end)])], 1, end)).toMatchObject({ ok: false, used: 100 })
  })

  it('count what is open at midnight for both days: reserved in one, and ending in the other', async () => {
    const end = T0 + 24 * HOUR
    const next = budget([daily(100, end)])
    await here().reserve([budget([daily(100)])], 70, end - MINUTE, { id: 'r', for: 5 * MINUTE })
    await here().reserve([budget([daily(100)])], 30, end - MINUTE, { for: MINUTE })
    // What expired at midnight or after it counts from then on, as a settled amount does.
    expect(await there().reserve([next], 1, end)).toMatchObject({ ok: false, used: 100, retryAt: end + 24 * HOUR })
    await there().settle('r', 20, end)
    expect(await here().reserve([next], 51, end)).toMatchObject({ ok: false, used: 50, retryAt: end + 24 * HOUR })
    expect(await here().reserve([next], 50, end)).toMatchObject({ ok: true })
  })

  it('count what expired on its own day, however late it is read', async () => {
    const end = T0 + 24 * HOUR
    const late = T0 + 25 * HOUR
    await here().reserve([budget([daily(100)])], 60, end - 10 * MINUTE, { for: 9 * MINUTE })
    await here().reserve([budget([daily(100)])], 30, end - 10 * MINUTE, { id: 'r', for: 11 * MINUTE })
    expect(await there().reserve([budget([daily(100, end)])], 71, late)).toMatchObject({ ok: false, used: 30 })
    expect(await there().settle('r', 10, late)).toEqual({ settled: true, late: true })
    expect(await there().reserve([budget([daily(100, end)])], 90, late)).toMatchObject({ ok: true })
  })

  it.each([23, 25, 26])('have their real length: %i hours', async (hours) => {
    const day = [budget([daily(100, T0, hours)])]
    const end = T0 + hours * HOUR
    await spend(40, T0, day)
    // Nothing is read until the day is nearly over; then one read is more than 24 hours after the spending.
    await here().reserve(day, 50, T0 + MINUTE, { for: MINUTE })
    expect(await there().reserve(day, 11, end - 1)).toMatchObject({ ok: false, used: 90, retryAt: end })
    expect(await there().reserve(day, 10, end - 1)).toMatchObject({ ok: true })
    await sides().ledger.usage('a', end)
    expect(await there().reserve([budget([daily(100, end)])], 90, end)).toMatchObject({ ok: true })
  })

  it('may be of several calendars at once, with the sliding 24 hours: all of them hold', async () => {
    const tokyo = T0 - 8 * HOUR
    const caps = (berlin: number, tokyoAmount: number) => [daily(berlin), daily(tokyoAmount, tokyo, 24, 'Asia/Tokyo')]
    await spend(50, T0 - HOUR, [budget([])])
    expect(await here().reserve([budget(caps(100, 100))], 51, T0)).toMatchObject({
      ok: false,
      timeZone: 'Asia/Tokyo',
      used: 50,
      retryAt: T0 + 16 * HOUR,
    })
    expect(await here().reserve([budget(caps(40, 100))], 41, T0)).toMatchObject({
      ok: false,
      timeZone: 'Europe/Berlin',
    })
    const both = budget(caps(100, 100), { perDay: micros(60) })
    const refused = await here().reserve([both], 11, T0)
    expect(refused).toMatchObject({
      ok: false,
      reason: 'perDay',
      limit: 60,
      used: 50,
      retryAt: T0 + 23 * HOUR + 5 * MINUTE,
    })
    expect(Object(refused).timeZone).toBeUndefined()
    expect(await here().reserve([both], 10, T0)).toMatchObject({ ok: true })
  })

  it('count what was spent before an owner declared them', async () => {
    await spend(70, T0 + HOUR, [budget([])])
    await here().reserve([budget([])], 20, T0 + 2 * HOUR, { for: HOUR })
    expect(await there().reserve([budget([daily(100)])], 11, T0 + 2 * HOUR)).toMatchObject({ ok: false, used: 90 })
  })

  it('are never granted twice by a wrong clock', async () => {
    const end = T0 + 24 * HOUR
    await spend(100, end + HOUR, [budget([daily(100, end)])])
    // It is the day after, whatever this clock shows, and the budget of that day is spent.
    expect(await there().reserve([budget([daily(100)])], 1, end - HOUR)).toMatchObject({ ok: false, used: 100 })
    expect(await there().reserve([budget([daily(100)])], 1, end + 2 * HOUR)).toMatchObject({
      ok: false,
      used: 100,
      retryAt: end + 24 * HOUR,
    })
    // Tomorrow has not begun: until it has, what was spent today counts.
    const tomorrow = budget([daily(100, end + 24 * HOUR)])
    expect(await there().reserve([tomorrow], 1, end + 2 * HOUR)).toMatchObject({
      ok: false,
      used: 100,
      retryAt: end + 24 * HOUR,
    })
    expect(await there().reserve([tomorrow], 100, end + 24 * HOUR)).toMatchObject({ ok: true })
  })

  it('give an alert once for each threshold, calendar and day', async () => {
    const alerting = (start: number) => [
      budget(
        [daily(100, start), daily(200, start - 8 * HOUR, 24, 'Asia/Tokyo')],
        { perDay: micros(1_000) },
        [0.5, 0.8],
      ),
    ]
    expect(await here().reserve(alerting(T0), 40, T0, { id: 'r' })).toMatchObject({ ok: true, alerts: [] })
    expect(await there().reserve(alerting(T0), 45, T0)).toEqual({
      ok: true,
      alerts: [
        { budgetId: 'a', threshold: 0.5, used: 85, limit: 100, timeZone: 'Europe/Berlin' },
        { budgetId: 'a', threshold: 0.8, used: 85, limit: 100, timeZone: 'Europe/Berlin' },
      ],
    })
    expect(await here().reserve(alerting(T0), 15, T0)).toMatchObject({
      alerts: [{ threshold: 0.5, timeZone: 'Asia/Tokyo' }],
    })
    await here().settle('r', 0, T0)
    expect(await here().reserve(alerting(T0), 40, T0 + HOUR)).toMatchObject({ ok: true, alerts: [] })
    // Half an hour after midnight: for the sliding window it would be too soon.
    const end = T0 + 24 * HOUR
    expect(await there().reserve(alerting(end), 55, end + 30 * MINUTE)).toMatchObject({
      alerts: [{ threshold: 0.5, used: 55, timeZone: 'Europe/Berlin' }],
    })
  })

  it('are the tighter of what live owners declared, also for owners that declare none', async () => {
    const { ledger, other } = sides()
    expect(await ledger.register(owner('me', [daily(100)]), T0)).toEqual({ differing: [] })
    expect(await ledger.register(owner('she', [daily(100, T0 - 24 * HOUR)]), T0)).toEqual({ differing: [] })
    const tokyo = daily(80, T0 - 8 * HOUR, 24, 'Asia/Tokyo')
    expect(await other.register(owner('you', [daily(70), tokyo]), T0)).toMatchObject({
      differing: [{ budgetId: 'a', effective: { perCalendarDay: [daily(70), tokyo] } }],
    })
    expect((await other.usage('a', T0)).declared.perCalendarDay).toEqual([daily(70), tokyo])
    expect(await here().reserve([budget([])], 71, T0)).toMatchObject({ ok: false, limit: 70 })
    expect(await here().reserve([budget([daily(100)])], 71, T0)).toMatchObject({ ok: false, limit: 70 })
    await other.unregister('you', T0)
    expect(await here().reserve([budget([daily(100)])], 71, T0)).toMatchObject({ ok: true })
  })

  it('continue after the midnight that an owner declared, until it declares anew', async () => {
    const { ledger } = sides()
    await ledger.register({ ...owner('me', [daily(100)]), leaseMs: 40 * HOUR }, T0)
    await spend(100, T0, [budget([])])
    expect(await there().reserve([budget([])], 1, T0 + 24 * HOUR - 1)).toMatchObject({ ok: false })
    await spend(100, T0 + 24 * HOUR, [budget([])])
    expect(await there().reserve([budget([])], 1, T0 + 24 * HOUR)).toMatchObject({ ok: false, used: 100 })
  })

  it('are returned with what was spent on the current day, and when that ends', async () => {
    const { ledger, other } = sides()
    await ledger.register({ ...owner('me', [daily(70)]), leaseMs: 40 * HOUR }, T0)
    await spend(30, T0 + HOUR)
    await here().reserve([budget([daily(100)])], 20, T0 + HOUR, { for: HOUR })
    const tokyo = daily(80, T0 + 16 * HOUR, 24, 'Asia/Tokyo')
    expect(await other.usage('a', T0 + HOUR, [daily(100), tokyo])).toMatchObject({
      reserved: 20,
      days: [
        { ...daily(70), spent: 30 },
        // It has not begun.
        { timeZone: 'Asia/Tokyo', amount: 80, end: T0 + 16 * HOUR, spent: 30 },
      ],
    })
    const end = T0 + 24 * HOUR
    expect((await other.usage('a', end)).days).toMatchObject([{ amount: 70, start: end, spent: 0 }])
  })

  it('are at most 27 hours', async () => {
    await expect(async () => here().reserve([budget([daily(100, T0, 28)])], 1, T0)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })
}

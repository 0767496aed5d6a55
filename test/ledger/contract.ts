import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MaybePromise } from '../../src/base/async.js'
import type { AttachedTask, BudgetClaim, CalendarCap, Ledger, Limits, NewFact, Owner } from '../../src/ledger/ledger.js'
import { type Money, micros } from '../../src/policy/money.js'
import { calendarContract } from './calendar-contract.js'
import { Model } from './model.js'
import { shorthand } from './shorthand.js'

/** A ledger to be tested, and the same one as another process sees it (a ledger in memory is seen by no other). */
export interface LedgerPair {
  readonly ledger: Ledger
  readonly other: Ledger
  close(): MaybePromise<void>
}

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** The start of a five-minute slot, and so of a second. */
const T0 = Date.UTC(2026, 0, 5, 12)
/** When an amount that was settled at `T0` stops counting. */
const DAY_OUT = T0 + 5 * MINUTE + 24 * HOUR
const TASK: AttachedTask = { solver: 'captchaai', taskId: '4711', keyVersion: 'v1', family: 'recaptcha' }

function budget(
  id: string,
  limits: { perDay?: number; perMinute?: number; concurrent?: number },
  alertsAt?: number[],
): BudgetClaim {
  return { id, limits: limits as Limits, alertsAt }
}

function owner(
  id: string,
  limits?: { perDay?: number; perMinute?: number; concurrent?: number },
  leaseMs = 30 * SECOND,
): Owner {
  return { id, leaseMs, declares: limits ? [{ budgetId: 'a', limits: limits as Limits }] : [] }
}

/** The contract of every ledger: the tests of a new ledger call this. */
export function ledgerContract(name: string, make: () => Promise<LedgerPair>): void {
  describe(`${name} keeps the promises of a ledger`, () => {
    let pair: LedgerPair
    let ledger: Ledger
    let other: Ledger
    let here: ReturnType<typeof shorthand>
    let there: ReturnType<typeof shorthand>

    beforeEach(async () => {
      pair = await make()
      ledger = pair.ledger
      other = pair.other
      here = shorthand(ledger)
      there = shorthand(other)
    })
    afterEach(() => pair.close())

    const A = budget('a', { perDay: 100 })

    describe('money', () => {
      it('counts a reservation from the moment it is made, for every process', async () => {
        expect(await here.reserve([A], 60, T0)).toEqual({ ok: true, alerts: [] })
        expect(await there.reserve([A], 41, T0)).toMatchObject({
          ok: false,
          budgetId: 'a',
          reason: 'perDay',
          limit: 100,
          used: 60,
        })
        expect(await there.reserve([A], 40, T0)).toMatchObject({ ok: true })
        expect(await ledger.usage('a', T0)).toMatchObject({ spent: 0, reserved: 100, active: 2, lastMinute: 2 })
      })

      it('takes from every budget of a path, or from none', async () => {
        const narrow = budget('b', { perDay: 50 })
        expect(await here.reserve([A, narrow], 51, T0)).toMatchObject({ ok: false, budgetId: 'b' })
        expect(await ledger.usage('a', T0)).toMatchObject({ reserved: 0, active: 0, lastMinute: 0 })
        await here.reserve([A, narrow], 50, T0)
        expect(await other.usage('a', T0)).toMatchObject({ reserved: 50 })
        expect(await other.usage('b', T0)).toMatchObject({ reserved: 50 })
      })

      it('names the owner of a limit that is tighter than the own one, and when that ends', async () => {
        const cap = (amount: number): CalendarCap => ({
          ...{ timeZone: 'Odd/Place', amount: micros(amount), start: T0 - HOUR, end: T0 + 23 * HOUR },
        })
        const [tight, tighter] = [{ perDay: micros(50), concurrent: 1 }, { perCalendarDay: [cap(20)] }]
        await other.register({ id: 'crashed', leaseMs: 30 * SECOND, declares: [{ budgetId: 'a', limits: tight }] }, T0)
        await other.register({ id: 'days', leaseMs: 30 * SECOND, declares: [{ budgetId: 'b', limits: tighter }] }, T0)
        const later = T0 + 12 * SECOND
        const declaredBy = { ownerId: 'crashed', silentMs: 12 * SECOND, endsInMs: 18 * SECOND }
        const refused = await here.reserve([budget('a', { perDay: 1_000 })], 60, later)
        expect(refused).toMatchObject({ ok: false, reason: 'perDay', limit: 50, declaredBy })
        const days: BudgetClaim = { id: 'b', limits: { perCalendarDay: [cap(100)] } }
        expect(await here.reserve([days], 60, later)).toMatchObject({
          ...{ ok: false, limit: 20, timeZone: 'Odd/Place' },
          declaredBy: { ...declaredBy, ownerId: 'days' },
        })
        await here.reserve([budget('a', {})], 10, later, { for: HOUR })
        expect(await here.reserve([budget('a', {})], 10, later)).toMatchObject({ reason: 'concurrent', declaredBy })
        // Its own limit is reported as that.
        expect(await here.reserve([budget('a', { perDay: 50 })], 60, later)).not.toHaveProperty('declaredBy')
        const after = T0 + 31 * SECOND
        expect(await here.reserve([budget('a', { perDay: 1_000 })], 60, after)).toMatchObject({ ok: true })
      })

      it('previews what a reserve would return, and takes nothing', async () => {
        const alerting = budget('a', { perDay: 100, perMinute: 1 }, [0.5])
        const preview = (amount: number) => other.preview({ path: [alerting], amount: micros(amount) }, T0)
        const unused = await ledger.usage('a', T0)
        for (let i = 0; i < 3; i++) expect(await preview(60)).toEqual({ ok: true, alerts: [] })
        expect(await preview(101)).toMatchObject({ ok: false, budgetId: 'a', reason: 'perDay', retryAt: undefined })
        expect(await ledger.usage('a', T0)).toEqual(unused)
        expect(await here.reserve([alerting], 60, T0)).toMatchObject({ ok: true, alerts: [{ threshold: 0.5 }] })
        expect(await preview(1)).toEqual(await there.reserve([alerting], 1, T0))
        await ledger.pause('a', { code: 'MANUAL', message: 'looking', at: T0 })
        expect(await preview(1)).toMatchObject({ ok: false, reason: 'paused', pause: { message: 'looking' } })
      })

      it('names the first budget of the path that refuses', async () => {
        const full = [budget('a', { perDay: 10 }), budget('b', { perDay: 5 })]
        expect(await here.reserve(full, 11, T0)).toMatchObject({ budgetId: 'a' })
        expect(await here.reserve(full, 6, T0)).toMatchObject({ budgetId: 'b' })
      })

      it('settles a reservation exactly once, whichever process does', async () => {
        await here.reserve([A], 60, T0, { id: 'r' })
        expect(await there.settle('r', 30, T0)).toEqual({ settled: true })
        expect(await here.settle('r', 10, T0)).toEqual({ settled: false })
        expect(await here.settle('never-made', 10, T0)).toEqual({ settled: false })
        expect(await ledger.usage('a', T0)).toMatchObject({ spent: 30, reserved: 0, active: 0 })
      })

      it('gives everything back when it cost nothing, except the rate', async () => {
        await here.reserve([A], 100, T0, { id: 'r' })
        await here.settle('r', 0, T0)
        expect(await there.reserve([A], 100, T0)).toMatchObject({ ok: true })
        expect(await ledger.usage('a', T0)).toMatchObject({ lastMinute: 2 })
      })

      it('records what it did cost, even if that is more than was reserved', async () => {
        await here.reserve([A], 60, T0, { id: 'r' })
        await here.settle('r', 130, T0)
        expect(await other.usage('a', T0)).toMatchObject({ spent: 130, reserved: 0 })
        expect(await here.reserve([A], 1, T0)).toMatchObject({ ok: false, used: 130, retryAt: DAY_OUT })
      })

      it('counts what was spent until 24 hours after the end of its five-minute slot', async () => {
        await here.reserve([A], 100, T0, { id: 'r' })
        await here.settle('r', 100, T0 + MINUTE)
        expect(await here.reserve([A], 1, DAY_OUT - 1)).toMatchObject({ ok: false, retryAt: DAY_OUT })
        expect((await there.reserve([A], 1, DAY_OUT - 1)).ok).toBe(false)
        expect(await other.usage('a', DAY_OUT - 1)).toMatchObject({ spent: 100, moreAt: DAY_OUT })
        expect(await there.reserve([A], 100, DAY_OUT)).toMatchObject({ ok: true })
        expect((await other.usage('a', DAY_OUT)).moreAt).toBeUndefined()
      })

      it('frees nothing early when the clock goes back', async () => {
        await here.reserve([A], 100, T0, { id: 'r' })
        await here.settle('r', 100, T0)
        expect(await there.reserve([A], 1, T0 - 30 * 24 * HOUR)).toMatchObject({ ok: false, retryAt: DAY_OUT })
        // What is settled by a clock that lags counts from the latest time known, not from the lagging one.
        const B = budget('b', { perDay: 100 })
        await here.reserve([B], 100, T0, { id: 's', for: HOUR })
        await there.settle('s', 100, T0 - HOUR)
        expect(await here.reserve([B], 1, DAY_OUT - 1)).toMatchObject({ ok: false })
      })

      it('holds slots as long as asked for, and counts what expires in them, when the clock goes back', async () => {
        const B = budget('b', { perDay: 100, concurrent: 1 })
        await here.reserve([A], 1, T0)
        // By the ledger's time it is T0, whatever this clock shows.
        expect(await here.reserve([B], 100, T0 - HOUR)).toMatchObject({ ok: true })
        expect(await there.reserve([B], 0, T0 - HOUR)).toMatchObject({ ok: false, reason: 'concurrent' })
        expect(await there.reserve([B], 0, T0 + 2 * MINUTE - 1)).toMatchObject({ ok: false, reason: 'concurrent' })
        expect(await other.usage('b', T0 + 2 * MINUTE)).toMatchObject({ active: 0, spent: 100 })
      })

      it('rejects amounts that would make the sums wrong', async () => {
        await here.reserve([A], 10, T0, { id: 'r' })
        for (const bad of [Number.NaN, -1, 0.5, Infinity, 2 ** 60]) {
          const cost = bad as Money
          await expect(async () => ledger.settle({ reservationId: 'r', cost }, T0)).rejects.toMatchObject({
            code: 'CONFIG_INVALID',
          })
          const request = { id: 'x', ownerId: 'me', path: [A], amount: cost, deadline: T0 + MINUTE }
          await expect(async () => ledger.reserve(request, T0)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        }
        expect(await ledger.usage('a', T0)).toMatchObject({ spent: 0, reserved: 10 })
      })

      it('rejects an id twice, and a budget twice on one path', async () => {
        await here.reserve([A], 10, T0, { id: 'r' })
        await expect(async () => there.reserve([A], 10, T0, { id: 'r' })).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
        })
        await expect(async () => here.reserve([A, A], 10, T0)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
        expect(await ledger.usage('a', T0)).toMatchObject({ reserved: 10, active: 1 })
        // Nor once it has expired: a settlement could mean either.
        await expect(async () => there.reserve([A], 10, T0 + HOUR, { id: 'r' })).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
        })
      })

      it('returns nothing for budgets that were never used', async () => {
        expect(await ledger.usage('unheard-of', T0)).toEqual({
          spent: 0,
          reserved: 0,
          lastMinute: 0,
          active: 0,
          declared: {},
          paused: undefined,
          moreAt: undefined,
          totals: { settled: 0, unsure: 0, solves: 0 },
        })
      })

      it('returns all that a budget ever spent in any window, and how much of that is unsure', async () => {
        const B = budget('b', {})
        await ledger.register(owner('me', { perDay: 1_000 }, 9 * 24 * HOUR), T0)
        const ever = async (at: number) => Object.values((await other.usage('a', at)).totals)
        for (const [id, amount] of [
          ['r', 60],
          ['s', 10],
          ['t', 7],
          ['u', 5],
          ['v', 3],
        ] as const) {
          await here.reserve([A, B], amount, T0, { id })
        }
        expect(await ever(T0)).toEqual([0, 0, 0])
        await there.settle('r', 30, T0)
        await here.settle('s', 0, T0)
        await ledger.settle({ reservationId: 't', cost: 7 as Money, unsure: true }, T0)
        expect(await ever(T0)).toEqual([30, 7, 2])
        // Two expire; one of them is settled after all, at less.
        expect(await ever(T0 + 2 * MINUTE)).toEqual([30, 15, 4])
        await there.settle('u', 2, T0 + HOUR)
        expect(await ever(T0 + HOUR)).toEqual([32, 15, 4])
        expect((await ledger.usage('b', T0 + HOUR)).totals).toEqual({ settled: 32, unsure: 15, solves: 4 })
        expect(await ledger.usage('a', DAY_OUT + HOUR)).toMatchObject({ spent: 0, totals: { settled: 32, unsure: 15 } })
        await here.reserve([A], 1, DAY_OUT + HOUR, { id: 'w' })
        await here.settle('w', 1, DAY_OUT + HOUR)
        expect(await ever(DAY_OUT + HOUR)).toEqual([33, 15, 5])
      })
    })

    describe('calendar days', () => calendarContract(() => pair))

    describe('rate and slots', () => {
      it('counts a reservation in the rate until 60 s after the end of its second', async () => {
        const twice = budget('a', { perMinute: 2 })
        await here.reserve([twice], 0, T0)
        await there.reserve([twice], 0, T0 + 1_500)
        expect(await here.reserve([twice], 0, T0 + 2_000)).toMatchObject({
          ok: false,
          reason: 'perMinute',
          limit: 2,
          used: 2,
          retryAt: T0 + 61_000,
        })
        expect(await here.reserve([twice], 0, T0 + 60_999)).toMatchObject({ ok: false })
        expect(await here.reserve([twice], 0, T0 + 61_000)).toMatchObject({ ok: true })
        expect(await here.reserve([twice], 0, T0 + 61_000)).toMatchObject({ ok: false, retryAt: T0 + 62_000 })
      })

      it('opens no more reservations than there are slots', async () => {
        const two = budget('a', { concurrent: 2 })
        await here.reserve([two], 0, T0, { id: 'r', for: 50 * SECOND })
        await there.reserve([two], 0, T0, { for: 40 * SECOND })
        expect(await here.reserve([two], 0, T0)).toMatchObject({
          ok: false,
          reason: 'concurrent',
          limit: 2,
          used: 2,
          retryAt: T0 + 40 * SECOND,
        })
        await there.settle('r', 0, T0)
        expect(await here.reserve([two], 0, T0)).toMatchObject({ ok: true })
      })

      it('returns when enough slots will be free if a tighter limit leaves more than one too many', async () => {
        const path = (concurrent: number) => [budget('a', { concurrent })]
        for (const seconds of [50, 30, 40]) await here.reserve(path(3), 0, T0, { for: seconds * SECOND })
        expect(await here.reserve(path(2), 0, T0)).toMatchObject({ ok: false, retryAt: T0 + 40 * SECOND })
      })
    })

    describe('retryAt', () => {
      it('walks the slots, oldest first, until there is capacity', async () => {
        for (const hour of [0, 1, 2]) {
          await here.reserve([A], 30, T0 + hour * HOUR, { id: `r${hour}` })
          await here.settle(`r${hour}`, 30, T0 + hour * HOUR)
        }
        const now = T0 + 3 * HOUR
        expect(await there.reserve([A], 40, now)).toMatchObject({ ok: false, retryAt: DAY_OUT })
        expect(await there.reserve([A], 41, now)).toMatchObject({ ok: false, retryAt: DAY_OUT + HOUR })
        expect(await there.reserve([A], 100, now)).toMatchObject({ ok: false, retryAt: DAY_OUT + 2 * HOUR })
      })

      it('is the first deadline where only open reservations refuse', async () => {
        await here.reserve([A], 60, T0, { for: 3 * MINUTE })
        await here.reserve([A], 40, T0, { for: 2 * MINUTE })
        expect(await there.reserve([A], 1, T0)).toMatchObject({ ok: false, retryAt: T0 + 2 * MINUTE })
      })

      it('waits for all that refuses, not only for what is named', async () => {
        const path = [budget('a', { perMinute: 1 }), budget('b', { perDay: 10 })]
        await here.reserve(path, 10, T0, { id: 'r' })
        await here.settle('r', 10, T0)
        expect(await here.reserve(path, 1, T0)).toMatchObject({
          ok: false,
          budgetId: 'a',
          reason: 'perMinute',
          retryAt: DAY_OUT,
        })
      })

      it('is absent where time changes nothing', async () => {
        expect(await here.reserve([A], 101, T0)).toMatchObject({ ok: false, retryAt: undefined })
        expect(await here.reserve([budget('b', { perMinute: 0 })], 1, T0)).toMatchObject({
          ok: false,
          retryAt: undefined,
        })
        expect(await here.reserve([budget('b', { concurrent: 0 })], 1, T0)).toMatchObject({
          ok: false,
          retryAt: undefined,
        })
      })
    })

    describe('expiry', () => {
      it('frees the slot at the deadline and counts the amount as spent from then on', async () => {
        const one = budget('a', { perDay: 100, concurrent: 1 })
        await here.reserve([one], 60, T0)
        expect(await ledger.usage('a', T0 + 2 * MINUTE - 1)).toMatchObject({ reserved: 60, spent: 0, active: 1 })
        expect(await other.usage('a', T0 + 2 * MINUTE)).toMatchObject({ reserved: 0, spent: 60, active: 0 })
        expect(await there.reserve([one], 41, T0 + 2 * MINUTE)).toMatchObject({ ok: false, reason: 'perDay' })
        expect(await there.reserve([one], 40, T0 + 2 * MINUTE)).toMatchObject({ ok: true })
      })

      it('counts from the deadline, however late it is read', async () => {
        await here.reserve([A], 100, T0)
        expect(await there.reserve([A], 1, DAY_OUT - 1)).toMatchObject({ ok: false, retryAt: DAY_OUT })
        expect(await there.reserve([A], 100, DAY_OUT)).toMatchObject({ ok: true })
      })

      it.each([0, 20, 60, 90])('corrects the sum when it is settled late after all, at %i', async (cost) => {
        await here.reserve([A], 60, T0, { id: 'r' })
        expect(await there.settle('r', cost, T0 + HOUR)).toEqual({ settled: true, late: true })
        expect(await ledger.usage('a', T0 + HOUR)).toMatchObject({ spent: cost, reserved: 0, active: 0 })
        expect(await here.settle('r', 60, T0 + HOUR)).toEqual({ settled: false })
        // The correction went into the slot of the deadline.
        expect(await other.usage('a', DAY_OUT - 1)).toMatchObject({ spent: cost })
        expect(await other.usage('a', DAY_OUT)).toMatchObject({ spent: 0 })
      })

      it('corrects for as long as the amount is in the window', async () => {
        await here.reserve([A], 60, T0, { id: 's' })
        expect(await there.settle('s', 90, DAY_OUT - 1)).toEqual({ settled: true, late: true })
        expect(await ledger.usage('a', DAY_OUT - 1)).toMatchObject({ spent: 90 })
      })

      it('corrects nothing once the amount has left the window', async () => {
        await here.reserve([A], 60, T0, { id: 'r' })
        expect(await here.settle('r', 90, DAY_OUT)).toEqual({ settled: false })
        expect(await other.usage('a', DAY_OUT)).toMatchObject({ spent: 0 })
      })

      it('keeps counting what a dead owner reserved, with a task or without', async () => {
        await ledger.register(owner('me'), T0)
        await here.reserve([A], 60, T0)
        expect(await other.usage('a', T0 + MINUTE)).toMatchObject({ reserved: 60 })
        expect(await there.claim('you', T0 + MINUTE)).toEqual([])
        await ledger.unregister('me', T0 + MINUTE)
        expect(await other.usage('a', T0 + 2 * MINUTE)).toMatchObject({ reserved: 0, spent: 60 })
      })
    })

    describe('pausing', () => {
      const reason = { code: 'KEY_REFUSED', message: 'The key was refused.', at: T0 }

      it('denies every request with the budget on its path, with the first reason, until it is resumed', async () => {
        expect(await ledger.pause('a', reason)).toBe(true)
        expect(await other.pause('a', { code: 'MANUAL', message: 'Second.', at: T0 + 1 })).toBe(false)
        const denied = { ok: false, budgetId: 'a', reason: 'paused', pause: reason }
        expect(await there.reserve([A], 1, T0)).toMatchObject(denied)
        expect(await here.reserve([budget('b', {}), A], 1, T0)).toMatchObject(denied)
        expect(await here.reserve([budget('b', {})], 1, T0)).toMatchObject({ ok: true })
        expect(await other.usage('a', T0)).toMatchObject({ paused: reason })
        await other.resume('a')
        await other.resume('a')
        expect(await here.reserve([A], 1, T0)).toMatchObject({ ok: true })
        expect(await ledger.usage('a', T0)).toMatchObject({ paused: undefined })
      })

      it('settles what is open', async () => {
        await here.reserve([A], 60, T0, { id: 'r' })
        await other.pause('a', reason)
        expect(await here.settle('r', 20, T0)).toEqual({ settled: true })
      })
    })

    describe('alerts', () => {
      const alerting = budget('a', { perDay: 100 }, [0.5, 0.8])

      it('are given once for each threshold, to the caller that reaches it', async () => {
        expect(await here.reserve([alerting], 49, T0)).toMatchObject({ alerts: [] })
        expect(await there.reserve([alerting], 1, T0)).toMatchObject({
          alerts: [{ budgetId: 'a', threshold: 0.5, used: 50, limit: 100 }],
        })
        expect(await here.reserve([alerting], 10, T0)).toMatchObject({ alerts: [] })
        expect(await here.reserve([alerting], 40, T0)).toMatchObject({ alerts: [{ threshold: 0.8, used: 100 }] })
      })

      it('are given together when one reservation reaches several', async () => {
        expect(await here.reserve([alerting], 90, T0)).toMatchObject({
          alerts: [{ threshold: 0.5 }, { threshold: 0.8 }],
        })
      })

      it('are not given again when money is given back and taken again, but are after 24 hours', async () => {
        await here.reserve([alerting], 50, T0, { id: 'r' })
        await here.settle('r', 0, T0)
        expect(await there.reserve([alerting], 50, T0 + 24 * HOUR - 1)).toMatchObject({ ok: true, alerts: [] })
        expect(await there.reserve([alerting], 1, T0 + 24 * HOUR)).toMatchObject({
          ok: true,
          alerts: [{ threshold: 0.5 }],
        })
      })

      it('are not given for a reservation that is denied', async () => {
        const narrow = budget('b', { perDay: 10 })
        expect(await here.reserve([alerting, narrow], 60, T0)).toMatchObject({ ok: false })
        expect(await here.reserve([alerting], 60, T0)).toMatchObject({ alerts: [{ threshold: 0.5 }] })
      })
    })

    describe('owners', () => {
      it('get where they differ, and the tighter of each limit holds for all while its owner lives', async () => {
        expect(await ledger.register(owner('me', { perDay: 100, perMinute: 5 }), T0)).toEqual({ differing: [] })
        const joined = await other.register(owner('you', { perDay: 70, perMinute: 9 }), T0)
        expect(joined).toEqual({
          differing: [
            {
              budgetId: 'a',
              effective: { perDay: 70, perMinute: 5, concurrent: undefined },
              declaredBy: { ownerId: 'me', silentMs: 0, endsInMs: 30 * SECOND },
            },
          ],
        })
        expect(await ledger.usage('a', T0)).toMatchObject({ declared: { perDay: 70, perMinute: 5 } })
        expect(await here.reserve([A], 71, T0)).toMatchObject({ ok: false, limit: 70 })
        await other.unregister('you', T0)
        expect(await here.reserve([A], 71, T0)).toMatchObject({ ok: true })
      })

      it('get the one that declared other limits and ends last, with how long it has been silent', async () => {
        await ledger.register(owner('silent', { perDay: 70 }, 60 * SECOND), T0)
        await ledger.register(owner('short', { perDay: 60 }, 20 * SECOND), T0 + 10 * SECOND)
        await other.register(owner('same', { perDay: 100 }, 90 * SECOND), T0 + 10 * SECOND)
        expect(await other.register(owner('you', { perDay: 100 }), T0 + 20 * SECOND)).toMatchObject({
          differing: [{ declaredBy: { ownerId: 'silent', silentMs: 20 * SECOND, endsInMs: 40 * SECOND } }],
        })
      })

      it('do not differ with equal limits', async () => {
        await ledger.register(owner('me', { perDay: 100 }), T0)
        expect(await other.register(owner('you', { perDay: 100 }), T0)).toEqual({ differing: [] })
      })

      it('no longer limit others once their lease has ended, and do again after a late heartbeat', async () => {
        await ledger.register(owner('me', { perDay: 50 }), T0)
        await ledger.heartbeat('me', T0 + 20 * SECOND)
        expect(await there.reserve([A], 60, T0 + 50 * SECOND - 1)).toMatchObject({ ok: false, limit: 50 })
        expect(await there.reserve([A], 60, T0 + 50 * SECOND)).toMatchObject({ ok: true })
        await ledger.heartbeat('me', T0 + HOUR)
        expect(await there.reserve([A], 1, T0 + HOUR)).toMatchObject({ ok: false, limit: 50 })
      })

      it('are not created by a heartbeat of an unknown id', async () => {
        await other.heartbeat('unknown-owner', T0)
        expect(await ledger.usage('a', T0)).toMatchObject({ declared: {} })
      })
    })

    describe('facts', () => {
      const fact = (value: string, more: Partial<NewFact> = {}): NewFact => ({
        scope: 'keys',
        name: 'k',
        value,
        ttlMs: HOUR,
        ...more,
      })

      it('are shared by every process, the latest of each name, separate for each scope', async () => {
        expect(await ledger.setFact(fact('one'), T0)).toBe('one')
        expect(await other.setFact(fact('two'), T0)).toBe('two')
        await ledger.setFact(fact('ü "\n', { name: 'l' }), T0 + SECOND)
        // By the ledger's time, which a clock that lags does not set back.
        await ledger.setFact(fact('elsewhere', { scope: 'others' }), T0)
        const known = await ledger.listFacts('keys', T0 + SECOND)
        expect([...known].sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
          { name: 'k', value: 'two', at: T0 },
          { name: 'l', value: 'ü "\n', at: T0 + SECOND },
        ])
        expect(await other.listFacts('others', T0)).toEqual([{ name: 'k', value: 'elsewhere', at: T0 + SECOND }])
        expect(await other.listFacts('nowhere', T0)).toEqual([])
      })

      it('are kept for their ttlMs', async () => {
        await ledger.setFact(fact('one'), T0)
        expect(await other.listFacts('keys', T0 + HOUR - 1)).toHaveLength(1)
        expect(await other.listFacts('keys', T0 + HOUR)).toEqual([])
        await ledger.setFact(fact('two'), T0 + HOUR)
        await other.setFact(fact('two', { ttlMs: 0 }), T0 + HOUR)
        expect(await ledger.listFacts('keys', T0 + HOUR)).toEqual([])
      })

      it('keep their value with ifAbsent, and are kept for longer', async () => {
        expect(await ledger.setFact(fact('mine', { ifAbsent: true }), T0)).toBe('mine')
        expect(await other.setFact(fact('theirs', { ifAbsent: true }), T0 + MINUTE)).toBe('mine')
        expect(await ledger.listFacts('keys', T0 + HOUR + MINUTE - 1)).toEqual([
          { name: 'k', value: 'mine', at: T0 + MINUTE },
        ])
        expect(await other.setFact(fact('theirs', { ifAbsent: true }), T0 + HOUR + MINUTE)).toBe('theirs')
        expect(await other.setFact(fact('brief', { ifAbsent: true, ttlMs: 1 }), T0 + HOUR + MINUTE)).toBe('theirs')
        expect(await ledger.listFacts('keys', T0 + 2 * HOUR)).toMatchObject([{ name: 'k', value: 'theirs' }])
      })

      it.each([{ name: '' }, { name: 'x'.repeat(201) }, { scope: '' }, { value: 'x'.repeat(2001) }, { ttlMs: -1 }])(
        'have to be small (%#)',
        async (more) => {
          await expect(Promise.resolve().then(() => ledger.setFact(fact('v', more), T0))).rejects.toMatchObject({
            code: 'CONFIG_INVALID',
          })
        },
      )
    })

    describe('facts that forbid', () => {
      const stop = { scope: 'revoked/a', name: 'x' }
      const unless = [stop, { scope: 'revoked/a', name: 'ü' }, { scope: 'revoked/ä', name: 'x' }]
      const set = (on: Ledger, name: Partial<typeof stop>, ttlMs: number, now: number) =>
        on.setFact({ ...stop, ...name, value: 'why ü', ttlMs }, now)

      it('refuse each reservation that names them, for every process at once, until they expire', async () => {
        expect(await here.reserve([A], 1, T0, { unless })).toMatchObject({ ok: true })
        await set(ledger, {}, HOUR, T0)
        const refused = { ok: false, budgetId: 'a', reason: 'fact', fact: { ...stop, value: 'why ü' } }
        for (const each of [here, there, here]) expect(await each.reserve([A], 1, T0, { unless })).toEqual(refused)
        expect(await there.reserve([A], 1, T0 + HOUR - 1, { unless })).toEqual(refused)
        expect(await there.reserve([A], 1, T0 + HOUR, { unless })).toMatchObject({ ok: true })
      })

      it('are distinguished by scope and name, and looked for in the order of the request', async () => {
        await set(other, { name: 'ü' }, HOUR, T0)
        expect(await here.reserve([A], 1, T0, { unless })).toMatchObject({ fact: { scope: 'revoked/a', name: 'ü' } })
        expect(await here.reserve([A], 1, T0, { unless: [stop] })).toMatchObject({ ok: true })
        await set(other, { name: 'ü' }, 0, T0)
        await set(other, { scope: 'revoked/ä' }, HOUR, T0)
        expect(await there.reserve([A], 1, T0, { unless })).toMatchObject({ fact: { scope: 'revoked/ä', name: 'x' } })
        expect(await there.reserve([A], 1, T0, { unless: [] })).toMatchObject({ ok: true })
        expect(await there.reserve([A], 1, T0)).toMatchObject({ ok: true })
      })

      it('take nothing, and come before any budget', async () => {
        await set(ledger, {}, HOUR, T0)
        const full = [budget('a', { perDay: 0, perMinute: 1, concurrent: 1 }), budget('b', {})]
        expect(await here.reserve(full, 1, T0, { unless })).toMatchObject({ reason: 'fact', budgetId: 'a' })
        for (const id of ['a', 'b']) {
          expect(await other.usage(id, T0)).toMatchObject({ reserved: 0, active: 0, lastMinute: 0 })
        }
      })

      it('leave open what was reserved before: it is settled as ever', async () => {
        await here.reserve([A], 60, T0, { id: 'r', unless })
        await set(other, {}, HOUR, T0)
        expect(await there.settle('r', 20, T0)).toEqual({ settled: true })
      })
    })

    describe('taking over', () => {
      async function noted(
        id: string,
        more: { owner?: string; for?: number; task?: Partial<AttachedTask>; path?: BudgetClaim[] } = {},
      ) {
        await here.reserve(more.path ?? [A], 10, T0, { id, ...more })
        await ledger.attachTask(id, { ...TASK, ...more.task })
      }

      it('reports a task that another open reservation of the same account has', async () => {
        const attach = async (id: string, task: Partial<AttachedTask> = {}) => {
          await here.reserve([A], 10, T0, { id })
          return ledger.attachTask(id, { ...TASK, ...task })
        }
        expect(await attach('first')).toBe(false)
        expect(await ledger.attachTask('first', TASK)).toBe(false)
        expect(await attach('of-another', { solver: `${TASK.solver}2` })).toBe(false)
        expect(await attach('with-another', { taskId: `${TASK.taskId}0` })).toBe(false)
        expect(await attach('again')).toBe(true)
        await there.reserve([A], 10, T0, { id: 'elsewhere' })
        expect(await other.attachTask('elsewhere', TASK)).toBe(true)
        expect(await other.attachTask('unknown', TASK)).toBe(false)
        // What has ended does not count.
        await here.settle('first', 7, T0)
        expect(await attach('later')).toBe(false)
        expect(await attach('after-it')).toBe(true)
        await here.reserve([A], 10, T0 + HOUR, { id: 'much-later' })
        expect(await ledger.attachTask('much-later', TASK)).toBe(false)
      })

      it('hands over the tasks of an owner that died, with all that it takes to continue', async () => {
        await ledger.register(owner('me'), T0)
        await noted('r', { path: [A, budget('b', {})] })
        expect(await here.claim('you', T0 + 30 * SECOND - 1)).toEqual([])
        expect(await here.claim('you', T0 + 30 * SECOND)).toEqual([
          { ...TASK, reservationId: 'r', amount: 10, deadline: T0 + 2 * MINUTE, path: ['a', 'b'] },
        ])
        expect(await there.settle('r', 7, T0 + MINUTE)).toEqual({ settled: true })
        expect(await here.claim('you', T0 + HOUR)).toEqual([])
      })

      it('hands over the tasks of an owner that unregistered at once, and never those of a live one', async () => {
        await ledger.register(owner('me'), T0)
        await ledger.register(owner('she'), T0)
        await noted('r')
        await noted('s', { owner: 'she' })
        await ledger.unregister('me', T0)
        expect(await here.claim('you', T0)).toMatchObject([{ reservationId: 'r' }])
      })

      it('hands over what has expired, even of a live owner', async () => {
        await ledger.register(owner('me', undefined, HOUR), T0)
        await noted('r')
        expect(await here.claim('you', T0 + 2 * MINUTE - 1)).toEqual([])
        expect(await here.claim('you', T0 + 2 * MINUTE)).toMatchObject([{ reservationId: 'r' }])
        expect(await there.settle('r', 0, T0 + 2 * MINUTE)).toEqual({ settled: true, late: true })
        expect(await ledger.usage('a', T0 + 2 * MINUTE)).toMatchObject({ spent: 0 })
      })

      it('gives a task to one owner, and to another if that one dies without ending it in a minute', async () => {
        await noted('r', { for: HOUR })
        await ledger.register(owner('you', undefined, 30 * SECOND), T0)
        expect(await here.claim('you', T0)).toHaveLength(1)
        expect(await there.claim('she', T0)).toEqual([])
        expect(await there.claim('she', T0 + MINUTE - 1)).toEqual([])
        expect(await there.claim('she', T0 + MINUTE)).toHaveLength(1)
      })

      it('leaves a claimed task to its claimer while that one lives', async () => {
        await noted('r', { for: HOUR })
        await ledger.register(owner('you', undefined, HOUR), T0)
        expect(await here.claim('you', T0)).toHaveLength(1)
        expect(await there.claim('she', T0 + 30 * MINUTE)).toEqual([])
      })

      it('hands over what was submitted by another egress route only to a process that has it', async () => {
        await noted('r', { task: { egressRoute: 'proxy-1' } })
        await noted('s')
        expect(await here.claim('you', T0, { egressRoutes: ['proxy-2'] })).toMatchObject([{ reservationId: 's' }])
        expect(await there.claim('she', T0)).toEqual([])
        expect(await there.claim('she', T0, { egressRoutes: ['proxy-2', 'proxy-1'] })).toEqual([
          { ...TASK, egressRoute: 'proxy-1', reservationId: 'r', amount: 10, deadline: T0 + 2 * MINUTE, path: ['a'] },
        ])
      })

      it('returns no more tasks than asked for, of that solver and under that budget', async () => {
        await noted('r')
        await noted('s')
        await noted('t', { task: { solver: 'another' } })
        await noted('u', { path: [budget('b', {})] })
        await here.reserve([A], 10, T0, { id: 'without-a-task' })
        expect(await here.claim('you', T0, { limit: 1 })).toHaveLength(1)
        expect(await here.claim('you', T0)).toHaveLength(1)
        expect(await here.claim('you', T0)).toEqual([])
        expect(await here.claim('you', T0, { solver: 'another' })).toMatchObject([{ reservationId: 't' }])
        expect(await here.claim('you', T0, { budgetId: 'b' })).toMatchObject([{ reservationId: 'u' }])
      })
    })

    describe('heads of audit files', () => {
      it('only move forward, and are saved with a settlement that counted', async () => {
        const head = (seq: number, file = 'x.jsonl') => ({ file, seq, hash: `${seq}` })
        await here.reserve([A], 1, T0, { id: 'r' })
        await ledger.saveHead(head(3))
        await other.saveHead(head(2))
        await other.saveHead(head(1, 'y.jsonl'))
        expect(await ledger.heads()).toEqual(expect.arrayContaining([head(3), head(1, 'y.jsonl')]))
        await ledger.settle({ reservationId: 'r', cost: micros(1), head: head(4) }, T0)
        await ledger.settle({ reservationId: 'r', cost: micros(1), head: head(9) }, T0)
        await ledger.settle({ reservationId: 'never-made', cost: micros(1), head: head(9) }, T0)
        const heads = await other.heads()
        expect(heads).toHaveLength(2)
        expect(heads).toContainEqual(head(4))
      })

      it('are saved with a reservation that was granted, and with a heartbeat, of an unknown owner too', async () => {
        const head = (seq: number) => ({ file: 'x.jsonl', seq, hash: `${seq}` })
        const one = budget('a', { concurrent: 1 })
        const asked = { ownerId: 'me', path: [one], amount: micros(1), deadline: T0 + HOUR }
        await ledger.heartbeat('me', T0, head(1))
        expect(await other.heads()).toEqual([head(1)])
        await ledger.reserve({ ...asked, id: 'r', head: head(2) }, T0)
        expect(await other.heads()).toEqual([head(2)])
        expect(await ledger.reserve({ ...asked, id: 's', head: head(3) }, T0)).toMatchObject({ ok: false })
        expect(await other.heads()).toEqual([head(2)])
        await ledger.register(owner('me'), T0)
        await ledger.heartbeat('me', T0, head(4))
        expect(await other.heads()).toEqual([head(4)])
        await ledger.reserve({ ...asked, id: 't', path: [budget('b', {})], head: head(3) }, T0)
        await ledger.heartbeat('me', T0)
        expect(await other.heads()).toEqual([head(4)])
      })

      it.each(['whole', 'torn'] as const)('stay the end of their file once they are its end, %s', async (end) => {
        const head = { file: 'x.jsonl', seq: 3, hash: '3' }
        await ledger.heartbeat('me', T0, head)
        await other.saveHead({ ...head, end })
        await ledger.saveHead(head)
        await ledger.reserve({ id: 'r', ownerId: 'me', path: [A], amount: micros(1), deadline: T0 + HOUR, head }, T0)
        expect(await ledger.heads()).toEqual([{ ...head, end }])
      })
    })

    it('does what the naive model does, whatever happens in whatever order', async () => {
      let base = T0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          base += 10 * 24 * HOUR
          await compare(pair, steps, base)
        }),
        // A look at a later time, which records nothing, and then a clock that is set back.
        { numRuns: 150, examples: [[[wait(1), wait(-1), reserveFor(1), wait(1)]]] },
      )
    })
  })
}

const wait = (ms: number): Step => ({ do: 'wait', ms })
const reserveFor = (ms: number): Step => ({ do: 'reserve', path: 0, amount: 0, for: ms, skew: 0 })

type Step =
  | { do: 'reserve'; path: number; amount: number; for: number; skew: number }
  | { do: 'settle'; which: number; share: number }
  | { do: 'wait'; ms: number }
  | { do: 'retry' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      path: fc.nat(4),
      amount: fc.integer({ min: 0, max: 200 }),
      for: fc.constantFrom(1, 20 * SECOND, 2 * MINUTE, HOUR),
      /** How far from the time the caller's idea of the day is. */
      skew: fc.constantFrom(0, 0, 0, 0, -2 * HOUR, 2 * HOUR, -40 * HOUR, 30 * HOUR),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(20),
      share: fc.constantFrom(0, 0.3, 1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(
        fc.constantFrom(1, 500, SECOND, 59 * SECOND, MINUTE, 5 * MINUTE, 12 * HOUR, 24 * HOUR - 1, 24 * HOUR),
        fc.integer({ min: -2 * HOUR, max: 2 * HOUR }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'retry' as const }) },
)

/** The day of a made-up calendar at a moment: its days are of these lengths by turns. */
function dayOf(timeZone: string, amount: number, from: number, hours: readonly number[], at: number): CalendarCap {
  let start = from
  for (let day = 0; ; day++) {
    const end = start + (hours[day % hours.length] ?? 24) * HOUR
    if (at < end) return { timeZone, amount: micros(amount), start, end }
    start = end
  }
}

/** Does the steps on ledger and model alike, by turns through either side of the pair, and looks at all after each. */
async function compare(pair: LedgerPair, steps: readonly Step[], start: number): Promise<void> {
  const model = new Model()
  const run = `run-${start}`
  const limits = {
    wide: { perDay: 500 as Money, perMinute: 5, concurrent: 4 },
    narrow: { perDay: 250 as Money, perMinute: 3, concurrent: 2 },
  }
  const wide: BudgetClaim = { id: `${run}-wide`, limits: limits.wide }
  const narrow: BudgetClaim = { id: `${run}-narrow`, limits: limits.narrow, alertsAt: [0.5, 0.8] }
  const capsAt = (at: number) => [
    dayOf('Odd/Place', 300, start - 70 * HOUR, [24, 23, 25, 24, 26], at),
    dayOf('Other/Place', 400, start - 61.5 * HOUR, [24], at),
  ]
  const days = (at: number): BudgetClaim => ({
    id: `${run}-days`,
    limits: { perDay: 450 as Money, perCalendarDay: capsAt(at) },
    alertsAt: [0.1, 0.5, 0.9],
  })
  const paths = (at: number) => [[wide], [narrow], [wide, narrow], [days(at)], [days(at), narrow]]
  let now = start
  let retryAt: number | undefined
  for (const [turn, each] of steps.entries()) {
    const ledger = turn % 2 === 0 ? pair.ledger : pair.other
    if (each.do === 'wait') now += each.ms
    if (each.do === 'retry' && retryAt !== undefined) now = Math.max(now, retryAt)
    const at = model.time(now)
    if (each.do === 'reserve') {
      const request = {
        id: `${run}-${turn}`,
        ownerId: 'me',
        path: paths(now + each.skew)[each.path] ?? [],
        amount: micros(each.amount),
        deadline: now + each.for,
      }
      const expected = model.verdict(request, at)
      // What a preview returns, and that it takes nothing, follows from the reserve after it.
      const preview = await ledger.preview(request, now)
      const result = await ledger.reserve(request, now)
      expect(result).toMatchObject(expected)
      expect(preview).toEqual(result.ok ? { ok: true, alerts: [] } : result)
      if (result.ok) {
        expect(result.alerts).toEqual(model.alerts(request, at))
        model.deals.push({ ...request, deadline: at + each.for, madeAt: at, path: request.path.map(({ id }) => id) })
      } else {
        retryAt = result.retryAt
        expect(retryAt).toBe(model.retryAt(request, at))
      }
    }
    if (each.do === 'settle' && model.deals.length > 0) {
      const deal = model.deals[each.which % model.deals.length]
      if (deal === undefined) throw new Error('unreachable')
      const cost = Math.floor(deal.amount * each.share)
      const { settled } = await ledger.settle({ reservationId: deal.id, cost: micros(cost) }, now)
      if (deal.settled !== undefined) expect(settled).toBe(false)
      else if (at < deal.deadline + 24 * HOUR) expect(settled).toBe(true)
      if (settled) deal.settled = { at, cost }
    }
    for (const { id, limits } of [wide, narrow, days(at)]) {
      const expected = {
        spent: model.spent(id, at),
        reserved: model.reserved(id, at),
        active: model.active(id, at),
        lastMinute: model.made(id, at),
      }
      const { perDay, perCalendarDay, perMinute = Infinity, concurrent = Infinity } = limits
      const days = perCalendarDay?.map((cap) => ({ ...cap, spent: model.spentSince(id, cap.start, at) }))
      expect(await pair.ledger.usage(id, now, perCalendarDay)).toMatchObject(expected)
      expect(await pair.other.usage(id, now, perCalendarDay)).toMatchObject({ ...expected, days })
      // The promises themselves, without any slots.
      expect(model.spent(id, at, false) + model.reserved(id, at)).toBeLessThanOrEqual(perDay ?? 0)
      expect(model.made(id, at, false)).toBeLessThanOrEqual(perMinute)
      expect(model.active(id, at)).toBeLessThanOrEqual(concurrent)
      for (const cap of perCalendarDay ?? []) {
        const spent = model.spentSince(id, cap.start, at)
        expect(spent + model.reserved(id, at)).toBeLessThanOrEqual(cap.amount)
        expect(model.takenIn(id, cap, at)).toBeLessThanOrEqual(cap.amount)
      }
    }
  }
}

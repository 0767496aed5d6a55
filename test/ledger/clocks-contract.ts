import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { BudgetClaim, Ledger } from '../../src/ledger/ledger.js'
import type { Money } from '../../src/policy/money.js'
import { shorthand } from './shorthand.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY
/** The start of a five-minute slot. */
export const T0 = Date.UTC(2026, 0, 5, 12)
/** By how much clocks may differ without doubt, with the time for which a comparison is believed. */
const TOLERANCE = 5 * MINUTE + 10_000
const CAP = 100
const A: BudgetClaim = { id: 'a', limits: { perDay: CAP as Money, perMinute: 1_000, concurrent: 1_000 } }
const day = (at: number): BudgetClaim => {
  const start = Math.floor(at / DAY) * DAY
  const perCalendarDay = [{ timeZone: 'UTC', amount: CAP as Money, start, end: start + DAY }]
  return { id: 'a', limits: { perCalendarDay } }
}

/** Several processes with a ledger, each with a clock of its own; and the second clock. */
export interface World {
  /** What the second clock shows: of the file system, or of the server. It begins at `T0`. */
  time: number
  /** Whether each process has a ledger of its own to open, and to close. */
  readonly isShared: boolean
  /** The ledger as one more process has it. */
  open(): Promise<Ledger>
  close(): Promise<void>
}

/** What a ledger promises when clocks are wrong. */
export function clocksContract(name: string, make: () => Promise<World>): void {
  describe(`${name} whose callers have wrong clocks`, () => {
    let world: World
    let one: Ledger
    let other: Ledger
    beforeEach(async () => {
      world = await make()
      one = await world.open()
      other = await world.open()
      return async () => {
        await one.close()
        await other.close()
        await world.close()
      }
    })
    /** Spends an amount, by a clock that shows `now`. */
    const spend = async (ledger: Ledger, amount: number, now: number, path = [A]) => {
      const id = `${Math.random()}`
      const reserved = await shorthand(ledger).reserve(path, amount, now, { id })
      if (reserved.ok) await shorthand(ledger).settle(id, amount, now)
      return reserved
    }
    /** True time passes, and the file system's clock with it. */
    const pass = (ms: number): void => {
      world.time += ms
    }

    it.each([25 * HOUR, 20 * YEAR])(
      'frees nothing to a clock that jumps ahead by %d ms, and leaves no block behind',
      async (jump) => {
        await spend(one, CAP, T0)
        for (const ahead of [jump, 2 * jump, 3 * jump]) {
          pass(1_000)
          expect(await spend(one, 1, world.time + ahead)).toMatchObject({ ok: false, reason: 'perDay', used: CAP })
        }
        expect(await one.usage('a', world.time + jump)).toMatchObject({
          spent: CAP,
          clocks: { caller: world.time + jump, ledger: world.time },
        })
        // For the others nothing has changed, nor for this one once its clock is right.
        pass(DAY)
        expect(await spend(other, 40, world.time)).toMatchObject({ ok: false })
        pass(5 * MINUTE)
        expect(await spend(other, 40, world.time)).toMatchObject({ ok: true })
        expect(await spend(one, 60, world.time)).toMatchObject({ ok: true })
        expect((await one.usage('a', world.time)).clocks).toBeUndefined()
        expect(await spend(one, 1, world.time)).toMatchObject({ ok: false, retryAt: T0 + 2 * DAY + 10 * MINUTE })
      },
    )

    it('counts what a process with a wrong clock spends, for a day and not for longer', async () => {
      for (const skew of [20 * YEAR, -20 * YEAR, 3 * HOUR]) {
        pass(2 * DAY)
        await spend(other, 10, world.time)
        expect(await spend(one, 90, world.time + skew)).toMatchObject({ ok: true })
        expect(await spend(one, 1, world.time + skew)).toMatchObject({ ok: false })
        // The other process lives.
        pass(11_000)
        await other.heartbeat('other', world.time)
        pass(DAY - HOUR)
        expect(await spend(other, 1, world.time)).toMatchObject({ ok: false })
        pass(HOUR + 10 * MINUTE)
        expect(await spend(other, CAP, world.time)).toMatchObject({ ok: true })
      }
    })

    it('holds both readings against a process that is alone, and what it spent counts anew once the clocks agree', async () => {
      await spend(one, 30, T0)
      pass(5 * MINUTE)
      await spend(one, 0, world.time)
      // After two days one of the clocks has gone on, and the other has not.
      const late = T0 + 2 * DAY
      expect(await spend(one, 70, late)).toMatchObject({ ok: true })
      expect(await spend(one, 1, late)).toMatchObject({ ok: false, used: CAP })
      world.time = late
      // The first amount is two days old, the second one may be new.
      expect(await one.usage('a', late)).toMatchObject({ spent: 70 })
      expect(await spend(other, 31, late)).toMatchObject({ ok: false, used: 70 })
      expect(await spend(other, 30, late)).toMatchObject({ ok: true })
      pass(DAY + 5 * MINUTE)
      expect(await spend(other, CAP, world.time)).toMatchObject({ ok: true })
    })

    it.each([25 * HOUR, 20 * YEAR, -25 * HOUR])(
      'frees nothing when the second clock jumps by %d ms, as after a fail-over, and blocks nothing',
      async (jump) => {
        let now = T0
        const later = (ms: number): void => {
          now += ms
          world.time += ms
        }
        await spend(one, 60, now)
        world.time += jump
        for (const ledger of [one, other]) {
          later(11_000)
          expect(await spend(ledger, 41, now)).toMatchObject({ ok: false, used: 60 })
        }
        expect(await spend(one, 40, now)).toMatchObject({ ok: true })
        expect((await other.usage('a', now)).clocks).toEqual({ caller: now, ledger: world.time })
        // The rate and the slots go on meanwhile.
        for (let passed = 0; passed < 2 * MINUTE; passed += 10_000) {
          later(10_000)
          await other.heartbeat('other', now)
        }
        expect(await other.usage('a', now)).toMatchObject({ spent: CAP, lastMinute: 0 })
        world.time = now
        later(10_001)
        expect(await spend(one, 1, now)).toMatchObject({ ok: false, used: CAP })
        later(DAY + 5 * MINUTE)
        expect(await spend(other, CAP, now)).toMatchObject({ ok: true })
      },
    )

    it('goes on by the time that passes, where its clocks differ for good', async () => {
      const off = -2 * HOUR
      await spend(one, CAP, T0 + off)
      for (let passed = 0; passed < DAY + 5 * MINUTE; passed += MINUTE) {
        expect(await spend(one, 1, world.time + off)).toMatchObject({ ok: false })
        pass(MINUTE)
      }
      pass(MINUTE)
      expect(await spend(one, 1, world.time + off)).toMatchObject({ ok: true })
    })

    it('counts anew, once the clocks agree, what was settled while one of them showed a later time', async () => {
      await shorthand(one).reserve([A], 70, T0, { id: 'r', for: 3 * DAY })
      pass(MINUTE)
      const late = T0 + 2 * DAY
      await shorthand(one).settle('r', 70, late)
      world.time = late
      expect(await spend(other, 31, late)).toMatchObject({ ok: false, used: 70 })
      expect(await spend(other, 30, late)).toMatchObject({ ok: true })
    })

    it('counts what was spent in doubt, though another process had read the later time and recorded nothing', async () => {
      await one.heartbeat('me', T0)
      await other.heartbeat('me', T0)
      pass(3 * DAY)
      await one.usage('a', world.time)
      expect(await spend(other, 6, world.time - 5 * MINUTE - 1)).toMatchObject({ ok: true })
      expect(await spend(one, 5, world.time - 25 * HOUR)).toMatchObject({ ok: true })
      expect(await spend(one, 90, world.time)).toMatchObject({ ok: false, used: 11 })
      expect(await spend(one, 89, world.time)).toMatchObject({ ok: true })
    })

    it('does not carry out at once, for what others spent meanwhile, the time that a process only read', async () => {
      const off = -2 * HOUR
      await spend(one, 0, T0 + off)
      for (let passed = 0; passed < DAY + HOUR; passed += 4 * MINUTE) {
        pass(4 * MINUTE)
        await one.usage('a', world.time + off)
      }
      const fresh = await world.open()
      expect(await spend(fresh, CAP, world.time + off)).toMatchObject({ ok: true })
      pass(1_000)
      expect(await spend(one, 1, world.time + off)).toMatchObject({ ok: false, used: CAP })
      if (world.isShared) await fresh.close()
    })

    it('lets a reservation of a clock that is ahead expire in its time, and free its slot', async () => {
      const slot: BudgetClaim = { id: 'a', limits: { concurrent: 1 } }
      await spend(other, 0, T0)
      await shorthand(one).reserve([slot], 10, T0 + 20 * YEAR, { for: 2 * MINUTE })
      expect(await spend(other, 0, T0, [slot])).toMatchObject({ ok: false, reason: 'concurrent' })
      pass(2 * MINUTE)
      expect(await spend(other, 0, world.time, [slot])).toMatchObject({ ok: true })
      expect(await other.usage('a', world.time)).toMatchObject({ spent: 10, reserved: 0 })
    })

    it('begins where it was, when the whole machine was 20 years ahead and is set right', async () => {
      await spend(one, 40, T0)
      world.time += 20 * YEAR
      await spend(one, 60, world.time)
      await shorthand(one).reserve([A], 10, world.time, { for: 2 * MINUTE })
      await one.setFact({ scope: 's', name: 'n', value: 'v', ttlMs: HOUR }, world.time)
      const late = world.time
      world.time = T0 + MINUTE
      // What was spent meanwhile counts for a day from then on.
      expect(await spend(other, 31, world.time)).toMatchObject({ ok: false, used: 70 })
      expect(await spend(other, 30, world.time)).toMatchObject({ ok: true })
      expect(await one.listFacts('s', world.time)).toMatchObject([{ value: 'v' }])
      const { moreAt = 0 } = await one.usage('a', world.time)
      expect(moreAt - world.time).toBeGreaterThan(DAY - 10 * MINUTE)
      expect(moreAt - world.time).toBeLessThanOrEqual(DAY + 10 * MINUTE)
      expect(moreAt).toBeLessThan(late)
      // A process that begins later, after a pause without any: the pause has counted too.
      pass(DAY + 10 * MINUTE)
      const fresh = await world.open()
      expect(await fresh.usage('a', world.time)).toMatchObject({ spent: 0, reserved: 0, lastMinute: 0 })
      expect(await spend(fresh, CAP, world.time)).toMatchObject({ ok: true })
      if (world.isShared) await fresh.close()
    })

    it('keeps its calendar days, when the whole machine was 20 years ahead and is set right', async () => {
      world.time += 20 * YEAR
      await spend(one, 0, world.time)
      world.time = T0
      const now = () => world.time
      expect(await spend(one, CAP, now(), [day(now())])).toMatchObject({ ok: true })
      pass(12 * HOUR - 1)
      expect(await spend(other, 1, now(), [day(now())])).toMatchObject({
        ok: false,
        retryAt: day(now()).limits.perCalendarDay?.[0]?.end,
      })
      pass(1)
      expect(await spend(other, 90, now(), [day(now())])).toMatchObject({ ok: true })
      expect(await one.usage('a', now(), day(now()).limits.perCalendarDay)).toMatchObject({
        days: [{ start: T0 + 12 * HOUR, end: T0 + 36 * HOUR, spent: 90 }],
      })
    })

    it('counts the right day for all, though an owner declares that of a clock that is ahead', async () => {
      const declare = (ledger: Ledger, id: string, now: number) =>
        ledger.register({ id, leaseMs: 3 * DAY, declares: [{ budgetId: 'a', limits: day(now).limits }] }, now)
      await declare(other, 'right', T0)
      await declare(one, 'wrong', T0 + 20 * YEAR)
      await spend(other, CAP, T0, [day(T0)])
      pass(12 * HOUR)
      await declare(other, 'right', world.time)
      expect(await spend(other, CAP, world.time, [day(world.time)])).toMatchObject({ ok: true })
    })

    it('believes neither of two processes whose clocks are wrong alike', async () => {
      await spend(one, CAP, T0)
      for (const ledger of [one, other]) {
        await ledger.heartbeat('me', T0 + 30 * HOUR)
        expect(await spend(ledger, 1, T0 + 30 * HOUR)).toMatchObject({ ok: false })
      }
    })

    const MAX_SKEW = 40 * HOUR
    const skew = fc.oneof(
      fc.constantFrom(0, 25 * HOUR, -25 * HOUR, 20 * YEAR, -20 * YEAR),
      fc.integer({ min: -MAX_SKEW, max: MAX_SKEW }),
    )
    const step = fc.record({
      who: fc.nat(2),
      // One clock is wrong at a time: that of the process, or that of the file system.
      wrong: fc.constantFrom('process', 'process', 'process', 'file', 'none'),
      skew,
      amount: fc.integer({ min: 1, max: CAP }),
      passes: fc.constantFrom(0, 1_000, 8_000, MINUTE, 4 * MINUTE, HOUR, 11 * HOUR, 23 * HOUR, 3 * DAY),
      what: fc.constantFrom('spend', 'spend', 'spend', 'expire', 'look', 'heartbeat'),
      again: fc.boolean(),
    })

    it('spends no more than the cap in any true 24 hours, whatever the clocks show; nothing is blocked once they are right', {
      timeout: 120_000,
    }, async () => {
      let start = T0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          start += 100 * YEAR
          let now = start
          const claim: BudgetClaim = { ...A, id: `from-${start}` }
          world.time = now
          const ledgers: Ledger[] = [one, other, await world.open()]
          // The run before has left its time.
          for (const ledger of ledgers) await ledger.heartbeat('me', now)
          const spent: { readonly at: number; readonly amount: number }[] = []
          for (const { who, wrong, skew, amount, passes, what, again } of steps) {
            now += passes
            world.time = wrong === 'file' ? now + skew : now
            const reading = wrong === 'process' ? now + skew : now
            if (again && world.isShared) {
              await ledgers[who]?.close()
              ledgers[who] = await world.open()
              if (who === 0) one = ledgers[who]
              if (who === 1) other = ledgers[who]
            }
            const ledger = ledgers[who] as Ledger
            if (what === 'look') await ledger.usage(claim.id, reading)
            if (what === 'heartbeat') await ledger.heartbeat('me', reading)
            if (what === 'expire') {
              const { ok } = await shorthand(ledger).reserve([claim], amount, reading, { for: 2 * MINUTE })
              if (ok) spent.push({ at: now, amount })
            }
            if (what === 'spend' && (await spend(ledger, amount, reading, [claim])).ok) spent.push({ at: now, amount })
            const within = spent.filter(({ at }) => at > now - DAY + TOLERANCE)
            expect(within.reduce((sum, each) => sum + each.amount, 0)).toBeLessThanOrEqual(CAP)
          }
          // All clocks are right: after a day nothing counts any more, for processes old and new.
          world.time = now
          for (const ledger of ledgers) await ledger.heartbeat('me', now)
          now += DAY + 10 * MINUTE
          world.time = now
          for (const ledger of ledgers) {
            expect(await ledger.usage(claim.id, now)).toMatchObject({ spent: 0, reserved: 0, active: 0, lastMinute: 0 })
          }
          expect(await spend(ledgers[2] as Ledger, CAP, now, [claim])).toMatchObject({ ok: true })
          if (world.isShared) await ledgers[2]?.close()
        }),
        { numRuns: 60 },
      )
    })
  })
}

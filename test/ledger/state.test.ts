import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bookedAlerts } from '../../src/ledger/budget-state.js'
import type { BudgetClaim, Limits, PauseReason } from '../../src/ledger/ledger.js'
import { LedgerState, type SavedState } from '../../src/ledger/state.js'
import { micros } from '../../src/policy/money.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const T0 = Date.UTC(2026, 0, 5, 12)
const BUDGETS = ['a', 'a/x', 'b']
const OWNERS = ['me', 'other']
const pause: PauseReason = { code: 'PAUSED', message: 'by a test', at: T0 }
const day = { timeZone: 'UTC', start: Date.UTC(2026, 0, 5), end: Date.UTC(2026, 0, 6) }

const limits: Limits = {
  perDay: micros(100),
  perCalendarDay: [{ ...day, amount: micros(90) }],
  perMinute: 6,
  concurrent: 4,
}
const claim = (id: string): BudgetClaim => ({ id, limits, alertsAt: [0.3, 0.6] })
const pathOf = (which: number): BudgetClaim[] => [[claim('a')], [claim('a'), claim('a/x')], [claim('b')]][which] ?? []

/** All that a state decides and reports at a moment. Totals begin anew when a budget is forgotten. */
function visible(state: LedgerState, at: number): unknown {
  const request = (id: string, amount: number, which: number) => ({
    id,
    ownerId: 'me',
    amount: micros(amount),
    deadline: at + HOUR,
    path: pathOf(which),
  })
  return {
    usage: BUDGETS.map((id) => ({ ...state.usage(id, at, [{ ...day, amount: micros(90) }]), totals: undefined })),
    granted: [0, 1, 2].flatMap((which) => [1, 20, 95].map((amount) => state.reserve(request('?', amount, which), at))),
    live: OWNERS.map((id) => state.isLive(id, at)),
    tasks: BUDGETS.map((budgetId) => state.claimable({ solver: 's', ownerId: 'me', budgetId, limit: 9 }, at)),
    open: Array.from({ length: 40 }, (_, i) => state.settleable(`r${i}`, at)),
    paused: BUDGETS.map((id) => state.isPaused(id)),
    facts: state.listFacts('f', at),
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('reserve' as const), amount: fc.nat(40), which: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), amount: fc.nat(40), which: fc.nat(10) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      amount: fc.constantFrom(1_000, MINUTE, 7 * MINUTE, HOUR, 25 * HOUR, 30 * HOUR),
      which: fc.nat(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('task', 'claim', 'register', 'heartbeat', 'unregister', 'pause', 'resume', 'fact'),
      amount: fc.nat(40),
      which: fc.nat(2),
    }),
  },
)

describe('a state of a ledger', () => {
  it('that was saved and read again decides as the one it was saved from, whatever happened', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const kept = new LedgerState()
        let restored = new LedgerState()
        let now = T0
        let made = 0
        const both = (change: (state: LedgerState) => void): void => [kept, restored].forEach(change)
        both((state) => state.advance(now))
        for (const { do: what, amount, which } of steps) {
          const at = now
          const id = `r${which}`
          if (what === 'pass') now += amount
          if (what === 'reserve') {
            const request = {
              id: `r${made}`,
              ownerId: 'me',
              amount: micros(amount),
              deadline: at + (which + 1) * HOUR,
              path: pathOf(which),
            }
            const granted = kept.reserve(request, at)
            expect(restored.reserve(request, at)).toEqual(granted)
            const path = request.path.map((one) => one.id)
            if (granted.ok && made++ < 40)
              both((state) =>
                state.addReservation(
                  request.id,
                  'me',
                  amount,
                  request.deadline,
                  path,
                  bookedAlerts(granted.alerts),
                  at,
                ),
              )
          }
          both((state) => {
            if (what === 'settle') state.settle(id, amount, at, amount % 2 === 0)
            if (what === 'task')
              state.attachTask(id, { solver: 's', taskId: 't', keyVersion: 'v', family: 'recaptcha' })
            if (what === 'claim') state.claim('other', [id], at)
            if (what === 'register')
              state.register(
                {
                  id: OWNERS[which % 2] ?? '',
                  leaseMs: MINUTE,
                  declares: [{ budgetId: 'a', limits: { concurrent: which + 1 } }],
                },
                at,
              )
            if (what === 'heartbeat') state.heartbeat(OWNERS[which % 2] ?? '', at)
            if (what === 'unregister') state.unregister(OWNERS[which % 2] ?? '')
            if (what === 'pause') state.pause(BUDGETS[which] ?? '', pause)
            if (what === 'resume') state.resume(BUDGETS[which] ?? '')
            if (what === 'fact') state.facts.set('f', id, 'v', at + amount * MINUTE, at)
            state.advance(now)
          })
          const saved: SavedState = JSON.parse(JSON.stringify(restored.state()))
          restored = new LedgerState(saved)
          restored.advance(now)
          expect(visible(restored, now)).toEqual(visible(kept, now))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('forgets a budget once nothing of it counts or holds, and not before', () => {
    const at = T0
    const saved = (change: (state: LedgerState) => void, later: number) => {
      const state = new LedgerState()
      state.advance(at)
      change(state)
      state.advance(at + later)
      return state.state().budgets.map(({ id }) => id)
    }
    const reserve =
      (deadline: number, alerts: [string, number][] = []) =>
      (state: LedgerState) =>
        state.addReservation('r', 'me', 10, deadline, ['a'], alerts, at)
    // Open: for as long as it is. Expired: until its amount is out of each window, calendar days included.
    expect(saved(reserve(at + 90 * HOUR), 80 * HOUR)).toEqual(['a'])
    expect(saved(reserve(at + HOUR), 28 * HOUR + 5 * MINUTE - 1)).toEqual(['a'])
    expect(saved(reserve(at + HOUR), 28 * HOUR + 5 * MINUTE)).toEqual([])
    const free = (state: LedgerState): void => {
      reserve(at + HOUR)(state)
      state.settle('r', 0, at)
    }
    expect([saved(free, MINUTE), saved(free, MINUTE + 1_000)]).toEqual([['a'], []])
    expect(saved((state) => state.pause('a', pause), 80 * HOUR)).toEqual(['a'])
    const owner = { id: 'me', leaseMs: 100 * HOUR, declares: [{ budgetId: 'a', limits: { concurrent: 1 } }] }
    expect(saved((state) => state.register(owner, at), 80 * HOUR)).toEqual(['a'])
    const alerted = (state: LedgerState): void => {
      reserve(at + HOUR, [['a', 0.5]])(state)
      state.settle('r', 0, at)
    }
    expect([saved(alerted, 27 * HOUR - 1), saved(alerted, 27 * HOUR)]).toEqual([['a'], []])
  })

  it('is saved whole, and read again whole', () => {
    const task = { solver: 's', taskId: 't', keyVersion: 'v', family: 'recaptcha' }
    const owner = { id: 'me', leaseMs: 100 * HOUR, declares: [{ budgetId: 'a', limits: { concurrent: 9 } }] }
    const state = new LedgerState()
    state.record(T0)
    state.register(owner, T0)
    state.addReservation('open', 'me', 30, T0 + 90 * HOUR, ['a'], [['a', 0.5]], T0)
    state.attachTask('open', task)
    state.attachTask('unknown', task)
    state.claim('you', ['open', 'unknown'], T0 + 1)
    state.addReservation('expires', 'me', 4, T0 + HOUR, ['a'], [['a', 0.5, 'UTC']], T0 + 1_000)
    state.addReservation('settled', 'me', 9, T0 + HOUR, ['a'], [], T0 + 1_000)
    state.settle('settled', 7, T0 + 1_000)
    state.addReservation('unsure', 'me', 9, T0 + HOUR, ['a'], [], T0 + 1_000)
    state.settle('unsure', 2, T0 + 1_000, true)
    state.pause('b', pause)
    state.pause('b', { ...pause, message: 'later' })
    state.pause('c', pause)
    for (const id of ['c', 'unknown']) state.resume(id)
    state.facts.set('f', 'n', 'v', T0 + 9 * HOUR, T0)
    state.record(T0 + HOUR)
    expect(state.size).toBe(2 + 2 + 1 + 1)
    const saved = state.state()
    expect(saved).toEqual({
      now: T0 + HOUR,
      budgets: [
        {
          id: 'a',
          spent: [
            [T0 / 300_000, 9],
            [T0 / 300_000 + 12, 4],
          ],
          made: [
            [T0 / 1_000, 1],
            [T0 / 1_000 + 1, 3],
          ],
          alertedAt: [
            [0.5, T0],
            ['0.5 UTC', T0 + 1_000],
          ],
          totals: [7, 6, 3],
        },
        { id: 'b', spent: [], made: [], paused: pause, totals: [0, 0, 0] },
      ],
      owners: [{ ...owner, until: T0 + 100 * HOUR }],
      reservations: [
        {
          id: 'open',
          expired: false,
          ownerId: 'you',
          amount: 30,
          deadline: T0 + 90 * HOUR,
          path: ['a'],
          task,
          claimedAt: T0 + 1,
        },
        { id: 'expires', expired: true, ownerId: 'me', amount: 4, deadline: T0 + HOUR, path: ['a'], claimedAt: 0 },
      ],
      facts: [['f', 'n', 'v', T0 + 9 * HOUR, T0]],
      ahead: 0,
    })
    const again = new LedgerState(JSON.parse(JSON.stringify(saved)))
    expect(again.state()).toEqual(saved)
    expect([again.now, again.recorded, again.size]).toEqual([T0 + HOUR, T0 + HOUR, 6])
    expect(again.usage('a', T0 + HOUR)).toMatchObject({
      spent: 13,
      reserved: 30,
      active: 1,
      declared: { concurrent: 9 },
      totals: { settled: 7, unsure: 6, solves: 3 },
    })
  })

  it('forgets an owner a day after its lease, an expired reservation with its amount, and what is over', () => {
    const state = new LedgerState()
    state.record(T0)
    state.register({ id: 'me', leaseMs: MINUTE, declares: [] }, T0)
    state.addReservation('r', 'me', 30, T0 + HOUR, ['a'], [], T0)
    state.facts.set('f', 'n', 'v', T0 + HOUR, T0)
    // Something to be carried out at each of these times, as there always is.
    const saved = (at: number) => {
      const again = new LedgerState(state.state())
      again.advance(at)
      const { owners, reservations, budgets, facts } = again.state()
      return [owners, reservations, budgets, facts].map((each) => each?.length)
    }
    const out = T0 + 25 * HOUR + 5 * MINUTE
    expect(saved(T0 + MINUTE + 24 * HOUR - 1)).toEqual([1, 1, 1, 0])
    expect(saved(T0 + MINUTE + 24 * HOUR)).toEqual([0, 1, 1, 0])
    expect(saved(out - 1)).toEqual([0, 1, 1, 0])
    expect(saved(out)).toEqual([0, 0, 1, 0])
    expect(saved(out + 3 * HOUR - 1)).toEqual([0, 0, 1, 0])
    expect(saved(out + 3 * HOUR)).toEqual([0, 0, 0, 0])
    state.advance(T0 + HOUR)
    expect(state.settleable('r', T0 + HOUR)).toEqual({ settled: true, late: true })
    state.advance(out - 1)
    expect(state.settleable('r', out - 1)).toEqual({ settled: true, late: true })
    state.advance(out)
    expect(state.settleable('r', out)).toEqual({ settled: false })
    state.register({ id: 'me', leaseMs: MINUTE, declares: [] }, out)
    state.advance(out + 4 * HOUR)
    expect(state.size).toBe(1)
  })

  const HALF = T0 + 30 * MINUTE
  it.each<[what: string, cost: number, at: number, unsure: boolean, totals: object, moments: number[]]>([
    ['in time', 20, HALF, false, { settled: 20, unsure: 0, solves: 1 }, [20, 20, 0]],
    ['in time at nothing', 0, HALF, false, { settled: 0, unsure: 0, solves: 0 }, [0, 0, 0]],
    ['in time and is unsure', 20, HALF, true, { settled: 0, unsure: 20, solves: 1 }, [20, 20, 0]],
    ['in the last slot', 20, T0 + HOUR, false, { settled: 20, unsure: 0, solves: 1 }, [20, 20, 20]],
    ['at its deadline', 20, T0 + HOUR + 1, false, { settled: 20, unsure: 30, solves: 1 }, [20, 20, 20]],
    ['late', 20, T0 + HOUR + MINUTE, false, { settled: 20, unsure: 30, solves: 1 }, [20, 20, 20]],
  ])('corrects a reservation that expired here before it is known that it was settled %s', (...row) => {
    const [_, cost, at, unsure, totals, moments] = row
    const state = new LedgerState()
    state.record(T0)
    state.addReservation('r', 'me', 30, T0 + HOUR + 1, ['a'], [], T0)
    state.addReservation('other', 'me', 5, T0 + 9 * HOUR, ['a'], [], T0)
    state.advance(T0 + HOUR)
    expect(state.usage('a', T0 + HOUR)).toMatchObject({ spent: 0, reserved: 35, active: 2 })
    state.advance(T0 + 2 * HOUR)
    expect(state.usage('a', T0 + 2 * HOUR)).toMatchObject({
      spent: 30,
      reserved: 5,
      active: 1,
      totals: { settled: 0, unsure: 30, solves: 1 },
    })
    state.settle('r', cost, at, unsure)
    state.settle('r', cost, at, unsure)
    expect(state.usage('a', T0 + 2 * HOUR)).toMatchObject({ reserved: 5, active: 1, totals })
    const end = (time: number) => (Math.floor(time / 300_000) + 1) * 300_000 + 24 * HOUR
    const times = [T0 + 2 * HOUR, end(HALF) - 1, end(HALF)]
    state.settle('other', 0, T0 + 2 * HOUR)
    const spent = (time: number) => state.usage('a', state.advance(time)).spent
    expect(times.map(spent)).toEqual(moments)
    expect(spent(end(T0 + HOUR))).toBe(0)
  })

  it('tells of a task that another open reservation of the account has, also once it was read again', () => {
    const task = { solver: 's', taskId: 't', keyVersion: 'v', family: 'recaptcha' }
    const made = new LedgerState()
    made.record(T0)
    for (const [id, deadline] of [
      ['one', T0 + HOUR],
      ['two', T0 + 2 * HOUR],
      ['other', T0 + 2 * HOUR],
    ] as const) {
      made.addReservation(id, 'me', 1, deadline, ['a'], [], T0)
    }
    expect(made.hasRepeatedTask('one')).toBe(false)
    expect([made.attachTask('one', task), made.attachTask('one', task)]).toEqual([false, false])
    expect(made.attachTask('other', { ...task, solver: 's2' })).toBe(false)
    expect(made.attachTask('other', { ...task, taskId: 't2' })).toBe(false)
    expect(made.attachTask('unknown', task)).toBe(false)
    const read = () => new LedgerState(JSON.parse(JSON.stringify(made.state())))
    expect(read().attachTask('two', task)).toBe(true)
    expect(read().hasRepeatedTask('two')).toBe(false)
    expect(made.attachTask('two', task)).toBe(true)
    for (const state of [made, read()]) {
      const repeated = ['one', 'two', 'other', 'unknown'].filter((id) => state.hasRepeatedTask(id))
      expect(repeated).toEqual(['two'])
    }
    // One that only repeats it takes nothing with it.
    const repeating = read()
    repeating.settle('two', 1, T0)
    expect(repeating.attachTask('other', task)).toBe(true)
    // What has ended has no task any more, whether its process settled it or its time was over.
    const settled = read()
    settled.settle('one', 1, T0)
    const expired = read()
    expired.advance(T0 + HOUR)
    const both = [settled, expired]
    expect(both.map((state) => state.hasRepeatedTask('two'))).toEqual([false, false])
    expect(both.map((state) => state.attachTask('two', task))).toEqual([false, false])
    expect(both.map((state) => state.attachTask('other', task))).toEqual([true, true])
    expect(expired.attachTask('one', task)).toBe(false)
  })

  it('names the owner that declared the limit which refuses, and none for a pause', () => {
    const cap = (timeZone: string, amount: number) => ({ ...day, timeZone, amount: micros(amount) })
    const state = new LedgerState()
    state.record(T0)
    const declare = (id: string, leaseMs: number, declared: Limits) =>
      state.register({ id, leaseMs, declares: [{ budgetId: 'a', limits: declared }] }, T0)
    declare('tight', MINUTE, { perDay: micros(50), perCalendarDay: [cap('UTC', 100), cap('Asia/Tokyo', 20)] })
    declare('loose', HOUR, { perDay: micros(90), perCalendarDay: [cap('UTC', 20), cap('Asia/Tokyo', 90)] })
    const refused = (own: Limits, amount: number) =>
      state.preview({ path: [{ id: 'a', limits: own }], amount: micros(amount) }, T0)
    const tight = { ownerId: 'tight', silentMs: 0, endsInMs: MINUTE }
    expect(refused({}, 60)).toMatchObject({ reason: 'perDay', limit: 50, declaredBy: tight })
    const days = { perCalendarDay: [cap('UTC', 900), cap('Asia/Tokyo', 900)] }
    expect(refused(days, 21)).toMatchObject({
      timeZone: 'UTC',
      declaredBy: { ...tight, ownerId: 'loose', endsInMs: HOUR },
    })
    const tokyo = { perCalendarDay: [cap('UTC', 20), cap('Asia/Tokyo', 900)] }
    expect(refused(tokyo, 20)).toMatchObject({ ok: true })
    state.register({ id: 'loose', leaseMs: HOUR, declares: [] }, T0)
    expect(refused(days, 21)).toMatchObject({ limit: 20, timeZone: 'Asia/Tokyo', declaredBy: tight })
    state.pause('a', pause)
    expect(refused({}, 60)).not.toHaveProperty('declaredBy')
  })

  it('knows which budgets live owners declare otherwise', () => {
    const owner = (id: string, budgetId: string, concurrent: number, leaseMs = MINUTE) => ({
      id,
      leaseMs,
      declares: [{ budgetId, limits: { concurrent } }],
    })
    const state = new LedgerState()
    state.record(T0)
    state.register(owner('one', 'a', 3), T0)
    state.register(owner('two', 'b', 4, HOUR), T0)
    const differs = (budgetId: string, concurrent: number, at: number) =>
      state.differing(owner('me', budgetId, concurrent), at).differing
    expect([differs('a', 3, T0), differs('b', 4, T0), differs('c', 9, T0)]).toEqual([[], [], []])
    const by = (ownerId: string, endsInMs: number) => ({ ownerId, silentMs: 0, endsInMs })
    expect(differs('a', 4, T0)).toEqual([
      { budgetId: 'a', effective: { concurrent: 3 }, declaredBy: by('one', MINUTE) },
    ])
    expect(differs('b', 5, T0)).toEqual([{ budgetId: 'b', effective: { concurrent: 4 }, declaredBy: by('two', HOUR) }])
    expect([differs('a', 4, T0 + MINUTE - 1).length, differs('a', 4, T0 + MINUTE).length]).toEqual([1, 0])
    expect([state.isLive('one', T0 + MINUTE - 1), state.isLive('one', T0 + MINUTE)]).toEqual([true, false])
    const declared = (id: string) => state.usage(id, state.now).declared
    state.advance(T0 + MINUTE - 1)
    expect([declared('a'), declared('b')]).toEqual([{ concurrent: 3 }, { concurrent: 4 }])
    state.advance(T0 + MINUTE)
    expect([declared('a'), declared('b')]).toEqual([{}, { concurrent: 4 }])
    // A late heartbeat restores what it declares, and one that is early shortens no lease.
    state.heartbeat('one', T0 + 2 * MINUTE)
    state.heartbeat('two', T0 - HOUR)
    state.heartbeat('unknown', T0)
    state.advance(T0 + 3 * MINUTE - 1)
    expect([declared('a'), state.isLive('one', state.now)]).toEqual([{ concurrent: 3 }, true])
    state.advance(T0 + 3 * MINUTE)
    expect([declared('a'), declared('b')]).toEqual([{}, { concurrent: 4 }])
    state.unregister('two')
    state.unregister('unknown')
    expect(declared('b')).toEqual({})
  })

  it('expires each reservation at its deadline, in whatever order they were made', () => {
    const state = new LedgerState()
    state.record(T0)
    ;[2, 1, 3].forEach((hours, i) => {
      state.addReservation(`${i}`, 'me', 10 ** i, T0 + hours * HOUR, ['a'], [], T0)
    })
    const reserved = (at: number) => state.usage('a', state.advance(at)).reserved
    const times = [1, 2, 3].flatMap((hours) => [T0 + hours * HOUR - 1, T0 + hours * HOUR])
    expect(times.map(reserved)).toEqual([111, 101, 101, 100, 100, 0])
  })

  it('has a time that counts and one that is recorded, and neither goes back', () => {
    const state = new LedgerState()
    const times = () => [state.now, state.recorded]
    expect([state.advance(T0), ...times()]).toEqual([T0, T0, 0])
    expect([state.record(T0 - 1), ...times()]).toEqual([T0, T0, T0 - 1])
    expect([state.record(T0 - 2), ...times()]).toEqual([T0, T0, T0 - 1])
    expect([state.record(T0 + 1), ...times()]).toEqual([T0 + 1, T0 + 1, T0 + 1])
    expect([state.advance(T0), ...times()]).toEqual([T0 + 1, T0 + 1, T0 + 1])
  })
})

describe('the time to retry', () => {
  const at = T0
  const state = (spent: number, reserved: number): LedgerState => {
    const state = new LedgerState()
    state.record(at)
    state.addReservation('s', 'me', 50, at + HOUR, ['a'], [], at)
    state.settle('s', spent, at)
    state.addReservation('r', 'me', reserved, at + 2 * MINUTE, ['a'], [], at)
    return state
  }
  const retryAt = (of: LedgerState, amount: number, ...path: readonly (readonly [string, Limits])[]) => {
    const claims = path.map(([id, limits]) => ({ id, limits }))
    return of.reserve({ id: '?', ownerId: 'me', path: claims, amount: micros(amount), deadline: at }, at)
  }
  const calendar = (amount: number): Limits => ({ perCalendarDay: [{ ...day, amount: micros(amount) }] })

  it('is the end of the calendar day where what was spent on it refuses, else the first deadline', () => {
    const refused = { ok: false, reason: 'perDay', timeZone: 'UTC' }
    expect(retryAt(state(40, 0), 60, ['a', calendar(100)])).toEqual({ ok: true, alerts: [] })
    expect(retryAt(state(40, 0), 61, ['a', calendar(100)])).toMatchObject({ ...refused, retryAt: day.end })
    expect(retryAt(state(40, 20), 80, ['a', calendar(100)])).toMatchObject({ ...refused, retryAt: day.end })
    expect(retryAt(state(40, 20), 81, ['a', calendar(100)])).toMatchObject({ ...refused, retryAt: at + 2 * MINUTE })
    const other = state(0, 20)
    other.addReservation('t', 'me', 90, at + MINUTE, ['b'], [], at)
    expect(retryAt(other, 81, ['a', calendar(100)])).toMatchObject({ ...refused, retryAt: at + 2 * MINUTE })
    other.addReservation('u', 'me', 1, at + 90_000, ['b', 'a'], [], at)
    expect(retryAt(other, 81, ['a', calendar(100)])).toMatchObject({ ...refused, retryAt: at + 90_000 })
  })

  it('leaves out a day with just as much capacity as is asked for', () => {
    const limits = { ...calendar(100), perDay: micros(100), perMinute: 2 }
    expect(retryAt(state(40, 0), 60, ['a', limits])).toMatchObject({ reason: 'perMinute', retryAt: at + 61_000 })
    const slots = { ...calendar(100), concurrent: 1 }
    expect(retryAt(state(40, 0), 60, ['a', slots])).toMatchObject({ reason: 'concurrent', retryAt: at + 2 * MINUTE })
  })

  it('is absent where a day never has as much capacity, and where another budget of the path is paused', () => {
    const never = { retryAt: undefined }
    expect(retryAt(state(40, 0), 101, ['a', calendar(100)])).toMatchObject({ reason: 'perDay', ...never })
    expect(retryAt(state(40, 0), 100, ['a', calendar(100)])).toMatchObject({ reason: 'perDay', retryAt: day.end })
    const both = state(40, 0)
    const path = [
      ['a', { perDay: micros(50) }],
      ['b', {}],
    ] as const
    expect(retryAt(both, 20, ...path)).toMatchObject({ budgetId: 'a', retryAt: at + 24 * HOUR + 5 * MINUTE })
    both.pause('b', pause)
    expect(retryAt(both, 20, ...path)).toMatchObject({ budgetId: 'a', reason: 'perDay', ...never })
  })
})

it('the alerts of a reservation are recorded with their calendar, if they have one', () => {
  const alert = { budgetId: 'a', threshold: 0.5, used: micros(5), limit: micros(10) }
  expect(bookedAlerts([])).toStrictEqual([])
  expect(bookedAlerts([alert, { ...alert, timeZone: 'UTC' }])).toStrictEqual([
    ['a', 0.5],
    ['a', 0.5, 'UTC'],
  ])
})

import { describe, expect, it } from 'vitest'
import type { BudgetClaim } from '../../src/ledger/ledger.js'
import { LedgerState, type SavedState } from '../../src/ledger/state.js'
import { micros } from '../../src/policy/money.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** By how much two clocks may differ that agree. */
const TOLERANCE = 5 * MINUTE
/** The start of a five-minute slot. */
const T0 = Date.UTC(2026, 0, 5, 12)

function spend(state: LedgerState, id: string, amount: number, at: number, budget = 'a'): void {
  state.record(at)
  state.addReservation(id, 'me', amount, at + HOUR, [budget], [], at)
  state.settle(id, amount, at)
}

/** The same state, as another process reads it. */
function restored(state: LedgerState): LedgerState {
  const saved: SavedState = JSON.parse(JSON.stringify(state.state()))
  return new LedgerState(saved)
}

const spentAt = (state: LedgerState, at: number, budget = 'a'): number => state.usage(budget, at).spent

describe.each([
  ['as it is', (state: LedgerState) => state],
  ['read again', restored],
])('a state of which a part was counted in doubt, %s', (_, read) => {
  const since = T0 + 1_000
  const recorded = T0 + 2 * MINUTE

  /** In doubt since one second; 10 were spent before that in budget a, and then 20 and 40, all in one slot. */
  function doubted(later: number): LedgerState {
    const state = new LedgerState()
    spend(state, 'before', 10, T0)
    state.correct({ at: since, ahead: 0, doubt: { since, later: T0 + 50 * DAY } })
    spend(state, 'first', 20, since)
    spend(state, 'other', 5, since, 'new')
    state.correct({ at: recorded, ahead: 0, doubt: { since, later } })
    spend(state, 'second', 40, recorded)
    return read(state)
  }

  it.each([
    ['moves what was counted since to the time on which the clocks agree', TOLERANCE + 1, TOLERANCE, true],
    ['moves nothing where the clocks agree that as much time has passed as was recorded', TOLERANCE, 0, false],
    ['moves nothing where they agree on an earlier time', -1, 0, false],
    ['moves nothing where the later time that a clock showed is yet to come', TOLERANCE + 1, TOLERANCE + 1, false],
  ])('%s', (_, after, ahead, moves) => {
    const to = recorded + after
    const state = doubted(to + ahead)
    expect(state.doubt).toEqual({ since, later: to + ahead })
    state.correct({ at: to, ahead: 0, doubt: undefined })
    const now = Math.max(to, recorded)
    expect([state.doubt, state.now, state.recorded]).toEqual([undefined, now, now])
    expect(state.state().budgets.map(({ marked }) => marked)).toEqual([undefined, undefined])
    expect([spentAt(state, now), spentAt(state, now, 'new')]).toEqual([70, 5])
    // The slot in which all of it was counted ends, and then the next one, into which a part was moved.
    const end = T0 + TOLERANCE + DAY
    expect([spentAt(state, end - 1), spentAt(state, end), spentAt(state, end, 'new')]).toEqual(
      moves ? [70, 60, 5] : [70, 0, 0],
    )
    expect([spentAt(state, end + TOLERANCE), spentAt(state, end + TOLERANCE, 'new')]).toEqual([0, 0])
  })

  it('gives an alert of the doubt anew only once its window after the later time is over', () => {
    const claim: BudgetClaim = { id: 'a', limits: { perDay: micros(100) }, alertsAt: [0.5, 0.6] }
    const state = new LedgerState()
    state.record(since - 1)
    state.addReservation('r', 'me', 0, T0 + HOUR, ['a'], [['a', 0.5]], since - 1)
    state.correct({ at: since, ahead: 0, doubt: { since, later: T0 + 2 * DAY } })
    state.addReservation('s', 'me', 0, T0 + HOUR, ['a'], [['a', 0.6]], since)
    const same = read(state)
    const to = T0 + 2 * DAY
    same.correct({ at: to, ahead: 0, doubt: undefined })
    const alerts = (at: number) => {
      const granted = same.reserve({ id: '?', ownerId: 'me', path: [claim], amount: micros(90), deadline: at }, at)
      return granted.ok && granted.alerts.map(({ threshold }) => threshold)
    }
    expect([alerts(to), alerts(to + DAY - 1), alerts(to + DAY)]).toEqual([[0.5], [0.5], [0.5, 0.6]])
  })

  it('moves the deadlines of the doubt with their amounts', () => {
    const to = T0 + 10 * HOUR
    const state = new LedgerState()
    state.record(T0 - HOUR)
    const deadlines = [T0 - 1, T0, T0 + HOUR, to, to + HOUR]
    deadlines.forEach((deadline, i) => {
      state.addReservation(`${i}`, 'me', 30, deadline, [`b${i}`], [], T0 - HOUR)
    })
    state.correct({ at: T0, ahead: 0, doubt: { since: T0, later: to } })
    const same = read(state)
    same.correct({ at: to, ahead: 0, doubt: undefined })
    const active = deadlines.map((_, i) => same.usage(`b${i}`, to).active)
    expect(active).toEqual([0, 0, 0, 0, 1])
    const shown = (id: string) => {
      const { spent, moreAt } = same.usage(id, to)
      return [spent, moreAt]
    }
    // What expired at the moment at which the doubt began had been counted before it.
    const before = [30, T0 + TOLERANCE + DAY]
    const moved = [30, to + TOLERANCE + DAY]
    expect(deadlines.map((_, i) => shown(`b${i}`))).toEqual([[30, T0 + DAY], before, moved, moved, [0, undefined]])
    // A settlement corrects the amount where it counts now.
    deadlines.forEach((_, i) => {
      same.settle(`${i}`, 5, to)
    })
    const corrected = [5, to + TOLERANCE + DAY]
    expect(deadlines.map((_, i) => shown(`b${i}`))).toEqual([
      [5, T0 + DAY],
      [5, T0 + TOLERANCE + DAY],
      corrected,
      corrected,
      corrected,
    ])
  })

  it('moves what was counted in doubt to a later time and leaves it in doubt, for as often as that is recorded', () => {
    const [one, two] = [T0 + 20 * HOUR, T0 + 40 * HOUR]
    const doubt = (from: number) => ({ since: from, later: T0 + 50 * DAY })
    let state = doubted(T0 + 50 * DAY)
    state.addReservation('late', 'me', 7, T0 + HOUR, ['late'], [['late', 0.5]], recorded)
    for (const at of [one, two]) {
      state.correct({ at, ahead: 0, doubt: doubt(at) })
      state = read(state)
      expect([state.doubt, state.recorded]).toEqual([doubt(at), at])
      expect([spentAt(state, at), spentAt(state, at, 'new'), spentAt(state, at, 'late')]).toEqual([
        at === one ? 70 : 60,
        5,
        7,
      ])
      expect(state.state().budgets.find(({ id }) => id === 'late')?.alertedAt).toEqual([[0.5, at]])
    }
    spend(state, 'third', 100, two + MINUTE)
    const last = two + 20 * HOUR
    state.correct({ at: last, ahead: 0, doubt: undefined })
    // The later time that a clock showed is yet to come: it was counted rightly, as of the last time recorded.
    expect([spentAt(state, last), spentAt(state, two + TOLERANCE + DAY - 1)]).toEqual([160, 160])
    expect(spentAt(state, two + TOLERANCE + DAY)).toBe(0)
    const agreed = doubted(one)
    agreed.correct({ at: one, ahead: 0, doubt: { since: one, later: one } })
    spend(agreed, 'third', 100, one + MINUTE)
    agreed.correct({ at: two, ahead: 0, doubt: undefined })
    expect([spentAt(agreed, two), spentAt(agreed, two + DAY - 1), spentAt(agreed, two + DAY + TOLERANCE)]).toEqual([
      160, 160, 0,
    ])
  })

  it('moves no deadline where the clocks agree on the time that was recorded', () => {
    const state = new LedgerState()
    state.record(T0)
    state.addReservation('r', 'me', 30, T0 + MINUTE, ['a'], [], T0)
    state.correct({ at: T0, ahead: 0, doubt: { since: T0, later: T0 + DAY } })
    state.record(T0 + 2 * MINUTE)
    const same = read(state)
    const to = T0 + 6 * MINUTE
    same.correct({ at: to, ahead: 0, doubt: undefined })
    same.settle('r', 5, to)
    expect([spentAt(same, to), spentAt(same, T0 + TOLERANCE + DAY)]).toEqual([5, 0])
  })

  it.each([
    [1, { settled: true, late: true }],
    [0, { settled: false }],
  ])(
    'forgets what had expired a day before the latest time that a process may have carried out: %d ms',
    (ms, result) => {
      const state = new LedgerState()
      state.record(T0)
      state.addReservation('r', 'me', 30, T0 + HOUR, ['a'], [], T0)
      state.correct({ at: T0, ahead: 0, doubt: { since: T0, later: T0 + 2 * DAY } })
      state.record(T0 + HOUR + DAY - ms)
      const same = read(state)
      const to = T0 + 9 * DAY
      same.correct({ at: to, ahead: 0, doubt: undefined })
      expect(same.settleable('r', to)).toEqual(result)
      // What it had cost counts from the later time on all the same.
      expect(spentAt(same, to)).toBe(30)
    },
  )
})

describe.each([
  ['as it is', (state: LedgerState) => state],
  ['read again', restored],
])('a state that is ahead of the clocks, %s', (_, read) => {
  const AHEAD = 100 * HOUR
  const at = T0 + AHEAD
  const begin = (): LedgerState => {
    const state = new LedgerState()
    state.correct({ at: at - 13 * HOUR, ahead: AHEAD, doubt: undefined })
    return state
  }
  const day = { timeZone: 'UTC', start: T0 - 12 * HOUR, end: T0 + 12 * HOUR }

  it('states its times by the clocks', () => {
    const state = begin()
    const task = { solver: 's', taskId: 't', keyVersion: 'v', family: 'recaptcha' }
    state.addReservation('r', 'me', 30, at + HOUR, ['a'], [], at)
    state.attachTask('r', task)
    state.facts.set('f', 'n', 'v', at + HOUR, at)
    spend(state, 's', 70, at)
    const same = read(state)
    expect(same.ahead).toBe(AHEAD)
    expect(same.claimable({ ownerId: 'you', solver: 's', budgetId: 'a', limit: 9 }, at)).toEqual([
      { ...task, reservationId: 'r', amount: 30, deadline: T0 + HOUR, path: ['a'] },
    ])
    expect(same.listFacts('f', at)).toEqual([{ name: 'n', value: 'v', at: T0 }])
    expect(same.usage('a', at).moreAt).toBe(T0 + TOLERANCE + DAY)
    const perCalendarDay = [{ ...day, amount: micros(110) }]
    const request = (amount: number, limits: BudgetClaim['limits']) =>
      same.reserve(
        { id: '?', ownerId: 'me', path: [{ id: 'a', limits }], amount: micros(amount), deadline: at + 1 },
        at,
      )
    expect(request(1, { perDay: micros(100) })).toMatchObject({ ok: false, used: 100, retryAt: T0 + TOLERANCE + DAY })
    expect(request(90, { perDay: micros(100) })).toMatchObject({ ok: false, retryAt: T0 + HOUR })
    expect(request(10, { perCalendarDay })).toMatchObject({ ok: true })
    expect(request(11, { perCalendarDay })).toMatchObject({ ok: false, used: 100, retryAt: T0 + 12 * HOUR })
    expect(same.usage('a', at, perCalendarDay).days).toEqual([{ ...day, amount: 110, spent: 70 }])
  })

  it('counts a day that callers state by their clocks, and declare, at its own time', () => {
    const state = begin()
    const perCalendarDay = [{ ...day, amount: micros(100) }]
    state.register({ id: 'me', leaseMs: 9 * DAY, declares: [{ budgetId: 'a', limits: { perCalendarDay } }] }, at)
    spend(state, 's', 100, at)
    const same = read(state)
    const reserve = (now: number) =>
      same.reserve(
        { id: '?', ownerId: 'me', path: [{ id: 'a', limits: {} }], amount: micros(1), deadline: now },
        same.advance(now),
      )
    expect(reserve(at + 12 * HOUR - 1)).toMatchObject({ ok: false, retryAt: T0 + 12 * HOUR, timeZone: 'UTC' })
    expect(reserve(at + 12 * HOUR)).toMatchObject({ ok: true })
    // The day of a clock that is ahead does not replace it.
    const ahead = { ...day, start: day.start + 9 * DAY, end: day.end + 9 * DAY }
    const declares = [{ budgetId: 'a', limits: { perCalendarDay: [{ ...ahead, amount: micros(100) }] } }]
    same.register({ id: 'you', leaseMs: 9 * DAY, declares }, same.now)
    expect(same.usage('a', same.now).days).toEqual([
      { ...day, start: day.end, end: day.end + DAY, amount: 100, spent: 0 },
    ])
  })

  it('takes of two days the one of the time that the clocks show', () => {
    const state = begin()
    spend(state, 'yesterday', 100, at - 13 * HOUR)
    state.advance(at)
    const perCalendarDay = [{ ...day, amount: micros(100) }]
    state.register({ id: 'me', leaseMs: DAY, declares: [{ budgetId: 'a', limits: { perCalendarDay } }] }, at)
    const tomorrow = { ...day, start: day.end, end: day.end + DAY, amount: micros(100) }
    const reserve = (limits: BudgetClaim['limits']) => {
      const path = [{ id: 'a', limits: { perCalendarDay: [tomorrow], ...limits } }]
      return state.reserve({ id: '?', ownerId: 'me', path, amount: micros(1), deadline: at + 1 }, at)
    }
    expect(reserve({})).toEqual({ ok: true, alerts: [] })
    state.addReservation('now', 'me', 0, at + HOUR, ['a'], [], at)
    expect(reserve({ concurrent: 1 })).toMatchObject({ reason: 'concurrent', retryAt: T0 + HOUR })
  })
})

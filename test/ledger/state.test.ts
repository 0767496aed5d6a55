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
})

import { expect, it } from 'vitest'
import { applyEntry, type Entry } from '../../src/ledger/entries.js'
import { LedgerState } from '../../src/ledger/state.js'

const HOUR = 3_600_000
const T0 = Date.UTC(2026, 0, 5, 12)
const task = { solver: 's', taskId: 't', keyVersion: 'v', family: 'recaptcha' }
const owner = (id: string) => ({ id, leaseMs: HOUR, declares: [{ budgetId: 'a', limits: { concurrent: 9 } }] })
const pause = { code: 'MANUAL', message: 'By hand.', at: T0 }
const doubt = { since: T0 + 60, later: T0 + 9 * HOUR }

/** Each entry, and what it does. */
const ENTRIES: readonly (readonly [Entry, (state: LedgerState) => void])[] = [
  [['register', T0, owner('me')], (state) => state.register(owner('me'), T0)],
  [['register', T0 + 1, owner('you')], (state) => state.register(owner('you'), T0 + 1)],
  [
    ['reserve', T0 + 10, 'r', 'me', 30, T0 + HOUR, ['a', 'b'], [['a', 0.5, 'UTC']]],
    (state) => state.addReservation('r', 'me', 30, T0 + HOUR, ['a', 'b'], [['a', 0.5, 'UTC']], T0 + 10),
  ],
  [
    ['reserve', T0 + 20, 's', 'me', 20, T0 + 2 * HOUR, ['a'], []],
    (state) => state.addReservation('s', 'me', 20, T0 + 2 * HOUR, ['a'], [], T0 + 20),
  ],
  [
    ['reserve', T0 + 20, 'u', 'me', 5, T0 + 2 * HOUR, ['a'], []],
    (state) => state.addReservation('u', 'me', 5, T0 + 2 * HOUR, ['a'], [], T0 + 20),
  ],
  [['task', 'r', task], (state) => state.attachTask('r', task)],
  [['claim', T0 + 30, 'you', ['r']], (state) => state.claim('you', ['r'], T0 + 30)],
  [['settle', T0 + 40, 's', 7], (state) => state.settle('s', 7, T0 + 40)],
  [['settle', T0 + 50, 'u', 4, true], (state) => state.settle('u', 4, T0 + 50, true)],
  [['time', T0 + 60, 0, doubt], (state) => state.correct({ at: T0 + 60, ahead: 0, doubt })],
  [['heartbeat', T0 + 70, 'me'], (state) => state.heartbeat('me', T0 + 70)],
  [['unregister', 'you'], (state) => state.unregister('you')],
  [['pause', 'a', pause], (state) => state.pause('a', pause)],
  [['pause', 'b', pause], (state) => state.pause('b', pause)],
  [['resume', 'a'], (state) => state.resume('a')],
  [['fact', T0 + 80, 'f', 'n', 'v', T0 + 3 * HOUR], (state) => state.facts.set('f', 'n', 'v', T0 + 3 * HOUR, T0 + 80)],
  [['head', 'a.jsonl', 3, 'abc'], (state) => state.saveHead({ file: 'a.jsonl', seq: 3, hash: 'abc' })],
  [
    ['head', 'b.jsonl', 4, 'def', 'torn'],
    (state) => state.saveHead({ file: 'b.jsonl', seq: 4, hash: 'def', end: 'torn' }),
  ],
  [['time', T0 + 90, HOUR, null], (state) => state.correct({ at: T0 + 90, ahead: HOUR, doubt: undefined })],
]

it('an entry that was written and read does to a state what was decided', () => {
  const [applied, expected] = [new LedgerState(), new LedgerState()]
  for (const [entry, change] of ENTRIES) {
    applyEntry(applied, JSON.parse(JSON.stringify(entry)))
    const [kind, at] = entry
    if (kind !== 'time' && typeof at === 'number') expected.record(at)
    change(expected)
    const shown = [applied, expected].map((state) => ({
      ...state.state(),
      recorded: state.recorded,
      heads: state.heads(),
    }))
    expect(shown[0], kind).toEqual(shown[1])
  }
  expect(applied.doubt).toBeUndefined()
  expect(applied.usage('a', applied.now)).toMatchObject({ spent: 11, reserved: 30, active: 1, paused: undefined })
})

it('an entry of a kind that is not known is of a newer version', () => {
  const entry = ['unheard-of', T0] as never
  expect(() => applyEntry(new LedgerState(), entry)).toThrow(expect.objectContaining({ code: 'NEWER' }))
})

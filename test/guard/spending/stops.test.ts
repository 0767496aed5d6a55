import { describe, expect, it } from 'vitest'
import {
  linkBudgetId,
  listPauses,
  readStops,
  revocationOf,
  stopDenial,
  stopsOf,
  stopValue,
  subjectPauseOf,
  tokenPauseOf,
} from '../../../src/guard/spending/stops.js'
import type { Ledger } from '../../../src/ledger/ledger.js'

const NOW = Date.UTC(2026, 0, 5, 12)
const REASON = { code: 'MANUAL', message: 'It loops.', at: NOW }
const UNKNOWN = { code: 'MANUAL', message: 'no reason was recorded.', at: 0 }
/** What another process may have written in place of a reason. */
const MALFORMED = [
  '',
  'not JSON',
  'null',
  '{}',
  '[]',
  '[1,"It loops.",5]',
  '["MANUAL",2,5]',
  '["MANUAL","It loops.","5"]',
  '["MANUAL","It loops."]',
  '["MANUAL","It loops.",-1]',
  // JSON.parse makes Infinity of the second.
  '["MANUAL","It loops.",8640000000000001]',
  '["MANUAL","It loops.",1e400]',
]

type Facts = Readonly<Record<string, readonly { readonly name: string; readonly value: string }[]>>

/** A ledger with these facts, by scope. */
function listing(facts: Facts): Pick<Ledger, 'listFacts'> {
  return { listFacts: (scope) => (facts[scope] ?? []).map((fact) => ({ ...fact, at: NOW })) }
}

describe('the facts that forbid a solve', () => {
  it('are those of each link and of each subject, under the name of the guard', () => {
    const stops = stopsOf('ci', ['job'], [{ id: 'a' }, { id: 'b' }])
    expect(stops).toEqual([
      { scope: 'revoked/ci', name: 'a' },
      { scope: 'paused/ci', name: 'token a' },
      { scope: 'revoked/ci', name: 'b' },
      { scope: 'paused/ci', name: 'token b' },
      subjectPauseOf('ci', 'job'),
    ])
    expect(stops?.slice(0, 2)).toEqual([revocationOf('ci', 'a'), tokenPauseOf('ci', 'a')])
    expect(Object.isFrozen(stops)).toBe(true)
    expect(stopsOf('ci', [], [])).toBeUndefined()
    expect(stopsOf('ci', ['job'], [])).toEqual([subjectPauseOf('ci', 'job')])
    expect(stopsOf('ci', [], [{ id: 'a' }])).toHaveLength(2)
  })

  it('have a name of bounded length for each subject, and no two subjects share it', () => {
    const names = ['a', 'A', 'a ', 'x'.repeat(5_000)].map((subject) => subjectPauseOf('ci', subject))
    expect(new Set(names.map(({ name }) => name)).size).toBe(names.length)
    for (const { scope, name } of names) {
      expect(scope).toBe('paused/ci')
      expect(name).toMatch(/^subject [0-9a-f]{32}$/)
    }
  })

  it('a link has a budget that no grant with a name has', () => {
    expect(linkBudgetId('ci/~a', 'b')).toBe('ci/~a/~b')
  })
})

describe('what is stopped now', () => {
  it('is looked up by scope and name', async () => {
    const stops = await readStops(
      listing({
        'revoked/ci': [
          { name: 'a', value: stopValue(REASON) },
          { name: 'token c', value: stopValue(REASON) },
        ],
        'paused/ci': [{ name: 'token b', value: stopValue({ ...REASON, code: 'KEY_DUE' }) }],
        'paused/other': [{ name: 'token a', value: stopValue(REASON) }],
      }),
      'ci',
      NOW,
    )
    expect(stops.of(revocationOf('ci', 'a'))).toEqual(REASON)
    expect(stops.of(tokenPauseOf('ci', 'b'))).toEqual({ ...REASON, code: 'KEY_DUE' })
    const none = [revocationOf('ci', 'b'), tokenPauseOf('ci', 'a'), tokenPauseOf('ci', 'c'), tokenPauseOf('other', 'a')]
    expect(none.map((stop) => stops.of(stop))).toEqual([undefined, undefined, undefined, undefined])
  })

  it.each(MALFORMED)('is stopped also where the reason is malformed: %s', async (value) => {
    const stops = await readStops(listing({ 'revoked/ci': [{ name: 'a', value }] }), 'ci', NOW)
    expect(stops.of(revocationOf('ci', 'a'))).toEqual(UNKNOWN)
    expect(await listPauses(listing({ 'paused/ci': [{ name: 'token a', value }] }), 'ci', NOW)).toEqual([
      { token: 'a', reason: UNKNOWN },
    ])
  })
})

describe('the list of pauses', () => {
  it('has the latest last, tokens by the id of their link and subjects as they were given', async () => {
    const later = { ...REASON, at: NOW + 1 }
    const pauses = await listPauses(
      listing({
        'paused/ci': [
          { name: 'token b', value: stopValue(later) },
          { name: subjectPauseOf('ci', 'job').name, value: stopValue(REASON, 'job') },
        ],
        'paused/other': [{ name: 'token a', value: stopValue(REASON) }],
      }),
      'ci',
      NOW,
    )
    expect(pauses).toEqual([
      { subject: 'job', reason: REASON },
      { token: 'b', reason: later },
    ])
    expect(Object.isFrozen(pauses)).toBe(true)
  })

  it.each([...MALFORMED, stopValue(REASON), '["MANUAL","It loops.",5,6]'])(
    'has a subject whose text is not recorded: %s',
    async (value) => {
      const [pause] = await listPauses(listing({ 'paused/ci': [{ name: 'subject 00', value }] }), 'ci', NOW)
      expect(pause?.subject).toBe('')
    },
  )

  it('has a reason and a subject of bounded length, without control characters', async () => {
    const value = stopValue({ ...REASON, message: 'x'.repeat(5_000) }, `a\u001b[2J${'y'.repeat(5_000)}`)
    expect(value.length).toBeLessThan(1_000)
    const [pause] = await listPauses(listing({ 'paused/ci': [{ name: 'subject 00', value }] }), 'ci', NOW)
    expect(pause?.reason.message).toBe('x'.repeat(500))
    expect(pause?.subject).toMatch(/^a[^\p{Cc}]*\[2Jy+/u)
  })
})

describe('the denial of what a fact forbids', () => {
  it('says that the token is revoked, since when, and which link', () => {
    expect(stopDenial({ fact: { ...revocationOf('ci', 'a'), value: stopValue(REASON) } })).toMatchObject({
      code: 'TOKEN_REVOKED',
      message: expect.stringContaining('revoked at 2026-01-05T12:00:00.000Z: its link a.'),
      details: { link: 'a' },
    })
  })

  it('says that the token or the subject is paused, since when, and why', () => {
    expect(stopDenial({ fact: { ...tokenPauseOf('ci', 'a'), value: stopValue(REASON) } })).toMatchObject({
      code: 'GUARD_PAUSED',
      message:
        'The token is paused since 2026-01-05T12:00:00.000Z: It loops. ' +
        'Call guard.resume({ token: … }) when the cause is fixed.',
      details: { token: 'a', reason: 'MANUAL' },
    })
    const subject = subjectPauseOf('revoked', 'job')
    expect(stopDenial({ fact: { ...subject, value: stopValue(REASON) } })).toMatchObject({
      code: 'GUARD_PAUSED',
      message: expect.stringMatching(/^The subject is paused .* Call guard\.resume\(\{ subject: … \}\)/),
      details: { subject: subject.name.slice('subject '.length), reason: 'MANUAL' },
    })
  })

  it.each(MALFORMED)('is a denial too where the reason is malformed: %s', (value) => {
    expect(stopDenial({ fact: { ...revocationOf('ci', 'a'), value } })).toMatchObject({
      code: 'TOKEN_REVOKED',
      message: expect.stringContaining('revoked at 1970-01-01T00:00:00.000Z'),
    })
    expect(stopDenial({ fact: { ...tokenPauseOf('ci', 'a'), value } })).toMatchObject({
      code: 'GUARD_PAUSED',
      details: { token: 'a', reason: 'MANUAL' },
    })
  })

  it('is a denial too where the ledger says nothing of the fact', () => {
    expect(stopDenial({})).toMatchObject({
      code: 'GUARD_PAUSED',
      message: expect.stringMatching(/^The token is paused since 1970-.*: no reason was recorded\./),
      details: { token: '', reason: 'MANUAL' },
    })
  })
})

import { describe, expect, it } from 'vitest'
import { checkRequest, checkSettlement } from '../../src/ledger/checks.js'
import { checkFact, Facts } from '../../src/ledger/facts.js'
import type { NewFact, ReserveRequest } from '../../src/ledger/ledger.js'
import { micros } from '../../src/policy/money.js'

const fact = (more: Partial<NewFact> = {}): NewFact => ({ scope: 's', name: 'n', value: 'v', ttlMs: 10, ...more })
const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' })

/** Facts, and a call that stores one as a ledger does. */
function stored() {
  const facts = new Facts()
  return {
    facts,
    set(more: Partial<NewFact>, at: number) {
      const one = fact(more)
      const { value, until, at: writtenAt } = facts.decide(one, at)
      facts.set(one.scope, one.name, value, until, writtenAt)
      return value
    },
  }
}

describe('a fact', () => {
  it('is listed in its scope until its time is over, with when it was written', () => {
    const { facts, set } = stored()
    set({}, 100)
    set({ name: 'other', value: 'w', ttlMs: 20 }, 105)
    set({ scope: 't' }, 100)
    expect(facts.list('s', 109)).toEqual([
      { name: 'n', value: 'v', at: 100 },
      { name: 'other', value: 'w', at: 105 },
    ])
    expect(facts.list('s', 110).map(({ name }) => name)).toEqual(['other'])
    expect(facts.list('s', 125)).toEqual([])
    expect(facts.list('nowhere', 0)).toEqual([])
    expect(facts.size).toBe(3)
  })

  it('is found by its scope and name, the first of several, until its time is over', () => {
    const { facts, set } = stored()
    const names = (...all: [scope: string, name: string][]) => all.map(([scope, name]) => ({ scope, name }))
    set({}, 100)
    set({ name: 'other', value: 'w', ttlMs: 20 }, 100)
    expect(facts.first(names(['t', 'n'], ['s', 'none'], ['s', 'n'], ['s', 'other']), 109)).toEqual({
      scope: 's',
      name: 'n',
      value: 'v',
    })
    expect(facts.first(names(['s', 'n'], ['s', 'other']), 110)).toEqual({ scope: 's', name: 'other', value: 'w' })
    expect(facts.first(names(['s', 'n'], ['s', 'other']), 120)).toBeUndefined()
    expect(facts.first([], 100)).toBeUndefined()
  })

  it('is replaced, unless it is only to be stored where there is none', () => {
    const { facts, set } = stored()
    expect(set({ value: 'one' }, 100)).toBe('one')
    expect(set({ value: 'two' }, 101)).toBe('two')
    expect(set({ value: 'three', ifAbsent: true, ttlMs: 5 }, 102)).toBe('two')
    // The longer time of the two: the first one ends at 111.
    expect([facts.list('s', 110), facts.list('s', 111)]).toEqual([[{ name: 'n', value: 'two', at: 102 }], []])
    expect(set({ value: 'four', ifAbsent: true, ttlMs: 50 }, 110)).toBe('two')
    expect(facts.list('s', 159)).toHaveLength(1)
    expect(set({ value: 'five', ifAbsent: true }, 160)).toBe('five')
    expect(set({ value: 'six', name: 'other', ifAbsent: true }, 160)).toBe('six')
    expect(set({ value: 'seven', scope: 'other', ifAbsent: true }, 160)).toBe('seven')
  })

  it('is not changed by a decision about it', () => {
    const { facts } = stored()
    expect(facts.decide(fact(), 100)).toEqual({ value: 'v', until: 110, at: 100 })
    expect([facts.size, facts.list('s', 0)]).toEqual([0, []])
  })

  it('is dropped once its time is over, and kept across a restart until then', () => {
    const { facts, set } = stored()
    set({}, 100)
    set({ name: 'other', ttlMs: 20 }, 100)
    set({ scope: 't', ttlMs: 20 }, 100)
    facts.sweep(109)
    expect(facts.size).toBe(3)
    expect(facts.state(109)).toHaveLength(3)
    expect(facts.state(110)).toEqual([
      ['s', 'other', 'v', 120, 100],
      ['t', 'n', 'v', 120, 100],
    ])
    expect(new Facts(facts.state(110)).list('s', 119)).toEqual([{ name: 'other', value: 'v', at: 100 }])
    facts.sweep(110)
    expect(facts.size).toBe(2)
    facts.sweep(120)
    expect([facts.size, facts.state(0)]).toEqual([0, []])
  })

  it('is small', () => {
    for (const good of [
      { scope: 'x'.repeat(200), name: 'y'.repeat(200) },
      { value: '' },
      { value: 'x'.repeat(2_000) },
      { ttlMs: 0 },
    ])
      expect(() => checkFact(fact(good))).not.toThrow()
    for (const bad of [
      { scope: '' },
      { name: '' },
      { scope: 'x'.repeat(201) },
      { name: 'y'.repeat(201) },
      { value: 'x'.repeat(2_001) },
      { ttlMs: -1 },
      { ttlMs: Number.NaN },
      { ttlMs: Number.POSITIVE_INFINITY },
    ]) {
      expect(() => checkFact(fact(bad))).toThrow(invalid)
      expect(() => new Facts().decide(fact(bad), 0)).toThrow(invalid)
    }
  })
})

describe('a request that would make the sums wrong', () => {
  const request = (more: object): ReserveRequest => ({
    id: 'r',
    ownerId: 'o',
    amount: micros(1),
    deadline: 10,
    path: [{ id: 'a', limits: {} }],
    ...more,
  })
  const day = (hours: number) => ({ timeZone: 'UTC', amount: micros(1), start: 0, end: hours * 3_600_000 })
  const onDay = (...hours: number[]) => ({ path: [{ id: 'a', limits: { perCalendarDay: hours.map(day) } }] })
  const path = (...ids: string[]) => ({ path: ids.map((id) => ({ id, limits: {} })) })

  it('is refused', () => {
    for (const amount of [-1, 0.5, Number.NaN, 2 ** 53, '1']) {
      expect(() => checkRequest(request({ amount }))).toThrow(invalid)
      expect(() => checkSettlement({ reservationId: 'r', cost: amount as never })).toThrow(invalid)
    }
    for (const deadline of [Number.NaN, Number.POSITIVE_INFINITY, undefined])
      expect(() => checkRequest(request({ deadline }))).toThrow(/needs a deadline/)
    for (const ids of [path('a', 'a'), path('a', 'b', 'a')])
      expect(() => checkRequest(request(ids))).toThrow(/twice on the path/)
    for (const hours of [onDay(0), onDay(-1), onDay(27.1), onDay(24, 28)])
      expect(() => checkRequest(request(hours))).toThrow(/at most 27 hours/)
  })

  it('is only that: any other passes', () => {
    for (const more of [{ amount: 0 }, { amount: 2 ** 53 - 1 }, { deadline: -5 }, path(), path('a', 'b', 'c')])
      expect(() => checkRequest(request(more))).not.toThrow()
    for (const hours of [onDay(), onDay(23, 26, 27)]) expect(() => checkRequest(request(hours))).not.toThrow()
    for (const cost of [0, 2 ** 53 - 1])
      expect(() => checkSettlement({ reservationId: 'r', cost: cost as never })).not.toThrow()
  })
})

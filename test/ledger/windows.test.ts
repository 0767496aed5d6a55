import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CalendarCap, Limits } from '../../src/ledger/ledger.js'
import {
  DAY,
  dayEnd,
  dayStart,
  MAX_DAY_MS,
  MINUTE,
  SlidingSum,
  sameLimits,
  slotExpiresAt,
  slotOf,
  tightest,
  type WindowKind,
} from '../../src/ledger/windows.js'
import { micros } from '../../src/policy/money.js'

/** Small enough that a few steps fill it. */
const SMALL: WindowKind = { slotMs: 10, spanMs: 100, keptMs: 50 }

/** The same by its definition: a list of what was counted when. */
class NaiveSum {
  readonly #kind: WindowKind
  readonly #bySlot = new Map<number, number>()

  constructor(kind: WindowKind) {
    this.#kind = kind
  }

  add(at: number, amount: number): void {
    const slot = Math.floor(at / this.#kind.slotMs)
    const before = this.#bySlot.get(slot) ?? 0
    if (before + amount > 0) this.#bySlot.set(slot, before + amount)
    else this.#bySlot.delete(slot)
  }

  mark(at: number): readonly [slot: number, amount: number] {
    const slot = Math.floor(at / this.#kind.slotMs)
    return [slot, this.#bySlot.get(slot) ?? 0]
  }

  /** What was counted after the mark counts as of `to`, but for slots that need not be kept at `now`. */
  move([marked, before]: readonly [slot: number, amount: number], to: number, now: number): void {
    const { slotMs, spanMs, keptMs } = this.#kind
    let moved = 0
    for (const [slot, amount] of [...this.#bySlot]) {
      if (slot < marked) continue
      const stays = slot === marked ? Math.min(amount, before) : 0
      if ((slot + 1) * slotMs + spanMs + keptMs > now) moved += amount - stays
      this.#bySlot.set(slot, stays)
    }
    this.add(to, moved)
  }

  /** The slots that end after a moment, in order. */
  #counting(now: number, keptMs = 0): [end: number, amount: number][] {
    const { slotMs, spanMs } = this.#kind
    return [...this.#bySlot]
      .sort(([a], [b]) => a - b)
      .map(([slot, amount]): [number, number] => [(slot + 1) * slotMs + spanMs, amount])
      .filter(([end]) => end + keptMs > now)
  }

  at(now: number): number {
    return this.#counting(now).reduce((sum, [, amount]) => sum + amount, 0)
  }

  since(from: number, now: number): number {
    const { slotMs, spanMs, keptMs } = this.#kind
    const first = Math.floor(from / slotMs) * slotMs
    return this.#counting(now, keptMs)
      .filter(([end]) => end - spanMs - slotMs >= first)
      .reduce((sum, [, amount]) => sum + amount, 0)
  }

  goneAt(excess: number, now: number): number | undefined {
    let gone = 0
    return this.#counting(now).find(([, amount]) => {
      gone += amount
      return gone >= excess
    })?.[0]
  }

  isEmpty(now: number): boolean {
    return this.#counting(now, this.#kind.keptMs).length === 0
  }
}

describe('a sum over a sliding window', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), back: fc.nat(180), amount: fc.integer({ min: -5, max: 9 }) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(60) }),
  )

  it('counts as its definition does, whatever is added, corrected or asked for, in any order of time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, restored) => {
        let sum = new SlidingSum(SMALL)
        const naive = new NaiveSum(SMALL)
        let now = 1_000
        for (const one of steps) {
          if (one.do === 'pass') now += one.ms
          else {
            // What no longer counts at the time of the last reading is gone for good, as in a ledger.
            const at = Math.max(now - one.back, now - 100)
            sum.add(at, one.amount)
            naive.add(at, one.amount)
          }
          if (restored) sum = new SlidingSum(SMALL, sum.slots())
          expect(sum.at(now)).toBe(naive.at(now))
          for (const from of [now, now - 9, now - 55, now - 100, now - 149]) {
            expect(sum.since(from)).toBe(naive.since(from, now))
            expect(sum.since(from)).toBe(naive.since(from, now))
          }
          for (const excess of [1, 5, 20]) expect(sum.goneAt(excess)).toBe(naive.goneAt(excess, now))
          expect(sum.isEmpty).toBe(naive.isEmpty(now))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('counts what was counted after a mark as of a later moment, whatever was counted before and since', () => {
    const added = fc.array(
      fc.record({ back: fc.integer({ min: -40, max: 100 }), amount: fc.integer({ min: -5, max: 9 }) }),
      {
        maxLength: 8,
      },
    )
    const times = fc.record({ mark: fc.nat(120), read: fc.nat(170), kept: fc.nat(60), to: fc.nat(30) })
    fc.assert(
      fc.property(added, added, times, (before, since, { mark, read, kept, to }) => {
        const sum = new SlidingSum(SMALL)
        const naive = new NaiveSum(SMALL)
        const both = [sum, naive] as const
        for (const { back, amount } of before) for (const each of both) each.add(1_000 - back, amount)
        const marks = both.map((each) => each.mark(1_000 - mark))
        expect(marks[0]).toEqual(marks[1])
        for (const { back, amount } of since) for (const each of both) each.add(1_000 - mark - back, amount)
        const now = 1_000 + read
        expect(sum.at(now)).toBe(naive.at(now))
        const froms = [now - 149, now - 100, now - 40, now]
        for (const from of froms) expect(sum.since(from)).toBe(naive.since(from, now))
        const later = now + kept + to
        for (const each of both) each.move(marks[1] ?? [0, 0], later, now + kept)
        for (const time of [later, later + 50, later + 105, later + 140]) {
          expect(sum.at(time)).toBe(naive.at(time))
          for (const from of [...froms, later - 140, later]) expect(sum.since(from)).toBe(naive.since(from, time))
          for (const excess of [1, 8]) expect(sum.goneAt(excess)).toBe(naive.goneAt(excess, time))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('keeps the slots that still count or are kept, oldest first, and no other', () => {
    const sum = new SlidingSum(SMALL, [
      [5, 1],
      [3, 2],
    ])
    sum.add(45, 4)
    sum.add(40, 0)
    sum.add(70, 0)
    sum.add(70, -3)
    expect(sum.slots()).toEqual([
      [3, 2],
      [4, 4],
      [5, 1],
    ])
    expect([sum.at(139), sum.at(140), sum.at(149), sum.at(150)]).toEqual([7, 5, 5, 1])
    expect(sum.at(189)).toBe(0)
    expect(sum.slots().map(([slot]) => slot)).toEqual([3, 4, 5])
    sum.at(190)
    expect(sum.slots().map(([slot]) => slot)).toEqual([4, 5])
    expect([sum.isEmpty, sum.at(209), sum.isEmpty]).toEqual([false, 0, false])
    sum.at(210)
    expect([sum.isEmpty, sum.slots()]).toEqual([true, []])
  })

  it('counts what is added to a slot that is only kept in sums since that slot, and in no other', () => {
    const sum = new SlidingSum(SMALL, [[3, 2]])
    sum.add(100, 1)
    expect(sum.at(145)).toBe(1)
    sum.add(35, 4)
    sum.add(25, 8)
    expect([sum.at(145), sum.since(30), sum.since(20)]).toEqual([1, 7, 15])
    sum.add(35, -100)
    expect([sum.at(145), sum.since(30), sum.since(20)]).toEqual([1, 1, 9])
  })

  it('remembers the sums of a few first slots only, and each stays right', () => {
    const sum = new SlidingSum(SMALL, [
      [1, 1],
      [2, 2],
      [3, 4],
      [4, 8],
      [5, 16],
    ])
    const all = () => [10, 20, 30, 40, 50, 60].map((from) => sum.since(from))
    for (let round = 0; round < 3; round++) expect(all()).toEqual([31, 30, 28, 24, 16, 0])
    sum.add(45, 32)
    for (let round = 0; round < 3; round++) expect(all()).toEqual([63, 62, 60, 56, 16, 0])
  })
})

describe('the windows of a ledger', () => {
  it('count money for 24 hours after its five minutes, and a reservation for 60 s after its second', () => {
    expect([slotOf(DAY, 299_999), slotOf(DAY, 300_000), slotExpiresAt(DAY, 1)]).toEqual([0, 1, 600_000 + 86_400_000])
    expect([slotOf(MINUTE, 999), slotOf(MINUTE, 1_000), slotExpiresAt(MINUTE, 1)]).toEqual([0, 1, 62_000])
    expect(MAX_DAY_MS).toBe(27 * 3_600_000)
    const day = new SlidingSum(DAY, [[0, 1]])
    day.at(slotExpiresAt(DAY, 0) + 3 * 3_600_000 - 1)
    expect(day.slots()).toHaveLength(1)
    day.at(slotExpiresAt(DAY, 0) + 3 * 3_600_000)
    expect(day.slots()).toEqual([])
    const minute = new SlidingSum(MINUTE, [[0, 1]])
    expect([minute.at(60_999), minute.at(61_000), minute.slots()]).toEqual([1, 0, []])
  })
})

describe('the day of a calendar cap', () => {
  const HOUR = 3_600_000
  const cap: CalendarCap = { timeZone: 'UTC', amount: micros(1), start: 100 * HOUR, end: 124 * HOUR }

  it.each([
    ['has not begun', 99.5 * HOUR, 72.5 * HOUR, 100 * HOUR],
    ['begins', 100 * HOUR, 100 * HOUR, 124 * HOUR],
    ['is on its last millisecond', 124 * HOUR - 1, 100 * HOUR, 124 * HOUR],
    ['is over', 124 * HOUR, 124 * HOUR, 148 * HOUR],
    ['has long been over', 200 * HOUR, 173 * HOUR, 200 * HOUR],
    ['was over 27 hours ago', 151 * HOUR, 124 * HOUR, 151 * HOUR],
    ['was over a little more than 27 hours ago', 151 * HOUR + 1, 124 * HOUR + 1, 151 * HOUR + 1],
  ])('that %s counts from a start, and ends', (_, at, start, end) => {
    expect([dayStart(cap, at), dayEnd(cap, at)]).toEqual([start, end])
  })
})

describe('the tighter of two limits', () => {
  const cap = (timeZone: string, amount: number, start: number, end = start + 24): CalendarCap => ({
    timeZone,
    amount: micros(amount),
    start,
    end,
  })
  const days = (a: CalendarCap[] | undefined, b: CalendarCap[] | undefined, wall = 1_000) =>
    tightest({ perCalendarDay: a }, { perCalendarDay: b }, wall).perCalendarDay

  it('is the smaller number of each kind, or the only one', () => {
    const one: Limits = { perDay: micros(5), perMinute: 7, concurrent: 2 }
    const other: Limits = { perDay: micros(4), perMinute: 8, concurrent: 2 }
    for (const [a, b] of [
      [one, other],
      [other, one],
    ] as const)
      expect(tightest(a, b, 0)).toEqual({ perDay: 4, perMinute: 7, concurrent: 2 })
    expect(tightest(one, {}, 0)).toEqual(one)
    expect(tightest({}, one, 0)).toEqual(one)
    expect(tightest({ perDay: micros(0) }, { perMinute: 0 }, 0)).toEqual({ perDay: 0, perMinute: 0 })
    expect(tightest({}, {}, 0)).toEqual({})
  })

  it('has each calendar of both once, with the smaller amount', () => {
    const [utc, tokyo, seoul] = [cap('UTC', 5, 0), cap('Asia/Tokyo', 6, 9), cap('Asia/Seoul', 7, 9)]
    expect(days([utc, tokyo], undefined)).toEqual([utc, tokyo])
    expect(days(undefined, [utc])).toEqual([utc])
    expect(days(undefined, undefined)).toBeUndefined()
    expect(days([utc, tokyo], [seoul, cap('Asia/Tokyo', 4, 9)])).toEqual([utc, cap('Asia/Tokyo', 4, 9), seoul])
    expect(days([cap('UTC', 4, 0)], [utc])).toEqual([cap('UTC', 4, 0)])
    // What was declared is not changed by it.
    expect([utc, tokyo]).toEqual([cap('UTC', 5, 0), cap('Asia/Tokyo', 6, 9)])
  })

  it.each([
    ['has begun', 24, 24],
    ['has begun long ago', 1_000, 24],
    ['has not begun', 23, 0],
  ])('has the smaller amount, on the later of two days where that %s', (_, wall, start) => {
    for (const [amount, smaller] of [
      [5, 4],
      [5, 5],
      [4, 5],
    ] as const) {
      const [earlier, later] = [cap('UTC', amount, 0), cap('UTC', smaller, 24)]
      const expected = [cap('UTC', Math.min(amount, smaller), start)]
      expect([days([earlier], [later], wall), days([later], [earlier], wall)]).toEqual([expected, expected])
    }
  })

  it('is on the day of the first where both end at the same time', () => {
    expect(days([cap('UTC', 5, 1, 24)], [cap('UTC', 4, 0, 24)])).toEqual([cap('UTC', 4, 1, 24)])
    expect(days([cap('UTC', 4, 1, 24)], [cap('UTC', 4, 0, 24)])).toEqual([cap('UTC', 4, 1, 24)])
  })
})

describe('two declarations of limits', () => {
  const day = (timeZone: string, amount: number, start = 0) => ({
    timeZone,
    amount: micros(amount),
    start,
    end: start + 1,
  })
  const limits: Limits = {
    perDay: micros(1),
    perMinute: 2,
    concurrent: 3,
    perCalendarDay: [day('UTC', 4), day('Asia/Tokyo', 5)],
  }

  it('are equal where each amount is, whatever day they state, and in any order', () => {
    expect(sameLimits(limits, { ...limits, perCalendarDay: [day('Asia/Tokyo', 5, 9), day('UTC', 4, 8)] })).toBe(true)
    expect(sameLimits({}, {})).toBe(true)
    expect(sameLimits({}, { perCalendarDay: [] })).toBe(true)
  })

  it.each<[string, Limits]>([
    ['perDay', { ...limits, perDay: micros(2) }],
    ['perMinute', { ...limits, perMinute: 3 }],
    ['concurrent', { ...limits, concurrent: undefined }],
    ['the amount of a calendar', { ...limits, perCalendarDay: [day('UTC', 4), day('Asia/Tokyo', 6)] }],
    ['the zone of a calendar', { ...limits, perCalendarDay: [day('UTC', 4), day('Asia/Seoul', 5)] }],
    ['a calendar', { ...limits, perCalendarDay: [day('UTC', 4)] }],
    ['all calendars', { ...limits, perCalendarDay: undefined }],
  ])('differ in %s', (_, other) => {
    expect([sameLimits(limits, other), sameLimits(other, limits)]).toEqual([false, false])
  })
})

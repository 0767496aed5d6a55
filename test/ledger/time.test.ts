import { describe, expect, it } from 'vitest'
import { LedgerTime, type TimeOfLedger } from '../../src/ledger/time.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** By how much two clocks may differ that agree, and how much time is not recorded. */
const TOLERANCE = 5 * MINUTE
const T0 = Date.UTC(2026, 0, 5, 12)
const ledgerAt = (now: number, more: Partial<TimeOfLedger> = {}): TimeOfLedger => ({
  now,
  recorded: now,
  ahead: 0,
  doubt: undefined,
  ...more,
})

/** The time of a ledger with a second clock, which shows what is set. */
function withWitness(shows: number | undefined) {
  const second = { shows, asked: 0 }
  const time = new LedgerTime(() => {
    second.asked++
    return second.shows
  })
  return { second, time }
}

/** What is found at a reading. */
function reading(time: LedgerTime, now: number, ledger: TimeOfLedger) {
  const at = time.at(now, ledger)
  return { at, correction: time.correction, doubt: time.doubt, clocks: time.clocks }
}
const nothing = { correction: undefined, doubt: undefined, clocks: undefined }

describe('the time of a ledger whose clocks agree', () => {
  it('is what both show at least, and is recorded where it is more than the tolerance ahead', () => {
    for (const differ of [0, 1, TOLERANCE]) {
      const at = T0 + TOLERANCE
      expect(reading(withWitness(at + differ).time, at, ledgerAt(T0))).toEqual({ at, ...nothing })
      expect(reading(withWitness(at).time, at + differ, ledgerAt(T0))).toEqual({ at, ...nothing })
      const correction = { at: at + 1, ahead: 0, doubt: undefined }
      expect(reading(withWitness(at + 1).time, at + 1 + differ, ledgerAt(T0))).toEqual({
        ...nothing,
        at: T0,
        correction,
      })
    }
    expect(reading(new LedgerTime(), T0 + 1, ledgerAt(T0))).toEqual({ at: T0 + 1, ...nothing })
  })

  it('is the latest where they are behind it by the tolerance, and else ahead of them by whole slots', () => {
    for (const behind of [0, 1, TOLERANCE]) {
      const { time } = withWitness(T0 - behind)
      expect(reading(time, T0 - behind, ledgerAt(T0))).toEqual({ at: T0, ...nothing })
    }
    for (const [behind, slots] of [
      [TOLERANCE + 1, 1],
      [2 * TOLERANCE - 1, 1],
      [2 * TOLERANCE, 2],
      [HOUR + 1, 12],
    ] as const) {
      const correction = { at: T0, ahead: slots * TOLERANCE, doubt: undefined }
      expect(reading(withWitness(T0 - behind).time, T0 - behind, ledgerAt(T0))).toEqual({
        ...nothing,
        at: T0,
        correction,
      })
    }
  })

  it('stays as far ahead of them, until they have caught up', () => {
    const ahead = ledgerAt(T0, { ahead: HOUR })
    for (const passed of [-TOLERANCE, 0, 1]) {
      const { time } = withWitness(T0 - HOUR + passed)
      expect(reading(time, T0 - HOUR + passed, ahead)).toEqual({ at: T0 + Math.max(0, passed), ...nothing })
    }
    const caught = withWitness(T0 - TOLERANCE)
    const correction = { at: T0, ahead: 0, doubt: undefined }
    expect(reading(caught.time, T0 - TOLERANCE, ahead)).toEqual({ ...nothing, at: T0, correction })
    const further = withWitness(T0 - HOUR - TOLERANCE - 1)
    expect(reading(further.time, T0 - HOUR - TOLERANCE - 1, ahead).correction).toEqual({
      at: T0,
      ahead: HOUR + TOLERANCE,
      doubt: undefined,
    })
  })

  it('is what this process has read before, where both are set back by the tolerance at most', () => {
    const setBack = (ms: number) => {
      const { second, time } = withWitness(T0 + TOLERANCE)
      expect(reading(time, T0 + TOLERANCE, ledgerAt(T0))).toEqual({ at: T0 + TOLERANCE, ...nothing })
      second.shows = T0 + TOLERANCE - ms
      return reading(time, T0 + TOLERANCE - ms, ledgerAt(T0))
    }
    for (const ms of [10_001, TOLERANCE - 1, TOLERANCE]) {
      expect(setBack(ms)).toEqual({ at: T0 + TOLERANCE, ...nothing })
    }
    // A clock that was wrong and is right again is followed; what was recorded still counts.
    for (const ms of [TOLERANCE + 1, 2 * TOLERANCE]) expect(setBack(ms)).toEqual({ at: T0, ...nothing })
  })

  it('ends a doubt', () => {
    const doubt = { since: T0 - HOUR, later: T0 }
    const { time } = withWitness(T0)
    expect(reading(time, T0, ledgerAt(T0, { doubt }))).toEqual({
      ...nothing,
      at: T0,
      correction: { at: T0, ahead: 0, doubt: undefined },
    })
  })

  it('follows the caller’s clock for ten seconds, before the second one is asked again', () => {
    const { second, time } = withWitness(T0)
    expect(time.compares(T0)).toBe(true)
    expect(time.at(T0 + 7, ledgerAt(T0))).toBe(T0)
    for (const ms of [0, 7, 10_007, -9_993]) {
      expect([time.compares(T0 + ms), time.at(T0 + ms, ledgerAt(T0))]).toEqual([false, T0 + ms - 7])
    }
    expect(second.asked).toBe(1)
    expect([time.compares(T0 + 10_008), time.compares(T0 - 9_994)]).toEqual([true, true])
    second.shows = T0 + 10_008
    expect([time.at(T0 + 10_008, ledgerAt(T0)), second.asked]).toEqual([T0 + 10_008, 2])
    // What has to be recorded is found at each reading until it is.
    second.shows = T0 + HOUR
    time.at(T0 + HOUR, ledgerAt(T0))
    expect(time.compares(T0 + HOUR)).toBe(true)
  })
})

describe('the time of a ledger whose clocks differ', () => {
  it('begins at the later of them', () => {
    const empty = ledgerAt(0)
    const later = T0 + HOUR
    const correction = { at: later, ahead: 0, doubt: undefined }
    expect(reading(withWitness(T0).time, later, empty).correction).toEqual(correction)
    expect(reading(withWitness(later).time, T0, empty).correction).toEqual(correction)
    expect(reading(withWitness(undefined).time, later, empty).correction).toEqual(correction)
  })

  it('passes as both say at least, and not where one of them jumps', () => {
    const passes = (caller: number, other: number | undefined) => {
      const { second, time } = withWitness(T0 - HOUR)
      expect(time.at(T0, ledgerAt(T0))).toBe(T0)
      second.shows = other === undefined ? undefined : T0 - HOUR + other
      return time.at(T0 + caller, ledgerAt(T0)) - T0
    }
    expect([passes(1_000, 2_000), passes(2_000, 1_000), passes(TOLERANCE, TOLERANCE)]).toEqual([
      1_000,
      1_000,
      TOLERANCE,
    ])
    expect([passes(0, 1_000), passes(1_000, 0), passes(-1, 1_000), passes(1_000, -1)]).toEqual([0, 0, 0, 0])
    expect([passes(1_000, TOLERANCE + 1), passes(TOLERANCE + 1, 1_000)]).toEqual([0, 0])
    expect([passes(1_000, undefined), passes(TOLERANCE + 1, undefined), passes(-1, undefined)]).toEqual([1_000, 0, 0])
  })

  it('is the latest for a process that begins, and shows both clocks', () => {
    const { time } = withWitness(T0 - HOUR)
    expect(reading(time, T0 - 2 * HOUR, ledgerAt(T0))).toEqual({
      ...nothing,
      at: T0,
      clocks: { caller: T0 - 2 * HOUR, ledger: T0 - HOUR },
    })
    expect(reading(withWitness(undefined).time, T0, ledgerAt(T0))).toEqual({ ...nothing, at: T0 })
  })

  it('is in doubt from the first of the later times that they show', () => {
    const doubtOf = (caller: number, other: number | undefined, more: Partial<TimeOfLedger> = {}) =>
      reading(withWitness(other).time, caller, ledgerAt(T0, more)).doubt
    const since = (later: number, from = T0, ahead = 0) => ({ at: T0, ahead, doubt: { since: from, later } })
    const [near, far] = [T0 + TOLERANCE, T0 + TOLERANCE + 1]
    expect(doubtOf(near, T0 - HOUR)).toBeUndefined()
    expect(doubtOf(far, T0 - HOUR)).toEqual(since(far))
    expect(doubtOf(T0 - HOUR, far)).toEqual(since(far))
    expect(doubtOf(far, T0 + HOUR)).toEqual(since(far))
    expect(doubtOf(T0 + HOUR, far)).toEqual(since(far))
    expect(doubtOf(far, undefined)).toEqual(since(far))
    // The clocks' times in the ledger's, where that is ahead of them.
    expect(doubtOf(far - HOUR, T0 - 2 * HOUR, { ahead: HOUR })).toEqual(since(far, T0, HOUR))
    expect(doubtOf(T0 - 2 * HOUR, far - HOUR, { ahead: HOUR })).toEqual(since(far, T0, HOUR))
    const doubt = { since: T0 - HOUR, later: T0 + 2 * HOUR }
    expect(doubtOf(T0 + 2 * HOUR, T0 - HOUR, { doubt })).toBeUndefined()
    expect(doubtOf(T0 + 2 * HOUR - 1, T0 - HOUR, { doubt })).toEqual(since(T0 + 2 * HOUR - 1, T0 - HOUR))
    // Clocks that agree leave nothing in doubt.
    expect(doubtOf(T0 + HOUR, T0 + HOUR, { doubt })).toBeUndefined()
  })

  it('takes with it what others counted in doubt, where much of it was not recorded', () => {
    const doubt = { since: T0 - HOUR, later: T0 + 9 * HOUR }
    const record = (now: number, more: Partial<TimeOfLedger> = {}) => {
      const { second, time } = withWitness(now)
      time.at(now, ledgerAt(T0 - HOUR))
      second.shows = now - 2 * HOUR
      return reading(time, now + 1, ledgerAt(T0, { doubt, ...more })).correction
    }
    expect(record(T0 + TOLERANCE)).toBeUndefined()
    expect(record(T0 + TOLERANCE + 1)).toEqual({ at: T0 + TOLERANCE + 1, ahead: 0, doubt })
    expect(record(T0 + 2 * TOLERANCE)).toEqual({ at: T0 + 2 * TOLERANCE, ahead: 0, doubt })
    const at = T0 + 2 * TOLERANCE + 1
    expect(record(at)).toEqual({ at, ahead: 0, doubt: { ...doubt, since: at } })
    expect(record(at, { doubt: undefined })).toEqual({ at, ahead: 0, doubt: undefined })
  })
})

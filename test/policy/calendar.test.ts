import fc from 'fast-check'
import { DateTime, IANAZone } from 'luxon'
import { describe, expect, it } from 'vitest'
import { dayAt } from '../../src/policy/calendar.js'

const HOUR = 3_600_000
const hoursOf = (timeZone: string, at: number) => {
  const { start, end } = dayAt(timeZone, at)
  return (end - start) / HOUR
}

/** Zones whose clocks jump at night, at midnight, by half an hour, by two hours, over a whole day, or never. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Santiago',
  'America/Havana',
  'Africa/Cairo',
  'Asia/Beirut',
  'Antarctica/Troll',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'America/St_Johns',
]

describe('dayAt', () => {
  it("gives a day the length that the zone's clock changes make", () => {
    expect(hoursOf('Europe/Berlin', Date.UTC(2026, 6, 15, 12))).toBe(24)
    expect(hoursOf('Europe/Berlin', Date.UTC(2026, 2, 29, 12))).toBe(23)
    expect(hoursOf('Europe/Berlin', Date.UTC(2026, 9, 25, 12))).toBe(25)
    expect(hoursOf('Australia/Lord_Howe', Date.UTC(2026, 3, 5))).toBe(24.5)
    expect(hoursOf('Australia/Lord_Howe', Date.UTC(2026, 9, 4))).toBe(23.5)
    expect(hoursOf('Antarctica/Troll', Date.UTC(2026, 9, 25, 12))).toBe(26)
  })

  it('begins a day at 01:00 where the clock skips midnight, and only once where midnight occurs twice', () => {
    const at = (zone: string, iso: string) => DateTime.fromISO(iso, { zone }).toMillis()
    // Santiago, 2026-09-06: 00:00 is 01:00. 2026-04-05: 24:00 of the day before is 23:00.
    expect(dayAt('America/Santiago', at('America/Santiago', '2026-09-06T12:00')).start).toBe(Date.UTC(2026, 8, 6, 4))
    expect(dayAt('America/Santiago', at('America/Santiago', '2026-04-05T12:00')).start).toBe(Date.UTC(2026, 3, 5, 4))
    // Havana, 2026-11-01: 00:00 follows 00:59 again.
    expect(dayAt('America/Havana', at('America/Havana', '2026-11-01T12:00'))).toEqual({
      start: Date.UTC(2026, 10, 1, 4),
      end: Date.UTC(2026, 10, 2, 5),
    })
  })

  it('returns no day that the calendar skipped', () => {
    // In Apia, 2011-12-29 was followed by 2011-12-31.
    const before = dayAt('Pacific/Apia', Date.UTC(2011, 11, 29, 20))
    const after = dayAt('Pacific/Apia', Date.UTC(2011, 11, 30, 12))
    expect(after.start).toBe(before.end)
    expect(after.end - after.start).toBe(24 * HOUR)
  })

  it('ends a day only when the next one begins for good, where the clock is set back over midnight', () => {
    // St. John's, 2010-11-07: 00:01 is 23:01 of the day before.
    const sunday = { start: Date.UTC(2010, 10, 7, 2, 30), end: Date.UTC(2010, 10, 8, 3, 30) }
    for (const minute of [0, 1, 2, 60, 24 * 60]) {
      // Another day, so that the one before is not only repeated.
      dayAt('America/St_Johns', 0)
      expect(dayAt('America/St_Johns', sunday.start + minute * 60_000)).toEqual(sunday)
    }
    expect(dayAt('America/St_Johns', sunday.start - 1).end).toBe(sunday.start)
  })

  it('finds a midnight to the second, also where it is at no quarter of an hour', () => {
    // Monrovia was 44 minutes and 30 seconds behind UTC until 1972.
    const midnight = (day: number) => Date.UTC(1971, 5, day, 0, 44, 30)
    expect(dayAt('Africa/Monrovia', midnight(15))).toEqual({ start: midnight(15), end: midnight(16) })
    expect(dayAt('Africa/Monrovia', midnight(15) - 1)).toEqual({ start: midnight(14), end: midnight(15) })
  })

  for (const zone of ZONES) {
    it(`returns a day that contains the moment and follows the previous day without a gap in ${zone}`, () => {
      const offset = (at: number) => IANAZone.create(zone).offset(at) * 60_000
      const date = (at: number) => new Date(at + offset(at)).toISOString().slice(0, 10)
      fc.assert(
        fc.property(fc.integer({ min: Date.UTC(2008, 0, 1), max: Date.UTC(2032, 0, 1) }), (at) => {
          const { start, end } = dayAt(zone, at)
          expect(start).toBeLessThanOrEqual(at)
          expect(end).toBeGreaterThan(at)
          expect(date(start)).toBe(date(end - 1))
          expect(date(start - 1) < date(start)).toBe(true)
          expect(date(end) > date(start)).toBe(true)
          expect(dayAt(zone, end).start).toBe(end)
          expect(dayAt(zone, start - 1).end).toBe(start)
          expect(end - start).toBeLessThanOrEqual(27 * HOUR)
          // Ledgers count in slots of five minutes.
          if (zone !== 'America/St_Johns') expect(start % 300_000).toBe(0)
        }),
        { numRuns: 60 },
      )
    })
  }
})

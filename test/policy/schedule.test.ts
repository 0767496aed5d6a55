import fc from 'fast-check'
import { IANAZone } from 'luxon'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { isOpen, isTimeZone, parseDays, parseTime, scheduleState } from '../../src/policy/schedule.js'
import type { ScheduleInput } from '../../src/policy/schema.js'
import { scheduleInput } from './arbitraries.js'
import { at, changeNaively, DAY, JUMPS, MINUTE, openNaively, previousDay, schedule } from './naive-schedule.js'

describe('a schedule', () => {
  const WORK: ScheduleInput = {
    timeZone: 'Europe/Berlin',
    windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }],
    except: { '2026-12-24': 'closed', '2026-12-26': [{ from: '10:00', to: '12:00' }] },
  }

  it('is open from its first minute, and closed from its last', () => {
    const berlin = (iso: string) => isOpen(schedule(WORK), at(iso, 'Europe/Berlin'))
    expect(berlin('2026-07-15T08:59:59.999')).toBe(false)
    expect(berlin('2026-07-15T09:00')).toBe(true)
    expect(berlin('2026-07-15T16:59:59.999')).toBe(true)
    expect(berlin('2026-07-15T17:00')).toBe(false)
    expect(berlin('2026-07-18T12:00')).toBe(false)
  })

  it('has separate hours, or none, on exceptional dates', () => {
    const berlin = (iso: string) => isOpen(schedule(WORK), at(iso, 'Europe/Berlin'))
    expect(berlin('2026-12-24T12:00')).toBe(false)
    expect(berlin('2026-12-26T11:00')).toBe(true)
    expect(berlin('2026-12-26T12:00')).toBe(false)
  })

  it('continues after midnight on a day that it does not name', () => {
    const night = schedule({ timeZone: 'Europe/Berlin', windows: [{ days: 'Fri', from: '22:00', to: '02:00' }] })
    const berlin = (iso: string) => isOpen(night, at(iso, 'Europe/Berlin'))
    expect(berlin('2026-07-17T21:59')).toBe(false)
    expect(berlin('2026-07-17T22:00')).toBe(true)
    expect(berlin('2026-07-18T01:59')).toBe(true)
    expect(berlin('2026-07-18T02:00')).toBe(false)
    expect(berlin('2026-07-17T01:00')).toBe(false)
  })

  it('reports when it changes', () => {
    const friday = at('2026-07-17T17:00', 'Europe/Berlin')
    expect(scheduleState([schedule(WORK)], friday - 1)).toMatchObject({ open: true, changesAt: friday })
    expect(scheduleState([schedule(WORK)], friday)).toMatchObject({
      open: false,
      changesAt: at('2026-07-20T09:00', 'Europe/Berlin'),
    })
  })

  it('skips the hour that the clock skips, and includes both occurrences of the repeated hour', () => {
    const early = schedule({ timeZone: 'Europe/Berlin', windows: [{ days: 'Sun', from: '02:00', to: '03:00' }] })
    // 2026-03-29 has no 02:xx. The next window is a week later.
    expect(scheduleState([early], at('2026-03-29T00:00', 'Europe/Berlin')).changesAt).toBe(
      at('2026-04-05T02:00', 'Europe/Berlin'),
    )
    // 2026-10-25: 02:00 to 03:00 occurs twice, as one span of two hours.
    const opens = Date.UTC(2026, 9, 25, 0)
    expect(scheduleState([early], opens - 1)).toMatchObject({ open: false, changesAt: opens })
    expect(scheduleState([early], opens)).toMatchObject({ open: true, changesAt: opens + 2 * 60 * MINUTE })
  })

  it('opens at the jump when the clock jumps into a window', () => {
    const half = schedule({ timeZone: 'Europe/Berlin', windows: [{ days: 'Sun', from: '02:30', to: '04:00' }] })
    const jump = Date.UTC(2026, 2, 29, 1)
    expect(scheduleState([half], jump - 1)).toMatchObject({ open: false, changesAt: jump })
    expect(scheduleState([half], jump)).toMatchObject({ open: true, changesAt: jump + 60 * MINUTE })
  })

  it('never opens on a date that the calendar skipped', () => {
    // In Apia, 2011-12-29 was followed by 2011-12-31.
    const friday = schedule({ timeZone: 'Pacific/Apia', windows: [{ days: 'Fri', from: '00:00', to: '24:00' }] })
    expect(scheduleState([friday], at('2011-12-29T12:00', 'Pacific/Apia')).changesAt).toBe(
      at('2012-01-06T00:00', 'Pacific/Apia'),
    )
  })
})

describe('a schedule, compared with a scan of every minute,', () => {
  for (const { zone, dates } of JUMPS) {
    it(`is open when the wall clock of ${zone} is inside a window`, () => {
      const around = [...dates, ...dates.map(previousDay)]
      fc.assert(
        fc.property(
          scheduleInput([zone], around),
          fc.constantFrom(...dates),
          fc.integer({ min: -DAY, max: 2 * DAY }),
          (input, date, shift) => {
            const time = Date.parse(date) + shift
            expect(isOpen(schedule(input), time)).toBe(openNaively(input, time))
          },
        ),
        { numRuns: 300 },
      )
    })

    it(`changes at the exact minute in ${zone}`, () => {
      const around = [...dates, ...dates.map(previousDay)]
      fc.assert(
        fc.property(
          scheduleInput([zone], around),
          fc.constantFrom(...dates),
          fc.integer({ min: -DAY, max: DAY }),
          (input, date, shift) => {
            const from = Date.parse(date) + shift
            const until = from + DAY
            const { changesAt, validUntil } = scheduleState([schedule(input)], from)
            const naive = changeNaively([input], from, until)
            if (naive === undefined) expect(validUntil).toBeGreaterThan(Math.floor(until / MINUTE) * MINUTE)
            else expect(changesAt).toBe(naive)
          },
        ),
        { numRuns: 40 },
      )
    })
  }
})

describe('several schedules', () => {
  it('are open when all are open, and change at the exact minute', () => {
    const input = scheduleInput(
      ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'],
      ['2026-10-24', '2026-10-25'],
    )
    fc.assert(
      fc.property(
        fc.array(input, { minLength: 2, maxLength: 3 }),
        fc.integer({ min: Date.UTC(2026, 9, 23), max: Date.UTC(2026, 9, 26) }),
        (inputs, from) => {
          const until = from + DAY
          const state = scheduleState(inputs.map(schedule), from)
          expect(state.open).toBe(inputs.every((one) => openNaively(one, from)))
          const naive = changeNaively(inputs, from, until)
          if (naive === undefined) expect(state.validUntil).toBeGreaterThan(Math.floor(until / MINUTE) * MINUTE)
          else expect(state.changesAt).toBe(naive)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are always open when there are none', () => {
    expect(scheduleState([], 0)).toEqual({ open: true, changesAt: undefined, validUntil: Number.POSITIVE_INFINITY })
  })

  it('report that they are never open together', () => {
    const morning = { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Sun', from: '06:00', to: '08:00' }] }
    const evening = { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Sun', from: '18:00', to: '20:00' }] }
    const from = Date.UTC(2026, 0, 1)
    const state = scheduleState([schedule(morning), schedule(evening)], from)
    expect(state).toMatchObject({ open: false, changesAt: undefined })
    expect(state.validUntil).toBeGreaterThan(from + 365 * DAY)
  })

  it('report that every minute of the week is open, with many overlapping windows', () => {
    const windows = Array.from({ length: 100 }, (_, i) => ({
      days: 'Mon-Sun',
      from: '00:00',
      to: `23:${10 + (i % 50)}`,
    }))
    const rest = { days: 'Mon-Sun', from: '23:00', to: '24:00' }
    const always = schedule({ timeZone: 'America/New_York', windows: [...windows.slice(1), rest] })
    expect(scheduleState([always], Date.UTC(2026, 0, 1))).toMatchObject({ open: true, changesAt: undefined })
  })
})

describe('the syntax of a schedule', () => {
  it('accepts weekdays alone, in lists, and in ranges that may include the end of the week', () => {
    expect(parseDays('Mon')).toEqual([1])
    expect(parseDays('Mon-Fri')).toEqual([1, 2, 3, 4, 5])
    expect(parseDays('Sun, Sat')).toEqual([6, 7])
    expect(parseDays('Fri-Mon')).toEqual([1, 5, 6, 7])
    for (const wrong of ['', 'mon', 'Monday', 'Mon-', '-Fri', 'Mon-Tue-Wed', 'Mon,', 'toString', '1-5']) {
      expect(parseDays(wrong), wrong).toBeUndefined()
    }
  })

  it('accepts times from 00:00 to 24:00', () => {
    expect(parseTime('00:00')).toBe(0)
    expect(parseTime('09:30')).toBe(570)
    expect(parseTime('24:00')).toBe(1440)
    for (const wrong of ['', '9:00', '24:01', '12:60', '25:00', '09:00:00', '09.00', '-1:00', '09:0\u0660']) {
      expect(parseTime(wrong), wrong).toBeUndefined()
    }
  })

  it('accepts the time zones that the platform knows', () => {
    for (const { zone } of JUMPS) expect(isTimeZone(zone)).toBe(true)
    for (const wrong of ['', 'Mars/Olympus', 'Europe/Berlin ', '../etc', 'local'])
      expect(isTimeZone(wrong), wrong).toBe(false)
  })

  it('asks the platform once for each of a thousand names, and each time for the spellings after those', async () => {
    // Anew: the names are kept for as long as the process lives.
    vi.resetModules()
    const fresh = await import('../../src/policy/schedule.js')
    const ask = vi.spyOn(IANAZone, 'isValidZone')
    onTestFinished(() => ask.mockRestore())
    const asked = (name: string) => {
      ask.mockClear()
      expect(fresh.isTimeZone(name), name).toBe(true)
      return ask.mock.calls.length
    }
    const letters = [...'antarctica']
    const spellings = Array.from({ length: 1_001 }, (_, n) =>
      letters.map((letter, at) => (n & (1 << at) ? letter.toUpperCase() : letter)).join(''),
    ).map((place) => `${place}/Troll`)
    expect(spellings.map(asked)).toEqual(Array(1_001).fill(1))
    expect([spellings[0], spellings[999], spellings[1_000]].map((name = '') => asked(name))).toEqual([0, 0, 1])
    for (let times = 0; times < 2; times++) expect(fresh.isTimeZone('Mars/Olympus')).toBe(false)
  })
})

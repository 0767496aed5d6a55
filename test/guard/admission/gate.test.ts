import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DeniedError } from '../../../src/base/errors.js'
import { Gate } from '../../../src/guard/admission/gate.js'
import { parsePolicy, type ScheduleInput } from '../../../src/policy/schema.js'
import { Secret } from '../../../src/secrets/secret.js'
import { scheduleInput } from '../../policy/arbitraries.js'
import { at, DAY, JUMPS, MINUTE, openNaively, previousDay, schedule } from '../../policy/naive-schedule.js'
import { challenge } from '../challenge.js'

const ORIGINS = ['https://staging.example.com']

/** A gate with these working hours; all of them apply. */
function gateWith(inputs: readonly ScheduleInput[], key = {}): Gate {
  return new Gate({ ...parsePolicy({ origins: ORIGINS, key }), schedules: inputs.map(schedule) })
}

/** The time to retry with which a gate denies a solve; undefined if it admits the solve. */
function denial(gate: Gate, now: number): { retryAt: number | undefined } | undefined {
  try {
    gate.admit(challenge, now)
    return undefined
  } catch (error) {
    const { code, layer, retryAt } = error as DeniedError
    expect({ code, layer }).toEqual({ code: 'OUTSIDE_SCHEDULE', layer: 'time' })
    return { retryAt: retryAt?.getTime() }
  }
}

const zones = JUMPS.map(({ zone }) => zone)

describe('a denial outside the working hours', () => {
  for (const { zone, dates } of JUMPS) {
    it(`has the first open minute as its retryAt in ${zone}`, () => {
      const around = [...dates, ...dates.map(previousDay)]
      const other = scheduleInput([zone, 'Europe/Berlin', 'Australia/Lord_Howe'], around)
      fc.assert(
        fc.property(
          fc.tuple(scheduleInput([zone], around), fc.option(other, { nil: undefined })),
          fc.constantFrom(...dates),
          fc.integer({ min: -DAY, max: DAY }),
          ([one, second], date, shift) => {
            const inputs = second ? [one, second] : [one]
            const isOpen = (time: number) => inputs.every((input) => openNaively(input, time))
            const now = Date.parse(date) + shift
            const gate = gateWith(inputs)
            const denied = denial(gate, now)
            expect(denied === undefined).toBe(isOpen(now))
            const retryAt = denied?.retryAt
            if (retryAt === undefined) return
            expect(retryAt % MINUTE).toBe(0)
            expect([isOpen(retryAt - 1), isOpen(retryAt - MINUTE), isOpen(retryAt)]).toEqual([false, false, true])
            expect([denial(gate, retryAt - 1), denial(gate, retryAt)]).toEqual([{ retryAt }, undefined])
            // No earlier time is open. Checked: each minute of two days, and each quarter of an hour after that.
            const fine = Math.min(retryAt, now + 2 * DAY)
            for (let time = now; time < fine; time += MINUTE) if (isOpen(time)) expect.fail(`${time} is open`)
            for (let time = fine; time < retryAt; time += 15 * MINUTE) if (isOpen(time)) expect.fail(`${time} is open`)
          },
        ),
        { numRuns: 12 },
      )
    })
  }

  it('has the exact minute as its retryAt after days of closed holidays', () => {
    const christmas = gateWith([
      {
        timeZone: 'Europe/Berlin',
        windows: [{ days: 'Mon-Fri', from: '22:00', to: '06:00' }],
        except: { '2026-12-24': 'closed', '2026-12-25': 'closed', '2026-12-28': [{ from: '10:30', to: '11:00' }] },
      },
    ])
    // The window of the 23rd runs past midnight into the closed day.
    const berlin = (iso: string) => at(iso, 'Europe/Berlin')
    expect(denial(christmas, berlin('2026-12-24T05:59'))).toBeUndefined()
    const opens = berlin('2026-12-28T10:30')
    expect(denial(christmas, berlin('2026-12-24T06:00'))).toEqual({ retryAt: opens })
    expect(denial(christmas, opens - 1)).toEqual({ retryAt: opens })
    expect(denial(christmas, opens)).toBeUndefined()
    expect(denial(christmas, berlin('2026-12-28T11:00'))).toEqual({ retryAt: berlin('2026-12-29T22:00') })
  })

  it('does not occur within overlapping windows, which count as one until the last of them ends', () => {
    const hours = (from: string, to: string) => ({ days: 'Mon-Fri', from, to })
    const gate = gateWith([
      { timeZone: 'UTC', windows: [hours('09:00', '12:00'), hours('11:00', '15:00'), hours('14:59', '16:30')] },
    ])
    const monday = Date.UTC(2026, 6, 13)
    for (let minute = 0; minute < 1440; minute++) {
      const open = denial(gate, monday + minute * MINUTE) === undefined
      expect(open, `minute ${minute}`).toBe(minute >= 540 && minute < 990)
    }
  })
})

describe('a gate with a clock that jumps', () => {
  it('judges each solve by the time that the clock shows, not by a cached result', () => {
    const dates = JUMPS.flatMap((jump) => jump.dates)
    fc.assert(
      fc.property(
        fc.array(scheduleInput(zones, dates), { minLength: 1, maxLength: 2 }),
        fc.array(
          fc.tuple(
            fc.constantFrom(...dates),
            fc.integer({ min: -2 * DAY, max: 2 * DAY }),
            fc.constantFrom(0, 0, 1, -1),
          ),
          { minLength: 2, maxLength: 20 },
        ),
        (inputs, jumps) => {
          const gate = gateWith(inputs)
          for (const [date, shift, nudge] of jumps) {
            const now = Date.parse(date) + shift
            const denied = denial(gate, now)
            expect(denied === undefined).toBe(inputs.every((input) => openNaively(input, now)))
            expect(denied).toEqual(denial(gateWith(inputs), now))
            // At the edge of the cached result, and one millisecond on either side of it.
            const edge = denied?.retryAt
            if (edge !== undefined) expect(denial(gate, edge + nudge)).toEqual(denial(gateWith(inputs), edge + nudge))
          }
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe('the state of the schedule', () => {
  it('is computed once for as long as it is valid, and is frozen', () => {
    const gate = gateWith([{ timeZone: 'UTC', windows: [{ days: 'Mon-Sun', from: '09:00', to: '17:00' }] }])
    const opens = Date.UTC(2026, 0, 5, 9)
    const first = gate.schedule(opens)
    expect(Object.isFrozen(first)).toBe(true)
    expect(gate.schedule(first.validUntil - 1)).toBe(first)
    expect(gate.schedule(opens)).toBe(first)
    expect(gate.schedule(first.validUntil)).toMatchObject({ open: false, changesAt: opens + DAY })
    expect(gate.schedule(opens)).toMatchObject({ open: true })
    expect(gate.schedule(opens - 1)).toMatchObject({ open: false, changesAt: opens })
  })
})

describe('the age of a key', () => {
  const value = new Secret('a-key-for-tests')
  const created = Date.UTC(2026, 0, 1)

  it('denies the key from the first millisecond beyond the limit on, and not before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: -2, max: 2 }), (days, off) => {
        const gate = gateWith([], { expireAfter: `${days}d` })
        const key = { value, version: 'v1', createdAt: created }
        const admit = () => gate.admitKey(key, created + days * DAY + off)
        if (off > 0) expect(admit).toThrow(/older than the/)
        else expect(admit).not.toThrow()
      }),
    )
  })

  it('denies the key from the time on at which it expires according to its store', () => {
    const gate = gateWith([])
    const key = { value, version: 'v1', createdAt: created, expiresAt: created + DAY }
    expect(() => gate.admitKey(key, created + DAY - 1)).not.toThrow()
    expect(() => gate.admitKey(key, created + DAY)).toThrow(/expired at 2026-01-02T00:00:00.000Z/)
  })

  it('has to be known where the policy limits it, and only there', () => {
    const key = { value, version: 'v1' }
    expect(() => gateWith([]).admitKey(key, created)).not.toThrow()
    expect(() => gateWith([], { expireAfter: '1d' }).admitKey(key, created)).toThrow(
      expect.objectContaining({
        code: 'KEY_TOO_OLD',
        layer: 'time',
        message: expect.stringMatching(/does not report/),
      }),
    )
  })

  it('may be up to an hour in the future, as a store’s clock may be ahead', () => {
    const gate = gateWith([], { expireAfter: '90d' })
    const key = { value, version: 'v1', createdAt: created }
    expect(() => gate.admitKey(key, created - 60 * MINUTE)).not.toThrow()
    expect(() => gate.admitKey(key, created - 60 * MINUTE - 1)).toThrow(/in the future by this machine's clock/)
  })
})

describe('the origin layer', () => {
  const gate = (...origins: string[]) => new Gate(parsePolicy({ origins }))
  const NOW = Date.UTC(2026, 0, 1)

  /** The code and the message of a denial. */
  function refusal(of: Gate, addresses: { pageUrl: string; frameUrl?: string }): readonly [string, string] {
    try {
      of.admit({ ...challenge, ...addresses }, NOW)
    } catch (error) {
      const { code, layer, message } = error as DeniedError
      expect(layer).toBe('origin')
      return [code, message]
    }
    throw new Error('admitted')
  }

  it('admits a page that any of the patterns names, with the addresses for records', () => {
    const both = gate('https://staging.example.com', 'https://*.qa.example.com')
    expect(both.admit({ ...challenge, pageUrl: 'https://a.qa.example.com/x?secret=1#2' }, NOW)).toEqual({
      origin: 'https://a.qa.example.com',
      page: 'https://a.qa.example.com/x',
      frame: undefined,
    })
    const framed = { pageUrl: 'https://staging.example.com/', frameUrl: 'https://b.qa.example.com/f?secret=1' }
    expect(both.admit({ ...challenge, ...framed }, NOW)).toEqual({
      origin: 'https://staging.example.com',
      page: 'https://staging.example.com/',
      frame: 'https://b.qa.example.com/f',
    })
  })

  it('denies a page, and a frame, that no pattern names', () => {
    const one = gate('https://staging.example.com')
    expect(refusal(one, { pageUrl: 'https://elsewhere.example/' })).toEqual([
      'ORIGIN_NOT_NAMED',
      expect.stringMatching(/^The page's origin https:\/\/elsewhere\.example is not named/),
    ])
    const framed = { pageUrl: 'https://staging.example.com/', frameUrl: 'https://elsewhere.example/' }
    expect(refusal(one, framed)).toEqual(['ORIGIN_NOT_NAMED', expect.stringMatching(/^The frame's origin /)])
    expect(refusal(one, { ...framed, frameUrl: 'about:blank' })).toEqual([
      'ORIGIN_OPAQUE',
      expect.stringMatching(/^The frame has no origin/),
    ])
    expect(refusal(one, { pageUrl: '' })).toEqual(['ORIGIN_OPAQUE', expect.stringMatching(/^The page has no origin/)])
  })

  it('denies every page where the policy names no origin', () => {
    const { origins, ...unnamed } = parsePolicy({ origins: ORIGINS })
    for (const policy of [unnamed, { ...unnamed, origins: [] }]) {
      expect(refusal(new Gate(policy), { pageUrl: ORIGINS[0] as string })[0]).toBe('ORIGIN_NOT_NAMED')
    }
  })
})

describe('a solve that was queued', () => {
  it('is denied by the time layer from the end of the working hours on', () => {
    const hours = { timeZone: 'UTC', windows: [{ days: 'Mon-Sun', from: '09:00', to: '17:00' }] }
    const gate = gateWith([hours])
    const closes = Date.UTC(2026, 0, 5, 17)
    expect(() => gate.admitTime(closes - 1)).not.toThrow()
    expect(() => gate.admitTime(closes)).toThrow(
      expect.objectContaining({
        code: 'OUTSIDE_SCHEDULE',
        layer: 'time',
        retryAt: new Date(closes + 16 * 60 * MINUTE),
      }),
    )
    expect(() => gate.admitTime(closes)).toThrow(/they start at 2026-01-06T09:00:00\.000Z, in 16 h\.$/)
  })

  it('is denied without a time to retry where the hours never begin', () => {
    const never = gateWith([
      { timeZone: 'UTC', windows: [{ days: 'Mon', from: '09:00', to: '10:00' }] },
      { timeZone: 'UTC', windows: [{ days: 'Tue', from: '09:00', to: '10:00' }] },
    ])
    expect(denial(never, Date.UTC(2026, 0, 5))).toEqual({ retryAt: undefined })
    expect(() => never.admitTime(Date.UTC(2026, 0, 5))).toThrow(/hours, and no opening is scheduled\.$/)
  })
})

describe('a gate of a token', () => {
  const EXPIRES = Date.UTC(2026, 0, 5, 12)
  const gate = (keyTime: number) => new Gate(parsePolicy({ origins: ORIGINS }), { at: EXPIRES, keyTime: () => keyTime })
  const expired = expect.objectContaining({ code: 'TOKEN_EXPIRED' })

  it('is closed from the millisecond on at which the token expires, by either of two clocks', () => {
    for (const [keyTime, now] of [
      [EXPIRES, EXPIRES - 1],
      // This machine's clock was set back after the token had expired.
      [EXPIRES, 0],
      // A solve of the future is explained.
      [EXPIRES - 1, EXPIRES],
    ] as const) {
      expect(() => gate(keyTime).admit(challenge, now)).toThrow(expired)
      expect(() => gate(keyTime).admitTime(now)).toThrow(expired)
    }
    expect(() => gate(EXPIRES - 1).admit(challenge, EXPIRES - 1)).not.toThrow()
    expect(() => gate(EXPIRES - 1).admitTime(EXPIRES - 1)).not.toThrow()
  })

  it('follows what was submitted in time to its end, of pages that the policy names alone', () => {
    const ended = gate(EXPIRES)
    const page = `${ORIGINS[0]}/login`
    expect(ended.admitPage({ ...challenge, pageUrl: `${page}?secret=1` })).toEqual({
      origin: ORIGINS[0],
      page,
      frame: undefined,
    })
    const framed = { ...challenge, pageUrl: page, frameUrl: `${ORIGINS[0]}/frame?secret=1` }
    expect(ended.admitPage(framed)).toMatchObject({ page, frame: `${ORIGINS[0]}/frame` })
    const elsewhere = 'https://elsewhere.example/'
    for (const address of [{ pageUrl: elsewhere }, { pageUrl: page, frameUrl: elsewhere }]) {
      expect(() => ended.admitPage({ ...challenge, ...address })).toThrow(
        expect.objectContaining({
          code: 'ORIGIN_NOT_NAMED',
          message: expect.stringMatching(address.frameUrl === undefined ? /^The page's/ : /^The frame's/),
        }),
      )
    }
  })
})

it('a gate leads to no method that the holder of one could replace for all', () => {
  const one = new Gate(parsePolicy({ origins: ORIGINS }))
  expect([one, Gate, Gate.prototype, one.admit].map(Object.isFrozen)).toEqual([true, true, true, true])
})

it('the denial of an address is the one that a challenge of it gets, and named addresses have none', () => {
  const gate = new Gate(parsePolicy({ origins: ['https://staging.example.com', 'https://*.qa.example.com'] }))
  const base = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: 'abc' } as const
  for (const address of [
    'https://staging.example.com/login?a=1',
    'https://one.qa.example.com/',
    'https://qa.example.com/',
    'http://staging.example.com/',
    'https://elsewhere.example/',
    'about:blank',
    'data:text/html,x',
    'nonsense',
    `https://staging.example.com/${'x'.repeat(3_000)}`,
  ]) {
    const codeOf = (pageUrl: string, frameUrl?: string) => {
      try {
        gate.admit({ ...base, pageUrl, frameUrl }, Date.now())
        return undefined
      } catch (error) {
        return (error as DeniedError).code
      }
    }
    expect(gate.originDenial('page', address)?.code).toBe(codeOf(address))
    expect(gate.originDenial('frame', address)?.code).toBe(codeOf('https://staging.example.com/', address))
  }
})

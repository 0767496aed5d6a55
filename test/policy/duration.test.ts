import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Duration, durationMs, formatMs } from '../../src/policy/duration.js'

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const TEN_YEARS = 3650 * UNITS.d
const unit = fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[]))
const refused = expect.objectContaining({ code: 'CONFIG_INVALID' })

describe('durationMs', () => {
  it.each([
    ['0s', 0],
    ['250ms', 250],
    ['90s', 90_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['60d', 60 * 86_400_000],
    ['1w', 7 * 86_400_000],
    ['3650d', TEN_YEARS],
    ['0.1s', 100],
    ['0.3ms', 0],
  ])('reads %s as %d ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms)
  })

  it('reads whole numbers of each unit, up to ten years', () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999 }), unit, (count, of) => {
        const ms = count * UNITS[of]
        if (ms <= TEN_YEARS) expect(durationMs(`${count}${of}`)).toBe(ms)
        else expect(() => durationMs(`${count}${of}`)).toThrow(refused)
      }),
    )
  })

  it('rounds decimals to the nearest millisecond', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.nat({ max: 999_999 }), unit, (whole, millionths, of) => {
        const text = `${whole}.${String(millionths).padStart(6, '0')}${of}` as Duration
        const exact = (BigInt(whole) * 1_000_000n + BigInt(millionths)) * BigInt(UNITS[of])
        fc.pre(exact <= BigInt(TEN_YEARS) * 1_000_000n)
        const ms = durationMs(text)
        expect(Number.isInteger(ms)).toBe(true)
        // In millionths of a millisecond: half a millisecond, and the precision of a floating-point number.
        expect(Math.abs(Number(BigInt(ms) * 1_000_000n - exact))).toBeLessThanOrEqual(500_100)
      }),
    )
  })

  it.each([
    '',
    '5',
    's',
    '-1s',
    '+1s',
    '1 s',
    ' 1s',
    '1s ',
    '1s\n',
    '1S',
    '1y',
    '1.s',
    '.5s',
    '1e3s',
    '1,5h',
    '1h30m',
    '٣s',
    '11111111111s',
    '3651d',
    'Infinitys',
    30,
    null,
    undefined,
    10n,
    ['1s', 2],
  ])('rejects %o', (text) => {
    expect(() => durationMs(text as never)).toThrow(refused)
  })

  it('names the format in its error, and shows the rejected text clipped and printable', () => {
    expect(() => durationMs('soon')).toThrow(/for example '30s'.*at most ten years.*not 'soon'/)
    expect(() => durationMs(`\u001b${'9'.repeat(1000)}s`)).toThrow(/not '·9{39}…'\.$/)
  })
})

describe('formatMs', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [999.6, '1 s'],
    [1000, '1 s'],
    [45_400, '45 s'],
    [119_499, '119 s'],
    [119_500, '2 min'],
    [180_000, '3 min'],
    [7_140_000, '119 min'],
    [7_200_000, '2 h'],
    [7_500_000, '2 h 5 min'],
    [86_400_000, '24 h'],
    [172_800_000, '2 d'],
    [60 * 86_400_000, '60 d'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text)
  })

  /** Parses a text of `formatMs` to ms. */
  function read(text: string): number {
    const of: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }
    return [...text.matchAll(/(\d+) (ms|s|min|h|d)/g)].reduce(
      (sum, [, count, name = '']) => sum + Number(count) * (of[name] ?? Number.NaN),
      0,
    )
  }
  const anyMs = fc.oneof(
    fc.integer({ min: 0, max: TEN_YEARS }),
    fc.integer({ min: 0, max: 300_000 }),
    fc.double({ min: 0, max: 2e8, noNaN: true }),
  )

  /** How far a text may be from the time: half of its last unit, and half of the unit that was rounded to before. */
  const MAX_ERROR_MS: Readonly<Record<string, number>> = {
    ms: 0.5,
    s: 500,
    min: 30_500,
    h: 30_500,
    d: 43_200_000 + 30_500,
  }

  it('rounds to the nearest of its last unit', () => {
    fc.assert(
      fc.property(anyMs, (ms) => {
        const text = formatMs(ms)
        expect(text).toMatch(/^(\d{1,3} ms|\d{1,3} s|\d{1,3} min|\d{1,2} h( \d{1,2} min)?|\d{1,4} d)$/)
        const unit = text.split(' ').at(-1) ?? ''
        expect(Math.abs(read(text) - ms)).toBeLessThanOrEqual(MAX_ERROR_MS[unit] as number)
      }),
    )
  })

  it('never writes a longer time as a shorter one', () => {
    fc.assert(
      fc.property(anyMs, anyMs, (one, other) => {
        const [shorter, longer] = one < other ? [one, other] : [other, one]
        expect(read(formatMs(shorter))).toBeLessThanOrEqual(read(formatMs(longer)))
      }),
    )
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isDecimal, parseBalance, parseCost } from '../../src/solvers/amounts.js'

const digits = (max: number) => fc.nat({ max: 10 ** max - 1 }).map((value) => String(value).padStart(max, '0'))

describe('an amount of dollars in a reply', () => {
  test('is read to the micro-dollar: a balance is rounded down, a cost up', () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999 }), digits(6), digits(9), (whole, micros, rest) => {
        const text = `${whole}.${micros}${rest}`
        const below = whole * 1_000_000 + Number(micros)
        expect(parseBalance(text)).toBe(below)
        expect(parseCost(text)).toBe(/[1-9]/.test(rest) ? below + 1 : below)
      }),
    )
  })

  test.each([
    ['0', 0, 0],
    ['2.5', 2_500_000, 2_500_000],
    ['0.003', 3_000, 3_000],
    ['0.0000001', 0, 1],
    ['0.000000000000000001', 0, 1],
    ['1.000000000000000000', 1_000_000, 1_000_000],
    ['999999999.999999', 999_999_999_999_999, 999_999_999_999_999],
    [0.003, 3_000, 3_000],
    [0.0000001, 0, 1],
    [12, 12_000_000, 12_000_000],
    [999_999_999, 999_999_999_000_000, 999_999_999_000_000],
  ])('%o is a balance of %d micro-dollars, and a cost of %d', (value, balance, cost) => {
    expect([parseBalance(value), parseCost(value)]).toEqual([balance, cost])
  })

  test.each(['-1', '-0.5', -1, -0.5, -999_999_999])('%o is no balance left, and no cost', (value) => {
    expect([parseBalance(value), parseCost(value)]).toEqual([0, undefined])
  })

  test.each([
    '',
    ' 1',
    '1 ',
    '1,5',
    '.5',
    '5.',
    '+1',
    '--1',
    '1e3',
    '1.2.3',
    '$1',
    '٣',
    '-1234567890',
    `0.${'1'.repeat(65)}`,
    '1'.repeat(65),
    -1e9,
    Number.NaN,
    null,
    undefined,
    true,
    ['1'],
    ['1'.repeat(12)],
    {},
  ])('%o is none', (value) => {
    expect([parseBalance(value), parseCost(value)]).toEqual([undefined, undefined])
    if (typeof value === 'string') expect(isDecimal(value)).toBe(false)
  })

  test.each(['1234567890', '1'.repeat(64), '1000000000.5', '1000000000.25', 1e9, 1e300, Number.POSITIVE_INFINITY])(
    '%o is no balance, and the largest cost',
    (value) => {
      expect([parseBalance(value), parseCost(value)]).toEqual([undefined, 1_000_000_000_000_000])
    },
  )

  test('is read in full where a program wrote a binary fraction with all of its decimals', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 99, noNaN: true }),
        fc.integer({ min: 6, max: 60 }),
        (dollars, places) => {
          const cost = parseCost(dollars.toFixed(places))
          expect(cost).toBeGreaterThanOrEqual(Math.floor(Number(dollars.toFixed(places)) * 1_000_000))
        },
      ),
    )
  })

  test.each(['0', '12', '-3', '123456789.123456789012345678'])('%o is recognized by its text', (text) => {
    expect(isDecimal(text)).toBe(true)
  })
})

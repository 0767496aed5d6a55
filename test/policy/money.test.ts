import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SolveguardError } from '../../src/base/errors.js'
import { formatUsd, type Money, micros, toUsd, usd, ZERO } from '../../src/policy/money.js'

/** All amounts that `usd` can return. */
const amount = fc.integer({ min: 0, max: 1e12 })
const refused = expect.objectContaining({ code: 'CONFIG_INVALID' })

describe('usd', () => {
  it('returns micro-dollars', () => {
    expect(usd(5)).toBe(5_000_000)
    expect(usd(0.003)).toBe(3000)
    expect(usd('0.003')).toBe(3000)
    expect(usd('5')).toBe(5_000_000)
    expect(usd('0.0030000')).toBe(3000)
    expect(usd(0)).toBe(ZERO)
    expect(usd(1_000_000)).toBe(1e12)
  })

  it('is exact for every amount with six decimals, as a number and as text', () => {
    fc.assert(
      fc.property(amount, (exact) => {
        expect(usd(exact / 1e6)).toBe(exact)
        expect(usd(`${Math.floor(exact / 1e6)}.${String(exact % 1e6).padStart(6, '0')}`)).toBe(exact)
      }),
    )
  })

  it('accepts the errors of floating-point arithmetic', () => {
    expect(usd(0.1 + 0.2)).toBe(300_000)
    expect(usd(1.1 * 3)).toBe(3_300_000)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5e11 }), fc.integer({ min: 0, max: 5e11 }), (left, right) => {
        expect(usd(left / 1e6 + right / 1e6)).toBe(left + right)
      }),
    )
  })

  it('rejects more than six decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 9 }), (exact, digit) => {
        expect(() => usd(`${Math.floor(exact / 1e6)}.${String(exact % 1e6).padStart(6, '0')}${digit}`)).toThrow(refused)
      }),
    )
    for (const little of [0.00000049, 1e-7, 1e-10, '0.0000000001']) expect(() => usd(little)).toThrow(/six decimals/)
  })

  it.each([
    -1,
    -0.000001,
    1_000_000.000001,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    ' 5',
    '5 ',
    '-5',
    '+5',
    '$5',
    '5,00',
    '1e3',
    '0x10',
    '5.',
    '.5',
    'NaN',
    '٣',
    null,
    undefined,
    true,
    10n,
    Symbol('s'),
    [5],
    { valueOf: () => 5 },
  ])('rejects %o', (dollars) => {
    expect(() => usd(dollars as never)).toThrow(SolveguardError)
    expect(() => usd(dollars as never)).toThrow(refused)
  })

  it('shows the rejected value clipped and printable', () => {
    expect(() => usd(`5\n${'x'.repeat(1000)}`)).toThrow(/not '5·x{37}….$/)
    expect(() => usd(Number.NaN)).toThrow(/not NaN\.$/)
  })

  it('never returns -0', () => {
    expect(Object.is(usd(-0), 0)).toBe(true)
    expect(Object.is(micros(-0), 0)).toBe(true)
  })
})

describe('micros', () => {
  it('accepts whole numbers from 0', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (whole) => {
        expect(micros(whole)).toBe(whole)
      }),
    )
  })

  it.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '5', null, Symbol('s')])('rejects %o', (value) => {
    expect(() => micros(value as never)).toThrow(refused)
  })
})

describe('formatUsd', () => {
  it.each([
    [0, '$0.00'],
    [5_000_000, '$5.00'],
    [5_500_000, '$5.50'],
    [3000, '$0.003'],
    [1, '$0.000001'],
    [1_000_000_000_000, '$1000000.00'],
    [Number.MAX_SAFE_INTEGER, '$9007199254.740991'],
    [9_000_000_000_999_999, '$9000000000.999999'],
  ])('writes %d micro-dollars as %s', (value, text) => {
    expect(formatUsd(micros(value))).toBe(text)
  })

  it('writes two to six decimals, which parse back to the same amount', () => {
    fc.assert(
      fc.property(amount, (exact) => {
        const text = formatUsd(exact as Money)
        expect(text).toMatch(/^\$\d+\.(\d\d|\d{2,5}[1-9])$/)
        expect(usd(text.slice(1))).toBe(exact)
      }),
    )
  })
})

it('toUsd is an amount in dollars, which usd reads back', () => {
  expect([toUsd(micros(1_000)), toUsd(usd(5)), toUsd(ZERO)]).toEqual([0.001, 5, 0])
  fc.assert(
    fc.property(amount, (value) => {
      expect(usd(toUsd(value as Money))).toBe(value)
    }),
  )
})

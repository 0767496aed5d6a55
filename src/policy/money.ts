import { printable, SolveguardError } from '../base/errors.js'

declare const money: unique symbol

/** An amount of money: a whole number of micro-dollars (a millionth of a US dollar), never negative. */
export type Money = number & {
  /** Exists in the type only: a plain number is not a `Money`. */
  readonly [money]: true
}

const MICRO = 1_000_000
const MAX_USD = 1_000_000

/** No money. */
export const ZERO = 0 as Money

/** A whole number of micro-dollars as `Money`: for results of arithmetic. Users write `usd`. */
export function micros(amount: number): Money {
  if (!Number.isSafeInteger(amount) || amount < 0) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `An amount must be a whole number of micro-dollars, not ${printed(amount)}.`,
    )
  }
  return withoutMinusZero(amount)
}

/**
 * Dollars as `Money`, in micro-dollars.
 *
 * @param dollars 0 to 1,000,000, with at most six decimals
 * @throws SolveguardError `CONFIG_INVALID` for anything else
 * @example
 * usd(5)        // 5,000,000 micro-dollars
 * usd('0.003')  // 3,000
 */
export function usd(dollars: number | string): Money {
  const value = typeof dollars === 'string' && /^\d+(\.\d+)?$/.test(dollars) ? Number(dollars) : dollars
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_USD)) {
    throw new SolveguardError('CONFIG_INVALID', `usd() takes 0 to ${MAX_USD} dollars, not ${printed(dollars)}.`)
  }
  const amount = Math.round(value * MICRO)
  // 0.1 + 0.2 means 0.3: only an error of floating-point arithmetic is accepted. An amount of 1e-10 dollars is not
  // rounded to zero.
  const noise = 4 * Number.EPSILON * amount + 1e-9
  if (Math.abs(value * MICRO - amount) > noise) {
    throw new SolveguardError('CONFIG_INVALID', `usd() takes at most six decimals, not ${printed(dollars)}.`)
  }
  return withoutMinusZero(amount)
}

/**
 * An amount as text, such as `$5.00` or `$0.003`, with two to six decimals.
 *
 * @param amount in micro-dollars
 * @example
 * formatUsd(usd(0.003)) // '$0.003'
 */
export function formatUsd(amount: Money): string {
  // With whole numbers: a division would round the last digit of large amounts.
  const rest = amount % MICRO
  const decimals = String(rest).padStart(6, '0')
  return `$${(amount - rest) / MICRO}.${decimals.replace(/0{1,4}$/, '')}`
}

/** An amount in US dollars, for output that people and other programs read: 0.001. Never calculate with it. */
export function toUsd(amount: Money): number {
  return amount / MICRO
}

/** Turns -0 into 0. */
function withoutMinusZero(amount: number): Money {
  return (amount === 0 ? 0 : amount) as Money
}

function printed(value: unknown): string {
  return printable(typeof value === 'string' ? `'${value}'` : String(value), 40)
}

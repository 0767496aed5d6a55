import { type Money, micros } from '../policy/money.js'

/* Amounts of money in replies: dollars as a decimal, as text or as a number. */

/** The most decimals of an amount in a reply: a program that prints a binary fraction in full writes as many. */
const DECIMAL = /^-?\d{1,9}(?:\.\d{1,64})?$/
/** An amount that is larger than any price. */
const HUGE = /^\d{10,64}(?:\.\d{1,64})?$/
/** What an amount counts as that is larger than `DECIMAL` takes, dollars. */
const HUGE_USD = 1e9

/** Whether a text could be an amount. */
export function isDecimal(text: string): boolean {
  return DECIMAL.test(text)
}

/** A balance in micro-dollars, rounded down. A negative one is 0. */
export function parseBalance(value: unknown): Money | undefined {
  return parseMoney(value)?.below
}

/**
 * What a solve cost in micro-dollars, rounded up: no cost is counted as less than it was, but a billion dollars is the
 * most. Undefined for a negative one.
 */
export function parseCost(value: unknown): Money | undefined {
  if (typeof value === 'number' ? value >= HUGE_USD : typeof value === 'string' && HUGE.test(value)) {
    return micros(HUGE_USD * 1_000_000)
  }
  const money = parseMoney(value)
  return money?.negative ? undefined : money?.above
}

/** Dollars as a decimal, in whole micro-dollars. */
function parseMoney(value: unknown): { below: Money; above: Money; negative: boolean } | undefined {
  const text = typeof value === 'number' && Math.abs(value) < 1e9 ? value.toFixed(9) : value
  if (typeof text !== 'string' || !DECIMAL.test(text)) return undefined
  if (text.startsWith('-')) return { below: micros(0), above: micros(0), negative: true }
  const [whole = '0', decimals = ''] = text.split('.')
  const below = Number(whole) * 1_000_000 + Number(decimals.slice(0, 6).padEnd(6, '0'))
  return { below: micros(below), above: micros(/[1-9]/.test(decimals.slice(6)) ? below + 1 : below), negative: false }
}

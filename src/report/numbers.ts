import { formatUsd, micros } from '../policy/money.js'

const WHOLE = new Intl.NumberFormat('en-US')
const CENTS = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** A whole number with separators: `1,204`. */
export function whole(count: number): string {
  return WHOLE.format(count)
}

/** An amount for people: `$1,204.50`; below a dollar with as many decimals as it has: `$0.003`. */
export function usdText(amount: number): string {
  return amount < 1_000_000 ? formatUsd(micros(amount)) : `$${CENTS.format(amount / 1e6)}`
}

/** An amount on an axis: without decimals that all of its ticks lack. */
export function usdTick(amount: number): string {
  if (amount >= 1e9) return `$${WHOLE.format(Math.round(amount / 1e8) / 10)}k`
  return `$${String(Number((amount / 1e6).toPrecision(12))).replace(/^(\d+\.\d)$/, '$10')}`
}

/** A duration for people: `840 ms`, `12.4 s`, `3 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** A part of a whole: `62 %`. */
export function percent(part: number, of: number): string {
  if (of <= 0) return ''
  const value = (100 * part) / of
  return value > 0 && value < 1 ? '< 1 %' : `${Math.round(value)} %`
}

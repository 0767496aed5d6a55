import { printable, SolveguardError } from '../base/errors.js'

/** A length of time as text: a whole or decimal number and a unit, such as `30s`, `15m`, `1.5h`, `60d`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 }
const MAX_MS = 10 * 365 * 8.64e7

/**
 * A duration in ms, rounded to a whole number.
 *
 * @throws SolveguardError `CONFIG_INVALID` for text that is not a duration, or one longer than ten years
 * @example
 * durationMs('90s') // 90000
 */
export function durationMs(duration: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d|w)$/.exec(duration)
  const ms = match ? Math.round(Number(match[1]) * (UNIT_MS[match[2] as string] as number)) : Number.NaN
  if (!(ms >= 0 && ms <= MAX_MS)) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      "A duration is a number and one of ms, s, m, h, d, w (for example '30s'), at most ten years; " +
        `not '${printable(String(duration), 40)}'.`,
    )
  }
  return ms
}

/** Milliseconds as text for people: `45 s`, `3 min`, `2 h 5 min`, `3 d`. */
export function formatMs(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`
  return `${Math.round(hours / 24)} d`
}

import { DateTime } from 'luxon'
import { printable, SolveguardError } from '../base/errors.js'
import { dayAt } from '../policy/calendar.js'
import { durationMs } from '../policy/duration.js'
import { isTimeZone } from '../policy/schedule.js'

/** From one moment to another, which is not part of it any more. Wall-clock ms. */
export interface Period {
  readonly from: number
  readonly to: number
}

/** How long one bar of a chart is. */
export type Unit = 'hour' | 'day' | 'month'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MAX_BUCKETS = 400

/** A period as a caller of a command names it. */
export interface NamedPeriod {
  readonly since: string
  /**
   * When it ends.
   * @default now; with `yesterday` as `since` the end of that day
   */
  readonly until?: string | undefined
  /**
   * An IANA name.
   * @default that of this machine
   */
  readonly timeZone?: string | undefined
}

/**
 * What a command's `--since`, `--until` and `--time-zone` mean; `until` is undefined where it is the time now.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function readPeriod({ since, until, timeZone: zone }: NamedPeriod, now: number) {
  const timeZone = checkTimeZone(zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  // `yesterday` alone is that day, and not today besides.
  const last = until ?? (since === 'yesterday' ? since : undefined)
  return {
    timeZone,
    since: parseSince(since, timeZone, now),
    until: last === undefined ? undefined : parseUntil(last, timeZone, now),
  }
}

/**
 * When a period begins: `today`, `yesterday`, a day (`2026-11-01`), a moment (`2026-11-01T08:00`), each in the time
 * zone; or a duration before now (`7d`, `12h`).
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function parseSince(text: string, timeZone: string, now: number): number {
  return parse(text, 'since', timeZone, now, 'from')
}

/** When a period ends: as `parseSince`, but a day that is named is part of it. */
export function parseUntil(text: string, timeZone: string, now: number): number {
  return parse(text, 'until', timeZone, now, 'to')
}

function parse(text: string, option: string, timeZone: string, now: number, side: keyof Period): number {
  const today = dayAt(checkTimeZone(timeZone), now)
  const dayOf = (at: number): number => {
    const { start, end } = dayAt(timeZone, at)
    return side === 'from' ? start : end
  }
  if (text === 'today') return dayOf(now)
  if (text === 'yesterday') return dayOf(today.start - 1)
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const at = DateTime.fromISO(text, { zone: timeZone })
    if (at.isValid) return text.length === 10 ? dayOf(at.toMillis()) : at.toMillis()
  } else if (/^\d+(\.\d+)?(ms|s|m|h|d|w)$/.test(text)) {
    return now - durationMs(text)
  }
  throw new SolveguardError(
    'CONFIG_INVALID',
    `--${option} is a day such as 2026-11-01, a moment such as 2026-11-01T08:00, 'today', 'yesterday', or a duration ` +
      `such as 7d, not '${printable(text, 40)}'.`,
  )
}

/** @throws SolveguardError `CONFIG_INVALID` */
function checkTimeZone(timeZone: string): string {
  if (isTimeZone(timeZone)) return timeZone
  throw new SolveguardError(
    'CONFIG_INVALID',
    `The time zone is an IANA name such as Europe/Berlin, not '${printable(timeZone, 40)}'.`,
  )
}

/** The unit in which a period is shown. */
export function unitOf({ from, to }: Period): Unit {
  const days = (to - from) / DAY_MS
  return days <= 3 ? 'hour' : days <= MAX_BUCKETS - 2 ? 'day' : 'month'
}

/** The pieces of a period, in a time zone, oldest first; the newest ones where there are more than can be shown. */
export function piecesOf(period: Period, unit: Unit, timeZone: string): Period[] {
  const pieces: Period[] = []
  for (let at = period.from; at < period.to; ) {
    const piece = pieceAt(at, unit, timeZone)
    pieces.push(piece)
    at = piece.to
  }
  return pieces.slice(-MAX_BUCKETS)
}

function pieceAt(at: number, unit: Unit, timeZone: string): Period {
  if (unit === 'hour') {
    const from = Math.floor(at / HOUR_MS) * HOUR_MS
    return { from, to: from + HOUR_MS }
  }
  if (unit === 'day') {
    const { start, end } = dayAt(timeZone, at)
    return { from: start, to: end }
  }
  const month = DateTime.fromMillis(at, { zone: timeZone }).startOf('month')
  return { from: month.toMillis(), to: month.plus({ months: 1 }).toMillis() }
}

/** The calendar day of a moment: `2026-11-24`. */
export function isoDay(at: number, timeZone: string): string {
  return DateTime.fromMillis(at, { zone: timeZone }).toFormat('yyyy-MM-dd')
}

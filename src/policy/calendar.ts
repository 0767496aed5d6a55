import type { Money } from './money.js'
import { offsetMs } from './schedule.js'

/** An amount for each calendar day of a time zone, from midnight to midnight. */
export interface CalendarAmount {
  /** An IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string
  /** In micro-dollars. */
  readonly amount: Money
}

/** The start and the end of a calendar day, in wall-clock ms. */
export interface CalendarDay {
  readonly start: number
  readonly end: number
}

const DAY_MS = 86_400_000
/** Midnights and changes of a zone's offset are at quarters of an hour, today and in nearly all zones' past. */
const STEP_MS = 15 * 60_000
/** No zone's offset from UTC is larger. */
const MAX_OFFSET_MS = 16 * 3_600_000

/** The last result, by zone: it stays the result until that day ends. */
const lastDay = new Map<string, CalendarDay>()

/**
 * The calendar day of a moment in a time zone. Days follow each other without a gap, also where the clock skips
 * midnight or is set back over it: a day then begins when the wall clock first shows its date, or a later one.
 */
export function dayAt(timeZone: string, at: number): CalendarDay {
  const known = lastDay.get(timeZone)
  if (known && at >= known.start && at < known.end) return known
  let date = dateAt(timeZone, at)
  let day = { start: startOfDate(timeZone, date), end: startOfDate(timeZone, date + 1) }
  // A clock that was set back over midnight shows the old date again; a date that the zone skipped has no day.
  while (at >= day.end) day = { start: day.end, end: startOfDate(timeZone, ++date + 1) }
  lastDay.set(timeZone, day)
  return day
}

/** The date that the wall clock of a zone shows, in days since 1970-01-01. */
function dateAt(timeZone: string, at: number): number {
  return Math.floor((at + offsetMs(timeZone, at)) / DAY_MS)
}

/** When the wall clock of a zone first shows a date, or a later one. */
function startOfDate(timeZone: string, date: number): number {
  const midnight = date * DAY_MS
  const last = midnight + MAX_OFFSET_MS
  let after = midnight - MAX_OFFSET_MS
  // On nearly all days the offset does not change. No zone has changed it twice in so few hours since 1970.
  const offset = offsetMs(timeZone, after)
  if (offset === offsetMs(timeZone, last)) return midnight - offset
  while (after < last && dateAt(timeZone, after) < date) after += STEP_MS
  let before = after - STEP_MS
  while (after - before > 1_000) {
    const middle = Math.floor((before + after) / 2_000) * 1_000
    if (dateAt(timeZone, middle) < date) before = middle
    else after = middle
  }
  return after
}

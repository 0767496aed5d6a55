import { IANAZone } from 'luxon'

/** The weekdays in a policy. */
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

/** Hours of some weekdays, in minutes of the day. A `to` above 1440 is after midnight, on the next day. */
export interface ScheduleWindow {
  /** 1 (Monday) to 7 (Sunday), ascending. */
  readonly days: readonly number[]
  /** Minutes of the day, 0 to 1439. */
  readonly from: number
  /** Minutes of the day; above 1440 on the next day. */
  readonly to: number
}

/** Working hours in one time zone, in canonical form. Open while the wall clock of the zone is inside a window. */
export interface Schedule {
  /** An IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string
  /** When it is open. */
  readonly windows: readonly ScheduleWindow[]
  /** Dates (`2026-12-24`) with separate hours, in minutes of the day, or with none. */
  readonly except: Readonly<Record<string, readonly { readonly from: number; readonly to: number }[]>>
}

/** Whether solves are allowed now, and when that changes. */
export interface ScheduleState {
  readonly open: boolean
  /** Wall-clock ms at which `open` changes; undefined if it does not within 400 days. */
  readonly changesAt: number | undefined
  /** Wall-clock ms until which this state is valid: `changesAt`, or the end of the 400 days. */
  readonly validUntil: number
}

const DAY_MINUTES = 1440
const MINUTE_MS = 60_000
const DAY_MS = DAY_MINUTES * MINUTE_MS
const HORIZON_DAYS = 400

/** Names that Node knows: each policy is parsed many times, and to ask Node costs more than all the rest of that. */
const knownZones = new Set<string>()
/** Of one name there are many spellings, because case does not count. */
const MAX_KNOWN_ZONES = 1_000

/** Whether Node knows a time zone of that name. */
export function isTimeZone(name: string): boolean {
  if (knownZones.has(name)) return true
  if (!IANAZone.isValidZone(name)) return false
  if (knownZones.size < MAX_KNOWN_ZONES) knownZones.add(name)
  return true
}

/** `Mon-Fri`, `Sat,Sun` or `Mon` as weekday numbers, ascending; undefined for other text. */
export function parseDays(text: string): readonly number[] | undefined {
  const days = new Set<number>()
  for (const part of text.split(',')) {
    const [first, last = first, ...rest] = part.trim().split('-')
    const from = WEEKDAYS.indexOf(first as (typeof WEEKDAYS)[number]) + 1
    const to = WEEKDAYS.indexOf(last as (typeof WEEKDAYS)[number]) + 1
    if (from === 0 || to === 0 || rest.length > 0) return undefined
    for (let day = from; ; day = (day % 7) + 1) {
      days.add(day)
      if (day === to) break
    }
  }
  return [...days].sort((a, b) => a - b)
}

/** `09:00` as minutes of the day (`24:00` is 1440), or undefined. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d{2}):(\d{2})$/.exec(text)
  if (!match) return undefined
  const minutes = Number(match[1]) * 60 + Number(match[2])
  return Number(match[2]) < 60 && minutes <= DAY_MINUTES ? minutes : undefined
}

/** Whether the schedule is open at a moment: the zone's wall clock is then inside a window. */
export function isOpen(schedule: Schedule, at: number): boolean {
  const wall = at + offsetMs(schedule.timeZone, at)
  const day = Math.floor(wall / DAY_MS)
  const minute = Math.floor((wall - day * DAY_MS) / MINUTE_MS)
  return (
    hoursOf(schedule, day).some(({ from, to }) => minute >= from && minute < to) ||
    // A window that began the day before and ends after midnight.
    hoursOf(schedule, day - 1).some(({ to }) => minute + DAY_MINUTES < to)
  )
}

/**
 * The combined state of several schedules: open when all of them are open. Without any, always open.
 *
 * Wall clocks jump when daylight saving time begins and ends, so an hour may be missing or occur twice. Both are
 * correct, because the state can change only at a moment when the wall clock shows a window's edge or jumps, and each
 * of these moments is checked.
 */
export function scheduleState(schedules: readonly Schedule[], at: number): ScheduleState {
  if (schedules.length === 0) return { open: true, changesAt: undefined, validUntil: Number.POSITIVE_INFINITY }
  const allOpen = (time: number) => schedules.every((schedule) => isOpen(schedule, time))
  const open = allOpen(at)
  // In steps of 24 hours from `at`, so that the first change found is the earliest, in any time zones.
  for (let day = 0; day < HORIZON_DAYS; day++) {
    const start = at + day * DAY_MS
    const end = start + DAY_MS
    const change = [...new Set(schedules.flatMap((schedule) => edgesBetween(schedule, start, end)))]
      .filter((edge) => edge > start && edge <= end)
      .sort((a, b) => a - b)
      .find((edge) => allOpen(edge) !== open)
    if (change !== undefined) return { open, changesAt: change, validUntil: change }
  }
  return { open, changesAt: undefined, validUntil: at + HORIZON_DAYS * DAY_MS }
}

/** All moments between two, a day apart, at which the schedule may open or close, and some more around them. */
function edgesBetween(schedule: Schedule, start: number, end: number): number[] {
  const before = offsetMs(schedule.timeZone, start)
  const after = offsetMs(schedule.timeZone, end)
  const edges = before === after ? [] : [offsetChange(schedule, start, end)]
  // On a day on which the clock jumps, an edge may exist by one offset, the other, both or none.
  for (const offset of new Set([before, after])) {
    const last = Math.floor((end + offset) / DAY_MS)
    // From the day before, whose windows may end after midnight.
    for (let day = Math.floor((start + offset) / DAY_MS) - 1; day <= last; day++) {
      for (const { from, to } of hoursOf(schedule, day)) {
        const midnight = day * DAY_MS - offset
        edges.push(midnight + from * MINUTE_MS, midnight + to * MINUTE_MS)
      }
    }
  }
  return edges
}

/** The moment between two at which the zone's offset changes, to the second. */
function offsetChange(schedule: Schedule, from: number, to: number): number {
  const before = offsetMs(schedule.timeZone, from)
  let low = Math.floor(from / 1000)
  let high = Math.ceil(to / 1000)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetMs(schedule.timeZone, middle * 1000) === before) low = middle
    else high = middle
  }
  return high * 1000
}

/** The zone's offset from UTC at a moment, in ms. */
export function offsetMs(timeZone: string, at: number): number {
  return IANAZone.create(timeZone).offset(at) * MINUTE_MS
}

/**
 * The hours of a calendar day, counted from 1970-01-01. By the calendar alone: a date that a zone skipped, when it
 * moved across the date line, still has hours that may end on the next day.
 */
function hoursOf(schedule: Schedule, day: number): readonly { from: number; to: number }[] {
  const own = schedule.except[new Date(day * DAY_MS).toISOString().slice(0, 10)]
  // Day 0 was a Thursday.
  const weekday = ((((day + 3) % 7) + 7) % 7) + 1
  return own ?? schedule.windows.filter((window) => window.days.includes(weekday))
}

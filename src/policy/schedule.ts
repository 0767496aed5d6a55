import { DateTime, IANAZone } from 'luxon'

/** A weekday as it stands in a policy. */
export const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

/** Hours of some weekdays, in minutes of the day. `to` above 1440 means after midnight, on the next day. */
export interface Window {
  /** 1 (Monday) to 7 (Sunday), ascending. */
  readonly days: readonly number[]
  readonly from: number
  readonly to: number
}

/** Working hours in one time zone, in canonical form. Open when the wall clock there shows a time inside a window. */
export interface Schedule {
  readonly timeZone: string
  readonly windows: readonly Window[]
  /** Dates (`2026-12-24`) that have hours of their own, in minutes of the day, or none at all. */
  readonly except: Readonly<Record<string, readonly { readonly from: number; readonly to: number }[]>>
}

/** Whether work is allowed now, and when that changes. */
export interface ScheduleState {
  readonly open: boolean
  /** Wall-clock ms at which `open` changes; undefined if it does not within 400 days. */
  readonly changesAt: number | undefined
  /** Wall-clock ms up to which this answer holds: `changesAt`, or the end of what was looked at. */
  readonly validUntil: number
}

const DAY_MINUTES = 1440
const MINUTE_MS = 60_000
const DAY_MS = DAY_MINUTES * MINUTE_MS
const HORIZON_DAYS = 400

/** Whether the platform knows a time zone by that name. */
export function isTimeZone(name: string): boolean {
  return IANAZone.isValidZone(name)
}

/** `Mon-Fri`, `Sat,Sun`, `Mon` as weekday numbers, ascending; undefined if it is none of these. */
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

/** Whether the schedule is open at an instant: its wall clock then shows a time inside a window. */
export function isOpen(schedule: Schedule, at: number): boolean {
  const local = DateTime.fromMillis(at, { zone: schedule.timeZone })
  const minute = local.hour * 60 + local.minute
  const today = hoursOf(schedule, local)
  if (today.some(({ from, to }) => minute >= from && minute < to)) return true
  // What began yesterday and runs over midnight.
  const yesterday = hoursOf(schedule, local.minus({ days: 1 }))
  return yesterday.some(({ to }) => minute + DAY_MINUTES < to)
}

/**
 * The state of several schedules at once: open when all of them are. Without any, always open.
 *
 * Wall clocks jump when daylight saving begins and ends, so an hour may be missing or come twice; both come out right
 * because only instants at which the wall clock shows a window's edge, or jumps, can change the answer, and each of
 * those is asked for.
 */
export function scheduleState(schedules: readonly Schedule[], at: number): ScheduleState {
  if (schedules.length === 0) return { open: true, changesAt: undefined, validUntil: Number.POSITIVE_INFINITY }
  const allOpen = (time: number) => schedules.every((schedule) => isOpen(schedule, time))
  const open = allOpen(at)
  // Day by day (of 24 hours from `at`), so that the first change found is the first there is, whatever the time zones.
  for (let day = 0; day < HORIZON_DAYS; day++) {
    const start = at + day * DAY_MS
    const edges = schedules.flatMap((schedule) => [-1, 0, 1].flatMap((offset) => edgesOfDay(schedule, start, offset)))
    const change = [...new Set(edges)]
      .sort((a, b) => a - b)
      .find((edge) => edge > start && edge <= start + DAY_MS && allOpen(edge) !== open)
    if (change !== undefined) return { open, changesAt: change, validUntil: change }
  }
  return { open, changesAt: undefined, validUntil: at + HORIZON_DAYS * DAY_MS }
}

/** Every instant of one local day at which the schedule may open or close. */
function edgesOfDay(schedule: Schedule, at: number, dayOffset: number): number[] {
  const day = DateTime.fromMillis(at, { zone: schedule.timeZone }).startOf('day').plus({ days: dayOffset })
  const next = day.plus({ days: 1 })
  const minutes = new Set<number>([0])
  for (const { from, to } of hoursOf(schedule, day)) {
    minutes.add(from)
    if (to <= DAY_MINUTES) minutes.add(to)
  }
  for (const { to } of hoursOf(schedule, day.minus({ days: 1 }))) {
    if (to > DAY_MINUTES) minutes.add(to - DAY_MINUTES)
  }
  const edges = [day.toMillis()]
  const offsets = [day.offset, next.offset]
  for (const minute of minutes) {
    // Local wall time less the zone's offset is the instant; on a day on which the offset changes, both are tried.
    const wall = Date.UTC(day.year, day.month - 1, day.day) + minute * MINUTE_MS
    for (const offset of offsets) edges.push(wall - offset * MINUTE_MS)
  }
  if (day.offset !== next.offset) edges.push(offsetChange(schedule.timeZone, day.toMillis(), next.toMillis()))
  return edges
}

/** The instant between two at which the zone's offset changes, to the second. */
function offsetChange(timeZone: string, from: number, to: number): number {
  const zone = IANAZone.create(timeZone)
  const before = zone.offset(from)
  let low = Math.floor(from / 1000)
  let high = Math.ceil(to / 1000)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (zone.offset(middle * 1000) === before) low = middle
    else high = middle
  }
  return high * 1000
}

function hoursOf(schedule: Schedule, day: DateTime): readonly { from: number; to: number }[] {
  const own = schedule.except[day.toISODate() ?? '']
  return own ?? schedule.windows.filter((window) => window.days.includes(day.weekday))
}

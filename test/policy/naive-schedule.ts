import { DateTime } from 'luxon'
import type { Schedule } from '../../src/policy/schedule.js'
import { parseNarrowing, type ScheduleInput } from '../../src/policy/schema.js'

export const MINUTE = 60_000
export const DAY = 1440 * MINUTE

export function schedule(input: ScheduleInput): Schedule {
  const [only] = parseNarrowing({ schedule: input }).schedules
  if (!only) throw new Error('no schedule')
  return only
}

export const at = (iso: string, zone: string) => DateTime.fromISO(iso, { zone }).toMillis()

export const previousDay = (date: string) => new Date(Date.parse(date) - DAY).toISOString().slice(0, 10)

/**
 * Whether a schedule is open, by the definition and without the code under test: the wall clock is inside a window, in
 * the user's text.
 */
export function openNaively({ timeZone, windows, except = {} }: ScheduleInput, time: number): boolean {
  const [today = '', now = ''] = wallClock(timeZone).format(time).split(' ')
  const spans = (date: string) => {
    const own = except[date]
    if (own) return own === 'closed' ? [] : own
    return windows.filter(({ days }) => listed(days).includes(weekdayOf(date)))
  }
  return (
    spans(today).some(({ from, to }) => (from < to ? now >= from && now < to : now >= from)) ||
    spans(previousDay(today)).some(({ from, to }) => from > to && now < to)
  )
}

const wallClocks = new Map<string, Intl.DateTimeFormat>()

/** Formats a moment as `2026-03-29 09:00`, which is the Swedish short form. */
function wallClock(timeZone: string): Intl.DateTimeFormat {
  let clock = wallClocks.get(timeZone)
  if (!clock) {
    clock = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' })
    wallClocks.set(timeZone, clock)
  }
  return clock
}

/** `Mon` to `Sun`, by the platform. */
function weekdayOf(date: string): string {
  return new Date(date).toUTCString().slice(0, 3)
}

/** The weekdays of the arbitrary schedules, written by hand. */
function listed(days: string): readonly string[] {
  const ranges: Record<string, string> = {
    'Mon-Fri': 'Mon,Tue,Wed,Thu,Fri',
    'Fri-Mon': 'Fri,Sat,Sun,Mon',
    'Mon-Sun': 'Mon,Tue,Wed,Thu,Fri,Sat,Sun',
  }
  return (ranges[days] ?? days).split(',')
}

/** The first whole minute after `from` at which the naive answer changes, up to `until`. */
export function changeNaively(inputs: readonly ScheduleInput[], from: number, until: number): number | undefined {
  const openAt = (time: number) => inputs.every((input) => openNaively(input, time))
  const before = openAt(from)
  for (let time = Math.floor(from / MINUTE) * MINUTE + MINUTE; time <= until; time += MINUTE) {
    if (openAt(time) !== before) return time
  }
  return undefined
}

/** Zones, and the days around which their clocks jump. Kathmandu's never jumps; its offset has 45 minutes. */
export const JUMPS: readonly { zone: string; dates: readonly string[] }[] = [
  { zone: 'Europe/Berlin', dates: ['2026-03-29', '2026-10-25'] },
  { zone: 'America/New_York', dates: ['2026-03-08', '2026-11-01'] },
  { zone: 'Australia/Lord_Howe', dates: ['2026-04-05', '2026-10-04'] },
  { zone: 'Pacific/Apia', dates: ['2011-12-29', '2011-12-31', '2011-09-24'] },
  { zone: 'Asia/Kathmandu', dates: ['2026-07-15'] },
  { zone: 'America/Santiago', dates: ['2026-04-05', '2026-09-06'] },
]

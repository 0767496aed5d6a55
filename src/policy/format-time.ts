/** One format for each zone: to construct one takes longer than to use it. */
const FORMATS = new Map<string, Intl.DateTimeFormat>()

/**
 * A moment for people: in UTC, and in a time zone beside it, where there is one.
 *
 * @param at wall-clock ms
 * @example
 * formatTime(at, 'Europe/Berlin') // 2026-11-24T08:00:00.000Z (Tue 09:00 in Europe/Berlin)
 */
export function formatTime(at: number, timeZone?: string): string {
  const utc = new Date(at).toISOString()
  if (timeZone === undefined || /^(Etc\/)?(UTC|GMT)$/.test(timeZone)) return utc
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  return `${utc} (${parts.get('weekday')} ${parts.get('hour')}:${parts.get('minute')} in ${timeZone})`
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = FORMATS.get(timeZone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  FORMATS.set(timeZone, format)
  return format
}

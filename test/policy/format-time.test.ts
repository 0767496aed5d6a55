import { expect, it } from 'vitest'
import { formatTime } from '../../src/policy/format-time.js'

const AT = Date.UTC(2026, 10, 24, 8, 5)
const UTC = '2026-11-24T08:05:00.000Z'

it('a moment has the time of another zone beside that of UTC', () => {
  expect(formatTime(AT)).toBe(UTC)
  for (let again = 0; again < 2; again++) {
    expect(formatTime(AT, 'Europe/Berlin')).toBe(`${UTC} (Tue 09:05 in Europe/Berlin)`)
    expect(formatTime(AT, 'Pacific/Apia')).toBe(`${UTC} (Tue 21:05 in Pacific/Apia)`)
  }
})

it('midnight is 00:00', () => {
  expect(formatTime(Date.UTC(2026, 0, 4, 23), 'Europe/Berlin')).toMatch(/\(Mon 00:00 in /)
})

it('a zone that shows the time of UTC is UTC', () => {
  for (const zone of ['UTC', 'GMT', 'Etc/UTC', 'Etc/GMT']) expect(formatTime(AT, zone)).toBe(UTC)
  // The sign of these names is that of POSIX: five hours behind.
  expect(formatTime(AT, 'Etc/GMT+5')).toBe(`${UTC} (Tue 03:05 in Etc/GMT+5)`)
  expect(formatTime(AT, 'Etc/UCT')).toMatch(/in Etc\/UCT\)$/)
})

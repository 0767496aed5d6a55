import type { AuditEvent } from '../../src/audit/sink.js'
import type { Money } from '../../src/policy/money.js'
import { DAY, denial, GUARD, HOUR, NOON, solve } from './log.js'

/** Numbers that look random, and are the same each time. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const SUBJECTS = [
  'anna',
  'bert',
  'build-4711',
  'build-4712',
  'nightly',
  'chandra',
  'contractor',
  'dana',
  'release',
  undefined,
]
const PAGES = [
  'https://staging.example.com/login',
  'https://shop.qa.example.com/checkout',
  'https://pay.example.com:8443/',
]
const FAMILIES = ['recaptcha', 'turnstile', 'hcaptcha', 'geetest']

/**
 * A month of a team: busy working days, quiet weekends, a rotation of the key, a day on which something loops, with
 * alerts and a pause.
 * @param days how many days before noon of 24 November 2026
 */
export function sampleEvents(days: number, perDay = 40): AuditEvent[] {
  const next = numbers(7)
  const of = <T>(list: readonly T[]): T => list[Math.floor(next() ** 1.6 * list.length)] as T
  const events: AuditEvent[] = []
  for (let day = 0; day < days; day++) {
    const from = NOON - (days - 1 - day) * DAY - 5 * HOUR
    const weekday = new Date(from).getUTCDay()
    const isLoop = day === days - 6
    const many = Math.round((weekday % 6 === 0 ? 0.15 : 1) * perDay * (0.7 + 0.6 * next()) * (isLoop ? 2.2 : 1))
    for (let i = 0; i < many; i++) {
      const at = Math.floor(from + next() ** 0.9 * 9 * HOUR)
      const takes = Math.round(4_000 + 14_000 * next() ** 2 + (next() > 0.96 ? 45_000 : 0))
      const isToken = next() > 0.85
      const ends = next() > 0.93 ? 'failed' : 'solved'
      if (at + takes > NOON) continue
      events.push(
        ...solve({
          ...{ at, takes, ends, subject: of(SUBJECTS), page: of(PAGES), family: of(FAMILIES) },
          charge: of([1_000, 2_990, 500, 1_500]),
          path: isToken ? [GUARD, `${GUARD}/~${of(['4f2a81c9', '91be77d0', 'c0ffee12'])}`] : [GUARD],
          ...{
            keyVersion: day > days * 0.6 ? '4' : '3',
            keyFingerprint: day > days * 0.6 ? '9c41d07be2a5f318' : '0123456789abcdef',
          },
        }),
      )
      if (next() > 0.9) events.push(denial({ at, subject: of(SUBJECTS) }))
      if (next() > 0.97) events.push(denial({ at, layer: 'time', code: 'OUTSIDE_SCHEDULE', page: of(PAGES) }))
    }
    if (!isLoop) continue
    const at = from + 7 * HOUR
    const about = { guard: GUARD, path: [GUARD] }
    events.push(
      { ...about, action: 'alert', at: at - HOUR, code: 'BUDGET_THRESHOLD', message: '50 % of the day is used.' },
      { ...about, action: 'alert', at, code: 'BUDGET_THRESHOLD', message: '80 % of the day is used.' },
      {
        ...about,
        action: 'alert',
        at,
        code: 'PAGE_DRAIN_SUSPECTED',
        message: 'A page shows widgets faster than its cap.',
      },
      { ...about, action: 'paused', at, code: 'MANUAL', message: 'A test loops: looked at by anna.' },
      { ...about, action: 'resumed', at: at + 20 * HOUR, message: 'The test is fixed.' },
      denial({ at, layer: 'spending', code: 'GUARD_PAUSED', count: 61 }),
      denial({ at: at - 600_000, layer: 'spending', code: 'BUDGET_EXHAUSTED', count: 24, reserved: 0 as Money }),
    )
  }
  return events.sort((a, b) => a.at - b.at)
}

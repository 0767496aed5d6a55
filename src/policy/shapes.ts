import { z } from 'zod'
import { checkBaseUrl } from '../base/service-url.js'
import { durationMs } from './duration.js'
import type { Money } from './money.js'
import { canonicalOrigins, parseOriginPattern } from './origin.js'
import { canonicalPageProxy, parsePageProxy } from './page-proxy.js'
import { isTimeZone, parseDays, parseTime, type Schedule } from './schedule.js'

/*
 * The shapes that policies are checked against. Apart from schema.ts, because they are made when this file is loaded,
 * which takes longer than anything else that an application loads at its start.
 */

const money = z
  .number({ error: 'expected an amount such as usd(5)' })
  .int('expected an amount such as usd(5), a whole number of micro-dollars')
  .min(0, { error: 'an amount cannot be negative', abort: true })
  .max(1e12, 'an amount can be at most usd(1000000)')
  // A plain 5 is five micro-dollars, less than any solve costs: it was meant as usd(5).
  .refine((value) => value === 0 || value >= 100, 'is less than usd(0.0001); write usd(5) for five dollars')
  .transform((value) => value as Money)

const expectedZone = "expected a time zone such as 'Europe/Berlin'"
const timeZone = z.string({ error: expectedZone }).refine(isTimeZone, { error: expectedZone })

const fromMidnight = z.strictObject({
  amount: money,
  resets: z.literal('calendar', { error: "expected 'calendar'; an amount in any 24 hours is written usd(5)" }),
  timeZone: timeZone.optional(),
})

/** A daily amount: in any 24 hours, or from midnight to midnight. */
const daily = z.unknown().transform((value, context) => {
  const shape = typeof value === 'object' && value !== null ? fromMidnight : money
  const result = shape.safeParse(value)
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    context.issues.push({ ...issue, input: value } as (typeof context.issues)[number])
  }
  return z.NEVER
})

/** Parses a duration of the user's to ms. */
export const duration = z.string({ error: "expected a duration such as '30s' or '60d'" }).transform((text, context) => {
  try {
    return durationMs(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
})

const count = (max: number) => {
  const expected = `expected a whole number from 1 to ${max}`
  return z.number({ error: expected }).int(expected).min(1, expected).max(max, expected)
}

const origins = z
  .array(
    z.string({ error: "expected an origin such as 'https://staging.example.com'" }).transform((text, context) => {
      const parsed = parseOriginPattern(text)
      if ('pattern' in parsed) return parsed.pattern
      context.addIssue({ code: 'custom', message: parsed.problem })
      return z.NEVER
    }),
    { error: "expected a list of origins such as ['https://staging.example.com']" },
  )
  .min(1, 'name at least one origin: only named origins are allowed')
  .max(1000)
  .transform(canonicalOrigins)

const expectedTime = "expected a time such as '09:00', from 00:00 to 24:00"
const time = z.string({ error: expectedTime }).transform((text, context) => {
  const minutes = parseTime(text)
  if (minutes !== undefined) return minutes
  context.addIssue({ code: 'custom', message: expectedTime })
  return z.NEVER
})

/** `from` and `to` in minutes of the day; a `to` that is not after `from` is on the next day. */
const hours = { from: time, to: time }
const overMidnight = <T extends { from: number; to: number }>(value: T): T =>
  value.to > value.from ? value : { ...value, to: value.to + 1440 }
const emptyWindow = { message: 'a window from a time to the same time is empty; a whole day is 00:00 to 24:00' }
const notEmpty = (value: { from: number; to: number }) => value.from !== value.to && value.from < 1440

const expectedDays = "expected weekdays such as 'Mon-Fri' or 'Sat,Sun'"
const window = z
  .strictObject({
    days: z.string({ error: expectedDays }).transform((text, context) => {
      const days = parseDays(text)
      if (days) return days
      context.addIssue({ code: 'custom', message: expectedDays })
      return z.NEVER
    }),
    ...hours,
  })
  .refine(notEmpty, emptyWindow)
  .transform(overMidnight)

const date = z.string().refine((text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(text).toJSON()?.startsWith(text))

/** The separate hours of one date; `closed` is a day without hours. */
const exceptHours = z.preprocess(
  (value) => (value === 'closed' ? [] : value),
  z
    .array(z.strictObject(hours).refine(notEmpty, emptyWindow).transform(overMidnight), {
      error: "expected 'closed' or a list of hours such as [{ from: '10:00', to: '12:00' }]",
    })
    .max(100),
)

const expectedWindows = "expected a list of windows such as [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }]"
const schedule = z
  .strictObject({
    timeZone,
    windows: z.array(window, { error: expectedWindows }).min(1, expectedWindows).max(100),
    except: z
      .record(date, exceptHours, {
        error: (issue) => (issue.code === 'invalid_key' ? "expected a date such as '2026-12-24'" : undefined),
      })
      .refine((value) => Object.keys(value).length <= 1000, 'at most 1000 dates')
      .default({}),
  })
  .transform(
    ({ timeZone, windows, except }): Schedule => ({
      timeZone,
      windows: sorted(windows),
      except: Object.fromEntries(sorted(Object.entries(except)).map(([day, own]) => [day, sorted(own)])),
    }),
  )

/** In an order that depends on the values only. */
function sorted<T>(values: readonly T[]): T[] {
  return values
    .map((value) => [JSON.stringify(value), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => value)
}

const proxy = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const known = url && /^(https?|socks5h?):$/.test(url.protocol) && url.hostname && /^\/?$/.test(url.pathname)
  if (known && !url.search && !url.hash) return url.href.replace(/\/$/, '').replace(/^socks5h:/, 'socks5:')
  context.addIssue({
    code: 'custom',
    message: "expected a proxy such as 'http://egress.internal:3128' or 'socks5://egress.internal:1080'",
  })
  return z.NEVER
})

const pageProxy = z.string().transform((text, context) => {
  const parsed = parsePageProxy(text)
  if (!('problem' in parsed)) return canonicalPageProxy(parsed)
  context.addIssue({ code: 'custom', message: parsed.problem })
  return z.NEVER
})

const localAddress = z.union([z.ipv4(), z.ipv6()], { error: 'expected an IP address of this machine' })

const expectedRange = 'expected addresses or networks such as 203.0.113.7 or 203.0.113.0/24'
const range = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], { error: expectedRange })

const ipCheckUrl = z.string().transform((text, context) => {
  try {
    const url = new URL(text)
    const { origin } = checkBaseUrl(url.origin, 'ipCheckUrl')
    if (!url.username && !url.password && !url.hash) return `${origin}${url.pathname}${url.search}`
  } catch {}
  context.addIssue({ code: 'custom', message: "expected an https: address that answers with the caller's IP address" })
  return z.NEVER
})

export const egressShape = z
  .strictObject({
    proxy: proxy.optional(),
    localAddress: localAddress.optional(),
    expectIp: z.array(range, { error: expectedRange }).min(1, expectedRange).max(100).optional(),
    ipCheckUrl: ipCheckUrl.optional(),
  })
  .refine(({ expectIp, ipCheckUrl: url }) => (expectIp === undefined) === (url === undefined), {
    message: 'expectIp and ipCheckUrl go together: the expected addresses, and the service that reports the address',
  })

const FRACTIONS = 'expected a list of fractions above 0 and up to 1, such as [0.5, 0.8]'

const budgetShape = z.strictObject({
  perDay: daily.optional(),
  perMinute: count(100_000).optional(),
  concurrent: count(100_000).optional(),
  perSolve: money.optional(),
  perPage: count(100_000).optional(),
  perOrigin: daily.optional(),
  alertsAt: z
    .array(z.number({ error: FRACTIONS }).gt(0, FRACTIONS).max(1, FRACTIONS), { error: FRACTIONS })
    .max(20)
    .optional(),
  wait: duration.optional(),
})

const RENEWALS = 'expected a whole number from 0 to 100'

export const narrowingShape = z.strictObject({
  origins: origins.optional(),
  budget: budgetShape.optional(),
  schedule: schedule.optional(),
  key: z.strictObject({ rotateEvery: duration.optional(), expireAfter: duration.optional() }).optional(),
  egress: egressShape.optional(),
  pageProxy: pageProxy.optional(),
  attempts: count(10).optional(),
  deadline: duration.refine((ms) => ms >= 1000 && ms <= 3_600_000, 'expected 1s to 60m').optional(),
  recaptchaV3: z.enum(['leave', 'solve']).optional(),
  testKeys: z.enum(['answer', 'solve']).optional(),
  renewals: z.number({ error: RENEWALS }).int(RENEWALS).min(0, RENEWALS).max(100, RENEWALS).optional(),
  grace: duration.refine((ms) => ms <= 60_000, 'expected at most 60s').optional(),
})

/** The policy of a guard, which always names its origins. */
export const policyShape = narrowingShape.extend({ origins })

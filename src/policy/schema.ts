import { z } from 'zod'
import { printable, SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import type { CalendarAmount } from './calendar.js'
import { type Duration, durationMs } from './duration.js'
import { type Money, usd } from './money.js'
import { canonicalOrigins, type OriginPattern, parseOriginPattern } from './origin.js'
import { canonicalPageProxy, parsePageProxy } from './page-proxy.js'
import { isTimeZone, parseDays, parseTime, type Schedule } from './schedule.js'

/**
 * A policy is a value: what is allowed, in canonical form. Every field only ever takes something away; an absent field
 * takes nothing. So the policy without any field is the neutral element of `narrow`, and no policy means "everything":
 * a guard's own (the root) always names its origins and has a daily budget.
 */
export interface Policy {
  readonly origins?: readonly OriginPattern[] | undefined
  readonly budget: Budget
  /** All of them must be open. */
  readonly schedules: readonly Schedule[]
  readonly key: { readonly rotateEveryMs?: number | undefined; readonly expireAfterMs?: number | undefined }
  readonly egress: {
    /** Ways out that are required; more than one cannot be followed. */
    readonly proxies: readonly string[]
    readonly localAddresses: readonly string[]
    /** Where calls have to be seen to leave from, each by one service's word; all of them hold. */
    readonly expected: readonly { readonly url: string; readonly ranges: readonly string[] }[]
  }
  /** The proxies that the service has to solve through; more than one cannot be followed. Never a way out of ours. */
  readonly pageProxies: readonly string[]
  /** How often one solve may be tried at the service, from 1. */
  readonly attempts?: number | undefined
  /** How long one solve may take. */
  readonly deadlineMs?: number | undefined
  /** `solve`: pages' `execute` of reCAPTCHA v3 is held and answered; `leave`: left alone. */
  readonly recaptchaV3?: 'leave' | 'solve' | undefined
  /** `answer`: vendors' published test keys are answered for free; `solve`: sent to the service like any other. */
  readonly testKeys?: 'answer' | 'solve' | undefined
  /** How often a token that expired unused may be bought anew, for each widget. */
  readonly renewals?: number | undefined
  /** How long a widget that may yet pass by itself is given. */
  readonly graceMs?: number | undefined
}

/** The spending layer of a policy, in canonical form. */
export interface Budget {
  /** In any 24 hours. */
  readonly perDay?: Money | undefined
  /** From midnight to midnight; one for each time zone, ascending by its name. All of them hold. */
  readonly perCalendarDay?: readonly CalendarAmount[] | undefined
  readonly perMinute?: number | undefined
  readonly concurrent?: number | undefined
  readonly perSolve?: Money | undefined
  /** Solves for one load of a page. */
  readonly perPage?: number | undefined
  /** The daily amount for each page origin: in any 24 hours, and from midnight to midnight. */
  readonly perOrigin?: Money | undefined
  readonly perOriginCalendarDay?: readonly CalendarAmount[] | undefined
  /** Fractions of the daily amounts, ascending. */
  readonly alertsAt: readonly number[]
  /** How long a solve may queue for a slot or for the rate; 0 denies at once. */
  readonly waitMs?: number | undefined
}

/** What a guard's root policy has where its user says nothing. */
export const DEFAULTS = {
  perDay: usd(1),
  attempts: 1,
  deadlineMs: durationMs('3m'),
  graceMs: durationMs('3s'),
  recaptchaV3: 'leave',
  testKeys: 'answer',
  renewals: 0,
  alertsAt: [0.8],
} as const

const NEUTRAL: Policy = {
  budget: { alertsAt: [] },
  schedules: [],
  key: {},
  egress: { proxies: [], localAddresses: [], expected: [] },
  pageProxies: [],
}

const money = z
  .number({ error: 'expected an amount such as usd(5)' })
  .int('expected an amount such as usd(5), a whole number of micro-dollars')
  .min(0, { error: 'an amount cannot be negative', abort: true })
  .max(1e12, 'an amount can be at most usd(1000000)')
  // A plain 5 is five micro-dollars, which buys nothing anywhere: it was meant as usd(5).
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

/** A duration as a user writes it, in milliseconds. */
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
  .min(1, 'name at least one origin: nothing is allowed that is not named')
  .max(1000)
  .transform(canonicalOrigins)

const expectedTime = "expected a time such as '09:00', from 00:00 to 24:00"
const time = z.string({ error: expectedTime }).transform((text, context) => {
  const minutes = parseTime(text)
  if (minutes !== undefined) return minutes
  context.addIssue({ code: 'custom', message: expectedTime })
  return z.NEVER
})

/** `from` and `to` as minutes of the day; a `to` that is not after `from` is on the next day. */
const hours = { from: time, to: time }
const overMidnight = <T extends { from: number; to: number }>(value: T): T =>
  value.to > value.from ? value : { ...value, to: value.to + 1440 }
const emptyWindow = { message: 'a window from a time to the same time is empty; for a whole day say 00:00 to 24:00' }
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

/** Hours of its own for one date; `closed` is a day without any. */
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

/** In an order that depends on nothing but the values. */
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
  context.addIssue({ code: 'custom', message: 'expected an https: address that answers with the address of who asks' })
  return z.NEVER
})

const egressShape = z
  .strictObject({
    proxy: proxy.optional(),
    localAddress: localAddress.optional(),
    expectIp: z.array(range, { error: expectedRange }).min(1, expectedRange).max(100).optional(),
    ipCheckUrl: ipCheckUrl.optional(),
  })
  .refine(({ expectIp, ipCheckUrl: url }) => (expectIp === undefined) === (url === undefined), {
    message: 'expectIp and ipCheckUrl go together: who is expected, and who is asked',
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

const narrowingShape = z.strictObject({
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

const policyShape = narrowingShape.extend({ origins })

/** Working hours, as a user writes them. */
export interface ScheduleInput {
  /** An IANA name, e.g. `Europe/Berlin`. */
  timeZone: string
  /** `days` such as `Mon-Fri` or `Sat,Sun`; a `to` that is not after `from` is on the next day. */
  windows: { days: string; from: string; to: string }[]
  /** Dates with hours of their own, or `closed`. */
  except?: Record<string, 'closed' | { from: string; to: string }[]> | undefined
}

/**
 * A daily amount, as a user writes it: `usd(5)` in any 24 hours, or with `resets: 'calendar'` from midnight to
 * midnight, in `timeZone` (default: that of the schedule; without one, UTC).
 */
export type DailyAmount = Money | { amount: Money; resets: 'calendar'; timeZone?: string | undefined }

/** What narrows a policy, as a user writes it. Every field only takes something away from what the parent allows. */
export interface NarrowingInput {
  /** `https://host`, `https://host:port` or `https://*.host`. */
  origins?: string[] | undefined
  budget?:
    | {
        /** At most that much in any 24 hours, or on any calendar day. Default at the root: `usd(1)`. */
        perDay?: DailyAmount | undefined
        /** Solves in any 60 s. */
        perMinute?: number | undefined
        /** Solves under way at a time. */
        concurrent?: number | undefined
        /** The dearest single solve. */
        perSolve?: Money | undefined
        /** Solves for one load of a page: until its main frame has another document. */
        perPage?: number | undefined
        /** At most that much in any 24 hours, or on any calendar day, for each page origin. */
        perOrigin?: DailyAmount | undefined
        /** Fractions of `perDay` at which an alert is sent. */
        alertsAt?: number[] | undefined
        /** How long a solve may queue for a slot or for the rate, instead of being denied at once. */
        wait?: Duration | undefined
      }
    | undefined
  schedule?: ScheduleInput | undefined
  key?: { rotateEvery?: Duration | undefined; expireAfter?: Duration | undefined } | undefined
  egress?:
    | {
        /**
         * The only way out to the service: `http://user:password@egress.internal:3128`, `https://…` or `socks5://…`.
         * The proxy is given the service's name; it is never looked up here.
         */
        proxy?: string | undefined
        /** The local address that calls leave from, where the machine has several. */
        localAddress?: string | undefined
        /**
         * The addresses and networks that calls may leave from, e.g. `['203.0.113.7/32']`. Asked for first, and then
         * every hour.
         */
        expectIp?: string[] | undefined
        /** Who is asked, through the same way out: it answers a GET with the caller's address, as text or as JSON. */
        ipCheckUrl?: string | undefined
      }
    | undefined
  /**
   * The proxy that the pages are browsed through: `http://user:password@203.0.113.9:3128`, `socks5://…` or
   * `socks4://…`. The service is told of it and solves through it, so that the token belongs to that address. It is
   * never our own way out: that is `egress.proxy`.
   */
  pageProxy?: string | undefined
  /** How often one solve may be tried at the service, each try reserved anew. Default: 1. */
  attempts?: number | undefined
  /** How long one solve may take. Default: `3m`. */
  deadline?: Duration | undefined
  recaptchaV3?: 'leave' | 'solve' | undefined
  testKeys?: 'answer' | 'solve' | undefined
  /**
   * How often a widget whose token has expired, before the page used it up, may be solved again by itself, each for
   * money. Default: 0.
   */
  renewals?: number | undefined
  /** How long a widget that may yet pass by itself is given before anything is spent. Default: `3s`. */
  grace?: Duration | undefined
}

/** A guard's policy, as a user writes it. Nothing is allowed that `origins` does not name. */
export interface PolicyInput extends NarrowingInput {
  origins: string[]
}

/**
 * Checks a guard's own policy and fills in the defaults.
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field and what was expected there
 */
export function parsePolicy(input: PolicyInput): Policy {
  const policy = canonical(check(policyShape, input))
  return {
    ...policy,
    budget: {
      ...policy.budget,
      perDay: policy.budget.perDay ?? (policy.budget.perCalendarDay ? undefined : DEFAULTS.perDay),
      alertsAt: input.budget?.alertsAt ? policy.budget.alertsAt : DEFAULTS.alertsAt,
    },
    attempts: policy.attempts ?? DEFAULTS.attempts,
    deadlineMs: policy.deadlineMs ?? DEFAULTS.deadlineMs,
    graceMs: policy.graceMs ?? DEFAULTS.graceMs,
    recaptchaV3: policy.recaptchaV3 ?? DEFAULTS.recaptchaV3,
    testKeys: policy.testKeys ?? DEFAULTS.testKeys,
    renewals: policy.renewals ?? DEFAULTS.renewals,
  }
}

/**
 * Checks what is to narrow a policy. What it does not mention it leaves as it is.
 * @param zone whose midnight it is where the input names neither a time zone nor a schedule
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field and what was expected there
 */
export function parseNarrowing(input: NarrowingInput, zone?: string): Policy {
  return canonical(check(narrowingShape, input), zone)
}

/**
 * The time zone of a policy's schedules, where they agree on one: what days of a calendar are those of, unless another
 * is named.
 */
export function zoneOf({ schedules: [first, ...others] }: Policy): string {
  return first && others.every((other) => other.timeZone === first.timeZone) ? first.timeZone : 'UTC'
}

function canonical(input: z.output<typeof narrowingShape>, zone = 'UTC'): Policy {
  const { wait, alertsAt = [], perDay, perOrigin, ...limits } = input.budget ?? {}
  const calendar = (daily: DailyAmount | undefined): CalendarAmount[] | undefined =>
    typeof daily === 'object'
      ? [{ timeZone: daily.timeZone ?? input.schedule?.timeZone ?? zone, amount: daily.amount }]
      : undefined
  return {
    ...NEUTRAL,
    origins: input.origins,
    budget: {
      ...limits,
      perDay: typeof perDay === 'object' ? undefined : perDay,
      perCalendarDay: calendar(perDay),
      perOrigin: typeof perOrigin === 'object' ? undefined : perOrigin,
      perOriginCalendarDay: calendar(perOrigin),
      alertsAt: [...new Set(alertsAt)].sort((a, b) => a - b),
      waitMs: wait,
    },
    schedules: input.schedule ? [input.schedule] : [],
    key: { rotateEveryMs: input.key?.rotateEvery, expireAfterMs: input.key?.expireAfter },
    egress: {
      proxies: input.egress?.proxy === undefined ? [] : [input.egress.proxy],
      localAddresses: input.egress?.localAddress === undefined ? [] : [input.egress.localAddress],
      expected: expectedOf(input.egress),
    },
    pageProxies: input.pageProxy === undefined ? [] : [input.pageProxy],
    attempts: input.attempts,
    deadlineMs: input.deadline,
    recaptchaV3: input.recaptchaV3,
    testKeys: input.testKeys,
    renewals: input.renewals,
    graceMs: input.grace,
  }
}

function expectedOf(egress: z.output<typeof egressShape> | undefined): Policy['egress']['expected'] {
  if (!egress?.expectIp || egress.ipCheckUrl === undefined) return []
  return [{ url: egress.ipCheckUrl, ranges: [...new Set(egress.expectIp)].sort() }]
}

/** Checks `input` against a shape, and says for each wrong field where it is and what was expected. */
export function check<T extends z.ZodType>(shape: T, input: unknown, where = 'policy'): z.output<T> {
  const result = shape.safeParse(input, { error: expected })
  if (result.success) return result.data
  const problems = result.error.issues.flatMap((issue) => {
    const field = issue.path.reduce<string>(
      (path, key) => `${path}${typeof key === 'number' ? `[${key}]` : `.${printable(String(key), 60)}`}`,
      where,
    )
    if (issue.code !== 'unrecognized_keys') return `${field}: ${issue.message}`
    const unknown = issue.keys.map((key) => `${field}.${printable(key, 60)}: there is no such field`)
    // Which there are is said once, with the first of them.
    return unknown.with(0, `${unknown[0]}${issue.message}`)
  })
  throw new SolveguardError('CONFIG_INVALID', problems.slice(0, 10).join('; '))
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  object: 'an object',
  boolean: 'true or false',
}

/** What is said of a field where the shape itself says nothing. */
const expected: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const fields = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : []
      return fields.length > 0 ? `, only ${fields.join(', ')}` : ''
    }
    case 'invalid_type': {
      const kind =
        issue.expected === 'object' && issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape).join(', ') : ''
      return `expected ${KINDS[issue.expected] ?? `a ${issue.expected}`}${kind && ` with ${kind}`}`
    }
    case 'invalid_value':
      return `expected ${issue.values.map((value) => `'${String(value)}'`).join(' or ')}`
    default:
      return undefined
  }
}

import { z } from 'zod'
import { printable, SolveguardError } from '../base/errors.js'
import { frozenCopy } from '../base/frozen.js'
import type { CalendarAmount } from './calendar.js'
import { type Duration, durationMs } from './duration.js'
import { type Money, usd } from './money.js'
import type { OriginPattern } from './origin.js'
import type { Schedule } from './schedule.js'
import { type egressShape, narrowingShape, policyShape } from './shapes.js'

/**
 * A policy in canonical form. Each field only restricts; an absent field does not restrict. So the policy without any
 * field is the neutral element of `narrow`. A guard's own policy, the root, always names its origins and always has a
 * daily budget. A policy is frozen, with everything in it.
 */
export interface Policy {
  /** The origins that are allowed. */
  readonly origins?: readonly OriginPattern[] | undefined
  /** Limits on spending. */
  readonly budget: BudgetPolicy
  /** Solves are allowed while all of them are open. */
  readonly schedules: readonly Schedule[]
  /** The age of keys. */
  readonly key: {
    /** The age from which the alert `KEY_DUE` is raised, in ms. */
    readonly rotateEveryMs?: number | undefined
    /** The age from which solves are denied, in ms. */
    readonly expireAfterMs?: number | undefined
  }
  /** The route of calls to the service. */
  readonly egress: {
    /** Required proxies; more than one is a conflict. */
    readonly proxies: readonly string[]
    /** Required local addresses; more than one is a conflict. */
    readonly localAddresses: readonly string[]
    /** The addresses that calls must leave from, and the service that reports the address; all of them apply. */
    readonly expected: readonly { readonly url: string; readonly ranges: readonly string[] }[]
  }
  /** The proxies that the service must solve through; more than one is a conflict. The guard's calls never use them. */
  readonly pageProxies: readonly string[]
  /** How often one solve may be sent to the service, from 1. */
  readonly attempts?: number | undefined
  /** How long one solve may take, in ms. */
  readonly deadlineMs?: number | undefined
  /** `solve`: a page's `execute` of reCAPTCHA v3 is intercepted and answered; `leave`: it is not changed. */
  readonly recaptchaV3?: 'leave' | 'solve' | undefined
  /** `answer`: vendors' published test keys are answered without cost; `solve`: they are sent to the service. */
  readonly testKeys?: 'answer' | 'solve' | undefined
  /** How often a token that expired unused may be bought again, for each widget. */
  readonly renewals?: number | undefined
  /** How long to wait for a widget that may pass without a solve, in ms. */
  readonly graceMs?: number | undefined
}

/** The spending layer of a policy, in canonical form. */
export interface BudgetPolicy {
  /** The amount in any 24 hours, in micro-dollars. */
  readonly perDay?: Money | undefined
  /** The amounts from midnight to midnight, one for each time zone, ascending by its name. All of them apply. */
  readonly perCalendarDay?: readonly CalendarAmount[] | undefined
  /** Solves in any 60 s. */
  readonly perMinute?: number | undefined
  /** Solves under way at the same time. */
  readonly concurrent?: number | undefined
  /** The highest price of one solve, in micro-dollars. */
  readonly perSolve?: Money | undefined
  /** Solves for one load of a page. */
  readonly perPage?: number | undefined
  /** The amount for each page origin in any 24 hours, in micro-dollars. */
  readonly perOrigin?: Money | undefined
  /** The amounts for each page origin from midnight to midnight. */
  readonly perOriginCalendarDay?: readonly CalendarAmount[] | undefined
  /** Fractions of the daily amounts, ascending. */
  readonly alertsAt: readonly number[]
  /** How long a solve may queue for a slot or for the rate, in ms; 0 denies at once. */
  readonly waitMs?: number | undefined
}

/** The values of a root policy's fields that the user leaves out. */
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

/** Working hours, as an option. */
export interface ScheduleInput {
  /** An IANA name, such as `Europe/Berlin`. */
  timeZone: string
  /** `days` such as `Mon-Fri` or `Sat,Sun`; a `to` that is not after `from` is on the next day. */
  windows: { days: string; from: string; to: string }[]
  /**
   * Dates (`2026-12-24`) with separate hours, or `closed`.
   * @default none
   */
  except?: Record<string, 'closed' | { from: string; to: string }[]> | undefined
}

/**
 * A daily amount in micro-dollars: `usd(5)` in any 24 hours, or with `resets: 'calendar'` from midnight to midnight in
 * `timeZone` (default: that of the schedule; without one, UTC).
 */
export type DailyAmount =
  | Money
  | {
      /** In micro-dollars. */
      amount: Money
      /** Always `calendar`: the amount is for a calendar day. */
      resets: 'calendar'
      /**
       * An IANA name, such as `Europe/Berlin`.
       * @default the zone of the schedule; without one, UTC
       */
      timeZone?: string | undefined
    }

/** A narrowing of a policy, as an option. Each field only restricts what the parent policy allows. */
export interface NarrowingInput {
  /**
   * The origins that are allowed: `https://host`, `https://host:port` or `https://*.host`.
   * @default those of the parent policy
   */
  origins?: string[] | undefined
  /**
   * Limits on spending.
   * @default no other limits than those of the parent policy
   */
  budget?: BudgetInput | undefined
  /**
   * The hours in which solves are allowed.
   * @default no other hours than those of the parent policy
   */
  schedule?: ScheduleInput | undefined
  /**
   * The age of keys.
   * @default no other limit than that of the parent policy
   */
  key?: KeyInput | undefined
  /**
   * The route of calls to the service.
   * @default that of the parent policy; direct in a guard's own policy
   */
  egress?: EgressInput | undefined
  /**
   * The proxy that pages are browsed through: `http://user:password@203.0.113.9:3128`, `socks5://…` or `socks4://…`.
   * The service receives it and solves through it, so that the token belongs to that address. The guard's calls never
   * use it: their proxy is `egress.proxy`.
   * @default that of the parent policy, if it has one
   */
  pageProxy?: string | undefined
  /**
   * How often one solve may be sent to the service, 1 to 10; each attempt has its own reservation.
   * @default 1 in a guard's own policy
   */
  attempts?: number | undefined
  /**
   * How long one solve may take: `1s` to `60m`.
   * @default '3m' in a guard's own policy
   */
  deadline?: Duration | undefined
  /**
   * `solve`: a page's `execute` of reCAPTCHA v3 is intercepted and answered; `leave`: it is not changed.
   * @default 'leave' in a guard's own policy
   */
  recaptchaV3?: 'leave' | 'solve' | undefined
  /**
   * `answer`: vendors' published test keys are answered without cost; `solve`: they are sent to the service.
   * @default 'answer' in a guard's own policy
   */
  testKeys?: 'answer' | 'solve' | undefined
  /**
   * How often a widget is solved again automatically when its token has expired unused, 0 to 100. Each time costs
   * money.
   * @default 0 in a guard's own policy
   */
  renewals?: number | undefined
  /**
   * How long to wait for a widget that may pass without a solve, up to `60s`.
   * @default '3s' in a guard's own policy
   */
  grace?: Duration | undefined
}

/** Limits on spending, as an option. */
export interface BudgetInput {
  /**
   * The amount in any 24 hours, or on a calendar day, in micro-dollars (`usd(5)`).
   * @default usd(1) in a guard's own policy
   */
  perDay?: DailyAmount | undefined
  /**
   * Solves in any 60 s.
   * @default not limited
   */
  perMinute?: number | undefined
  /**
   * Solves under way at the same time.
   * @default not limited
   */
  concurrent?: number | undefined
  /**
   * The highest price of one solve, in micro-dollars (`usd(0.01)`).
   * @default not limited
   */
  perSolve?: Money | undefined
  /**
   * Solves for one load of a page: until its main frame has another document.
   * @default not limited
   */
  perPage?: number | undefined
  /**
   * The amount for each page origin in any 24 hours, or on a calendar day, in micro-dollars.
   * @default not limited
   */
  perOrigin?: DailyAmount | undefined
  /**
   * Fractions of `perDay` at which an alert is raised.
   * @default [0.8] in a guard's own policy
   */
  alertsAt?: number[] | undefined
  /**
   * How long a solve may queue for a slot or for the rate, instead of being denied at once.
   * @default solves do not queue
   */
  wait?: Duration | undefined
}

/** The age of keys, as an option. */
export interface KeyInput {
  /**
   * The age from which the guard raises the alert `KEY_DUE`.
   * @default none
   */
  rotateEvery?: Duration | undefined
  /**
   * The age from which solves are denied with `KEY_TOO_OLD`.
   * @default none
   */
  expireAfter?: Duration | undefined
}

/** The route of calls to the service, as an option. */
export interface EgressInput {
  /**
   * The proxy for all calls: `http://user:password@egress.internal:3128`, `https://…` or `socks5://…`. The proxy
   * resolves the service's name; this machine never does. There is no fallback to a direct connection.
   * @default none
   */
  proxy?: string | undefined
  /**
   * The address of this machine that calls leave from, where it has several.
   * @default the operating system's choice
   */
  localAddress?: string | undefined
  /**
   * The addresses and networks that calls must leave from, such as `['203.0.113.7/32']`. Checked before the first call
   * and then every hour. Needs `ipCheckUrl`.
   * @default not checked
   */
  expectIp?: string[] | undefined
  /**
   * The service that reports the address, called through the same route: it answers a GET with the caller's address, as
   * text or as JSON. Needs `expectIp`.
   * @default none
   */
  ipCheckUrl?: string | undefined
}

/** A guard's policy, as an option. Only the origins that it names are allowed. */
export interface PolicyInput extends NarrowingInput {
  /** The origins that are allowed: `https://host`, `https://host:port` or `https://*.host`. */
  origins: string[]
}

/**
 * Checks a guard's own policy and fills in the defaults.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field and what was expected there
 * @example
 * const policy = parsePolicy({ origins: ['https://staging.example.com'], budget: { perDay: usd(5) } })
 */
export function parsePolicy(input: PolicyInput): Policy {
  const policy = canonical(check(policyShape, input))
  return frozenCopy({
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
  })
}

/**
 * Checks a narrowing. A field that it does not have does not restrict.
 *
 * @param zone the time zone of calendar days, where the input names neither a time zone nor a schedule; default: UTC
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field and what was expected there
 * @example
 * narrow(policy, parseNarrowing({ budget: { perDay: usd(0.5) } }))
 */
export function parseNarrowing(input: NarrowingInput, zone?: string): Policy {
  return canonical(check(narrowingShape, input), zone)
}

/** The time zone of a policy's schedules, where all have the same one, else UTC: the default zone of calendar days. */
export function zoneOf({ schedules: [first, ...others] }: Policy): string {
  return first && others.every((other) => other.timeZone === first.timeZone) ? first.timeZone : 'UTC'
}

function canonical(input: z.output<typeof narrowingShape>, zone = 'UTC'): Policy {
  const { wait, alertsAt = [], perDay, perOrigin, ...limits } = input.budget ?? {}
  const calendar = (daily: DailyAmount | undefined): CalendarAmount[] | undefined =>
    typeof daily === 'object'
      ? [{ timeZone: daily.timeZone ?? input.schedule?.timeZone ?? zone, amount: daily.amount }]
      : undefined
  return frozenCopy({
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
  })
}

function expectedOf(egress: z.output<typeof egressShape> | undefined): Policy['egress']['expected'] {
  if (!egress?.expectIp || egress.ipCheckUrl === undefined) return []
  return [{ url: egress.ipCheckUrl, ranges: [...new Set(egress.expectIp)].sort() }]
}

/**
 * Checks `input` against a shape.
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field and what was expected there
 */
export function check<T extends z.ZodType>(shape: T, input: unknown, where = 'policy'): z.output<T> {
  const result = checked(shape, input)
  if ('data' in result) return result.data
  const problems = result.problems.map(({ path, problem }) => `${where}${path}: ${problem}`)
  throw new SolveguardError('CONFIG_INVALID', problems.slice(0, 10).join('; '))
}

/** What is wrong with one field, as the end of a sentence that begins with its path. */
export interface FieldProblem {
  /** `.budget.perDay`, `.origins[0]`; empty for the whole. */
  readonly path: string
  readonly problem: string
}

/** Checks `input` against a shape: its output, or what is wrong with it. */
export function checked<T extends z.ZodType>(
  shape: T,
  input: unknown,
): { readonly data: z.output<T> } | { readonly problems: readonly FieldProblem[] } {
  const result = shape.safeParse(input, { error: expected })
  if (result.success) return { data: result.data }
  const problems = result.error.issues.flatMap((issue): FieldProblem[] => {
    const path = issue.path.reduce<string>(
      (begin, key) => `${begin}${typeof key === 'number' ? `[${key}]` : `.${printable(String(key), 60)}`}`,
      '',
    )
    if (issue.code !== 'unrecognized_keys') return [{ path, problem: issue.message }]
    // The list of known fields is in the message once, with the first unknown field.
    return issue.keys.map((key, at) => ({
      path: `${path}.${printable(key, 60)}`,
      problem: `there is no such field${at === 0 ? issue.message : ''}`,
    }))
  })
  return { problems }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  object: 'an object',
  boolean: 'true or false',
}

/** The message for a field whose shape has no message of its own. */
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

import { durationMs, formatMs } from '../../policy/duration.js'
import { formatUsd, micros, ZERO } from '../../policy/money.js'
import { scheduleState } from '../../policy/schedule.js'
import { dayCap, NOTHING } from '../bounds.js'
import { DrillFailure, SOLVES_LEFT } from '../stage.js'
import { allowed, drain, nothingSpent, type Scenario } from './scenario.js'

const DAY_MS = 86_400_000
/** A page of another site: no policy can name a host below `.invalid` that exists. */
const HOSTILE_PAGE = 'https://hostile.invalid/login'

/** A key that was restored from a backup. */
export const oldKey: Scenario = {
  id: 'old-key',
  scenario: 'old key from a backup',
  expected: 'blocked: that version is no longer valid',
  stage: ({ policy }) => ({ keyAgeMs: (policy.key.expireAfterMs ?? 0) + DAY_MS }),
  async run(stage, answers) {
    const { setup, service } = stage
    const { expireAfterMs } = setup.policy.key
    if (expireAfterMs !== undefined) {
      const error = await answers.denied('a solve with an old key', ['KEY_TOO_OLD'], () => stage.solve())
      nothingSpent(stage)
      if (setup.knowsKeyAge) return { atMost: NOTHING, detail: error.message }
      return {
        atMost: NOTHING,
        detail: 'the secret provider reports no age, so every key is refused, new ones too',
        closes: "secret: fileSecret('/run/secrets/captcha-key') // or another store that reports it",
      }
    }
    await allowed('a solve with an old key', () => stage.solve())
    service.revoke(service.key)
    const codes = ['KEY_REFUSED', 'GUARD_PAUSED'] as const
    await answers.denied('a solve with a key that was revoked', codes, () => stage.solve())
    const { amount, text } = dayCap(setup)
    return {
      atMost: { amount, text: `${text}, until it is revoked` },
      detail: 'an old key works for as long as it is not revoked at the service',
      closes: setup.knowsKeyAge
        ? "policy.key: { rotateEvery: '60d', expireAfter: '90d' }"
        : "policy.key: { rotateEvery: '60d', expireAfter: '90d' }, with a secret provider that reports the key's age",
    }
  },
}

/** Outside the working hours. */
export const afterHours: Scenario = {
  id: 'after-hours',
  scenario: 'after hours',
  expected: 'blocked, with the next opening time',
  stage: ({ closedAt }) => ({ at: closedAt }),
  async run(stage, answers) {
    const { setup } = stage
    const { schedules } = setup.policy
    if (schedules.length === 0 || setup.closedAt === undefined) {
      const cap = dayCap(setup)
      await allowed('a solve at any hour', () => stage.solve())
      return {
        atMost: { amount: cap.amount, text: cap.text },
        detail: 'the policy is open at any hour, also outside working hours',
        closes:
          "policy.schedule: { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] }",
      }
    }
    const error = await answers.denied('a solve after hours', ['OUTSIDE_SCHEDULE'], () => stage.solve())
    nothingSpent(stage)
    const opening = scheduleState(schedules, stage.clock.now()).changesAt
    if (error.retryAt?.getTime() !== opening) throw new DrillFailure('the denial has not the next opening time')
    const until = error.retryAt
    return { atMost: { ...NOTHING, ...(until && { until }) }, detail: error.message }
  },
}

/** Calls leave by another way than the one that is expected. */
export const wrongAddress: Scenario = {
  id: 'wrong-address',
  scenario: 'calls would leave from elsewhere',
  expected: 'nothing is sent',
  stage: ({ policy }) => ({ network: policy.egress.expected.length > 0 ? 'wrong-address' : 'proxy-down' }),
  async run(stage, answers) {
    const { setup, service, clock } = stage
    const { proxies, expected } = setup.policy.egress
    if (expected.length > 0) {
      const error = await answers.denied('a call from another address', ['EGRESS_ADDRESS'], () => stage.solve())
      nothingSpent(stage)
      return { atMost: NOTHING, detail: error.message }
    }
    if (proxies.length > 0) {
      const codes = ['SOLVER_UNREACHABLE', 'EGRESS_UNVERIFIED'] as const
      const solving = answers.denied('a solve while the proxy is down', codes, () => stage.solve())
      let over = false
      void solving.finally(() => (over = true)).catch(() => {})
      for (let second = 0; second < 10 && !over; second++) await clock.advance(1_000)
      const error = await solving
      if (service.requests.length > 0) throw new DrillFailure('the proxy is down, and a call was sent without it')
      return { atMost: NOTHING, detail: `with the proxy down: ${error.message}` }
    }
    await allowed('a solve from any address', () => stage.solve())
    const { amount, text } = dayCap(setup)
    return {
      atMost: { amount, text },
      detail: 'any machine that gets this configuration and its key can use them, from any address',
      closes:
        "policy.egress: { proxy: 'http://egress.internal:3128', expectIp: ['203.0.113.7/32'], ipCheckUrl: 'https://…' }",
    }
  },
}

/** A page that makes its visitor spend money. */
export const hostilePage: Scenario = {
  id: 'hostile-page',
  scenario: 'a hostile page',
  expected: 'denied, or held to its own cap',
  async run(stage, answers) {
    const { setup } = stage
    const { name, policy, price, challenge } = setup
    const { perPage, perOrigin, perOriginCalendarDay = [] } = policy.budget
    const codes = ['ORIGIN_NOT_NAMED'] as const
    await answers.denied('a page that is not named', codes, () => stage.solve({ pageUrl: HOSTILE_PAGE }))
    await answers.denied('a frame that is not named', codes, () => stage.solve({ frameUrl: HOSTILE_PAGE }))
    nothingSpent(stage)
    const originCap = least(perOrigin, ...perOriginCalendarDay.map(({ amount }) => amount))
    const day = dayCap(setup)
    const atMost =
      originCap === undefined || originCap >= day.amount
        ? day
        : { amount: originCap, text: `${formatUsd(originCap)} a day, for each origin` }
    if (perPage === undefined && originCap === undefined) {
      return {
        atMost,
        detail: 'a page that is not named is denied; one that is named may use the whole budget',
        closes: 'policy.budget: { perPage: 3, perOrigin: usd(1) }',
      }
    }
    const said: string[] = []
    if (perPage !== undefined && perPage * price.amount <= day.amount && perPage <= MAX_PER_PAGE) {
      const pageLoad = {}
      const solve = () => stage.solve(undefined, { pageLoad })
      const ends = ['PAGE_LIMIT_REACHED', 'BUDGET_EXHAUSTED'] as const
      const { end } = await drain(stage, perPage, ends, solve)
      answers.add(end)
      said.push(`${perPage} solves for one load of a page`)
    }
    if (originCap !== undefined && price.amount > 0) {
      const { origin } = new URL(challenge.pageUrl)
      await stage.spendBefore([{ id: `${name}@${origin}`, cap: originCap }])
      const { end } = await drain(stage, SOLVES_LEFT, ['BUDGET_EXHAUSTED'], () => stage.solve())
      answers.add(end)
      said.push(`${formatUsd(originCap)} a day for one origin`)
    }
    return { atMost, detail: `a page that is not named is denied; one that is named is held to ${said.join(' and ')}` }
  },
}

/** A larger limit is compared with the day's budget only: a drill is short. */
const MAX_PER_PAGE = 30

function least(...amounts: readonly (number | undefined)[]) {
  const known = amounts.filter((amount) => amount !== undefined)
  return known.length === 0 ? undefined : micros(Math.min(...known))
}

/** The secrets store is away. */
export const secretDown: Scenario = {
  id: 'secret-down',
  scenario: 'the secrets store is down',
  expected: 'closed, nothing spent',
  async run(stage, answers) {
    const { clock, down, setup } = stage
    down.secret = true
    await answers.denied('a solve without a key', ['SECRET_UNAVAILABLE'], () => stage.solve())
    nothingSpent(stage)
    down.secret = false
    await clock.advance(RETRY_MS)
    await allowed('a solve once the store answers', () => stage.solve())
    const before = stage.tasks
    down.secret = true
    const { ttl, staleFor } = cacheOf(setup.options.secretCache)
    await clock.advance(ttl + staleFor + RETRY_MS)
    // The working hours may be over by then: the layer before this one answers.
    const codes = ['SECRET_UNAVAILABLE', 'OUTSIDE_SCHEDULE'] as const
    await answers.denied('a solve with a cached key that is too old', codes, () => stage.solve())
    if (stage.tasks > before) throw new DrillFailure('a task was submitted with a cached key that is too old')
    return {
      atMost: { amount: ZERO, text: '$0' },
      detail: `closed at once; a key that was read before is used for ${formatMs(ttl + staleFor)} at most`,
    }
  },
}

const RETRY_MS = 31_000

function cacheOf(options: { readonly ttl?: string | undefined; readonly staleFor?: string | undefined } | undefined) {
  return { ttl: durationMs(options?.ttl ?? '5m'), staleFor: durationMs(options?.staleFor ?? '1h') }
}

/** The ledger is away. */
export const ledgerDown: Scenario = {
  id: 'ledger-down',
  scenario: 'the ledger is down',
  expected: 'closed, nothing spent',
  async run(stage, answers) {
    stage.down.ledger = true
    const error = await answers.denied('a solve without a ledger', ['LEDGER_UNAVAILABLE'], () => stage.solve())
    nothingSpent(stage)
    return { atMost: NOTHING, detail: error.message }
  },
}

/** The audit log is away. */
export const auditDown: Scenario = {
  id: 'audit-down',
  scenario: 'the audit log is down',
  expected: 'closed, nothing spent',
  async run(stage, answers) {
    stage.down.audit = true
    const error = await answers.denied('a solve without a record', ['AUDIT_UNAVAILABLE'], () => stage.solve())
    nothingSpent(stage)
    stage.down.audit = false
    const { spent, reserved } = await stage.ledger.usage(stage.setup.name, stage.clock.now())
    if (spent + reserved > 0) throw new DrillFailure('the reservation of the denied solve was not given back')
    return { atMost: NOTHING, detail: error.message }
  },
}

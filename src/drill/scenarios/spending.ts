import { formatUsd, micros, usd } from '../../policy/money.js'
import { dayCap, NOTHING, timeToSpend, WHOLE_BALANCE } from '../bounds.js'
import { DrillFailure, SOLVES_LEFT } from '../stage.js'
import { allowed, drain, type Scenario } from './scenario.js'

const HEARTBEAT_MS = 10_000
/** How often the balance is compared, ms. */
const LOOK_EVERY_MS = 5 * 60_000
const LEAK_CHANNEL = "alerts: [slackAlerts({ url: envSecret('SLACK_WEBHOOK_URL') })], onLeak: 'pause'"

/** Normal operation. */
export const normal: Scenario = {
  id: 'normal',
  scenario: 'normal operation',
  expected: 'allowed, counted and recorded',
  async run(stage) {
    const { setup, service } = stage
    if (setup.openAt === undefined) throw new DrillFailure('policy.schedule never opens: no solve is ever allowed')
    await allowed('a solve on a page that the policy names', () => stage.solve())
    const { spent, reserved } = await stage.ledger.usage(setup.name, stage.clock.now())
    const isPaid = setup.price.amount === 0 || spent + reserved > 0
    if (!isPaid) throw new DrillFailure('a solve was paid for, and the ledger has counted nothing')
    if (service.keysInUrls > 0) throw new DrillFailure('the key was in an address')
    const { pageUrl, family, variant } = setup.challenge
    return { atMost: NOTHING, detail: `${family} ${variant} on ${pageUrl}: ${formatUsd(spent)} counted` }
  },
}

/** The key is used from elsewhere: the service's balance falls by more than was spent here. */
export const leakedKey: Scenario = {
  id: 'leaked-key',
  scenario: 'key leaked, used from elsewhere',
  expected: 'detected within one look at the balance',
  async run(stage, answers) {
    const { setup, clock, guard, service } = stage
    const { options, price, accounts } = setup
    const [account] = accounts
    const until = 'until you revoke the key'
    const atMost = { text: `${WHOLE_BALANCE}, ${until}` }
    if (account.sharedKey) {
      return {
        atMost,
        detail: '`sharedKey: true`: the balance is not compared, so no alert is sent',
        closes: 'sharedKey: false // and a key that nothing else uses',
      }
    }
    if (price.imputed) {
      const detail = `${account.name} charges by the thread: a balance does not show how much a thief solves`
      // What closes it is a setting of the service, which no configuration shows.
      const ranges = setup.policy.egress.expected.flatMap((each) => each.ranges).join(', ')
      return ranges === ''
        ? {
            atMost,
            detail,
            closes: 'policy.egress: { proxy, expectIp, ipCheckUrl } // and that address alone allowed at the service',
          }
        : {
            atMost,
            detail: `${detail}; whether the service refuses other addresses than yours is not known here`,
            closes: `in the settings of the service: allow ${ranges}, and no other address`,
          }
    }
    await allowed('the first solve', () => stage.solve())
    await clock.advance(HEARTBEAT_MS)
    await clock.advance(HEARTBEAT_MS)
    const isRead = await stage.until(async () => (await guard.status()).solvers[0]?.balance !== undefined)
    if (!isRead) throw new DrillFailure('the balance was not read')
    stage.stealElsewhere(micros(10 * price.amount + usd(0.1)))
    const isLeak = () => stage.alerts.find(({ code }) => code === 'KEY_LEAK_SUSPECTED')
    const looks = () => service.requests.filter(({ endpoint }) => endpoint === 'balance').length
    const before = looks()
    for (let ms = 0; ms < LOOK_EVERY_MS + 2 * HEARTBEAT_MS && looks() === before; ms += HEARTBEAT_MS) {
      await clock.advance(HEARTBEAT_MS)
    }
    await stage.until(() => isLeak() !== undefined)
    const alert = isLeak()
    if (!alert) throw new DrillFailure('money left the balance that was not spent here, and no alert was raised')
    answers.add({ code: alert.code, message: alert.message })
    if (options.onLeak === 'pause') {
      await stage.until(async () => (await stage.ledger.usage(setup.name, clock.now())).paused !== undefined)
      if (setup.accounts.length === 1) {
        await answers.denied('a solve after the leak', ['GUARD_PAUSED'], () => stage.solve())
      }
    }
    await expectDelivered(stage, 'KEY_LEAK_SUSPECTED')
    const wasNotified = (options.alerts ?? []).length > 0 || options.onLeak === 'pause' || options.logger !== undefined
    const detail = 'noticed by the look at the balance, five minutes or 50 solves after the one before'
    return wasNotified
      ? { atMost, detail }
      : { atMost, detail: `${detail}; the alert reaches no channel, and nothing is paused`, closes: LEAK_CHANNEL }
  },
}

/** A compromised server solves as fast as it can. */
export const fullSpeed: Scenario = {
  id: 'full-speed',
  scenario: 'server compromised, solving at full speed',
  expected: 'limited to the cap, with an alert',
  async run(stage, answers) {
    const { setup } = stage
    const { name, policy, price, accounts, options } = setup
    const cap = dayCap(setup)
    if (price.amount === 0) {
      return {
        atMost: { text: 'unlimited solves' },
        detail: 'a solve counts as $0, so no amount is ever used up',
        closes: "solver pricing: { per: 'thread', threads: 5, usdPerMonth: 15, imputedUsd: 0.001 }",
      }
    }
    const own = accounts.map((account) => ({ id: `${name}:${account.name}`, cap: account.dayCap }))
    await stage.spendBefore([{ id: name, cap: rootCap(setup) }, ...own])
    const { solved, end } = await drain(stage, SOLVES_LEFT, ['BUDGET_EXHAUSTED', 'OUTSIDE_SCHEDULE'], () =>
      stage.solve(),
    )
    answers.add(end)
    const { spent, reserved } = await stage.ledger.usage(name, stage.clock.now())
    if (end.code === 'BUDGET_EXHAUSTED' && spent + reserved > cap.amount) {
      throw new DrillFailure(
        `${formatUsd(micros(spent + reserved))} were taken, and the cap is ${formatUsd(cap.amount)}`,
      )
    }
    const atMost = { amount: cap.amount, text: cap.text, ...(end.retryAt && { until: end.retryAt }) }
    const pace = timeToSpend(cap.amount, price.amount, policy.budget.perMinute)
    const speed = pace ? `at ${policy.budget.perMinute} a minute the cap lasts ${pace}` : 'no `perMinute` slows it down'
    const detail = `${solved} more solves, then denied; ${speed}`
    if (policy.budget.alertsAt.length === 0) {
      return { atMost, detail: `${detail}; no alert is sent`, closes: 'policy.budget.alertsAt: [0.5, 0.8]' }
    }
    const isRootCap = own.every((account) => account.cap === undefined)
    if (isRootCap && end.code === 'BUDGET_EXHAUSTED') {
      await stage.until(() => stage.alerts.some(({ code }) => code === 'BUDGET_THRESHOLD'))
      if (!stage.alerts.some(({ code }) => code === 'BUDGET_THRESHOLD')) {
        throw new DrillFailure('the budget was used up without an alert')
      }
      await expectDelivered(stage, 'BUDGET_THRESHOLD')
    }
    const wasNotified = (options.alerts ?? []).length > 0 || options.logger !== undefined
    return { atMost, detail: wasNotified ? detail : `${detail}; its alert reaches no channel (\`alerts\`)` }
  },
}

/** The smallest daily amount of the policy itself. */
function rootCap({ policy }: { readonly policy: Parameters<typeof dayCap>[0]['policy'] }) {
  return dayCap({ policy, accounts: [NO_OWN_CAP] }).amount
}

const NO_OWN_CAP = { dayCap: undefined } as Parameters<typeof dayCap>[0]['accounts'][0]

/** The channels of the configuration get an alert. */
async function expectDelivered(stage: Parameters<Scenario['run']>[0], code: string): Promise<void> {
  const channels = stage.setup.options.alerts ?? []
  if (channels.length === 0) return
  const count = () => stage.delivered.filter((each) => each === code).length
  for (let beat = 0; beat < 3 && count() < channels.length; beat++) {
    await stage.clock.advance(HEARTBEAT_MS)
    await stage.until(() => count() >= channels.length || stage.delivered.length === 0)
  }
  if (count() < channels.length)
    throw new DrillFailure(`the alert ${code} reached ${count()} of ${channels.length} channels`)
}

import { beforeEach, describe, expect, it } from 'vitest'
import type { GuardOptions } from '../../../src/guard/options.js'
import type { GuardEvents } from '../../../src/guard/types.js'
import type { Ledger } from '../../../src/ledger/ledger.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import type { PolicyInput } from '../../../src/policy/schema.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { twoCaptcha } from '../../../src/solvers/two-captcha.js'
import { type ManualClock, manualClock } from '../../../src/testing/clock.js'
import { type SolverService, startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, fixedSecret, rig, settleWith } from '../support.js'

const MINUTE = 60_000
const KEY = 'the-key-of-all-guards-0123456789a'
const OTHER_KEY = 'another-key-0123456789abcdef01234'

let clock: ManualClock
let ledger: Ledger
let service: SolverService
beforeEach(async () => {
  clock = manualClock()
  const inner = memoryLedger()
  readingsUnderWay = 0
  ledger = {
    ...inner,
    setFact(fact, now) {
      const value = inner.setFact(fact, now)
      // The process that reads claims this fact, and releases or postpones it afterwards.
      if (fact.name.startsWith('reading/')) readingsUnderWay += fact.ifAbsent ? Number(value === fact.value) : -1
      return value
    },
  }
  service = await startSolverService({ keys: { [KEY]: 100, [OTHER_KEY]: 100 }, clock })
  after(() => service.close())
})

/** One process. A solve is $0.001. */
async function startProcess(more: Partial<GuardOptions> = {}, secret = fixedSecret(KEY)) {
  const made = await rig({
    service,
    ledger,
    clock,
    secret,
    policy: { budget: { perDay: usd(50) } },
    guardOptions: more,
  })
  const leaks: GuardEvents['alert'][] = []
  const alertCodes: string[] = []
  made.guard.on('alert', (alert) => {
    alertCodes.push(alert.code)
    if (alert.code === 'KEY_LEAK_SUSPECTED') leaks.push(alert)
  })
  const solve = async (times = 1) => {
    const all = Promise.all(Array.from({ length: times }, () => made.guard.solve(challenge)))
    await settleWith(clock, all, 5)
  }
  const balance = async () => (await made.guard.status()).solvers[0]?.balance
  return { ...made, leaks, alertCodes, solve, balance, secret }
}

/** Readings under way: while there is one, the clock does not move. */
let readingsUnderWay = 0

/** Advances the clock by a heartbeat at a time, with real time for the calls under way. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    await clock.advance(Math.min(left, 10_000))
    for (let turn = 0; readingsUnderWay > 0 && turn < 5_000; turn++)
      await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

const balanceCalls = () => service.requests.filter(({ endpoint }) => endpoint === 'balance')

it('reads the balance sooner after a reported cost below the floor', async () => {
  const { solve, alertCodes } = await startProcess()
  await solve()
  await pass(MINUTE)
  const before = balanceCalls().length
  await pass(MINUTE)
  expect(balanceCalls()).toHaveLength(before)
  service.always('res', { body: JSON.stringify({ status: 1, request: 'a-token', price: '0' }), taken: true })
  await solve()
  await pass(20_000)
  expect(balanceCalls()).toHaveLength(before + 1)
  await pass(2 * MINUTE)
  expect(balanceCalls()).toHaveLength(before + 1)
  expect(alertCodes).toEqual(['COST_BELOW_FLOOR'])
})

describe('a theft with a leaked key', () => {
  it('raises one alert with the amounts at the next reading, which is recorded in the audit log', async () => {
    const { solve, leaks, balance, audit, guard } = await startProcess()
    await solve(5)
    await pass(20_000)
    expect(await balance()).toMatchObject({ amount: usd(99.995), missing: 0 })
    service.spendElsewhere(0.5, KEY)
    await solve(3)
    await pass(5 * MINUTE)
    expect(leaks).toHaveLength(1)
    expect(leaks[0]).toMatchObject({
      message: expect.stringContaining('$0.50 is missing'),
      details: { solver: 'captchaai', dropped: usd(0.503), ours: usd(0.003), missing: usd(0.5) },
    })
    expect(await balance()).toMatchObject({ amount: usd(99.492), missing: usd(0.5), at: expect.any(Date) })
    const records = audit.events.filter(({ code }) => code === 'KEY_LEAK_SUSPECTED')
    expect(records).toMatchObject([{ action: 'alert', message: leaks[0]?.message }])
    expect((await guard.status()).paused).toBeUndefined()
    expect(JSON.stringify([leaks, records])).not.toContain(KEY)
    await pass(30 * MINUTE)
    expect(leaks).toHaveLength(1)
  })

  it('raises an alert also while the guard is idle', async () => {
    const { solve, leaks } = await startProcess()
    await solve()
    await pass(20_000)
    service.spendElsewhere(0.02, KEY)
    await pass(5 * MINUTE)
    expect(leaks).toHaveLength(1)
  })

  it('raises an alert after the guard was idle for longer than a key is cached', async () => {
    const { solve, leaks, guard } = await startProcess()
    await solve()
    await pass(3 * 60 * MINUTE)
    service.spendElsewhere(0.02, KEY)
    await pass(5 * MINUTE)
    expect(leaks).toHaveLength(1)
    expect((await guard.status()).solvers[0]?.balance?.missing).toBe(usd(0.02))
  })

  it('while no process runs raises an alert in the next process', async () => {
    const first = await startProcess()
    await first.solve()
    await pass(20_000)
    await first.guard.close()
    service.spendElsewhere(0.5, KEY)
    const second = await startProcess()
    await second.solve()
    await pass(5 * MINUTE)
    expect(second.leaks).toMatchObject([{ details: { missing: usd(0.5) } }])
  })

  it('pauses the account in every process if onLeak is pause; resume() starts a new baseline', async () => {
    const one = await startProcess({ onLeak: 'pause' })
    const two = await startProcess({ onLeak: 'pause' })
    await one.solve()
    await pass(20_000)
    service.spendElsewhere(0.5, KEY)
    await pass(5 * MINUTE)
    for (const { guard } of [one, two]) {
      expect((await guard.status()).paused).toMatchObject({ code: 'KEY_LEAK_SUSPECTED' })
      await expect(guard.solve(challenge)).rejects.toMatchObject({ code: 'GUARD_PAUSED' })
    }
    const leaks = [...one.leaks, ...two.leaks]
    expect(leaks).toMatchObject([{ details: { missing: usd(0.5) } }])
    const asked = balanceCalls().length
    await pass(20 * MINUTE)
    expect(balanceCalls()).toHaveLength(asked)
    service.spendElsewhere(0.5, KEY)
    await two.guard.resume()
    expect(await two.balance()).toBeUndefined()
    await two.solve(3)
    await pass(6 * MINUTE)
    expect([...one.leaks, ...two.leaks]).toHaveLength(1)
  })

  it('pauses each guard that has the key and onLeak pause, whichever guard made the reading', async () => {
    const reader = await startProcess()
    const careful = await startProcess({ name: 'careful', onLeak: 'pause' })
    await reader.solve()
    await careful.solve()
    await pass(20_000)
    service.spendElsewhere(0.5, KEY)
    await pass(6 * MINUTE)
    expect((await reader.guard.status()).paused).toBeUndefined()
    expect((await careful.guard.status()).paused).toMatchObject({
      code: 'KEY_LEAK_SUSPECTED',
      message: expect.stringContaining('$0.50 is missing'),
    })
    expect([...reader.leaks, ...careful.leaks]).toHaveLength(1)
    await careful.guard.resume()
    await pass(6 * MINUTE)
    expect((await careful.guard.status()).paused).toBeUndefined()
  })
})

describe('a balance reading', () => {
  it('is made by one of all processes that have the key, every five minutes, with the key in the body', async () => {
    const processes = [await startProcess(), await startProcess(), await startProcess({ name: 'of-another-name' })]
    for (const { solve } of processes) await solve()
    await pass(20_000)
    expect(balanceCalls()).toHaveLength(1)
    await pass(60 * MINUTE)
    expect(balanceCalls().length).toBeGreaterThanOrEqual(12)
    expect(balanceCalls().length).toBeLessThanOrEqual(13)
    expect(balanceCalls().every(({ keyOk, keyInUrl }) => keyOk && !keyInUrl)).toBe(true)
    expect(processes.flatMap(({ leaks }) => leaks)).toEqual([])
  })

  it('is made sooner after fifty solves', async () => {
    const { solve } = await startProcess()
    await solve()
    await pass(11_000)
    expect(balanceCalls()).toHaveLength(1)
    await solve(49)
    await pass(60_000)
    expect(balanceCalls()).toHaveLength(1)
    await solve(1)
    await pass(10_000)
    expect(balanceCalls()).toHaveLength(2)
  })

  it('is not made before a key was used, nor by a process that ends within seconds', async () => {
    const idle = await startProcess()
    await pass(10 * MINUTE)
    expect(idle.secret.fetches).toBe(0)
    const short = await startProcess()
    await short.solve()
    await clock.advance(1_000)
    expect(balanceCalls()).toEqual([])
  })

  it('is not made with a key that is too old for a solve', async () => {
    const secret = fixedSecret(KEY, { createdAt: clock.now() - 10 * MINUTE })
    const policy: PolicyInput = { origins: ['https://staging.example.com'], key: { expireAfter: '30m' } }
    const { solve } = await startProcess({ policy }, secret)
    await solve()
    await pass(20 * MINUTE)
    const last = balanceCalls().length
    expect(last).toBeGreaterThan(2)
    await pass(20 * MINUTE)
    expect(balanceCalls()).toHaveLength(last)
  })

  it('that fails raises no alert, and is made again five minutes later', async () => {
    const { solve, alertCodes, guard } = await startProcess()
    await solve()
    service.always('balance', { error: 'ERROR_KEY_DOES_NOT_EXIST' })
    await pass(6 * MINUTE)
    service.always('balance', { html: true })
    await pass(5 * MINUTE)
    service.always('balance', { drop: true })
    await pass(5 * MINUTE)
    service.always('balance', undefined)
    service.next('balance', { body: 'OK|a lot' })
    await pass(10 * MINUTE)
    expect(balanceCalls().length).toBeLessThanOrEqual(7)
    expect(alertCodes).toEqual([])
    expect((await guard.status()).solvers[0]?.balance).toMatchObject({ amount: usd(99.999) })
  })

  it('does not delay solves, also if it never ends', async () => {
    const { solve, guard } = await startProcess()
    await solve()
    service.always('balance', { hang: true })
    await clock.advance(10_000)
    await expect.poll(balanceCalls).toHaveLength(1)
    await solve(3)
    expect(balanceCalls()).toHaveLength(1)
    await settleWith(clock, guard.close(), 1_000)
  })
})

describe('the balance monitor', () => {
  it('raises no alert when guards of several names use one key on one ledger', async () => {
    const [one, two] = [await startProcess(), await startProcess({ name: 'of-another-name' })]
    await one.solve()
    await two.solve()
    await pass(20_000)
    for (let i = 0; i < 6; i++) {
      await one.solve(2)
      await two.solve(20)
      await pass(5 * MINUTE)
    }
    expect([...one.leaks, ...two.leaks]).toEqual([])
    expect((await one.balance())?.amount).toBe(service.balance(KEY))
  })

  it('raises no alert when a guard of a new name begins to use the key', async () => {
    const one = await startProcess()
    await one.solve()
    await pass(20_000)
    const two = await startProcess({ name: 'of-another-name' })
    await two.solve(30)
    await pass(10 * MINUTE)
    expect([...one.leaks, ...two.leaks]).toEqual([])
  })

  it('raises no alert when the key is rotated to one with a balance of its own', async () => {
    const { solve, leaks, secret } = await startProcess()
    await solve(3)
    await pass(20_000)
    secret.set(OTHER_KEY, KEY)
    for (let i = 0; i < 4; i++) {
      await solve(10)
      await pass(5 * MINUTE)
    }
    expect(leaks).toEqual([])
    service.spendElsewhere(1, OTHER_KEY)
    await pass(5 * MINUTE)
    expect(leaks).toHaveLength(1)
  })

  it.each<[string, () => Partial<GuardOptions>]>([
    ['the key is shared', () => ({ sharedKey: true })],
    ['the key of the account is shared', () => ({ ...several(), sharedKey: undefined })],
    [
      'solves are paid by the thread',
      () => ({
        solver: captchaAI({
          baseUrl: service.url,
          polling: { firstPollMs: 0, everyMs: 5 },
          pricing: { per: 'thread', threads: 5, usdPerMonth: 15, imputedUsd: 0.001 },
        }),
      }),
    ],
  ])('makes no reading when %s', async (_, options) => {
    const { solve, leaks, balance } = await startProcess(options())
    await solve()
    await pass(20_000)
    service.spendElsewhere(5, KEY)
    await solve()
    await pass(20 * MINUTE)
    expect(leaks).toEqual([])
    expect(balanceCalls()).toEqual([])
    expect(await balance()).toBeUndefined()
  })

  const several = (sharedKey = true) => ({
    solver: undefined,
    secret: undefined,
    solvers: [
      {
        solver: twoCaptcha({
          baseUrl: service.url,
          pricing: { per: 'solve', usd: 0.001 },
          polling: { firstPollMs: 0, everyMs: 5 },
        }),
        secret: fixedSecret(KEY),
        sharedKey,
      },
    ],
  })

  it('raises the alert of one account although the key of another is shared', async () => {
    const both: GuardOptions['solvers'] = [
      ...several(true).solvers.map((account) => ({ ...account, name: 'shared', budget: { perMinute: 1 } })),
      ...several(false).solvers.map((account) => ({ ...account, name: 'own', secret: fixedSecret(OTHER_KEY) })),
    ]
    const { solve, leaks, guard } = await startProcess({ solver: undefined, secret: undefined, solvers: both })
    await solve(3)
    await pass(20_000)
    service.spendElsewhere(5, KEY)
    service.spendElsewhere(1, OTHER_KEY)
    await pass(5 * MINUTE)
    expect(leaks).toMatchObject([{ details: { solver: 'own', missing: usd(1) } }])
    const { solvers } = await guard.status()
    expect(solvers.map(({ balance }) => balance?.amount)).toEqual([undefined, service.balance(OTHER_KEY)])
  })
})

it.each(['', '{}', 'null', '{"last":{"at":1}}', '[1', '{"last":{},"anchor":{},"lag":{},"found":{"missing":-1}}'])(
  'the balance monitor ignores an invalid reading in the ledger (%s)',
  async (value) => {
    const { solve, leaks, balance, guard } = await startProcess()
    await solve()
    const { fingerprint } = (await guard.status()).key
    await ledger.setFact({ scope: 'balances', name: `state/${fingerprint}`, value, ttlMs: 3_600_000 }, clock.now())
    expect(await balance()).toBeUndefined()
    await pass(20_000)
    expect(await balance()).toMatchObject({ amount: usd(99.999), missing: 0 })
    expect(leaks).toEqual([])
  },
)

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { SharedTasks } from '../../src/broker/shared-tasks.js'
import { hostOf } from '../../src/guard/hosting.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { type ServiceOptions, type SolverService, startSolverService } from '../../src/testing/service/index.js'
import { narrowToken } from '../../src/tokens/index.js'
import { challenge as CHALLENGE } from '../guard/challenge.js'
import { after, settleWith } from '../guard/support.js'
import { advanceUntil } from '../support/wait.js'
import { type BrokerRig, type BrokerRigOptions, brokerRig, OTHER_TOKEN, PAGE, SITEKEY, send } from './support.js'

const HOUR = 3_600_000
const NOW = Date.UTC(2026, 10, 25, 12)
const FORM = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE }

/** Makes brokers of one ledger, each with a guard of its own, as processes have them. */
function brokersOf(service: SolverService, clock: ManualClock | undefined, options: BrokerRigOptions = {}) {
  const shared = memoryLedger()
  const ledger: Ledger = new Proxy(shared, {
    get: (target, name: keyof Ledger) => {
      if (name === 'close') return () => {}
      const value = target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const polling = clock ? { firstPollMs: 500, everyMs: 500 } : { firstPollMs: 5, everyMs: 5 }
  return () => brokerRig({ service, ...(clock && { clock }), ledger, polling, ...options })
}

async function serviceOf(options: ServiceOptions = {}): Promise<SolverService> {
  const service = await startSolverService(options)
  after(() => service.close())
  return service
}

async function stage(solveMs = 2_000) {
  const clock = manualClock()
  const service = await serviceOf({ clock, solveMs })
  return { clock, service, broker: brokersOf(service, clock) }
}

/** Submits, and waits until the service has the task and the ledger knows it. */
async function submitTo(rig: BrokerRig, clock: ManualClock): Promise<string> {
  const before = rig.service.tasks.length
  const id = (await settleWith(clock, rig.form('/in.php', FORM), 1)).slice(3)
  await expect.poll(() => rig.service.tasks.length).toBe(before + 1)
  await expect.poll(() => rig.actions()).toContain('submitted')
  return id
}

function pollAt(rig: BrokerRig, id: string, token?: string): Promise<string> {
  return rig.form('/res.php', { action: 'get', id }, token === undefined ? {} : { token })
}

/** Polls, with time between, until there is another reply than "not ready". */
async function pollUntilDone(rig: BrokerRig, clock: ManualClock, id: string): Promise<string> {
  for (let i = 0; i < 400; i++) {
    const reply = await settleWith(clock, pollAt(rig, id), 1)
    if (reply !== 'CAPCHA_NOT_READY') return reply
    await clock.advance(500)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error('not done')
}

describe('several brokers of one ledger', () => {
  it("answer each other's polls: not ready while the other works, then the same answer, bought once", async () => {
    const { clock, service, broker } = await stage()
    const [a, b] = [await broker(), await broker()]
    const id = await submitTo(a, clock)
    expect(await pollAt(b, id)).toBe('CAPCHA_NOT_READY')
    expect(await pollAt(b, id, OTHER_TOKEN)).toBe('ERROR_WRONG_CAPTCHA_ID')
    const polls = service.requests.filter(({ endpoint }) => endpoint === 'res').length
    expect(await pollAt(b, id)).toBe('CAPCHA_NOT_READY')
    expect(service.requests.filter(({ endpoint }) => endpoint === 'res').length).toBe(polls)
    const answer = await pollUntilDone(b, clock, id)
    expect(answer).toBe(`OK|${service.tasks[0]?.answer}`)
    expect(await pollUntilDone(a, clock, id)).toBe(answer)
    expect(service.tasks).toHaveLength(1)
    expect(service.charged).toBe(1_000)
    expect(b.tasks.counts).toMatchObject({ adopted: 1 })
    expect(await a.ledger.usage('tests', clock.now())).toMatchObject({ spent: 1_000, reserved: 0 })
  })

  it('ask the ledger for made up ids twenty times a second for a client, also where they come at once', async () => {
    const { clock, broker } = await stage(3_600_000)
    const [a, b] = [await broker(), await broker()]
    const ids: string[] = []
    for (let i = 0; i < 30; i++) ids.push(await submitTo(a, clock))
    let asked = 0
    const { listFacts } = b.ledger
    b.ledger.listFacts = (scope, now) => {
      if (/^broker:.*\/\d+$/.test(scope)) asked++
      return listFacts(scope, now)
    }
    const guess = (count: number, token?: string) =>
      Promise.all(Array.from({ length: count }, (_, i) => pollAt(b, `${2_000_000_000 + i}`, token)))
    const unknown = (count: number) => Array(count).fill('ERROR_WRONG_CAPTCHA_ID')
    expect(await guess(300)).toEqual(unknown(300))
    expect(asked).toBe(20)
    // It is the limit of that client, and of that second.
    expect(await guess(5, OTHER_TOKEN)).toEqual(unknown(5))
    expect(asked).toBe(25)
    await clock.advance(1_000)
    // What is there is found, however much of it is asked for at once.
    expect(await Promise.all(ids.map((id) => pollAt(b, id)))).toEqual(Array(30).fill('CAPCHA_NOT_READY'))
    // Another client's tasks are guesses.
    asked = 0
    await clock.advance(1_000)
    expect(await Promise.all(ids.map((id) => pollAt(b, id, OTHER_TOKEN)))).toEqual(unknown(30))
    expect(asked).toBe(20)
    // What is no id is not asked for.
    asked = 0
    await clock.advance(1_000)
    for (const id of ['0', '-1', '2147483648', '1.5', 'x', '']) await pollAt(b, id)
    expect(asked).toBe(0)
  })

  it('a new one takes over what one had under way that was closed', async () => {
    const { clock, service, broker } = await stage(30_000)
    const a = await broker()
    const id = await submitTo(a, clock)
    await a.tasks.close()
    await a.guard.close()
    const b = await broker()
    const answer = await pollUntilDone(b, clock, id)
    expect(answer).toBe(`OK|${service.tasks[0]?.answer}`)
    expect(service.charged).toBe(1_000)
    expect(await b.ledger.usage('tests', clock.now())).toMatchObject({ spent: 1_000, reserved: 0 })
  })

  it('a task that the service had not taken yet, when its broker ended, has failed, and is not bought again', async () => {
    const { clock, service, broker } = await stage()
    const a = await broker()
    service.always('in', { hang: true, taken: false })
    const id = (await settleWith(clock, a.form('/in.php', FORM), 1)).slice(3)
    await a.tasks.close()
    await settleWith(clock, a.guard.close(), 1_000)
    const b = await broker()
    expect(await pollUntilDone(b, clock, id)).toBe('ERROR_CAPTCHA_UNSOLVABLE')
    expect(service.tasks).toHaveLength(0)
    service.always('in', undefined)
    const { reserved, spent } = await b.ledger.usage('tests', clock.now())
    // It may have been taken: its money stays reserved until it counts as spent.
    expect(reserved + spent).toBe(1_000)
  })

  it("give a failure and the free answer of a test key to each other's clients too", async () => {
    const { clock, service, broker } = await stage(0)
    const [a, b] = [await broker(), await broker()]
    const testKey = '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'
    const free = (await settleWith(clock, a.form('/in.php', { ...FORM, googlekey: testKey }), 1)).slice(3)
    const answer = await pollUntilDone(a, clock, free)
    expect(answer).toMatch(/^OK\|./)
    expect(await pollUntilDone(b, clock, free)).toBe(answer)
    expect(service.tasks).toHaveLength(0)
    service.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    const failed = await submitTo(a, clock)
    expect(await pollUntilDone(a, clock, failed)).toBe('ERROR_CAPTCHA_UNSOLVABLE')
    expect(await pollUntilDone(b, clock, failed)).toBe('ERROR_CAPTCHA_UNSOLVABLE')
  })
})

it('a task fits into the ledger with the longest names: else a new broker could not follow it', async () => {
  const { broker } = await stage()
  const { guard } = await broker()
  const host = hostOf(guard)
  const shared = new SharedTasks(host, randomUUID())
  const links = Array.from({ length: 8 }, (_, i) => `~${String(i).repeat(16)}`)
  const caller = ['g'.repeat(64), ...links].join('/')
  const origin = `https://${'h'.repeat(63)}.${'i'.repeat(63)}.${'j'.repeat(63)}.example.com`
  const challenge = { ...CHALLENGE, pageUrl: `${origin}/${'p'.repeat(2_000)}`, sitekey: 'k'.repeat(256) }
  const facts = { id: 4711, caller, service: 'captchaai', challenge, fields: {}, submittedAt: NOW } as const
  const task = {
    solver: 's'.repeat(64),
    taskId: 't'.repeat(64),
    keyVersion: 'v'.repeat(128),
    family: 'recaptcha',
    reservationId: `${randomUUID()}.100`,
    amount: usd(0.001),
    path: [...caller.split('/').map((_, i, all) => all.slice(0, i + 1).join('/')), `${'g'.repeat(64)}@${origin}`],
  } as const
  expect(await shared.add(facts, HOUR)).toBe(true)
  await shared.update(facts, { task }, HOUR)
  expect((await shared.read(facts.id))?.shared).toMatchObject({ caller, task })
})

describe('a broker that drains', () => {
  it('refuses submits, answers polls until the last answer was fetched, and is not ready meanwhile', async () => {
    const { clock, broker } = await stage()
    const a = await broker()
    const id = await submitTo(a, clock)
    let drained = false
    const draining = a.tasks.drain(300_000).then(() => {
      drained = true
    })
    expect(await settleWith(clock, a.form('/in.php', FORM), 1)).toBe('ERROR_NO_SLOT_AVAILABLE')
    const ready = await a.handler({ method: 'GET', url: '/readyz', headers: {}, body: Buffer.alloc(0) })
    expect(ready.status).toBe(503)
    const answer = await pollUntilDone(a, clock, id)
    expect(answer).toMatch(/^OK\|/)
    await settleWith(clock, draining, 100)
    expect(drained).toBe(true)
  })

  it('waits for a submit that has not been answered yet, and for its answer', async () => {
    const { clock, service } = await stage()
    const budget = { perDay: usd(1), concurrent: 1 }
    const a = await brokersOf(service, clock, { acceptWaitMs: 3_000, policy: { budget } })()
    const first = await submitTo(a, clock)
    const second = a.form('/in.php', FORM)
    await expect.poll(() => a.tasks.waiting).toBe(1)
    let drained = false
    const draining = a.tasks.drain(300_000).then(() => {
      drained = true
    })
    expect(await pollUntilDone(a, clock, first)).toMatch(/^OK\|/)
    const id = (await settleWith(clock, second, 50)).slice(3)
    expect(id).toMatch(/^\d+$/)
    expect(drained).toBe(false)
    expect(await pollUntilDone(a, clock, id)).toMatch(/^OK\|/)
    await settleWith(clock, draining, 100)
    expect(drained).toBe(true)
  })

  it('ends when the time for it is over, though an answer was not fetched', async () => {
    const { clock, broker } = await stage()
    const a = await broker()
    await submitTo(a, clock)
    await settleWith(clock, a.tasks.drain(10_000), 500)
    await a.tasks.close()
    expect(a.tasks.counts).toMatchObject({ solved: 1, fetched: 0, unclaimed: 1 })
  })
})

describe('two brokers that are exchanged under load', () => {
  it('lose no solve, where submits go to whichever is ready', async () => {
    const service = await serviceOf({ solveMs: 20 })
    const shared = brokersOf(service, undefined)
    const blue = await shared()
    let green: BrokerRig | undefined
    const isReady = async ({ handler }: BrokerRig) =>
      (await handler({ method: 'GET', url: '/readyz', headers: {}, body: Buffer.alloc(0) })).status === 200
    const solveOne = async (): Promise<string> => {
      const at = (await isReady(blue)) ? blue : (green as BrokerRig)
      const reply = await at.form('/in.php', FORM)
      if (!reply.startsWith('OK|')) return reply
      for (;;) {
        // A balancer sends polls anywhere.
        const polled = await pollAt(green && Math.random() < 0.5 ? green : at, reply.slice(3))
        if (polled !== 'CAPCHA_NOT_READY') return polled
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const outcomes: string[] = []
    const client = async () => {
      for (let i = 0; i < 12; i++) outcomes.push(await solveOne())
    }
    const clients = Promise.all(Array.from({ length: 5 }, client))
    await expect.poll(() => outcomes.length).toBeGreaterThan(10)
    green = await shared()
    await blue.tasks.drain(30_000)
    await blue.tasks.close()
    await clients
    expect(outcomes).toHaveLength(60)
    expect(outcomes.filter((outcome) => !outcome.startsWith('OK|'))).toEqual([])
    expect(service.tasks).toHaveLength(60)
  })
})

/** Every kind of request that reads something, with `id` as the task's; each resolves with the text of its reply. */
const READS: Readonly<Record<string, (rig: BrokerRig, token: string, id: string) => Promise<unknown>>> = {
  balance: (rig, token) => rig.form('/res.php', { action: 'getbalance' }, { token }),
  threads: (rig, token) => rig.form('/res.php', { action: 'threadsinfo' }, { token }),
  poll: (rig, token, id) => rig.form('/res.php', { action: 'get', id }, { token }),
  'poll with price': (rig, token, id) => rig.form('/res.php', { action: 'get2', id, json: '1' }, { token }),
  'poll of several': (rig, token, id) => rig.form('/res.php', { action: 'get', ids: `${id},7` }, { token }),
  report: (rig, token, id) => rig.form('/res.php', { action: 'reportbad', id }, { token }),
  'balance of the task wire': (rig, token) => rig.json('/getBalance', {}, { token }),
  'poll of the task wire': (rig, token, id) => rig.json('/getTaskResult', { taskId: Number(id) }, { token }),
  'report of the task wire': (rig, token, id) => rig.json('/reportCorrect', { taskId: Number(id) }, { token }),
  submit: (rig, token) => rig.form('/in.php', FORM, { token }),
  status: (rig, token) => own(rig, 'GET', '/v1/status', token),
  narrow: (rig, token) => own(rig, 'POST', '/v1/tokens/narrow', token, { policy: {} }),
  end: (rig, token) => own(rig, 'POST', '/v1/tokens/end', token),
  'own report': (rig, token, id) => own(rig, 'POST', '/v1/report', token, { id: Number(id), good: true }),
}

async function own({ handler }: BrokerRig, method: string, path: string, token: string, body?: object) {
  return (await send(handler, method, path, body && JSON.stringify(body), { authorization: `Bearer ${token}` })).body
}

describe('a token that one broker has revoked', () => {
  it.each(Object.entries(READS))('gets nothing from any of them any more: %s', async (name, read) => {
    const clock = manualClock()
    const service = await serviceOf({ clock, solveMs: 2_000 })
    const broker = brokersOf(service, clock, { byTokens: true })
    const [a, b] = [await broker(), await broker()]
    const { token: parent, handle = '', id: link } = await a.guard.issueToken({}, { handle: true })
    const child = await narrowToken(parent, {}, { clock })
    const submit = async (token: string) => (await settleWith(clock, a.form('/in.php', FORM, { token }), 1)).slice(3)
    const tasks = new Map([[parent, await submit(parent)]])
    tasks.set(handle, tasks.get(parent) ?? '')
    tasks.set(child, await submit(child))
    const readTask = (rig: BrokerRig, token: string) => settleWith(clock, read(rig, token, tasks.get(token) ?? ''), 1)
    // Each broker knows the tokens, and has said something to their holders.
    for (const rig of [a, b]) {
      for (const token of tasks.keys()) expect(JSON.stringify(await readTask(rig, token))).not.toContain('KEY_DOES_NOT')
    }
    await advanceUntil(clock, () => a.tasks.counts.solved >= 2, 100, 90_000)
    // A poll that has nothing to give goes by what its broker knew a tenth of a second ago.
    await a.guard.revokeToken(link)
    if (name.startsWith('poll')) await clock.advance(101)
    for (const rig of [a, b]) {
      for (const token of tasks.keys()) {
        expect(JSON.stringify(await readTask(rig, token))).toMatch(/ERROR_KEY_DOES_NOT_EXIST|TOKEN_REVOKED/)
      }
    }
  })

  it('does not get the answer that another broker has, nor from memory while the ledger is away', async () => {
    const service = await serviceOf()
    const ledger = memoryLedger()
    let isAway = false
    const flaky = new Proxy(ledger, {
      get: (target, name: keyof Ledger) => {
        if (name === 'close') return () => {}
        if (isAway && name === 'listFacts') return () => Promise.reject(new Error('No route to host.'))
        const value = target[name]
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const shared = { service, ledger: flaky, byTokens: true }
    const [a, b] = [await brokerRig(shared), await brokerRig(shared)]
    const { token, id: link } = await a.guard.issueToken({})
    const submit = async () => (await a.form('/in.php', FORM, { token })).slice(3)
    const [first, second] = [await submit(), await submit()]
    await expect.poll(() => a.tasks.unclaimed).toBe(2)
    isAway = true
    // What was paid for is given: no broker can have revoked the token meanwhile.
    expect(await pollAt(a, first, token)).toMatch(/^OK/)
    isAway = false
    await b.guard.revokeToken(link)
    expect(await pollAt(a, second, token)).toBe('ERROR_KEY_DOES_NOT_EXIST')
    isAway = true
    for (const id of [first, second]) expect(await pollAt(a, id, token)).toBe('ERROR_KEY_DOES_NOT_EXIST')
    expect(a.tasks.unclaimed).toBe(1)
  })
})

describe('a token that has expired', () => {
  it('fetches what it paid for from any broker, also from one that never saw it, and gets nothing else', async () => {
    const { clock, service } = await stage(50_000)
    const broker = brokersOf(service, clock, { byTokens: true })
    const a = await broker()
    const { token, id: link } = await a.guard.issueToken({}, { ttl: '30s' })
    const id = (await settleWith(clock, a.form('/in.php', FORM, { token }), 1)).slice(3)
    await expect.poll(() => a.actions()).toContain('submitted')
    await clock.advance(31_000)
    const b = await broker()
    const get = () => settleWith(clock, pollAt(b, id, token), 1)
    expect(await get()).toBe('CAPCHA_NOT_READY')
    for (const [name, read] of Object.entries(READS)) {
      if (/poll|report/.test(name)) continue
      const reply = JSON.stringify(await settleWith(clock, read(b, token, id), 1))
      expect([name, reply]).toEqual([name, expect.stringMatching(/ERROR_KEY_DOES_NOT_EXIST|TOKEN_EXPIRED/)])
    }
    let reply = 'CAPCHA_NOT_READY'
    for (let i = 0; i < 400 && reply === 'CAPCHA_NOT_READY'; i++) {
      await clock.advance(500)
      await new Promise((resolve) => setTimeout(resolve, 2))
      reply = await get()
    }
    expect(reply).toBe(`OK|${service.tasks[0]?.answer}`)
    expect(service.tasks).toHaveLength(1)
    await a.guard.revokeToken(link)
    await clock.advance(101)
    expect(await get()).toBe('ERROR_KEY_DOES_NOT_EXIST')
    const other = await a.guard.issueToken({}, { ttl: '30s' })
    await clock.advance(4 * 3_600_000)
    expect(await settleWith(clock, pollAt(b, id, other.token), 1)).toBe('ERROR_KEY_DOES_NOT_EXIST')
  })
})

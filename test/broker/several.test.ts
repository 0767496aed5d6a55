import { describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { type SolverService, startSolverService } from '../../src/testing/service/index.js'
import { after, settleWith } from '../guard/support.js'
import { type BrokerRig, type BrokerRigOptions, brokerRig, OTHER_TOKEN, PAGE, SITEKEY } from './support.js'

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

async function stage(solveMs = 2_000) {
  const clock = manualClock()
  const service = await startSolverService({ clock, solveMs })
  after(() => service.close())
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
    const service = await startSolverService({ solveMs: 20 })
    after(() => service.close())
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

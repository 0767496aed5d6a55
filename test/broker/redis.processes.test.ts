import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { redisLedger } from '../../src/ledger/redis.js'
import { usd } from '../../src/policy/money.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { after } from '../guard/support.js'
import { listen } from '../support/loopback.js'
import { type RunningRedis, startRedis } from '../support/redis.js'
import { type BrokerProcess, brokerProcesses } from './broker-process.js'
import { type BrokerRig, brokerRig, PAGE, SITEKEY } from './support.js'

const FORM = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE }

async function redis(): Promise<RunningRedis> {
  const server = await startRedis()
  after(() => server.stop())
  return server
}

/** Brokers that share only a Redis server, each with a guard and a connection of its own. */
async function brokersOver(url: string, count: number, perDay: number): Promise<BrokerRig[]> {
  const service = await startSolverService({ price: 0.001 })
  after(() => service.close())
  const brokers: BrokerRig[] = []
  for (let i = 0; i < count; i++) {
    const policy = { budget: { perDay: usd(perDay) } }
    const broker = await brokerRig({ service, ledger: redisLedger({ url }), policy })
    broker.guard.on('alert', () => {})
    brokers.push(broker)
  }
  return brokers
}

async function usageAt(url: string, name: string) {
  const ledger = redisLedger({ url })
  await ledger.open()
  try {
    return await ledger.usage(name, Date.now())
  } finally {
    await ledger.close()
  }
}

describe('brokers over one Redis', () => {
  it.each([
    [1, 200],
    [1, 400],
    [2, 200],
    [2, 400],
    [4, 200],
    [4, 400],
  ])(
    '%i, with %i calls at once against a budget for 100, solve exactly 100 and spend nothing over',
    async (count, calls) => {
      const { url } = await redis()
      const brokers = await brokersOver(url, count, 0.1)
      const [{ service, ledger }] = brokers as [BrokerRig]
      const at = (i: number) => brokers[i % count] as BrokerRig
      const replies = await Promise.all(Array.from({ length: calls }, (_, i) => at(i).form('/in.php', FORM)))
      const accepted = replies.filter((reply) => reply.startsWith('OK|'))
      expect(accepted).toHaveLength(100)
      expect(new Set(replies.filter((reply) => !reply.startsWith('OK|')))).toEqual(new Set(['ERROR_ZERO_BALANCE']))
      // Each is fetched from another broker than it was submitted to, where there is one.
      const ids = replies.flatMap((reply, i) => (reply.startsWith('OK|') ? [{ id: reply.slice(3), i }] : []))
      await Promise.all(
        ids.map(({ id, i }) =>
          expect.poll(() => at(i + 1).form('/res.php', { action: 'get', id }), { interval: 200 }).toMatch(/^OK\|03AF/),
        ),
      )
      expect(service.tasks).toHaveLength(100)
      expect(service.charged).toBe(100_000)
      expect(await ledger.usage('tests', Date.now())).toMatchObject({ spent: 100_000, reserved: 0 })
    },
  )

  it('end the waits of each other with the call-backs that one of them takes for all', async () => {
    const { start } = await brokerProcesses('called')
    const server = await redis()
    const service = await startSolverService({ price: 0.001, solveMs: 50 })
    after(() => service.close())
    const free = createServer()
    const port = await listen(free)
    await new Promise((resolve) => free.close(resolve))
    const shared = { SERVICE_URL: service.url, SERVICE_KEY: service.key, LEDGER_URL: server.url }
    // The first one has the port, and takes the call-backs of both.
    const first = await start({ ...shared, CALLBACK_PORT: `${port}` })
    const second = await start({ ...shared, CALLBACK_PORT: `${port}` })
    const ask = async ({ url, token }: BrokerProcess, path: string, fields: Record<string, string>) =>
      (await fetch(url + path, { method: 'POST', body: new URLSearchParams({ key: token, ...fields }) })).text()
    const submits = [first, second, second, first, second].map(async (broker) => {
      const id = (await ask(broker, '/in.php', FORM)).slice(3)
      await expect.poll(() => ask(broker, '/res.php', { action: 'get', id }), { timeout: 20_000 }).toMatch(/^OK\|/)
    })
    await Promise.all(submits)
    // Without the call-back a task would be polled after thirty seconds.
    expect(service.tasks.map(({ polls }) => polls)).toEqual([1, 1, 1, 1, 1])
    // A sender that repeats a call-back, also with addresses it has seen, gets the same reply; no poll follows.
    const requests = service.requests.length
    const addresses = service.requests.flatMap(({ fields }) => fields.callbackUrl ?? fields.pingback ?? [])
    expect(addresses).toHaveLength(5)
    for (const address of addresses) expect(await (await fetch(address, { method: 'POST' })).text()).toBe('ok')
    expect(await usageAt(server.url, 'killed')).toMatchObject({ spent: 5_000, reserved: 0 })
    expect(service.requests).toHaveLength(requests)
  })

  it('refuse submits while it is away, answer polls from memory, and go on when it is back', async () => {
    const server = await redis()
    const [broker] = (await brokersOver(server.url, 1, 1)) as [BrokerRig]
    const id = (await broker.form('/in.php', FORM)).slice(3)
    await expect.poll(() => broker.form('/res.php', { action: 'get', id })).toMatch(/^OK\|/)
    await server.kill()
    expect(await broker.form('/in.php', FORM)).toBe('ERROR_INTERNAL_SERVER_ERROR')
    expect(await broker.form('/res.php', { action: 'get', id })).toMatch(/^OK\|/)
    expect(broker.service.tasks).toHaveLength(1)
    await server.restart()
    await expect.poll(() => broker.form('/in.php', FORM)).toMatch(/^OK\|/)
  })
})

import { describe, expect, it } from 'vitest'
import { redisLedger } from '../../src/ledger/redis.js'
import { usd } from '../../src/policy/money.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { after } from '../guard/support.js'
import { type RunningRedis, startRedis } from '../support/redis.js'
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

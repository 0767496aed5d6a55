import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { webhookAlerts } from '../../../src/alerts/index.js'
import { systemClock } from '../../../src/base/clock.js'
import { fileLedger } from '../../../src/ledger/file.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { startReceiver } from '../../alerts/receiver.js'
import { startRedis } from '../../support/redis.js'
import { bundleGuardProcess, type GuardProcess } from '../guard-process.js'
import { after, rig, settleWith } from '../support.js'

const HOOK_SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
let start: (env: Record<string, string>) => GuardProcess
beforeAll(async () => {
  start = await bundleGuardProcess('outbox')
})

/** A service, a webhook receiver, and a folder for a ledger. */
async function setUp() {
  const service = await startSolverService({ price: 0.001 })
  after(() => service.close())
  const hook = await startReceiver()
  after(() => hook.close())
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-outbox-'))
  after(async () => rmSync(dir, { recursive: true, force: true }))
  const env = {
    SERVICE_URL: service.url,
    SERVICE_KEY: service.key,
    HOOK_URL: hook.url,
    HOOK_SECRET,
    STATE_DIR: dir,
  }
  return { service, hook, dir, env }
}

describe('several processes on one ledger', () => {
  const spendAll = async (env: Record<string, string>, hook: Awaited<ReturnType<typeof startReceiver>>) => {
    const children = Array.from({ length: 3 }, () => start(env))
    for (const child of children) await child.next('ready')
    for (const child of children) child.send('solve 8')
    const ended = await Promise.all(children.map((child) => child.next('solved')))
    expect(ended.flatMap(({ failures }) => failures ?? []).every((code) => code === 'BUDGET_EXHAUSTED')).toBe(true)
    for (const child of children) child.send('end')
    for (const child of children) await child.exited()
    expect(children.flatMap(({ messages }) => messages).filter(({ what }) => what === 'alert')).toHaveLength(2)
    const delivered = hook.received.map(({ body }) => JSON.parse(body).data)
    expect(delivered.map(({ code, details }) => `${code} ${details.threshold}`).sort()).toEqual([
      'BUDGET_THRESHOLD 0.5',
      'BUDGET_THRESHOLD 0.8',
    ])
  }

  it('in a file send each alert once', async () => {
    const { env, hook } = await setUp()
    await spendAll(env, hook)
  })

  it('in Redis send each alert once', async () => {
    const server = await startRedis()
    after(() => server.stop())
    const { env, hook } = await setUp()
    await spendAll({ ...env, LEDGER_URL: server.url }, hook)
  })
})

it('an alert of a process that was killed before the delivery is delivered by another process', async () => {
  const { env, hook, dir, service } = await setUp()
  hook.next('hang')
  const raiser = start(env)
  await raiser.next('ready')
  raiser.send('solve 12')
  await raiser.next('alert')
  await expect.poll(() => hook.received.length).toBe(1)
  await raiser.kill()

  // Another process, after the lease of the killed one has expired.
  const clock = manualClock(Date.now() + 31_000)
  const { guard } = await rig({
    service,
    clock,
    ledger: fileLedger({ dir, clock: { ...systemClock, now: clock.now } }),
    guardOptions: { name: 'alerting', alerts: [webhookAlerts({ url: env.HOOK_URL, secret: HOOK_SECRET })] },
  })
  expect((await guard.status()).alerts).toMatchObject([{ pending: 1 }])
  const delivered = (async () => {
    while ((await guard.status()).alerts[0]?.pending !== 0) await new Promise((resolve) => setTimeout(resolve, 5))
  })()
  await settleWith(clock, delivered, 1_000)
  expect(hook.received).toHaveLength(2)
  const [first, second] = hook.received
  expect(second?.body).toBe(first?.body)
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
})

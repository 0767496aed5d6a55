import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { redisLedger } from '../../src/ledger/redis.js'
import { usd } from '../../src/policy/money.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { startRedis } from '../support/redis.js'
import { after, challenge, errorOf, rig } from './support.js'

const spender = join(import.meta.dirname, '../../node_modules/.cache/solveguard/redis-spender.mjs')

it('guards in several processes that share only a Redis ledger spend its budget exactly, and no more', async () => {
  await bundleForNode('test/guard/children/spender.ts', spender)
  const server = await startRedis()
  after(() => server.stop())
  const service = await startSolverService({ solveMs: 15, price: 0.001 })
  after(() => service.close())
  const perDay = 0.04
  // A third guard, in this process: it sees what they spend, and cannot spend it again.
  const { guard } = await rig({
    service,
    ledger: redisLedger({ url: server.url }),
    policy: { budget: { perDay: usd(perDay) } },
    guardOptions: { name: 'killed' },
  })
  // Paused until both run, so that neither spends the whole budget before the other starts.
  const ledger = redisLedger({ url: server.url })
  await ledger.open()
  after(async () => ledger.close())
  await ledger.pause('killed', { code: 'MANUAL', message: 'Not yet.', at: Date.now() })
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'solveguard-redis-guard-')))
  const children = folders.map((folder) =>
    spawn(process.execPath, [spender], {
      env: {
        PATH: process.env.PATH,
        SERVICE_URL: service.url,
        SERVICE_KEY: service.key,
        STATE_DIR: folder,
        LEDGER_URL: server.url,
        PER_DAY: `${perDay}`,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  after(async () => {
    for (const child of children) if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')))
  expect(service.tasks).toHaveLength(0)
  await guard.resume()
  await expect.poll(async () => (await guard.status()).day.spent, { interval: 50 }).toBe(usd(perDay))
  expect(service.tasks).toHaveLength(40)
  expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'BUDGET_EXHAUSTED', layer: 'spending' })
  expect((await guard.status()).ledger).toEqual({ kind: 'redis', place: server.url })
  // Both spent: each has records of its own.
  for (const folder of folders) {
    const audit = join(folder, 'audit')
    const records = readdirSync(audit).map((file) => readFileSync(join(audit, file), 'utf8'))
    expect(records.join('')).toContain('solved')
  }
})

it('a guard resumes the batch of a closed guard on the same Redis; a guard in between is refused', async () => {
  const server = await startRedis()
  after(() => server.stop())
  const service = await startSolverService()
  after(() => service.close())
  const at = () => rig({ service, ledger: redisLedger({ url: server.url }) })
  const pages = Array.from({ length: 12 }, (_, n) => ({ ...challenge, pageUrl: `https://staging.example.com/${n}` }))

  const first = await at()
  service.always('in', { pendingTimes: 1_000_000 })
  const left = first.guard.stream(pages.slice(0, 5), { batch: 'nightly' }).forEach(() => {})
  await expect.poll(() => service.tasks.filter(({ polls }) => polls > 0).length).toBe(5)
  const third = await at()
  expect(await errorOf(third.guard.stream(pages, { batch: 'nightly' }).forEach(() => {}))).toMatchObject({
    code: 'BATCH_UNDER_WAY',
  })
  await first.guard.close()
  expect(await left).toMatchObject({ failed: 5 })

  service.always('in', undefined)
  service.always('res', { pendingTimes: 0 })
  const second = await at()
  const tally = await second.guard.stream(pages, { batch: 'nightly' }).forEach(() => {})
  expect(tally).toEqual({ solved: 12, failed: 0, alreadySolved: 0, cost: usd(0.012) })
  expect(service.tasks).toHaveLength(12)
  expect((await second.guard.batch('nightly')).map(({ state }) => state)).toEqual(Array(12).fill('solved'))
  expect((await second.guard.status()).day).toMatchObject({ spent: usd(0.012), reserved: 0 })
})

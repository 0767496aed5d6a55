import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../../scripts/page-script.mjs'
import { fileLedger } from '../../../src/ledger/file.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { startTinyproxy } from '../../support/proxies.js'
import { startTap } from '../../support/tap.js'
import { after, rig } from '../support.js'
import { leaveUnfinished, pages, sharedServices } from './batches.js'

const root = join(import.meta.dirname, '../../..')
const batcher = join(root, 'node_modules/.cache/solveguard/batcher.mjs')

beforeAll(() => bundleForNode('test/guard/children/batcher.ts', batcher))

const ITEMS = 120
const CONCURRENCY = 8
const MAX_KILLS = 12

interface SolvedItem {
  readonly index: number
  readonly task: string
}

it('a batch whose process is killed many times is completed, and buys no recorded task a second time', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-batch-'))
  after(async () => rmSync(dir, { recursive: true, force: true }))
  const service = await startSolverService({ solveMs: (order) => (order.pageUrl.length % 3) * 15 })
  after(() => service.close())
  const ledger = fileLedger({ dir })
  await ledger.open()
  after(async () => ledger.close())

  const solvedItems: SolvedItem[] = []
  /** The tasks that the ledger, or the process that received the solution, knew. */
  const knownTasks = new Set<string>()
  let kills = 0
  for (let complete = false; !complete; ) {
    const child = spawn(process.execPath, [batcher], {
      env: {
        PATH: process.env.PATH,
        SERVICE_URL: service.url,
        SERVICE_KEY: service.key,
        STATE_DIR: dir,
        ITEMS: String(ITEMS),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    // Killed after some results, at a random moment.
    let left = kills < MAX_KILLS ? 3 + Math.floor(Math.random() * 12) : Number.POSITIVE_INFINITY
    for await (const line of createInterface({ input: child.stdout })) {
      const message: SolvedItem | 'complete' = JSON.parse(line)
      if (message === 'complete') complete = true
      else solvedItems.push(message)
      if (--left === 0) setTimeout(() => child.kill('SIGKILL'), Math.random() * 30)
    }
    const [code] = await exited
    // The service is read first: the ledger must count a task before the service charges it.
    const { charged } = service
    if (code === 0) expect(complete).toBe(true)
    else expect([++kills, code]).toEqual([kills, null])
    const { spent, reserved } = await ledger.usage('batches', Date.now())
    expect(spent + reserved).toBeGreaterThanOrEqual(charged)
    for (const { value } of await ledger.listFacts('batch:batches/nightly', Date.now())) {
      const { taskId } = JSON.parse(value) as { taskId?: string }
      if (taskId !== undefined) knownTasks.add(taskId)
    }
  }
  for (const { task } of solvedItems) knownTasks.add(task)

  expect(kills).toBeGreaterThan(3)
  // A process that was killed between a solution and its record in the ledger gets the same one again.
  const tasks = new Map<number, Set<string>>()
  for (const { index, task } of solvedItems) tasks.set(index, (tasks.get(index) ?? new Set()).add(task))
  expect(tasks.size).toBe(ITEMS)
  expect([...tasks].filter(([, of]) => of.size !== 1)).toEqual([])
  expect(knownTasks.size).toBe(ITEMS)
  // Other tasks that were bought are those whose process was killed before it recorded their ids.
  const bought = service.tasks.map(({ id }) => id)
  expect(bought.filter((id) => knownTasks.has(id))).toHaveLength(ITEMS)
  expect(bought.length).toBeLessThanOrEqual(ITEMS + kills * CONCURRENCY)
  const items = (await ledger.listFacts('batch:batches/nightly', Date.now())).map(
    ({ value }) => JSON.parse(value).state,
  )
  expect(items).toEqual(Array(ITEMS).fill('solved'))
})

it('a resumed batch polls for its answers through the proxy of its own policy', async () => {
  const proxy = await startTinyproxy()
  const tap = await startTap(proxy.port)
  after(() => Promise.all([proxy.stop(), tap.close()]))
  const { service, ledger } = await sharedServices()
  await leaveUnfinished(service, ledger, pages(1))
  const { guard } = await rig({ service, ledger })
  const grant = guard.narrow({ egress: { proxy: `http://127.0.0.1:${tap.port}` } })
  const asked = () => service.requests.filter(({ endpoint }) => endpoint === 'res').length
  const before = asked()
  for await (const result of grant.stream(pages(1), { batch: 'b' })) expect(result.ok).toBe(true)
  expect(asked()).toBeGreaterThan(before)
  expect(tap.sent()).toContain(`CONNECT ${new URL(service.url).host}`)
  expect(service.tasks).toHaveLength(1)
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { verifyAudit } from '../../src/audit/verify.js'
import { fileLedger } from '../../src/ledger/file.js'
import { usd } from '../../src/policy/money.js'
import { manualClock } from '../../src/testing/clock.js'
import { startSolverService } from '../../src/testing/service.js'
import { after, rig, settleWith } from './support.js'

const root = join(import.meta.dirname, '../..')
const spender = join(root, 'node_modules/.cache/solveguard/spender.mjs')

beforeAll(() => bundleForNode('test/guard/children/spender.ts', spender))

const KILLS = 12

it('a process killed at any moment leaves money that counts, tasks that the next one settles, and a log that verifies', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-killed-'))
  after(async () => rmSync(dir, { recursive: true, force: true }))
  const service = await startSolverService({ solveMs: 15, price: 0.001 })
  after(() => service.close())
  const outside = fileLedger({ dir })
  await outside.open()
  after(async () => outside.close())
  const counted = async (): Promise<number> => {
    const { spent, reserved } = await outside.usage('killed', Date.now())
    return spent + reserved
  }

  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [spender], {
      env: { PATH: process.env.PATH, SERVICE_URL: service.url, SERVICE_KEY: service.key, STATE_DIR: dir },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await ready(child)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
    child.kill('SIGKILL')
    await once(child, 'exit')
    // Theirs is read first: what is charged later must have been counted before.
    const charged = service.charged
    expect(await counted()).toBeGreaterThanOrEqual(charged)
  }

  // The next process, once the dead ones' leases are over.
  const clock = manualClock(Date.now() + 31_000)
  const next = await rig({
    at: service,
    clock,
    ledger: fileLedger({ dir }),
    more: { name: 'killed', audit: jsonlAudit({ dir: join(dir, 'audit') }) },
  })
  const recovered: string[] = []
  next.guard.on('recovered', ({ taskId }) => recovered.push(taskId))
  const noted = (await tasksLeft(outside)) > 0
  await settleWith(clock, quiet(next.guard), 500)
  // Every task that was noted is settled at what it cost. One of which only the service knows lapses, and counts as spent.
  const { day } = await next.guard.status()
  expect(day.spent).toBeGreaterThanOrEqual(service.charged)
  expect(day.spent).toBeLessThanOrEqual(service.tasks.length * usd(0.001) + KILLS * 3 * usd(0.001))
  if (noted) expect(recovered.length).toBeGreaterThan(0)
  await next.guard.close()

  const reader = fileLedger({ dir })
  await reader.open()
  const heads = await reader.heads()
  await reader.close()
  const verified = await verifyAudit(join(dir, 'audit'), { heads })
  expect(verified.files.length).toBe(KILLS + 1)
  expect(verified.firstBad).toBeUndefined()
}, 120_000)

async function ready(child: ChildProcess): Promise<void> {
  for await (const chunk of child.stdout ?? []) if (String(chunk).includes('ready')) return
}

async function tasksLeft(ledger: ReturnType<typeof fileLedger>): Promise<number> {
  return (await ledger.usage('killed', Date.now())).active
}

/** Until nothing is reserved any more: recovered, or lapsed. */
async function quiet(guard: { status(): Promise<{ day: { reserved: number } }> }): Promise<void> {
  while ((await guard.status()).day.reserved > 0) await new Promise((resolve) => setTimeout(resolve, 3))
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditRecord } from '../../src/audit/schema.js'
import { verifyAudit } from '../../src/audit/verify.js'
import { systemClock } from '../../src/base/clock.js'
import { fileLedger } from '../../src/ledger/file.js'
import { usd } from '../../src/policy/money.js'
import { manualClock } from '../../src/testing/clock.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { after, rig, settleWith } from './support.js'

const root = join(import.meta.dirname, '../..')
const spender = join(root, 'node_modules/.cache/solveguard/spender.mjs')

beforeAll(() => bundleForNode('test/guard/children/spender.ts', spender, { whole: true }))

/** How many processes are killed, a multiple of `PARALLEL`. `GUARD_KILLS=200` makes a full run of it. */
const KILLS = Number(process.env.GUARD_KILLS ?? 48)
/** How many processes run at a time. */
const PARALLEL = 8
/** Dollars. Usually less than the processes would spend, so that the last solves are denied. */
const PER_DAY = 0.0015 * KILLS

it('all spending of killed processes is counted and recorded, and the next process settles their tasks', async () => {
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

  const runAndKill = async (): Promise<void> => {
    for (let kill = 0; kill < KILLS / PARALLEL; kill++) {
      const child = spawn(process.execPath, [spender], {
        env: {
          PATH: process.env.PATH,
          SERVICE_URL: service.url,
          SERVICE_KEY: service.key,
          STATE_DIR: dir,
          PER_DAY: `${PER_DAY}`,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      // Usually killed while the service solves for it, on any machine; sometimes while it starts.
      await waitForOutput(child, Math.random() < 0.2 ? 'ready' : 'begun')
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 30))
      child.kill('SIGKILL')
      await once(child, 'exit')
      // The service is read first: the ledger must count a task before the service charges it.
      const charged = service.charged
      const now = await counted()
      expect(now).toBeGreaterThanOrEqual(charged)
      expect(now).toBeLessThanOrEqual(usd(PER_DAY))
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, runAndKill))

  // The next process, after the leases of the killed processes have expired.
  const clock = manualClock(Date.now() + 31_000)
  const next = await rig({
    service,
    clock,
    ledger: fileLedger({ dir, clock: { ...systemClock, now: clock.now } }),
    guardOptions: { name: 'killed', audit: jsonlAudit({ dir: join(dir, 'audit') }) },
  })
  const recovered: string[] = []
  next.guard.on('recovered', ({ taskId }) => recovered.push(taskId))
  const hadTasks = (await tasksLeft(outside)) > 0
  // In small steps: its calls are real, and time out on this clock.
  await settleWith(clock, untilNothingReserved(next.guard), 100, 20_000)
  // Every task in the ledger is settled at its cost. A task that only the service knows expires and counts as spent.
  const { day } = await next.guard.status()
  expect(day.spent).toBeGreaterThanOrEqual(service.charged)
  expect(day.spent).toBeLessThanOrEqual(service.tasks.length * usd(0.001) + KILLS * 3 * usd(0.001))
  if (hadTasks) expect(recovered.length).toBeGreaterThan(0)
  await next.guard.close()

  const reader = fileLedger({ dir })
  await reader.open()
  const heads = await reader.heads()
  await reader.close()
  const verified = await verifyAudit(join(dir, 'audit'), { heads })
  expect(verified.files.length).toBe(KILLS + 1)
  // The ledger does not know the last records of a killed process, nor a file that it had just begun.
  const wrong = verified.files.filter(({ firstBad, records }) => {
    if (firstBad?.problem === 'unknown') return records > 1
    return firstBad && firstBad.problem !== 'unconfirmed'
  })
  expect(wrong).toEqual([])

  const log = summarizeLog(join(dir, 'audit'))
  expect(log.twice).toEqual([])
  // A solve without a recorded outcome counts as its reserved amount: never less than what was charged.
  expect(log.costMicros).toBeGreaterThanOrEqual(service.charged)
  expect(log.unauthorized).toEqual([])
}, 400_000)

/** What the audit log alone shows: actions recorded twice, solves without authorization, and the total cost. */
function summarizeLog(dir: string): { twice: string[]; unauthorized: string[]; costMicros: number } {
  const solves = new Map<string, { authorized: boolean; micros: number; actions: Set<string> }>()
  const twice: string[] = []
  const names = readdirSync(dir).filter((name) => name.endsWith('.jsonl'))
  for (const line of names.flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n'))) {
    if (!line.endsWith('}}')) continue
    const { event, solveguard } = JSON.parse(line) as AuditRecord
    const id = solveguard.solve_id
    if (id === undefined) continue
    const solve = solves.get(id) ?? { authorized: false, micros: 0, actions: new Set<string>() }
    solves.set(id, solve)
    // An outcome is recorded before it is settled: a process that was killed in between left the task to another one.
    if (solve.actions.has(event.action) && event.action !== 'recovered') twice.push(`${event.action} ${id}`)
    solve.actions.add(event.action)
    if (event.action === 'authorized') solve.authorized = true
    solve.micros = solveguard.cost_micros ?? Math.max(solve.micros, solveguard.reserved_micros ?? 0)
  }
  const unauthorized = [...solves].filter(([, { authorized }]) => !authorized).map(([id]) => id)
  const costMicros = [...solves.values()].reduce((sum, { micros }) => sum + micros, 0)
  return { twice, unauthorized, costMicros }
}

/** Resolves when the process has written the word, or has exited. */
function waitForOutput({ stdout }: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve) => {
    stdout?.on('data', (chunk) => String(chunk).includes(word) && resolve()).on('close', resolve)
  })
}

async function tasksLeft(ledger: ReturnType<typeof fileLedger>): Promise<number> {
  return (await ledger.usage('killed', Date.now())).active
}

/** Resolves when nothing is reserved: each task was recovered, or its reservation expired. */
async function untilNothingReserved(guard: { status(): Promise<{ day: { reserved: number } }> }): Promise<void> {
  while ((await guard.status()).day.reserved > 0) await new Promise((resolve) => setTimeout(resolve, 3))
}

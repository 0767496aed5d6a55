import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as macrotask } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { fileLedger } from '../src/ledger/file.js'
import type { BudgetClaim, Ledger } from '../src/ledger/ledger.js'
import { memoryLedger } from '../src/ledger/memory.js'
import type { SqliteDriver } from '../src/ledger/sqlite/driver.js'
import { loadSqlite } from '../src/ledger/sqlite/load.js'
import { LedgerState } from '../src/ledger/state.js'
import { type Money, micros, usd } from '../src/policy/money.js'
import { mediansByTurns } from './median.js'
import type { BenchRow } from './row.js'

const PATH: readonly BudgetClaim[] = [
  { id: 'checkout-tests', limits: { perDay: usd(1_000_000), perMinute: 1e9, concurrent: 1e6 }, alertsAt: [0.5, 0.8] },
  { id: 'checkout-tests/context-1', limits: { perDay: usd(1_000_000) } },
]
const TASK = { solver: 'captchaai', taskId: '2122988149', keyVersion: '3', family: 'recaptcha' }

/** The time and memory of the ledgers for each solve, and whether they stay the same after many solves. */
export async function ledgerBench(): Promise<BenchRow[]> {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-bench-'))
  try {
    return [memorySpeed(), memorySize(), ...(await fileSpeed(dir)), await twoProcesses(dir), await history(dir)]
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function reserve(ledger: Ledger, id: string, now: number): unknown {
  return ledger.reserve({ id, ownerId: 'bench', path: PATH, amount: micros(3_000), deadline: now + 120_000 }, now)
}

/** All ledger calls of one solve. The task is written with the settlement if that follows at once. */
function solve(ledger: Ledger): void {
  const id = randomUUID()
  const now = Date.now()
  reserve(ledger, id, now)
  ledger.attachTask(id, TASK)
  ledger.settle({ reservationId: id, cost: micros(2_990) }, now)
}

function memorySpeed(): BenchRow {
  const ledger = memoryLedger()
  const times: number[] = []
  for (let i = 0; i < 50_000; i++) {
    const began = process.hrtime.bigint()
    solve(ledger)
    times.push(Number(process.hrtime.bigint() - began) / 1e3)
  }
  const value = times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN
  return { name: 'memory: reserve + attachTask + settle, p50', value, unit: 'µs', target: '≤ 3', ok: value <= 3 }
}

function memorySize(): BenchRow {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const ledger = memoryLedger()
  solve(ledger)
  gc()
  const before = process.memoryUsage().heapUsed
  const now = Date.now()
  for (let i = 0; i < 10_000; i++) {
    const id = randomUUID()
    reserve(ledger, id, now)
    ledger.attachTask(id, { ...TASK, taskId: String(2_122_988_149 + i) })
  }
  gc()
  const value = (process.memoryUsage().heapUsed - before) / 10_000 / 1024
  // A reference until here, so that the ledger is not collected before it is measured.
  const kept = ledger.usage('checkout-tests', now).active
  return {
    name: `memory: size of each of ${kept} open reservations`,
    value,
    unit: 'KiB',
    target: '≤ 1',
    ok: value <= 1,
  }
}

/** A file with the ledger's settings, and one row to write: the minimum for any count in SQLite. */
function bareTransactions(sqlite: SqliteDriver, file: string): { insert(): void; update(): void; close(): void } {
  const db = sqlite.connect(file, 0)
  db.exec('PRAGMA page_size = 1024')
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000')
  db.exec('CREATE TABLE spent (id TEXT, owner TEXT, amount INTEGER, deadline INTEGER); CREATE TABLE sum (n INTEGER)')
  db.exec('INSERT INTO sum VALUES (0)')
  const insert = db.prepare('INSERT INTO spent VALUES (?, ?, ?, ?)')
  const update = db.prepare('UPDATE sum SET n = n + ?')
  return {
    insert() {
      db.exec('BEGIN IMMEDIATE')
      insert.run([randomUUID(), 'bench', 3_000, Date.now()])
      db.exec('COMMIT')
    },
    update() {
      db.exec('BEGIN IMMEDIATE')
      update.run([3_000])
      db.exec('COMMIT')
    },
    close() {
      db.close()
    },
  }
}

async function fileSpeed(dir: string): Promise<BenchRow[]> {
  const ledger = fileLedger({ dir: join(dir, 'speed') })
  await ledger.open()
  const bare = bareTransactions(await loadSqlite(), join(dir, 'bare.db'))
  const [solved = 0, apart = 0, insert = 0, update = 0] = await mediansByTurns([
    () => solve(ledger),
    async () => {
      const id = randomUUID()
      reserve(ledger, id, Date.now())
      ledger.attachTask(id, TASK)
      await macrotask()
      ledger.settle({ reservationId: id, cost: micros(2_990) }, Date.now())
    },
    bare.insert,
    bare.update,
  ])
  bare.close()
  await ledger.close()
  const row = (name: string, value: number, against: string, baseline: number, max?: number): BenchRow => {
    const ratio = value / baseline
    const goal = max === undefined ? {} : { target: `≤ ${max} ×`, ok: ratio <= max }
    return { name, value, unit: 'µs', against, baseline, ratio, ...goal }
  }
  const name = 'file: reserve + attachTask + settle, p50'
  return [
    row(name, solved, 'a bare transaction that inserts a row', insert, 3),
    row(name, solved, 'a bare transaction that updates one number', update),
    row(
      'file: reserve + attachTask + settle, the task written separately, p50',
      apart,
      'a bare transaction that inserts a row',
      insert,
    ),
  ]
}

async function twoProcesses(dir: string): Promise<BenchRow> {
  const seconds = 2
  const args = ['scripts/run.mjs', 'bench/ledger-worker.ts', join(dir, 'shared'), String(seconds)]
  const children = [0, 1].map(() => spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')))
  const counts = await Promise.all(
    children.map(async ({ stdin, stdout }) => {
      stdin.end('go\n')
      const [output] = (await once(stdout, 'data')) as [Buffer]
      return Number(String(output))
    }),
  )
  const value = counts.reduce((a, b) => a + b) / seconds
  return {
    name: 'file: two processes reserve + settle',
    value,
    unit: 'solves/s together',
    target: '≥ 5,000',
    ok: value >= 5_000,
  }
}

/** A ledger file with this many solves in the last 24 hours. The state is written directly, with the same content. */
async function aged(dir: string, solves: number): Promise<Ledger> {
  const ledger = fileLedger({ dir })
  await ledger.open()
  await ledger.close()
  const state = new LedgerState()
  const began = Date.now() - 24 * 3_600_000
  const path = PATH.map(({ id }) => id)
  for (let i = 0; i < solves; i++) {
    const at = state.advance(Math.floor(began + (i / solves) * 24 * 3_600_000))
    state.addReservation(`old-${i}`, 'bench', 3_000, at + 120_000, path, [], at)
    // One in a thousand was never settled.
    if (i % 1_000 !== 0) state.settle(`old-${i}`, 2_990 as Money, at)
  }
  const db = (await loadSqlite()).connect(join(dir, 'ledger.db'), 0)
  db.prepare('UPDATE snapshot SET state = ?').run([JSON.stringify(state.state())])
  db.close()
  const old = fileLedger({ dir })
  await old.open()
  return old
}

async function history(dir: string): Promise<BenchRow> {
  const [few, many] = [await aged(join(dir, 'few'), 1_000), await aged(join(dir, 'many'), 1_000_000)]
  const [baseline = 0, value = 0] = await mediansByTurns([() => solve(few), () => solve(many)])
  await few.close()
  await many.close()
  const ratio = value / baseline
  return {
    name: 'file: a solve after 1,000,000 others',
    value,
    unit: 'µs',
    against: 'after 1,000',
    baseline,
    ratio,
    target: '≤ 1.1 ×',
    ok: ratio <= 1.1,
  }
}

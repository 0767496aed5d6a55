import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { jsonlAudit } from '../src/audit/jsonl.js'
import type { AuditSink } from '../src/audit/sink.js'
import { systemClock } from '../src/base/clock.js'
import type { Call, Reply } from '../src/base/wire.js'
import type { Transport } from '../src/egress/transport.js'
import { composeGuard } from '../src/guard/compose.js'
import { loadTelemetry } from '../src/guard/observability/load-telemetry.js'
import type { Telemetry } from '../src/guard/observability/telemetry.js'
import type { Guard } from '../src/guard/types.js'
import { fileLedger } from '../src/ledger/file.js'
import type { Ledger } from '../src/ledger/ledger.js'
import { memoryLedger } from '../src/ledger/memory.js'
import { loadSqlite } from '../src/ledger/sqlite/load.js'
import { usd } from '../src/policy/money.js'
import { parsePolicy } from '../src/policy/schema.js'
import { Secret } from '../src/secrets/secret.js'
import { captchaAI } from '../src/solvers/captchaai.js'
import { median } from './median.js'
import type { BenchRow } from './row.js'

export const challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LdyC2cUAAAAACGuDKpXeDorzUDWXmdqeg-xy696',
  pageUrl: 'https://staging.example.com/login?next=/cart',
} as const

const SITEKEY_ANSWER = `03AF${'x'.repeat(500)}`

/** A service that answers at once, so that only the guard's own time is measured. */
export function instantService(gate?: Promise<void>): Transport {
  let tasks = 0
  return {
    route: 'direct',
    verify() {},
    async send({ path }: Call): Promise<Reply> {
      if (path === '/in.php') return json(`{"status":1,"request":"${++tasks}"}`)
      await gate
      return json(`{"status":1,"request":"${SITEKEY_ANSWER}"}`)
    },
    async close() {},
  }
}

function json(body: string): Reply {
  return { status: 200, contentType: 'application/json', body }
}

/** A sink that writes nothing, to measure the guard without its audit log. */
export const noSink: AuditSink = { kind: 'none', open() {}, write: () => undefined, close() {} }

export function benchGuard(
  ledger: Ledger,
  sink: AuditSink,
  transport: Transport,
  telemetry?: Telemetry,
): Promise<Guard> {
  const versions = { current: { value: new Secret('0123456789abcdef0123456789abcdef'), version: '1' } }
  return composeGuard(
    parsePolicy({
      origins: ['https://staging.example.com', 'https://*.qa.example.com'],
      budget: { perDay: usd(100_000), concurrent: 100_000, perMinute: 100_000 },
      schedule: {
        timeZone: 'Europe/Berlin',
        windows: [{ days: 'Mon-Sun', from: '00:00', to: '24:00' }],
      },
    }),
    {
      name: 'bench',
      clock: systemClock,
      accounts: [
        {
          name: 'captchaai',
          solver: captchaAI({ baseUrl: 'http://127.0.0.1:9', polling: { firstPollMs: 0, everyMs: 0 } }),
          secret: { kind: 'bench', place: 'the benchmark', fetch: () => versions },
          transport: () => transport,
        },
      ],
      ledger,
      sink,
      telemetry,
      tokenKeys: { kind: 'bench', place: 'the benchmark', fetch: () => versions },
    },
  )
}

/** The median time of an asynchronous action, in µs. */
async function p50(times: number, action: () => unknown): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < times; i++) {
    const start = process.hrtime.bigint()
    await action()
    took.push(Number(process.hrtime.bigint() - start) / 1000)
  }
  took.sort((a, b) => a - b)
  return took[times >> 1] as number
}

export async function guardBench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-bench-'))
  try {
    return [
      await allowedInMemory(),
      ...(await allowedOnDisk(folder)),
      ...(await deniedRows()),
      await memoryRow(),
      // Last: AsyncLocalStorage, which separates the traces of several solves, slows a process down even after it is
      // disabled.
      ...(await observed()),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function allowedInMemory(observed = '', telemetry?: Telemetry): Promise<BenchRow> {
  const guard = await benchGuard(memoryLedger(), noSink, instantService(), telemetry)
  await p50(5_000, () => guard.solve(challenge))
  const value = await p50(10_000, () => guard.solve(challenge))
  await guard.close()
  return {
    name: `allowed solve, memory ledger, no-op sink${observed}: p50`,
    value,
    unit: 'µs',
    target: '≤ 20 µs',
    ok: value <= 20,
  }
}

/** The same with OpenTelemetry's API alone, and then with an SDK, which handles three spans and all measurements. */
async function observed(): Promise<BenchRow[]> {
  const withoutSdk = await allowedInMemory(', OpenTelemetry without an SDK', await loadTelemetry())
  const tracing = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ export() {}, async shutdown() {} })],
  })
  trace.setGlobalTracerProvider(tracing)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  metrics.setGlobalMeterProvider(new MeterProvider())
  const { target, ok, ...withSdk } = await allowedInMemory(', OpenTelemetry with its SDK', await loadTelemetry())
  for (const api of [trace, context, metrics]) api.disable()
  return [withoutSdk, withSdk]
}

/**
 * All layers with files, against SQLite alone: a transaction with the minimum that any hard cap needs (read the sum,
 * insert the reservation, update the sum), and one that only inserts a row.
 */
async function allowedOnDisk(folder: string): Promise<BenchRow[]> {
  const db = (await loadSqlite()).connect(join(folder, 'bare.db'), 0)
  db.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE reservation (id INTEGER PRIMARY KEY, budget TEXT NOT NULL, amount INTEGER NOT NULL);
    CREATE TABLE budget (name TEXT PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO budget VALUES ('bench', 0);
  `)
  const begin = db.prepare('BEGIN IMMEDIATE')
  const read = db.prepare('SELECT used FROM budget WHERE name = ?')
  const insert = db.prepare('INSERT INTO reservation (budget, amount) VALUES (?, ?)')
  const update = db.prepare('UPDATE budget SET used = used + ? WHERE name = ?')
  const commit = db.prepare('COMMIT')
  const reserveAlone = (): void => {
    begin.run([])
    read.get(['bench'])
    insert.run(['bench', 3000])
    update.run([3000, 'bench'])
    commit.run([])
  }
  const insertAlone = (): void => {
    begin.run([])
    insert.run(['bench', 3000])
    commit.run([])
  }
  const guard = await benchGuard(
    fileLedger({ dir: folder }),
    jsonlAudit({ dir: join(folder, 'audit') }),
    instantService(),
  )
  // In turn, so that all see the machine and its caches in the same state.
  const works = [() => guard.solve(challenge), reserveAlone, insertAlone]
  const times: number[][] = works.map(() => [])
  for (let round = 0; round < 8_000; round++) {
    for (const [i, work] of works.entries()) times[i]?.push(await p50(1, work))
    // As in any process, the event loop turns now and then, so that background writes are done.
    if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await guard.close()
  db.close()
  const [value, reserve, bare] = times.map((list) => median(list.slice(2_000))) as [number, number, number]
  const row = { name: 'allowed solve, file ledger, audit file: p50', value, unit: 'µs' }
  return [
    {
      ...row,
      against: 'a bare SQLite transaction: read, insert, update',
      baseline: reserve,
      ratio: value / reserve,
      target: '≤ 4 ×',
      ok: value / reserve <= 4,
    },
    { ...row, against: 'a bare SQLite transaction: insert', baseline: bare, ratio: value / bare },
  ]
}

async function deniedRows(): Promise<BenchRow[]> {
  const guard = await benchGuard(memoryLedger(), noSink, instantService())
  const closed = guard.narrow({
    schedule: { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon', from: '00:00', to: '00:01' }] },
  })
  const elsewhere = { ...challenge, pageUrl: 'https://elsewhere.example/login' }
  const attempts: [string, () => Promise<unknown>][] = [
    ['origin', () => guard.solve(elsewhere).catch(() => {})],
    ['schedule', () => closed.solve(challenge).catch(() => {})],
  ]
  const rows: BenchRow[] = []
  for (const [layer, attempt] of attempts) {
    await p50(5_000, attempt)
    const value = await p50(10_000, attempt)
    rows.push({ name: `denied solve (${layer}): p50`, value, unit: 'µs', target: '≤ 10 µs', ok: value <= 10 })
  }
  await guard.close()
  return rows
}

async function memoryRow(): Promise<BenchRow> {
  const count = 10_000
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const guard = await benchGuard(memoryLedger(), noSink, instantService(gate))
  const before = heap()
  const solves = Array.from({ length: count }, () => guard.solve(challenge))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const value = (heap() - before) / count / 1024
  open()
  await Promise.all(solves)
  await guard.close()
  return { name: `memory for each of ${count} solves under way`, value, unit: 'KiB', target: '≤ 5 KiB', ok: value <= 5 }
}

function heap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

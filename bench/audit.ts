import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createDenialLog } from '../src/audit/denials.js'
import { jsonlAudit } from '../src/audit/jsonl.js'
import { toRecord } from '../src/audit/record.js'
import type { AuditEvent } from '../src/audit/sink.js'
import { systemClock } from '../src/base/clock.js'
import { usd } from '../src/policy/money.js'
import type { BenchRow } from './row.js'

const authorized: AuditEvent = {
  action: 'authorized',
  at: Date.now(),
  guard: 'checkout-tests',
  solveId: '01JDZ3M8Q0',
  path: ['checkout-tests', 'context-1'],
  subject: 'ci-4711',
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
  page: 'https://staging.example.com/login',
  solver: 'captchaai',
  keyVersion: '3',
  keyFingerprint: '0123456789abcdef',
  egress: 'direct',
  reserved: usd(0.003),
}

const CALLS = 10_000
const BATCH = 20

/** The time to write an audit record, against a common logger that writes the same object to a file in one call. */
export async function auditBench(): Promise<BenchRow[]> {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-bench-'))
  const sink = jsonlAudit({ dir: join(dir, 'audit') })
  await sink.open('bench', Date.now())
  const destination = pino.destination({ dest: join(dir, 'pino.log'), sync: true })
  const logger = pino(destination)
  const record = toRecord(authorized)
  const batch = Array.from({ length: BATCH }, () => authorized)

  try {
    const writes = {
      single: () => sink.write([authorized]),
      batch: () => sink.write(batch),
      pino: () => logger.info(record),
    }
    const figures = medians(writes, 1)
    const single = figures.single / 1000
    const perRecord = figures.batch / BATCH / 1000
    const baseline = figures.pino / 1000
    return [
      {
        name: 'audit: one record, hash-chained, passed to the operating system before the call returns',
        value: single,
        unit: 'µs',
        against: 'pino: the same object, file, sync',
        baseline,
        ratio: single / baseline,
        target: '≤ 10 µs',
        ok: single <= 10,
      },
      {
        name: `audit: each record of a batch of ${BATCH}`,
        value: perRecord,
        unit: 'µs',
        target: '≤ 10 µs',
        ok: perRecord <= 10,
      },
      ...denialRows(),
    ]
  } finally {
    await sink.close()
    destination.end()
    rmSync(dir, { recursive: true, force: true })
  }
}

function denialRows(): BenchRow[] {
  const denied: AuditEvent = { ...authorized, action: 'denied', code: 'ORIGIN_NOT_NAMED', layer: 'origin' }
  const flood = Array.from({ length: 10_000 }, (_, index) => ({ ...denied, page: `https://example.com/${index}` }))
  const log = () => createDenialLog({ clock: systemClock, write: () => {} })
  const [same, different] = [log(), log()]
  let next = 0
  const adds = {
    same: () => same.add(denied),
    different: () => different.add(flood[next++ % flood.length] ?? denied),
  }
  const figures = medians(adds, 250)
  void same.flush()
  void different.flush()
  const row = (name: string, value: number): BenchRow => {
    return { name: `audit: add a denial, ${name}`, value, unit: 'ns', target: '< 1,000 ns', ok: value < 1000 }
  }
  return [row('always the same one', figures.same), row('10,000 different ones', figures.different)]
}

/**
 * Median time of one call, in ns. The calls are measured in turn, so that all see the machine in the same state. The
 * first half is warm-up.
 *
 * @param callsPerSample 1 if a call takes much longer than reading the clock
 */
function medians<K extends string>(
  calls: Readonly<Record<K, () => unknown>>,
  callsPerSample: number,
): Record<K, number> {
  const names = Object.keys(calls) as K[]
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>
  const samples = Math.ceil(CALLS / callsPerSample)
  for (let sample = 0; sample < 2 * samples; sample++) {
    for (const name of names) {
      const call = calls[name]
      const start = process.hrtime.bigint()
      for (let count = 0; count < callsPerSample; count++) call()
      if (sample >= samples) times[name].push(Number(process.hrtime.bigint() - start) / callsPerSample)
    }
  }
  const median = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<K, number>
}

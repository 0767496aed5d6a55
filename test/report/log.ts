import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import type { ChainHead } from '../../src/base/chain.js'
import { type Money, micros } from '../../src/policy/money.js'

export const NOON = Date.UTC(2026, 10, 24, 12)
export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const GUARD = 'checkout-tests'

/** Writes a log of one process. Returns the last head of each of its files. */
export async function writeLog(dir: string, events: readonly AuditEvent[], guard = GUARD): Promise<ChainHead[]> {
  const sink = jsonlAudit({ dir })
  const heads: ChainHead[] = []
  await sink.open(guard, events[0]?.at ?? NOON)
  for (const event of events) {
    await sink.write([event])
    if (sink.head) heads.push(sink.head)
  }
  await sink.close()
  if (sink.head) heads.push(sink.head)
  return [...new Map(heads.map((head) => [head.file, head])).values()]
}

let last = 0

export interface SolveOptions extends Partial<AuditEvent> {
  readonly takes?: number
  readonly charge?: number
  readonly ends?: 'solved' | 'failed' | 'never'
}

/** The records of one solve. */
export function solve({ takes = 12_000, charge = 1_000, ends = 'solved', ...more }: SolveOptions = {}): AuditEvent[] {
  const solveId = more.solveId ?? `solve-${++last}`
  const taskId = more.taskId ?? `task-${last}`
  const at = more.at ?? NOON
  const facts = {
    guard: GUARD,
    path: [GUARD],
    subject: 'anna',
    family: 'recaptcha',
    variant: 'v2-checkbox',
    sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
    page: 'https://staging.example.com/login',
    solver: 'captchaai',
    keyVersion: '3',
    keyFingerprint: '0123456789abcdef',
    ...more,
    solveId,
  }
  const reserved = micros(3_000)
  const records: AuditEvent[] = [
    { ...facts, action: 'authorized', at, reserved },
    { ...facts, action: 'submitted', at: at + 300, taskId },
  ]
  if (ends === 'never') return records
  const end = { action: ends, at: at + takes, taskId, reserved, cost: charge as Money, durationMs: takes } as const
  return [...records, { ...facts, ...end, ...(ends === 'failed' && { code: 'SOLVE_TIMEOUT' }) }]
}

export function denial(more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    ...{ action: 'denied', at: NOON, guard: GUARD, path: [GUARD], page: 'https://other.example/' },
    ...{ code: 'ORIGIN_NOT_NAMED', layer: 'origin', ...more },
  }
}

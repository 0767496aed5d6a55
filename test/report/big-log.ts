import { mkdirSync } from 'node:fs'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import { DAY, solve } from './log.js'

/**
 * Writes about so many records: days of solves by many subjects on many pages, as a busy team has them.
 *
 * @param end when the last day ends, wall-clock ms
 * @returns how many solves there are, each of 1,000 micro-dollars
 */
export async function writeBigLog(dir: string, records: number, end: number, days = 30): Promise<number> {
  mkdirSync(dir, { recursive: true })
  const perDay = Math.ceil(records / 3 / days)
  let solves = 0
  for (let day = 0; day < days; day++) {
    const from = end - (days - day) * DAY
    const sink = jsonlAudit({ dir })
    await sink.open('checkout-tests', from)
    let batch: AuditEvent[] = []
    for (let i = 0; i < perDay; i++) {
      const id = solves++
      const at = from + Math.floor((i * (DAY - 60_000)) / perDay)
      const ids = { solveId: `3f6c9d52-0c5b-4e0e-9a53-${String(id).padStart(12, '0')}`, taskId: `${7e10 + id}` }
      const who = { subject: `build-${id % 1_500}`, page: `https://shop-${id % 40}.example.com/login` }
      batch.push(...solve({ ...ids, ...who, at, takes: 5_000 + ((id * 7919) % 50_000) }))
      if (batch.length >= 600 || i === perDay - 1) {
        await sink.write(batch)
        batch = []
      }
    }
    await sink.close()
  }
  return solves
}

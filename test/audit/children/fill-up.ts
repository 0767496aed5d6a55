// Started with a limit on the size of its files: writes batches until one is refused, then single records until one of
// those is refused too, and writes the result as JSON.
import { jsonlAudit } from '../../../src/audit/jsonl.js'
import type { AuditEvent } from '../../../src/audit/sink.js'
import { authorized } from '../events.js'

const [, , dir, durability] = process.argv
const sink = jsonlAudit({ dir, durability: durability === 'power' ? 'power' : 'process' })
await sink.open('checkout-tests', Date.now())
const written: string[] = []
const refusals: unknown[] = []
for (const size of [7, 1]) {
  for (let round = 0; round < 1000 && refusals.length < 2; round++) {
    const batch: AuditEvent[] = []
    for (let index = 0; index < size; index++) batch.push({ ...authorized, solveId: `${size}.${round}.${index}` })
    try {
      await sink.write(batch)
      written.push(...batch.map((event) => event.solveId ?? ''))
    } catch (error) {
      refusals.push(error)
      break
    }
  }
}
console.log(JSON.stringify({ written, refusals }))

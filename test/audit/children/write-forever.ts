// Writes batch after batch until it is killed, and prints the head after each write that is done.
import { writeSync } from 'node:fs'
import { jsonlAudit } from '../../../src/audit/jsonl.js'
import { authorized } from '../events.js'

const sink = jsonlAudit({ dir: process.argv[2] })
await sink.open('checkout-tests', Date.now())
for (let round = 0; ; round++) {
  const batch = Array.from({ length: 1 + (round % 40) }, (_, index) => ({
    ...authorized,
    solveId: `${round}.${index}`,
  }))
  await sink.write(batch)
  writeSync(1, `${JSON.stringify(sink.head)}\n`)
}

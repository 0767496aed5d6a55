import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readLines } from './read-lines.js'

/** How much of a day's log is read, bytes. Of a longer log the sum is a part. */
const MAX_BYTES = 32 * 1024 * 1024
const COST = '"cost_micros":'

/** The part of a record that is read here. */
interface CostRecord {
  readonly service?: { readonly name?: unknown }
  readonly solveguard?: { readonly cost_micros?: unknown; readonly imputed?: unknown }
}

/**
 * What a guard's solves of one day (UTC) have cost by the log in a folder, micro-dollars: at least that much was spent.
 * Skips what cannot be read.
 */
export async function spentInAudit(dir: string, guard: string, day: string): Promise<number> {
  const names = (await readdir(dir)).filter((name) => name.startsWith(day) && name.endsWith('.jsonl'))
  let sum = 0
  let left = MAX_BYTES
  for (const name of names.sort()) {
    const file = await open(join(dir, name))
    try {
      for await (const { bytes, end } of readLines(file)) {
        left -= bytes.length
        if (left < 0) return sum
        if (end === 'whole' && bytes.includes(COST)) sum += costIn(bytes, guard)
      }
    } finally {
      await file.close()
    }
  }
  return sum
}

function costIn(line: Buffer, guard: string): number {
  try {
    const { service, solveguard } = JSON.parse(line.toString()) as CostRecord
    const cost = solveguard?.cost_micros
    // An imputed cost is no money.
    const counts = service?.name === guard && solveguard?.imputed !== true && Number.isSafeInteger(cost)
    return counts ? Math.max(0, Number(cost)) : 0
  } catch {
    return 0
  }
}

import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readLines } from './read-lines.js'

/** How much of a day's log is read, bytes. Of a longer log the sum is a part. */
const MAX_BYTES = 32 * 1024 * 1024
const COST = '"cost_micros":'

/** The part of a record that is read here. */
interface CostRecord {
  readonly service?: { readonly name?: unknown }
  readonly solveguard?: {
    readonly cost_micros?: unknown
    readonly imputed?: unknown
    readonly solver?: unknown
    readonly task_id?: unknown
  }
}

/**
 * What a guard's solves of one day (UTC) have cost by the log in a folder, micro-dollars: at least that much was spent.
 * A task counts once: several processes may have followed it, each with a record, and it was settled by one of them.
 * Skips what cannot be read.
 */
export async function spentInAudit(dir: string, guard: string, day: string): Promise<number> {
  const names = (await readdir(dir)).filter((name) => name.startsWith(day) && name.endsWith('.jsonl'))
  const costs = new Map<string, number>()
  let left = MAX_BYTES
  for (const name of names.sort()) {
    const file = await open(join(dir, name))
    try {
      for await (const { bytes, end } of readLines(file)) {
        left -= bytes.length + 1
        if (left < 0) return sumOf(costs)
        if (end === 'whole' && bytes.includes(COST)) addCost(costs, bytes, guard)
      }
    } finally {
      await file.close()
    }
  }
  return sumOf(costs)
}

/** Adds the cost in a record, by its task. Of several for one task the lowest may be what was settled. */
function addCost(costs: Map<string, number>, line: Buffer, guard: string): void {
  try {
    const { service, solveguard } = JSON.parse(line.toString()) as CostRecord
    const cost = solveguard?.cost_micros
    // An imputed cost is no money.
    const counts = service?.name === guard && solveguard?.imputed !== true && Number.isSafeInteger(cost)
    if (!counts) return
    const { solver, task_id: taskId } = solveguard ?? {}
    // A submit whose outcome is unknown has no task, and a record of its own.
    const task = typeof taskId === 'string' && taskId !== '' ? `${solver} ${taskId}` : `#${costs.size}`
    costs.set(task, Math.min(costs.get(task) ?? Number.POSITIVE_INFINITY, Math.max(0, Number(cost))))
  } catch {
    // Not a record of this package.
  }
}

function sumOf(costs: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const cost of costs.values()) sum += cost
  return sum
}

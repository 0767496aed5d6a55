import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copyAudit } from '../audit/copy.js'
import { jsonlAudit } from '../audit/jsonl.js'
import type { AuditSink } from '../audit/sink.js'
import { verifyAudit } from '../audit/verify.js'
import { memoryAudit } from '../testing/audit.js'
import type { AuditStandIn } from './setup.js'

/** The audit sinks of a scenario, and what was written to them. */
export interface DrillAudit {
  readonly sinks: readonly AuditSink[]
  /** What is wrong with the records of the first required sink, if anything. Called once the sinks are closed. */
  problem(tasks: number): Promise<string | undefined>
}

/**
 * Sinks of the configuration's kinds, in a folder of the drill's own.
 *
 * @param isDown whether the required ones fail now
 */
export function drillAudit(kinds: readonly AuditStandIn[], folder: string, isDown: () => boolean): DrillAudit {
  const memories: ReturnType<typeof memoryAudit>[] = []
  const sinks = kinds.map((kind) => {
    if (kind === 'jsonl') return failing(jsonlAudit({ dir: folder }), isDown)
    const memory = memoryAudit()
    if (kind === 'copy') return copyAudit(memory)
    memories.push(memory)
    return failing(memory, isDown)
  })
  return {
    sinks,
    async problem(tasks) {
      if (kinds.includes('jsonl')) {
        const { ok, firstBad } = await verifyAudit(folder)
        if (!ok) return `the audit log does not verify: ${firstBad?.reason}`
      }
      const authorized = kinds.includes('jsonl')
        ? await authorizedIn(folder)
        : (memories[0]?.events.filter(({ action }) => action === 'authorized').length ?? 0)
      if (authorized >= tasks) return undefined
      return `${tasks} tasks were submitted, and the audit log has ${authorized} of them: solves without a record`
    },
  }
}

async function authorizedIn(folder: string): Promise<number> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'))
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => {
      if (line === '') return false
      const record = JSON.parse(line) as { readonly event?: { readonly action?: unknown } }
      return record.event?.action === 'authorized'
    }).length
}

/** The same object, whose methods throw while `isDown` returns true. */
export function failing<T extends object>(target: T, isDown: () => boolean): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (name !== 'close' && isDown()) throw new Error('it is away, as the drill wants it')
        return Reflect.apply(value, object, args)
      }
    },
  })
}

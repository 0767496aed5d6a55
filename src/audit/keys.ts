import { join } from 'node:path'
import { messageOf, SolveguardError } from '../base/errors.js'
import { type AuditTarget, filesOf, openLog } from './files.js'

/** The use of one key, as an audit log shows it. */
export interface AuditedKey {
  /** The key's fingerprint: the same in every process and log. */
  readonly fingerprint: string
  /** The key's version in its secret store, as of the last record. */
  readonly version: string
  /** The account or service that it was used with. */
  readonly solver?: string | undefined
  /** Solves with the key that succeeded. */
  readonly solved: number
  /** Solves with the key that failed. */
  readonly failed: number
  /** Solves without an end in the log: not finished yet, or of processes that died. */
  readonly open: number
  /** The time of its first record. */
  readonly firstUsedAt: Date
  /** The time of its last record. */
  readonly lastUsedAt: Date
}

type Counted = { -readonly [K in keyof AuditedKey]: AuditedKey[K] }

/** The records that end a solve, and the count that each adds to. */
const ENDS: Readonly<Record<string, 'solved' | 'failed' | undefined>> = {
  solved: 'solved',
  failed: 'failed',
  recovered: 'solved',
}

/**
 * Counts solves by key, in one file or all `*.jsonl` files of a folder; the most recently used key is first. Shows
 * which key may be revoked, and whether one was used when it should not have been. Skips lines that cannot be read, and
 * does not check whether the log was altered: `verifyAudit` does.
 *
 * @throws SolveguardError `CONFIG_INVALID` when there is no such file or folder, or one that cannot be read
 * @example
 * for (const { version, solved, lastUsedAt } of await keysInAudit('.solveguard/audit')) console.log(version, solved,
 * lastUsedAt)
 */
export async function keysInAudit(target: AuditTarget): Promise<AuditedKey[]> {
  const { dir, names } = await filesOf(target)
  const count = new Count()
  for (const name of names) await readInto(count, join(dir, name))
  return count.result()
}

async function readInto(count: Count, path: string): Promise<void> {
  try {
    const file = await openLog(path)
    try {
      for await (const { bytes, end } of file.lines()) if (end === 'whole') count.add(bytes.toString())
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new SolveguardError('CONFIG_INVALID', `The audit log ${path} cannot be read (${messageOf(error)}).`, {
      cause: error,
    })
  }
}

/** The part of a record that is read here. */
interface KeyRecord {
  readonly '@timestamp'?: unknown
  readonly event?: { readonly action?: unknown; readonly outcome?: unknown }
  readonly solveguard?: {
    readonly solve_id?: unknown
    readonly solver?: unknown
    readonly task_id?: unknown
    readonly key?: { readonly version?: unknown; readonly fingerprint?: unknown }
  }
}

class Count {
  readonly #keys = new Map<string, Counted>()
  /** Solves that have begun and not ended, with their key. */
  readonly #begun = new Map<string, string>()
  /** Solves whose end was read before their beginning: another process wrote it, to another file. */
  readonly #ended = new Set<string>()
  /** Tasks that were taken over: a process that died after its record left them to another, which records them too. */
  readonly #recovered = new Set<string>()

  add(line: string): void {
    let record: KeyRecord
    try {
      record = JSON.parse(line)
    } catch {
      return
    }
    const { event, solveguard } = record ?? {}
    const fingerprint = solveguard?.key?.fingerprint
    const at = Date.parse(String(record?.['@timestamp']))
    if (typeof fingerprint !== 'string' || typeof event?.action !== 'string' || Number.isNaN(at)) return
    // That is a use of the solution in a page, not of the key.
    if (event.action === 'injected') return
    const key = this.#key(fingerprint, at)
    key.version = String(solveguard?.key?.version ?? key.version)
    key.solver = typeof solveguard?.solver === 'string' ? solveguard.solver : key.solver
    if (at < key.firstUsedAt.getTime()) key.firstUsedAt = new Date(at)
    if (at > key.lastUsedAt.getTime()) key.lastUsedAt = new Date(at)
    const id = String(solveguard?.solve_id)
    if (event.action === 'authorized') this.#begin(id, fingerprint)
    const ends = ENDS[event.action]
    if (!ends) return
    if (event.action === 'recovered') {
      const task = `${id} ${solveguard?.task_id}`
      if (this.#recovered.has(task)) return
      this.#recovered.add(task)
    }
    key[event.outcome === 'failure' ? 'failed' : ends]++
    if (!this.#begun.delete(id)) this.#ended.add(id)
  }

  result(): AuditedKey[] {
    for (const fingerprint of this.#begun.values()) {
      const key = this.#keys.get(fingerprint)
      if (key) key.open++
    }
    return [...this.#keys.values()].sort((a, b) => b.lastUsedAt.getTime() - a.lastUsedAt.getTime())
  }

  #begin(id: string, fingerprint: string): void {
    if (!this.#ended.delete(id)) this.#begun.set(id, fingerprint)
  }

  #key(fingerprint: string, at: number): Counted {
    let key = this.#keys.get(fingerprint)
    if (!key) {
      const when = new Date(at)
      key = { fingerprint, version: '', solved: 0, failed: 0, open: 0, firstUsedAt: when, lastUsedAt: when }
      this.#keys.set(fingerprint, key)
    }
    return key
  }
}

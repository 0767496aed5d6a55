import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, SolveguardError } from '../base/errors.js'
import { type AuditTarget, filesOf } from './files.js'
import { readLines } from './read-lines.js'

/** What an audit log says of one key. */
export interface AuditedKey {
  /** The key's fingerprint, which is the same everywhere. */
  readonly fingerprint: string
  /** What the store called it, last. */
  readonly version: string
  /** The account or service that it was used at. */
  readonly solver?: string | undefined
  readonly solved: number
  readonly failed: number
  /** Solves of whose end the log says nothing: under way, or of processes that died. */
  readonly open: number
  readonly firstUsedAt: Date
  readonly lastUsedAt: Date
}

type Counted = { -readonly [K in keyof AuditedKey]: AuditedKey[K] }

/** The records that a key's use is told by, and which count they add to. */
const ENDS: Readonly<Record<string, 'solved' | 'failed' | undefined>> = {
  solved: 'solved',
  failed: 'failed',
  recovered: 'solved',
}

/**
 * Counts solves by key, in one file or all `*.jsonl` files of a folder, the key that was used last first: which one may be revoked, and
 * whether one was used when it should not have been. Whether the log was altered is for `verifyAudit` to say; a line that cannot be read
 * is passed over.
 *
 * @throws SolveguardError `CONFIG_INVALID` when there is no such file or folder, or one that cannot be read
 * @example
 * for (const { version, solved, lastUsedAt } of await keysInAudit('.solveguard/audit')) console.log(version, solved, lastUsedAt)
 */
export async function keysInAudit(target: AuditTarget): Promise<AuditedKey[]> {
  const { dir, names } = await filesOf(target)
  const count = new Count()
  for (const name of names) await readInto(count, join(dir, name))
  return count.result()
}

async function readInto(count: Count, path: string): Promise<void> {
  try {
    const file = await open(path)
    try {
      for await (const { bytes, end } of readLines(file)) if (end === 'whole') count.add(bytes.toString())
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new SolveguardError('CONFIG_INVALID', `The audit log ${path} cannot be read (${messageOf(error)}).`, {
      cause: error,
    })
  }
}

/** What we read of a record. */
interface Told {
  readonly '@timestamp'?: unknown
  readonly event?: { readonly action?: unknown; readonly outcome?: unknown }
  readonly solveguard?: {
    readonly solve_id?: unknown
    readonly solver?: unknown
    readonly key?: { readonly version?: unknown; readonly fingerprint?: unknown }
  }
}

class Count {
  readonly #keys = new Map<string, Counted>()
  /** Solves that have begun, with their key. */
  readonly #begun = new Map<string, string>()
  /** Solves whose end was read before their beginning: another process wrote it, in another file. */
  readonly #ended = new Set<string>()

  add(line: string): void {
    let record: Told
    try {
      record = JSON.parse(line)
    } catch {
      return
    }
    const { event, solveguard } = record ?? {}
    const fingerprint = solveguard?.key?.fingerprint
    const at = Date.parse(String(record?.['@timestamp']))
    if (typeof fingerprint !== 'string' || typeof event?.action !== 'string' || Number.isNaN(at)) return
    // Into a page, not to the service.
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

import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import type { MaybePromise } from '../base/async.js'
import type { ChainHead } from '../base/chain.js'
import { DeniedError, messageOf, SolveguardError } from '../base/errors.js'
import { makeFolder } from '../base/folder.js'
import { defaultStateDir } from '../base/state-dir.js'
import type { Secret } from '../secrets/secret.js'
import { hashIn, NOTHING_BEFORE, sealRecord } from './chain.js'
import { notOpen } from './errors.js'
import { AppendOnlyFile } from './file.js'
import { type AuditKey, secretAtHand, secretsOf } from './key.js'
import { type RecordPlace, recordJson, saneMs } from './record.js'
import type { AuditEvent, AuditSink } from './sink.js'

/** Where a `jsonlAudit` writes, and what its records survive. */
export interface JsonlAuditOptions {
  /**
   * The folder. It is created if it does not exist.
   * @default `audit` in `SOLVEGUARD_STATE_DIR`, or in `.solveguard` in the project's folder
   */
  dir?: string | undefined
  /**
   * What a written record survives. `process`: the end of the process, by `kill -9` too. `power`: a power failure of
   * the machine as well; every write then waits for the disk.
   * @default 'process'
   */
  durability?: 'process' | 'power' | undefined
  /**
   * The size at which a new file is begun, as at midnight, bytes.
   * @default 268_435_456 (256 MiB)
   */
  maxFileBytes?: number | undefined
  /**
   * Makes the hashes of the chain HMACs: a process that may write the folder but cannot read the key cannot forge a
   * record. At least 32 characters, from a secret provider that is not in the same folder. `verifyAudit` needs it too.
   * @default none: the chain is as good as the heads in the ledger
   */
  key?: AuditKey | undefined
}

interface Current {
  readonly file: AppendOnlyFile
  /** Days since 1970, UTC. */
  readonly day: number
  readonly guard: string
  head: ChainHead
  /** How the file ends after the record of `head`. */
  end: NonNullable<ChainHead['end']>
}

const DAY_MS = 86_400_000
const NEWLINE = 0x0a
const KEY_FIELD = 'jsonlAudit: `key`'
const MIN_FILE_BYTES = 65_536

/**
 * Writes records as JSON lines, hash-chained, one file for each process and day (UTC):
 * `2026-11-24-<pid>-<random>-0001.jsonl`, mode 0600, in a folder with mode 0700. Names sort by day, then process, then
 * time. A file's first record names the file, the guard, and the last record of the file before. Every write is one
 * system call, which is done when `write` returns.
 *
 * Its `write` throws `DeniedError` `AUDIT_UNAVAILABLE` when it could not write everything. Then nothing was written,
 * or, where that cannot be removed again, the file stays as it is and the next write begins another one.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const audit = jsonlAudit({ dir: '/var/log/solveguard', durability: 'power', key: envSecret('AUDIT_KEY') })
 * const guard = await createGuard({ audit, policy: { origins: ['https://staging.example.com'] } })
 */
export function jsonlAudit(options: JsonlAuditOptions = {}): AuditSink {
  const { durability = 'process', maxFileBytes = 256 * 1024 * 1024 } = options
  if (durability !== 'process' && durability !== 'power') {
    throw new SolveguardError('CONFIG_INVALID', "jsonlAudit: `durability` is 'process' or 'power'.")
  }
  if (!Number.isSafeInteger(maxFileBytes) || maxFileBytes < MIN_FILE_BYTES) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `jsonlAudit: \`maxFileBytes\` is a whole number from ${MIN_FILE_BYTES}.`,
    )
  }
  const dir = resolve(options.dir ?? join(defaultStateDir(), 'audit'))
  const key = options.key === undefined ? undefined : (secretAtHand(options.key, KEY_FIELD) ?? options.key)
  return new JsonlAudit(dir, durability === 'power', maxFileBytes, key)
}

class JsonlAudit implements AuditSink {
  readonly kind = 'jsonl'
  readonly place: string
  readonly #sync: boolean
  readonly #maxFileBytes: number
  readonly #key: AuditKey | undefined
  /** The value of `#key`, from `open` on. */
  #secret: Secret | undefined
  #current: Current | undefined
  /** Of the file that was closed last. */
  #lastHead: ChainHead | undefined
  /** The same in the names of all files from one `open` on. */
  #run = ''
  #files = 0

  constructor(dir: string, sync: boolean, maxFileBytes: number, key: AuditKey | undefined) {
    this.place = dir
    this.#sync = sync
    this.#maxFileBytes = maxFileBytes
    this.#key = key
  }

  get head(): ChainHead | undefined {
    return this.#current?.head ?? this.#lastHead
  }

  open(guard: string, now: number): MaybePromise<void> {
    if (this.#current) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'This audit log is open already: make one with jsonlAudit() for each guard.',
      )
    }
    try {
      makeFolder(this.place, 0o700)
    } catch (error) {
      throw unavailable(this.place, error)
    }
    this.#run = `${process.pid}-${randomBytes(6).toString('hex')}`
    this.#files = 0
    if (this.#key === undefined) return this.#openWith(undefined, guard, now)
    const atHand = secretAtHand(this.#key, KEY_FIELD)
    return atHand ? this.#openWith(atHand, guard, now) : this.#fetchKeyAndOpen(this.#key, guard, now)
  }

  #openWith(secret: Secret | undefined, guard: string, now: number): void {
    this.#secret = secret
    this.#current = this.#begin(guard, now)
  }

  async #fetchKeyAndOpen(key: AuditKey, guard: string, now: number): Promise<void> {
    let secret: Secret
    try {
      ;[secret] = await secretsOf(key, KEY_FIELD)
    } catch (error) {
      if (!(error instanceof DeniedError)) throw error
      const message = `The audit log in ${this.place} cannot be opened without its key. ${error.message}`
      throw new DeniedError('AUDIT_UNAVAILABLE', message, { cause: error })
    }
    this.#openWith(secret, guard, now)
  }

  write(events: readonly AuditEvent[]): void {
    const open = this.#current
    if (!open) throw notOpen(`in ${this.place}`)
    const last = events.at(-1)
    if (!last) return
    const current = this.#fits(open, last.at) ? open : this.#follow(open, last.at)

    let { seq, hash } = current.head
    let text = ''
    for (const event of events) {
      const sealed = sealRecord(recordJson(event, { sequence: ++seq }), hash, this.#secret)
      hash = sealed.hash
      text += sealed.line
    }
    try {
      append(current.file, text)
    } catch (error) {
      keepLeft(current, Buffer.from(text).subarray(0, current.file.left))
      throw error
    }
    current.head = { file: current.head.file, seq, hash }
  }

  close(): void {
    const current = this.#current
    if (!current) return
    this.#current = undefined
    this.#lastHead = { ...current.head, end: current.end }
    close(current.file)
  }

  #fits(current: Current, at: number): boolean {
    // A clock that is set back begins no older file.
    return dayOf(at) <= current.day && current.file.size < this.#maxFileBytes && current.file.intact()
  }

  #follow(before: Current, at: number): Current {
    const next = this.#begin(before.guard, Math.max(saneMs(at), before.day * DAY_MS), {
      ...before.head,
      end: before.end,
    })
    this.#current = next
    close(before.file)
    return next
  }

  /**
   * Begins a file with its first record. Does not recreate the folder: if it has vanished (a lost mount), that is an
   * error.
   */
  #begin(guard: string, at: number, continues?: ChainHead): Current {
    const day = dayOf(at)
    // The number also goes up when the file cannot be created: the rest of a failed try must not block the next one.
    const name = `${isoDay(day)}-${this.#run}-${String(++this.#files).padStart(4, '0')}.jsonl`
    const path = join(this.place, name)
    let file: AppendOnlyFile
    try {
      file = new AppendOnlyFile(path, this.#sync)
    } catch (error) {
      throw unavailable(path, error)
    }
    const place: RecordPlace = { sequence: 1, file: { name, continues } }
    const opened = recordJson({ action: 'opened', at, guard }, place)
    const { line, hash } = sealRecord(opened, NOTHING_BEFORE, this.#secret)
    try {
      append(file, line)
    } catch (error) {
      file.remove()
      close(file)
      throw error
    }
    return { file, day, guard, head: { file: name, seq: 1, hash }, end: 'whole' }
  }
}

/** Closes it. Some file systems report only here that they could not write. */
function close(file: AppendOnlyFile): void {
  try {
    file.close()
  } catch (error) {
    throw unavailable(file.path, error)
  }
}

function append(file: AppendOnlyFile, text: string): void {
  try {
    file.append(text)
  } catch (error) {
    throw unavailable(file.path, error)
  }
}

/**
 * Takes note of what a failed write left in the file. Its whole lines are records of the chain, which a retry writes
 * once more; a part of a line is how the file ends.
 */
function keepLeft(current: Current, left: Buffer): void {
  let start = 0
  for (let end = left.indexOf(NEWLINE); end !== -1; end = left.indexOf(NEWLINE, start)) {
    const { file, seq } = current.head
    current.head = { file, seq: seq + 1, hash: hashIn(left.subarray(start, end)) }
    start = end + 1
  }
  if (start < left.length) current.end = 'torn'
}

function dayOf(at: number): number {
  return Math.floor(saneMs(at) / DAY_MS)
}

function isoDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

const WHAT_TO_DO: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on its disk',
  EDQUOT: "Free some space in the user's quota",
  EFBIG: 'Raise the limit on file sizes (ulimit -f), or lower `maxFileBytes`',
  EACCES: 'Give this user permission to write there',
  EPERM: 'Give this user permission to write there',
  EROFS: 'Its file system is mounted read-only: mount it writable, or choose another `dir`',
  ENOENT: 'Its folder is gone: bring it back (is a mount missing?)',
  ENOTDIR: 'A part of its path is a file: choose another `dir`',
  EEXIST: 'It exists and is not a folder: choose another `dir`',
  EMFILE: 'Let the process open more files (ulimit -n)',
  EIO: 'Check its disk',
}

function unavailable(path: string, error: unknown): DeniedError {
  const errno = (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'
  const todo = WHAT_TO_DO[errno] ?? 'Make it writable'
  return new DeniedError(
    'AUDIT_UNAVAILABLE',
    `The audit log ${path} cannot be written (${messageOf(error)}). ${todo}; until then nothing is solved.`,
    { cause: error, details: { path, errno } },
  )
}

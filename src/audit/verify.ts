import { basename, join } from 'node:path'
import { z } from 'zod'
import type { ChainHead } from '../base/chain.js'
import { counted } from '../base/counted.js'
import { messageOf, printable } from '../base/errors.js'
import { check } from '../policy/schema.js'
import type { Secret } from '../secrets/secret.js'
import { matchesSeal, NOTHING_BEFORE, type Seal, sealOf } from './chain.js'
import {
  ARCHIVE_SUFFIX,
  type AuditTarget,
  filesOf,
  isMissing,
  type LogFiles,
  type OpenLog,
  openArchive,
  openLog,
  openPlain,
} from './files.js'
import { type AuditKey, secretsOf } from './key.js'
import { MAX_LINE_BYTES } from './read-lines.js'

/**
 * What is wrong with a line.
 * - `altered`: its bytes do not match its hash.
 * - `key`: it was written with a key and none is given, or without one although one is given.
 * - `out-of-order`: a whole line, but not the one that belongs here: lines were removed, added or swapped.
 * - `rewritten`: it, or lines before it, were replaced with new hashes: a stored head has another one.
 * - `added`: it comes after the last line of the file, or is in a compressed copy beside a file that is not the same.
 * - `cut-off`: the file ends within this line.
 * - `missing`: a line is missing here, or (line 0) a file.
 * - `unknown`: no head knows the file (line 0): it was added, or its process ended before the ledger knew of it.
 * - `unconfirmed`: no head confirms this line and those after it. They were added, or the process still runs, or was
 *   killed before the ledger knew of them.
 * - `renamed`: the file was written under another name.
 * - `unreadable`: not a record, far too long, or the file cannot be read (line 0).
 */
export type Problem =
  | 'altered'
  | 'key'
  | 'out-of-order'
  | 'rewritten'
  | 'added'
  | 'cut-off'
  | 'missing'
  | 'unknown'
  | 'unconfirmed'
  | 'renamed'
  | 'unreadable'

/** The first line of a file that differs from what was written. */
export interface BadLine {
  /** From 1; 0 means the file as a whole. */
  readonly line: number
  /** What is wrong with it. */
  readonly problem: Problem
  /** One sentence for a person. */
  readonly reason: string
}

/** The result for one file. */
export interface VerifiedFile {
  /** The file's name, without its folder. */
  readonly file: string
  /** Whether the file is as it was written, as far as that is known. */
  readonly ok: boolean
  /** How many valid records there are before the first bad line. */
  readonly records: number
  /**
   * How many of them no head confirms: the process still runs, or was killed before the ledger knew of them. Where they
   * are signed with the key that is no problem; otherwise the first of them is the bad line.
   */
  readonly unconfirmed: number
  /**
   * Whether the file ends in a part of a line that no head knows: its process was killed in the middle of a write. That
   * is no problem.
   */
  readonly torn: boolean
  /** The first bad line; absent where there is none. */
  readonly firstBad?: BadLine | undefined
}

/** The result for all files. */
export interface VerifyResult {
  /** Whether every file is as it was written, as far as that is known. */
  readonly ok: boolean
  /** Sorted by name. */
  readonly files: readonly VerifiedFile[]
  /** Valid records, in all files. */
  readonly records: number
  /** The first bad line of the first bad file. Of a file with unconfirmed lines only where there is no other. */
  readonly firstBad?:
    | (BadLine & {
        /** The file's name, without its folder. */
        readonly file: string
      })
    | undefined
}

/** What to check in addition to the files themselves. */
export interface VerifyOptions {
  /**
   * What `ledger.heads()` returns. Without heads, a tail that was cut off, a line that was added at an end, a whole
   * file that was added or removed, or one that was rewritten with new hashes, is not detected.
   * @default none
   */
  readonly heads?: readonly ChainHead[] | undefined
  /**
   * The key of the log, if it was written with one. Of a provider its previous value counts too. No line without it is
   * accepted then.
   * @default none
   */
  readonly key?: AuditKey | undefined
  /**
   * The first day that is still kept, such as `2026-10-01`: of a folder, files of earlier days are neither read nor
   * reported as missing.
   * @default all days
   */
  readonly since?: string | undefined
}

const optionsShape = z.strictObject({
  heads: z
    .array(
      z.looseObject({
        file: z.string(),
        seq: z.number(),
        hash: z.string(),
        end: z.enum(['whole', 'torn']).optional(),
      }),
      { error: 'expected what ledger.heads() returns' },
    )
    .optional(),
  key: z.custom<AuditKey>().optional(),
  since: z.iso.date({ error: "expected a day such as '2026-10-01'" }).optional(),
})

/**
 * Checks one audit file, or all `*.jsonl` files of a folder, and reports the first bad line of each. Files that
 * `archiveAudit` has compressed are read as they were before. Files are read as streams. A file that is being written
 * to is checked up to its size at the start.
 *
 * With `heads`, the log is `ok` only if it holds exactly the records that the heads know of, and at an end at most a
 * part of a line. With `key`, signed records behind the newest head may follow.
 *
 * @param target a path; or `{ dir }` or `{ file }`, if it must be that
 * @throws SolveguardError `CONFIG_INVALID` when there is no such file or folder, or the key is none
 * @throws DeniedError of the secret layer, where the store does not give the key
 * @example
 * const result = await verifyAudit('.solveguard/audit', { heads: await ledger.heads() })
 * if (!result.ok) console.error(result.firstBad) // { file, line: 3, problem: 'altered', reason: '…' }
 */
export async function verifyAudit(target: AuditTarget, options: VerifyOptions = {}): Promise<VerifyResult> {
  const log = await openCheck(target, options)
  const { dir, names, whole } = log.files
  const isKept = (name: string): boolean => !DAY.test(name) || name >= (options.since ?? '')
  const kept = whole ? names.filter(isKept) : names
  const present = new Set(kept)
  const files: VerifiedFile[] = []
  for (const name of kept) files.push(await verifyWithCopy(log, name))
  for (const [file, [head]] of log.known) {
    if (whole && isKept(file) && !present.has(file)) files.push(await verifyMissing(log, join(dir, file), head?.from))
  }
  files.sort((a, b) => (a.file < b.file ? -1 : 1))

  const bad = files.filter(({ firstBad }) => firstBad)
  const worst = bad.find(({ firstBad }) => firstBad?.problem !== 'unconfirmed') ?? bad[0]
  return {
    ok: bad.length === 0,
    files,
    records: files.reduce((sum, file) => sum + file.records, 0),
    firstBad: worst?.firstBad && { file: worst.file, ...worst.firstBad },
  }
}

/** A log whose files can be checked one by one. */
export interface LogCheck {
  readonly files: LogFiles
  /** The heads that are stored elsewhere, by file. */
  readonly known: ReadonlyMap<string, readonly KnownHead[]>
  /** @param open opens the file, or what stands for it */
  verify(name: string, open?: (path: string) => Promise<OpenLog>): Promise<VerifiedFile>
}

/** Reads the options, the key, and what the files of a log say of each other. */
export async function openCheck(target: AuditTarget, options: VerifyOptions): Promise<LogCheck> {
  const { heads, key } = check(optionsShape, options, 'verifyAudit')
  const keys = key === undefined ? [] : await secretsOf(key, 'verifyAudit: `key`')
  const files = await filesOf(target)
  const { dir } = files
  const known = new Map<string, KnownHead[]>()
  for (const head of heads ?? []) addHead(known, { ...head, from: 'the ledger' })
  // A file's first record has the last head of the file that its process wrote before.
  const continued = new Map<string, ChainHead>()
  for (const name of files.siblings) {
    const head = await continuedBy(join(dir, name), keys)
    if (head) continued.set(name, head)
  }
  const vouched = heads && filesVouchedFor(known.keys(), continued, keys.length > 0)
  for (const [name, head] of continued) {
    if (!vouched || vouched.has(name)) addHead(known, { ...head, from: `the file after it, ${printable(name)},` })
  }
  return {
    files,
    known,
    verify: (name, open) =>
      verifyFile(join(dir, name), { heads: known.get(name) ?? [], keys, isKnown: vouched?.has(name) }, open),
  }
}

/**
 * Verifies a file, and the compressed copy that is beside it. Where a process that compressed the file was killed, the
 * two are the same. Otherwise the copy was added, for readers of the folder to take it for the log.
 */
async function verifyWithCopy(log: LogCheck, name: string): Promise<VerifiedFile> {
  const path = join(log.files.dir, name)
  const verified = await log.verify(name)
  if (verified.firstBad || !(await isBesideItsCopy(path))) return verified
  const copy = await log.verify(name, () => openArchive(path + ARCHIVE_SUFFIX))
  if (JSON.stringify(copy) === JSON.stringify(verified)) return verified
  const reason = 'The compressed copy beside the file is not the same as the file: it was added, or altered.'
  return { ...verified, ok: false, firstBad: { line: copy.firstBad?.line ?? 0, problem: 'added', reason } }
}

/** Whether a file and a compressed copy of it are there. What cannot be opened is there. */
async function isBesideItsCopy(path: string): Promise<boolean> {
  // The copy first: a file that is compressed meanwhile is removed once its copy is there.
  for (const open of [() => openArchive(path + ARCHIVE_SUFFIX), () => openPlain(path)]) {
    try {
      await (await open()).close()
    } catch (error) {
      if (isMissing(error)) return false
    }
  }
  return true
}

/** A file that a head knows of and that was not in the folder's list. It may have been compressed meanwhile. */
async function verifyMissing(log: LogCheck, path: string, from: string | undefined): Promise<VerifiedFile> {
  const name = basename(path)
  try {
    await (await openLog(path)).close()
    return await log.verify(name)
  } catch {
    const reason = `The file is missing: ${from} has its head.`
    const firstBad: BadLine = { line: 0, problem: 'missing', reason }
    return { file: printable(name), ok: false, records: 0, unconfirmed: 0, torn: false, firstBad }
  }
}

/** How the name of a file begins, which `since` is compared with. Files of other names are always checked. */
export const DAY = /^\d{4}-\d{2}-\d{2}-/

/** A head that is stored elsewhere. */
export interface KnownHead extends ChainHead {
  /** Where it is stored, for messages. */
  readonly from: string
}

function addHead(known: Map<string, KnownHead[]>, head: KnownHead): void {
  const heads = known.get(head.file)
  if (heads) heads.push(head)
  else known.set(head.file, [head])
}

/**
 * The files that the ledger knows, and those that a known file continues. Where records are signed, also those that
 * continue a known file.
 */
function filesVouchedFor(
  inLedger: Iterable<string>,
  continued: ReadonlyMap<string, ChainHead>,
  areSigned: boolean,
): ReadonlySet<string> {
  const after = new Map(areSigned ? [...continued].map(([name, head]) => [head.file, name]) : [])
  const vouched = new Set(inLedger)
  // A set also iterates over what is added meanwhile.
  for (const name of vouched) {
    for (const next of [continued.get(name)?.file, after.get(name)]) if (next !== undefined) vouched.add(next)
  }
  return vouched
}

/** What is known of a file apart from its content. */
interface Expected {
  readonly heads: readonly KnownHead[]
  /** The keys that its lines may be signed with; empty where they are not signed. */
  readonly keys: readonly Secret[]
  /** Whether the ledger knows the file; undefined where the ledger's heads are not given. */
  readonly isKnown: boolean | undefined
}

/** The place that a line has by its own content. Only read once its hash was found correct. */
interface Place {
  readonly sequence: unknown
  readonly prev: unknown
  readonly file: { readonly name?: unknown; readonly continues?: ChainHead | undefined } | undefined
}

/** The head of the file before, from a file's first record; undefined where that record is not valid. */
async function continuedBy(path: string, keys: readonly Secret[]): Promise<ChainHead | undefined> {
  try {
    const file = await openLog(path)
    try {
      for await (const { bytes, end } of file.lines()) {
        const seal = end === 'whole' ? sealOf(bytes) : undefined
        return seal && isSealedBy(keys, bytes, seal) ? placeOf(bytes)?.file?.continues : undefined
      }
    } finally {
      await file.close()
    }
  } catch {
    // `verifyFile` reports a file that cannot be read.
  }
  return undefined
}

/** @param open opens the file, or what stands for it */
async function verifyFile(
  path: string,
  expected: Expected,
  open: (path: string) => Promise<OpenLog> = openLog,
): Promise<VerifiedFile> {
  const name = basename(path)
  const chain = new ChainCheck(name, expected)
  const result = (firstBad?: BadLine): VerifiedFile => ({
    file: printable(name),
    ok: firstBad === undefined,
    records: chain.records,
    unconfirmed: chain.unconfirmed,
    torn: chain.torn,
    firstBad,
  })
  try {
    const file = await open(path)
    try {
      for await (const line of file.lines()) {
        const bad = chain.next(line.bytes, line.end)
        if (bad) return result(bad)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    return result({ line: 0, problem: 'unreadable', reason: `The file could not be read (${messageOf(error)}).` })
  }
  return result(chain.end())
}

/** Whether a line matches its seal: by one of the keys, or without a key where there are none. */
function isSealedBy(keys: readonly Secret[], line: Buffer, { hash, keyed }: Seal): boolean {
  if (keyed) return keys.some((key) => matchesSeal(line, hash, key))
  return keys.length === 0 && matchesSeal(line, hash)
}

/** Checks one file, line by line, up to its first bad one. */
class ChainCheck {
  /** Valid records so far. */
  records = 0
  /** Whether the file ends in a part of a line that is no problem. */
  torn = false
  #hash = NOTHING_BEFORE
  #confirmed = 0
  readonly #name: string
  readonly #expected: Expected
  /** By record number. */
  readonly #heads = new Map<number, KnownHead[]>()
  /** The number of the newest record that a head knows of. */
  readonly #newest: number
  readonly #last: KnownHead | undefined

  constructor(name: string, expected: Expected) {
    const { heads } = expected
    this.#name = name
    this.#expected = expected
    for (const head of heads) this.#heads.set(head.seq, [...(this.#heads.get(head.seq) ?? []), head])
    this.#newest = heads.reduce((newest, { seq }) => Math.max(newest, seq), 0)
    this.#last = heads.find(({ end }) => end !== undefined)
  }

  /** How many valid records there are behind the newest head. */
  get unconfirmed(): number {
    return this.#expected.isKnown === undefined ? 0 : Math.max(this.records - this.#newest, 0)
  }

  next(bytes: Buffer, end: 'whole' | 'cut' | 'long'): BadLine | undefined {
    const line = this.records + 1
    if (end === 'cut') return this.#cutOff(line)
    if (this.#last && line > this.#last.seq) return this.#added(line, this.#last)
    if (end === 'long') return bad(line, 'unreadable', `Longer than ${MAX_LINE_BYTES} bytes: not a record.`)
    const wrongSeal = this.#wrongSeal(line, bytes)
    if (wrongSeal) return wrongSeal
    const place = placeOf(bytes)
    if (!place) return bad(line, 'unreadable', 'Not a record of this package.')
    const hash = sealOf(bytes)?.hash ?? ''
    const wrong = this.#outOfPlace(line, place) ?? this.#unlikeHeads(line, hash)
    if (wrong) return wrong
    this.#hash = hash
    this.records = line
    return undefined
  }

  end(): BadLine | undefined {
    const { heads, keys, isKnown } = this.#expected
    for (const head of heads) {
      if (!(head.seq >= 1 && head.seq <= this.records)) {
        const known = `${head.from} has the head of record ${head.seq}`
        const reason = `The end is missing: the file has ${counted(this.records, 'record')}, and ${known}.`
        return bad(this.records + 1, 'missing', reason)
      }
    }
    if (this.records === 0) {
      // Without a record in it, the file adds nothing to a log whose heads are known.
      this.torn ||= isKnown !== undefined
      if (this.torn) return undefined
      return bad(1, 'cut-off', 'The file is empty: its process was killed before the first record, or it was emptied.')
    }
    if (isKnown === false) {
      const what = 'it was added, or its process ended before the ledger knew of it'
      return bad(0, 'unknown', `No head in the ledger knows the file: ${what}.`)
    }
    if (this.unconfirmed > 0 && keys.length === 0) {
      const what = 'lines were added, or the process still runs, or was killed before the ledger knew of them'
      return bad(this.#newest + 1, 'unconfirmed', `No head confirms the lines from here on: ${what}.`)
    }
    return undefined
  }

  #cutOff(line: number): BadLine | undefined {
    const last = this.#last
    if (last && line > last.seq && last.end !== 'torn') return this.#added(line, last)
    this.torn = line > (last?.seq ?? (this.#expected.isKnown === undefined ? line : this.#newest))
    if (this.torn) return undefined
    const what = 'its process was killed while it wrote, or the end was removed'
    return bad(line, 'cut-off', `Cut off in the middle: ${what}.`)
  }

  #added(line: number, { seq, from }: KnownHead): BadLine {
    return bad(line, 'added', `Too many: by ${from} record ${seq} was the last.`)
  }

  #wrongSeal(line: number, bytes: Buffer): BadLine | undefined {
    const { keys } = this.#expected
    const seal = sealOf(bytes)
    if (seal?.keyed === false && keys.length > 0) return bad(line, 'key', 'It was written without the key.')
    if (seal?.keyed && keys.length === 0) return bad(line, 'key', 'It was written with a key: pass it as `key`.')
    if (seal && isSealedBy(keys, bytes, seal)) return undefined
    const orKey = keys.length > 0 ? ', or was written with another key' : ''
    return bad(line, 'altered', `It does not match its hash: it was altered${orKey}.`)
  }

  #outOfPlace(line: number, place: Place): BadLine | undefined {
    if (place.sequence !== line) {
      const found = Number(place.sequence)
      const what = found > line ? 'a line was removed' : 'a line was added or moved'
      return bad(line, 'out-of-order', `Record ${found} is where record ${line} should be: ${what}.`)
    }
    if (place.prev !== this.#hash) {
      const reason = 'Does not follow from the line before it: one of the two was rewritten.'
      return bad(line, 'out-of-order', reason)
    }
    if (line === 1 && place.file?.name !== this.#name) {
      const was = typeof place.file?.name === 'string' ? ` as ${printable(place.file.name)}` : ' elsewhere'
      return bad(line, 'renamed', `The file was written${was}, and renamed or copied.`)
    }
    return undefined
  }

  #unlikeHeads(line: number, hash: string): BadLine | undefined {
    const heads = this.#heads.get(line)
    const other = heads?.find((head) => head.hash !== hash)
    if (other) {
      const where = this.#confirmed + 1 === line ? 'It was' : `One of the lines ${this.#confirmed + 1} to ${line} was`
      return bad(line, 'rewritten', `${where} rewritten: ${other.from} has another hash for this record.`)
    }
    if (heads) this.#confirmed = line
    return undefined
  }
}

function bad(line: number, problem: Problem, reason: string): BadLine {
  return { line, problem, reason }
}

function placeOf(bytes: Buffer): Place | undefined {
  try {
    const record: unknown = JSON.parse(bytes.toString())
    const sequence = at(at(record, 'event'), 'sequence')
    const file = at(at(record, 'solveguard'), 'file')
    if (!Number.isSafeInteger(sequence)) return undefined
    return {
      sequence,
      prev: at(at(record, 'chain'), 'prev'),
      file: file === undefined ? undefined : { name: at(file, 'name'), continues: headOf(at(file, 'continues')) },
    }
  } catch {
    return undefined
  }
}

function headOf(value: unknown): ChainHead | undefined {
  const [file, seq, hash] = [at(value, 'file'), at(value, 'seq'), at(value, 'hash')]
  if (typeof file !== 'string' || typeof seq !== 'number' || typeof hash !== 'string') return undefined
  return { file, seq, hash, end: at(value, 'end') === 'torn' ? 'torn' : 'whole' }
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import type { ChainHead } from '../base/chain.js'
import { messageOf, printable } from '../base/errors.js'
import { check } from '../policy/schema.js'
import { NOTHING_BEFORE, sealOf } from './chain.js'
import { type AuditTarget, filesOf } from './files.js'
import { MAX_LINE_BYTES, readLines } from './read-lines.js'

/**
 * What is wrong with a line.
 * - `altered`: its bytes do not match its hash.
 * - `out-of-order`: a whole line, but not the one that belongs here: lines were removed, added or swapped.
 * - `rewritten`: it, or lines before it, were replaced with new hashes: a stored head has another one.
 * - `cut-off`: the file ends within this line, as it does when its process was killed in the middle of a write.
 * - `missing`: a line is missing here, or (line 0) a file.
 * - `renamed`: the file was written under another name.
 * - `unreadable`: not a record, far too long, or the file cannot be read (line 0).
 */
export type Problem = 'altered' | 'out-of-order' | 'rewritten' | 'cut-off' | 'missing' | 'renamed' | 'unreadable'

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
  /** Whether the file is as it was written. */
  readonly ok: boolean
  /** How many valid records there are before the first bad line. */
  readonly records: number
  /** The first bad line; absent where there is none. */
  readonly firstBad?: BadLine | undefined
}

/** The result for all files. */
export interface VerifyResult {
  /** Whether every file is as it was written. */
  readonly ok: boolean
  /** Sorted by name. */
  readonly files: readonly VerifiedFile[]
  /** Valid records, in all files. */
  readonly records: number
  /** The first bad line of the first bad file. */
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
   * What `ledger.heads()` returns. Without heads, a tail that was cut off, or rewritten with new hashes, is not
   * detected.
   * @default none
   */
  readonly heads?: readonly ChainHead[] | undefined
  /**
   * The first day that is still kept, such as `2026-10-01`: of a folder, files of earlier days are neither read nor
   * reported as missing.
   * @default all days
   */
  readonly since?: string | undefined
}

const optionsShape = z.strictObject({
  heads: z
    .array(z.looseObject({ file: z.string(), seq: z.number(), hash: z.string() }), {
      error: 'expected what ledger.heads() returns',
    })
    .optional(),
  since: z.iso.date({ error: "expected a day such as '2026-10-01'" }).optional(),
})

/**
 * Checks one audit file, or all `*.jsonl` files of a folder, and reports the first bad line of each. Files are read as
 * streams. A file that is being written to is checked up to its size at the start.
 *
 * @param target a path; or `{ dir }` or `{ file }`, if it must be that
 * @throws SolveguardError `CONFIG_INVALID` when there is no such file or folder
 * @example
 * const result = await verifyAudit('.solveguard/audit')
 * if (!result.ok) console.error(result.firstBad) // { file, line: 3, problem: 'altered', reason: '…' }
 */
export async function verifyAudit(target: AuditTarget, options: VerifyOptions = {}): Promise<VerifyResult> {
  const { heads = [], since = '' } = check(optionsShape, options, 'verifyAudit')
  const { dir, names: all, whole } = await filesOf(target)
  // Names begin with their day. Other names sort after them, and are checked.
  const names = whole ? all.filter((name) => name >= since) : all
  const kept = new Map<string, KnownHead[]>()
  for (const head of heads) {
    if (whole ? head.file >= since : names.includes(head.file)) addHead(kept, { ...head, from: 'the ledger' })
  }
  if (whole) {
    // A file's first record has the head of the file that its process wrote before.
    for (const name of names) {
      const continues = await continuedBy(join(dir, name))
      if (continues && continues.file >= since)
        addHead(kept, { ...continues, from: `the file after it, ${name},`, last: true })
    }
  }
  const files: VerifiedFile[] = []
  for (const name of names) files.push(await verifyFile(join(dir, name), kept.get(name) ?? []))
  for (const [file, heads] of kept) {
    if (names.includes(file)) continue
    const from = heads[0]?.from
    const reason = `The file is missing: ${from} has its head.`
    files.push({ file: printable(file), ok: false, records: 0, firstBad: { line: 0, problem: 'missing', reason } })
  }
  files.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0))

  const bad = files.find((file) => file.firstBad)
  return {
    ok: bad === undefined,
    files,
    records: files.reduce((sum, file) => sum + file.records, 0),
    firstBad: bad?.firstBad && { file: bad.file, ...bad.firstBad },
  }
}

/** A head that is stored elsewhere. */
interface KnownHead extends ChainHead {
  /** Where it is stored, for messages. */
  readonly from: string
  /** Whether no record may follow it. */
  readonly last?: boolean
}

function addHead(kept: Map<string, KnownHead[]>, head: KnownHead): void {
  const heads = kept.get(head.file)
  if (heads) heads.push(head)
  else kept.set(head.file, [head])
}

/** The place that a line has by its own content. Only read once its hash was found correct. */
interface Place {
  readonly sequence: unknown
  readonly prev: unknown
  readonly file: { readonly name?: unknown; readonly continues?: ChainHead | undefined } | undefined
}

/** The head of the file before, from a file's first record; undefined where that record is not valid. */
async function continuedBy(path: string): Promise<ChainHead | undefined> {
  try {
    const file = await open(path)
    try {
      for await (const { bytes, end } of readLines(file)) {
        return end === 'whole' && sealOf(bytes) !== undefined ? placeOf(bytes)?.file?.continues : undefined
      }
    } finally {
      await file.close()
    }
  } catch {
    // `verifyFile` reports a file that cannot be read.
  }
  return undefined
}

async function verifyFile(path: string, heads: readonly KnownHead[]): Promise<VerifiedFile> {
  const name = basename(path)
  const chain = new ChainCheck(name, heads)
  const result = (firstBad?: BadLine): VerifiedFile => ({
    file: printable(name),
    ok: firstBad === undefined,
    records: chain.records,
    firstBad,
  })
  try {
    const file = await open(path)
    try {
      for await (const line of readLines(file)) {
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

/** Checks one file, line by line, up to its first bad one. */
class ChainCheck {
  /** Valid records so far. */
  records = 0
  #hash = NOTHING_BEFORE
  #confirmed = 0
  readonly #name: string
  /** By record number. */
  readonly #heads = new Map<number, KnownHead[]>()
  readonly #last: KnownHead | undefined

  constructor(name: string, heads: readonly KnownHead[]) {
    this.#name = name
    for (const head of heads) this.#heads.set(head.seq, [...(this.#heads.get(head.seq) ?? []), head])
    this.#last = heads.find((head) => head.last)
  }

  next(bytes: Buffer, end: 'whole' | 'cut' | 'long'): BadLine | undefined {
    const line = this.records + 1
    if (end === 'long') return bad(line, 'unreadable', `Longer than ${MAX_LINE_BYTES} bytes: not a record.`)
    if (end === 'cut') {
      return bad(
        line,
        'cut-off',
        'Cut off in the middle: its process was killed while it wrote, or the end was removed.',
      )
    }
    const hash = sealOf(bytes)
    if (hash === undefined) return bad(line, 'altered', 'It does not match its hash: it was altered.')
    const place = placeOf(bytes)
    if (!place) return bad(line, 'unreadable', 'Not a record of this package.')
    const wrong = this.#outOfPlace(line, place) ?? this.#unlikeHeads(line, hash)
    if (wrong) return wrong
    this.#hash = hash
    this.records = line
    return undefined
  }

  end(): BadLine | undefined {
    if (this.records === 0 && this.#heads.size === 0) {
      return bad(1, 'cut-off', 'The file is empty: its process was killed before the first record, or it was emptied.')
    }
    for (const head of [...this.#heads.values()].flat()) {
      if (!(head.seq >= 1 && head.seq <= this.records)) {
        const known = `${head.from} has the head of record ${head.seq}`
        const reason = `The end is missing: the file has ${this.records} records, and ${known}.`
        return bad(this.records + 1, 'missing', reason)
      }
    }
    return undefined
  }

  #outOfPlace(line: number, place: Place): BadLine | undefined {
    if (this.#last && line > this.#last.seq) {
      return bad(line, 'out-of-order', `Too many: by ${this.#last.from} record ${this.#last.seq} was the last.`)
    }
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
  return { file, seq, hash }
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditTarget, filesOf, isMissing, openLog } from '../audit/files.js'
import { type Line, linesOf } from '../audit/read-lines.js'
import { messageOf } from '../base/errors.js'
import { type RecordFacts, readFacts } from './facts.js'

/** A record of a log, as it is written there. */
export interface TailRecord {
  /** Its texts are cut, and not printable yet. */
  readonly facts: RecordFacts
  /** The whole record, as JSON without anything that drives a terminal. */
  readonly json: string
}

/** Which records are wanted; each where it is given. */
export interface TailFilter {
  readonly layer?: string | undefined
  readonly code?: string | undefined
  readonly origin?: string | undefined
  readonly guard?: string | undefined
}

/** A longer line was not written by this package. */
const MAX_LINE_BYTES = 64 * 1024
const CHUNK = 256 * 1024
const DAY_MS = 86_400_000
const NEWLINE = 0x0a

/** The end of a log, and what is written to it from then on. */
export class LogTail {
  readonly #target: AuditTarget
  readonly #filter: TailFilter
  /** Up to where files were read, by their names: behind the last whole line. */
  readonly #read = new Map<string, number>()
  #unreadable = 0
  /** By the names of files that cannot be read: why. */
  readonly brokenFiles = new Map<string, string>()

  constructor(target: AuditTarget, filter: TailFilter) {
    this.#target = target
    this.#filter = filter
  }

  /** How many of the lines that were read are no records, or longer than 64 KiB. None of them is returned. */
  get unreadable(): number {
    return this.#unreadable
  }

  /**
   * The last records, oldest first. Files of earlier days are read only where those of later ones do not have as many.
   * @throws SolveguardError `CONFIG_INVALID` where there is no such log
   */
  async last(count: number): Promise<readonly TailRecord[]> {
    const { dir, names } = await filesOf(this.#target)
    for (const name of names) this.#read.set(name, await sizeOf(join(dir, name)).catch(() => 0))
    const found: TailRecord[] = []
    const newestFirst = [...names].reverse()
    for (const [at, name] of newestFirst.entries()) {
      const previous = newestFirst[at - 1]
      if (found.length >= count && previous !== undefined && dayOf(previous) !== dayOf(name)) break
      for await (const record of this.#skipBroken(name, this.#recordsOf(dir, name))) {
        found.push(record)
        if (found.length >= 2 * count + 100) keepLast(found, count)
      }
    }
    keepLast(found, count)
    return found
  }

  /** What was written since, oldest first: also to files that are new. */
  async more(now: number): Promise<readonly TailRecord[]> {
    const { dir, names } = await filesOf(this.#target)
    const found: TailRecord[] = []
    for (const name of names) {
      // No process writes to a file of a day that ended long ago.
      const day = Date.parse(dayOf(name))
      if (this.#read.has(name) && day < now - 3 * DAY_MS) continue
      for await (const record of this.#skipBroken(name, this.#newOf(dir, name))) found.push(record)
    }
    return found.sort(byTime)
  }

  /** One file that is damaged hides nothing of the others. */
  async *#skipBroken(name: string, records: AsyncGenerator<TailRecord>): AsyncGenerator<TailRecord> {
    try {
      yield* records
    } catch (error) {
      this.brokenFiles.set(name, messageOf(error))
    }
  }

  async *#recordsOf(dir: string, name: string): AsyncGenerator<TailRecord> {
    const file = await openLog(join(dir, name))
    const end = this.#read.get(name)
    let position = 0
    try {
      for await (const { bytes, end: kind } of file.lines({ skipLong: true })) {
        position += bytes.length + 1
        // What was written since the sizes were read is for `more`.
        if (!file.archived && end !== undefined && position > end) break
        const record = this.#wanted(bytes, kind)
        if (record) yield record
      }
    } finally {
      await file.close()
    }
  }

  async *#newOf(dir: string, name: string): AsyncGenerator<TailRecord> {
    const file = await openPlain(join(dir, name))
    // It was compressed meanwhile: nothing is written to it any more.
    if (file === undefined) return
    try {
      let position = this.#read.get(name) ?? 0
      let whole = position
      const lines = linesOf(
        async () => {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
          const data = buffer.subarray(0, bytesRead)
          const newline = data.lastIndexOf(NEWLINE)
          if (newline !== -1) whole = position + newline + 1
          position += bytesRead
          return bytesRead === 0 ? undefined : data
        },
        { skipLong: true },
      )
      for await (const { bytes, end } of lines) {
        const record = this.#wanted(bytes, end)
        if (record) yield record
      }
      this.#read.set(name, whole)
    } finally {
      await file.close()
    }
  }

  #wanted(line: Buffer, end: Line['end']): TailRecord | undefined {
    // It is still being written.
    if (end === 'cut') return undefined
    const facts = end === 'long' || line.length > MAX_LINE_BYTES ? undefined : readFacts(line)
    if (facts === undefined) {
      this.#unreadable++
      return undefined
    }
    const { layer, code, origin, guard } = this.#filter
    const isWanted =
      (layer === undefined || facts.layer === layer) &&
      (code === undefined || facts.code === code) &&
      (origin === undefined || facts.origin === origin) &&
      (guard === undefined || facts.guard === guard)
    return isWanted ? { facts, json: harmless(line.toString()) } : undefined
  }
}

function dayOf(name: string): string {
  return name.slice(0, 10)
}

function keepLast(records: TailRecord[], count: number): void {
  records.sort(byTime).splice(0, Math.max(0, records.length - count))
}

function byTime(a: TailRecord, b: TailRecord): number {
  return a.facts.at - b.facts.at
}

/**
 * Escapes what JSON leaves as it is although it drives terminals or turns the direction of the text. The text is not
 * written anew: `JSON.stringify` fails for what is nested too deep, which parsing takes.
 */
function harmless(json: string): string {
  return json.replace(/[\t\r]/g, ' ').replace(DRIVES, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const DRIVES = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

async function openPlain(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** The size of a file, up to the end of its last whole line; 0 for one that is compressed. */
async function sizeOf(path: string): Promise<number> {
  const file = await openPlain(path)
  if (file === undefined) return 0
  try {
    const { size } = await file.stat()
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - CHUNK)
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(end - start), 0, end - start, start)
      const newline = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE)
      if (newline !== -1) return start + newline + 1
      end = start
    }
    return 0
  } finally {
    await file.close()
  }
}

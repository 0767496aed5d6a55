import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { dirname, format, parse, resolve } from 'node:path'
import { messageOf, SolveguardError } from '../base/errors.js'
import { makeFolder } from '../base/folder.js'
import { VERSION } from '../base/version.js'
import type { HarEntry, WireLog } from './har.js'

const HEAD = `{"log":{"version":"1.2","creator":{"name":"solveguard","version":"${VERSION}"},"pages":[],"entries":[`
const TAIL = '\n]}}\n'
/** A wire log is for a short investigation: one that is left on must not fill the disk. */
const MAX_BYTES = 64 * 1024 * 1024
/** More files of one process under one name mean a mistake. */
const MAX_FILES = 1_000

/**
 * A wire log: HAR 1.2, mode 0600, one file for each process and guard. `wire.har` is written as `wire.<pid>.har`, or
 * `wire.<pid>-2.har` if that exists; nothing is overwritten. After each entry the file is valid JSON, so that the file
 * of a killed process can be opened too; a process killed while it writes an entry leaves only the last line cut off.
 *
 * `open` throws `CONFIG_INVALID` where the file cannot be written.
 */
export function wireLog(path: string, mostBytes = MAX_BYTES): WireLog {
  return new HarFile(path, mostBytes)
}

class HarFile implements WireLog {
  readonly #path: string
  readonly #mostBytes: number
  place: string
  /** Undefined before `open`, and once the log has stopped. */
  #fd: number | undefined
  /** Where the next entry is written: over the tail. */
  #end = 0
  #empty = true

  constructor(path: string, mostBytes: number) {
    this.#path = path
    this.place = path
    this.#mostBytes = mostBytes
  }

  open(): void {
    const [place, fd] = create(this.#path)
    this.place = place
    this.#fd = fd
    try {
      this.#write(HEAD, TAIL)
    } catch (error) {
      this.close()
      throw unwritable(this.#path, error)
    }
  }

  add(entry: HarEntry): void {
    if (this.#fd === undefined) return
    try {
      const text = `${this.#empty ? '' : ','}\n${JSON.stringify(entry)}`
      if (this.#end + text.length > this.#mostBytes) this.#stop(`it has reached ${this.#mostBytes} bytes`)
      this.#write(text, TAIL)
      this.#empty = false
    } catch (error) {
      this.#stop(messageOf(error))
    }
  }

  close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) closeSync(fd)
  }

  /** Stops the log, with a warning, and with a comment in the file where that can still be written. */
  #stop(reason: string): void {
    const note = `Nothing more is written into the wire log ${this.place}: ${reason}.`
    try {
      // First over existing bytes: that needs no free space on a full disk.
      this.#write('', TAIL)
      if (this.#fd !== undefined) ftruncateSync(this.#fd, this.#end + TAIL.length)
      this.#write('', `\n],"comment":${JSON.stringify(note)}}}\n`)
    } catch {
      // The entries written before stay readable.
    } finally {
      this.close()
    }
    process.emitWarning(note, { type: 'SolveguardTrace' })
  }

  /**
   * One system call for both, so that a killed process leaves either the old content or all of the new one. Only a kill
   * between two memory pages of one call leaves the last line cut off.
   */
  #write(text: string, tail: string): void {
    if (this.#fd === undefined) return
    const bytes = Buffer.from(text + tail)
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#end + done)
    }
    this.#end += bytes.length - Buffer.byteLength(tail)
  }
}

function create(path: string): [place: string, fd: number] {
  const { dir, name, ext } = parse(resolve(path))
  try {
    makeFolder(dir)
    for (let nth = 1; nth <= MAX_FILES; nth++) {
      const own = nth === 1 ? `${process.pid}` : `${process.pid}-${nth}`
      const place = format({ dir, name: `${name}.${own}`, ext: ext || '.har' })
      try {
        return [place, openSync(place, 'wx', 0o600)]
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
    throw new Error(`${dirname(path)} has ${MAX_FILES} of them already`)
  } catch (error) {
    throw unwritable(path, error)
  }
}

function unwritable(path: string, error: unknown): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', `options.trace: ${path} cannot be written: ${messageOf(error)}.`)
}

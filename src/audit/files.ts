import { constants } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { messageOf, SolveguardError } from '../base/errors.js'
import { type Line, linesOf, type ReadLinesOptions, readLines } from './read-lines.js'

/** A log: one file, or a folder of files. A plain path may be either. */
export type AuditTarget =
  | string
  | {
      /** A folder of files. */
      readonly dir: string
    }
  | {
      /** One file. */
      readonly file: string
    }

/** The files to read, by their names in a folder. A file that is compressed has the name that it had before. */
export interface LogFiles {
  readonly dir: string
  readonly names: readonly string[]
  /** All files of the folder. */
  readonly siblings: readonly string[]
  /** Whether the whole folder was asked for. */
  readonly whole: boolean
}

/** What follows the name of a file that is compressed. */
export const ARCHIVE_SUFFIX = '.gz'

const CHUNK = 256 * 1024

/**
 * The files of a log: of a folder all `*.jsonl` and `*.jsonl.gz`, sorted by name; of a file also the `siblings` in its
 * folder.
 * @throws SolveguardError `CONFIG_INVALID` where there is no such file or folder
 */
export async function filesOf(target: AuditTarget): Promise<LogFiles> {
  const path = resolve(typeof target === 'string' ? target : 'dir' in target ? target.dir : target.file)
  const wanted = typeof target === 'string' ? undefined : 'dir' in target ? 'folder' : 'file'
  let isFolder: boolean
  try {
    isFolder = (await statOf(path)).isDirectory()
    if (!isFolder) {
      if (wanted === 'folder') throw new Error('it is not a folder')
      const dir = dirname(path)
      return { dir, names: [logName(basename(path))], siblings: await logsIn(dir), whole: false }
    }
    if (wanted === 'file') throw new Error('it is a folder')
    const names = await logsIn(path)
    return { dir: path, names, siblings: names, whole: true }
  } catch (error) {
    throw new SolveguardError('CONFIG_INVALID', `No audit log can be read at ${path} (${messageOf(error)}).`, {
      cause: error,
    })
  }
}

/** The name of a file before it was compressed. */
function logName(name: string): string {
  return name.endsWith(`.jsonl${ARCHIVE_SUFFIX}`) ? name.slice(0, -ARCHIVE_SUFFIX.length) : name
}

async function statOf(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (!isMissing(error)) throw error
    return await stat(path + ARCHIVE_SUFFIX).catch(() => {
      throw error
    })
  }
}

/** Read twice: a file that is compressed meanwhile may be in one list under neither of its names. */
async function logsIn(dir: string): Promise<readonly string[]> {
  const listed = [...(await readdir(dir)), ...(await readdir(dir))]
  return [...new Set(listed.map(logName).filter((name) => name.endsWith('.jsonl')))].sort()
}

/** A file of a log that is open for reading. */
export interface OpenLog {
  /** Whether it is compressed. */
  readonly archived: boolean
  /** Its size on the disk, bytes. */
  readonly size: number
  /** Its lines. Can be called once. */
  lines(options?: ReadLinesOptions): AsyncGenerator<Line, void, undefined>
  close(): Promise<void>
}

/**
 * Opens a file of a log, or, where there is none, what it was compressed to. The file itself is read while both are
 * there. Never waits, as for the writer of a pipe.
 */
export async function openLog(path: string): Promise<OpenLog> {
  try {
    return await openPlain(path)
  } catch (error) {
    if (!isMissing(error)) throw error
    return await openArchive(path + ARCHIVE_SUFFIX).catch((ofArchive: unknown) => {
      throw isMissing(ofArchive) ? error : ofArchive
    })
  }
}

/** Opens a file that is not compressed. */
export async function openPlain(path: string): Promise<OpenLog> {
  const { file, size } = await openFile(path)
  return { archived: false, size, lines: (options) => readLines(file, options), close: () => file.close() }
}

/** Opens a compressed file. */
export async function openArchive(path: string): Promise<OpenLog> {
  const { file, size } = await openFile(path)
  return { archived: true, size, lines: (options) => decompressed(file, options), close: () => file.close() }
}

async function* decompressed(
  file: FileHandle,
  options: ReadLinesOptions | undefined,
): AsyncGenerator<Line, void, undefined> {
  const gunzip = createGunzip({ chunkSize: CHUNK })
  // An error of either is thrown where the chunks are read.
  pipeline(chunksOf(file), gunzip, () => {})
  const chunks = gunzip[Symbol.asyncIterator]()
  try {
    yield* linesOf(async () => {
      const { value, done } = await chunks.next()
      return done ? undefined : (value as Buffer)
    }, options)
  } finally {
    gunzip.destroy()
  }
}

/** The bytes of a file from its beginning. Each chunk is a buffer of its own. A stream would hold the file open. */
export async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

async function openFile(path: string): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    if (found.isFile()) return { file, size: found.size }
    const code = found.isDirectory() ? 'EISDIR' : 'EINVAL'
    throw Object.assign(new Error('it is not a file'), { code })
  } catch (error) {
    await file.close()
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
}

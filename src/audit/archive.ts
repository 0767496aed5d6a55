import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { z } from 'zod'
import type { ChainHead } from '../base/chain.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import { check } from '../policy/schema.js'
import { ARCHIVE_SUFFIX, chunksOf, isMissing, openArchive, openLog } from './files.js'
import type { AuditKey } from './key.js'
import { DAY, type LogCheck, openCheck, type VerifiedFile } from './verify.js'

/** Which files are compressed. */
export interface ArchiveOptions {
  /** The first day (UTC) that is left as it is, such as `2026-11-01`. Today's files are left in any case. */
  readonly before: string
  /**
   * What `ledger.heads()` returns: they say which files have ended, and what has to be in them.
   * @default none
   */
  readonly heads?: readonly ChainHead[] | undefined
  /**
   * The key of the log, if it was written with one.
   * @default none
   */
  readonly key?: AuditKey | undefined
  /**
   * The time now, wall-clock ms.
   * @default Date.now()
   */
  readonly now?: number | undefined
}

/** A file that was compressed. */
export interface ArchivedFile {
  /** The file's name before it was compressed. */
  readonly file: string
  /** Valid records. */
  readonly records: number
  /** Its size before, bytes. */
  readonly bytes: number
  /** Its size now, bytes. */
  readonly archivedBytes: number
}

/** A file of a day before `before` that was left as it is. */
export interface LeftFile {
  /** The file's name. */
  readonly file: string
  /** Whether it differs from what was written, so that `verifyAudit` reports it. */
  readonly bad: boolean
  /** One sentence for a person. */
  readonly reason: string
}

/** What `archiveAudit` did. */
export interface ArchiveResult {
  /** Whether no file was left because it differs from what was written. */
  readonly ok: boolean
  /** In the order of their names. */
  readonly archived: readonly ArchivedFile[]
  /** In the order of their names. */
  readonly left: readonly LeftFile[]
}

/** What has just been done to a file, in this order. */
export type ArchiveStep = 'verified' | 'created' | 'written' | 'compared' | 'renamed' | 'removed'

const optionsShape = z.looseObject({
  before: z.iso.date({ error: "expected a day such as '2026-11-01'" }),
  now: z.number().optional(),
})

/** A temporary file that is older belongs to a process that was killed. */
const STALE_MS = 3_600_000
const TEMPORARY = /^\.\d{4}-\d{2}-\d{2}-.*\.jsonl\.gz\.[0-9a-f]{16}\.tmp$/

/**
 * Compresses the files of days that are over, each to `<name>.gz`. `verifyAudit` and all that read a log read them as
 * before, and the heads in the ledger are those of the same files. A file is verified before, and its compressed copy
 * after that; only then is it replaced. A process that is killed at any moment leaves one of the two, or both, whole.
 * Several may run at the same time.
 *
 * A file is compressed only if its process has ended it (a head says so), or was killed on this machine. The file of a
 * process that may still run, and one that is not as it was written, are left.
 *
 * @param dir the folder of the log
 * @throws SolveguardError `CONFIG_INVALID` for options, or where there is no such folder; `AUDIT_UNAVAILABLE` where a
 *   file cannot be written: it is left as it was
 * @example
 * const { archived, left } = await archiveAudit('.solveguard/audit', { before: '2026-11-01', heads })
 */
export async function archiveAudit(dir: string, options: ArchiveOptions): Promise<ArchiveResult> {
  const { before, now = Date.now() } = check(optionsShape, options, 'archiveAudit')
  const { heads, key } = options
  const log = await openCheck({ dir }, { heads, key })
  const today = new Date(now).toISOString().slice(0, 10)
  const first = before < today ? before : today
  await removeStale(log.files.dir, now)
  const archived: ArchivedFile[] = []
  const left: LeftFile[] = []
  for (const name of log.files.names) {
    if (!DAY.test(name) || name.slice(0, 10) >= first) continue
    const steps = archiveSteps(log, name)
    let step = await steps.next()
    while (!step.done) step = await steps.next()
    if (step.value === undefined) continue
    if ('reason' in step.value) left.push(step.value)
    else archived.push(step.value)
  }
  return { ok: !left.some(({ bad }) => bad), archived, left }
}

/**
 * Compresses one file. A process that ends between two steps has left a log that verifies as before.
 * @returns undefined where it is compressed already
 */
export async function* archiveSteps(
  log: LogCheck,
  name: string,
): AsyncGenerator<ArchiveStep, ArchivedFile | LeftFile | undefined> {
  const path = join(log.files.dir, name)
  const before = await statIfAny(path)
  if (before === undefined) return undefined
  const verified = await log.verify(name)
  const reason = await whyLeft(log, path, verified)
  if (reason !== undefined) return reason
  yield 'verified'

  const temporary = join(log.files.dir, `.${name}${ARCHIVE_SUFFIX}.${randomBytes(8).toString('hex')}.tmp`)
  let isTemporary = true
  try {
    const target = await open(temporary, 'wx', 0o600)
    let hash: string
    try {
      yield 'created'
      hash = await compress(path, target)
      await target.sync()
    } finally {
      await target.close()
    }
    yield 'written'

    const again = await log.verify(name, () => openArchive(temporary))
    const after = await stat(path)
    const isSame = after.ino === before.ino && after.size === before.size && after.mtimeMs === before.mtimeMs
    if (!isSame) return left(name, false, 'It changed while it was compressed: its process still runs.')
    if ((await hashOfArchive(temporary)) !== hash || JSON.stringify(again) !== JSON.stringify(verified)) {
      return left(name, false, 'What it was compressed to is not the same: check the disk.')
    }
    yield 'compared'

    const { size } = await stat(temporary)
    await rename(temporary, path + ARCHIVE_SUFFIX)
    isTemporary = false
    await syncFolder(log.files.dir)
    yield 'renamed'

    await unlink(path).catch((error: unknown) => {
      // Another process that compresses the same file removed it first.
      if (!isMissing(error)) throw error
    })
    await syncFolder(log.files.dir)
    yield 'removed'
    return { file: name, records: verified.records, bytes: before.size, archivedBytes: size }
  } catch (error) {
    // Another process has compressed the same file.
    if (isMissing(error) && (await statIfAny(path)) === undefined) return undefined
    throw new SolveguardError(
      'AUDIT_UNAVAILABLE',
      `The audit log ${path} cannot be compressed, and was left as it is (${messageOf(error)}). Free space on its ` +
        'disk, or give this user permission to write in the folder.',
      { cause: error },
    )
  } finally {
    if (isTemporary) await unlink(temporary).catch(() => {})
  }
}

async function statIfAny(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function left(file: string, bad: boolean, reason: string): LeftFile {
  return { file, bad, reason }
}

/** Why a file is not compressed; undefined where it is. */
async function whyLeft(log: LogCheck, path: string, verified: VerifiedFile): Promise<LeftFile | undefined> {
  const { file, firstBad, records } = verified
  // Lines that no head confirms are those of a process that was killed: they stay what they are.
  if (firstBad && firstBad.problem !== 'unconfirmed' && firstBad.problem !== 'unknown') {
    return left(file, true, `Line ${firstBad.line}: ${firstBad.reason}`)
  }
  const heads = log.known.get(file) ?? []
  if (heads.some(({ end, seq }) => end !== undefined && seq === records)) return undefined
  const writer = await writerOf(path)
  if (writer === undefined) return left(file, false, 'It has no record, so that its process is not known.')
  const { pid, host } = writer
  if (host !== hostname()) {
    return left(file, false, `No head says that it has ended, and its process ran on ${host}: archive it there.`)
  }
  return isRunning(pid) ? left(file, false, `Its process, ${pid}, may still run.`) : undefined
}

/** The process that wrote a file, by its first record. */
async function writerOf(path: string): Promise<{ readonly pid: number; readonly host: string } | undefined> {
  const file = await openLog(path)
  try {
    for await (const { bytes } of file.lines()) {
      const found = writerShape.safeParse(JSON.parse(bytes.toString()))
      return found.success ? { pid: found.data.process.pid, host: found.data.host.name } : undefined
    }
  } catch {
    // Not a record.
  } finally {
    await file.close()
  }
  return undefined
}

const writerShape = z.object({
  process: z.object({ pid: z.int().positive() }),
  host: z.object({ name: z.string() }),
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** @returns the hash of what was read */
async function compress(path: string, target: FileHandle): Promise<string> {
  const source = await open(path, constants.O_RDONLY)
  try {
    const hash = createHash('sha256')
    const hashed = async function* () {
      for await (const chunk of chunksOf(source)) {
        hash.update(chunk)
        yield chunk
      }
    }
    await pipeline(hashed, createGzip(), async (chunks) => {
      for await (const chunk of chunks) await target.appendFile(chunk as Buffer)
    })
    return hash.digest('hex')
  } finally {
    await source.close()
  }
}

/** @returns the hash of what was compressed; undefined where the bytes are not what a compression ends with */
async function hashOfArchive(path: string): Promise<string | undefined> {
  const source = await open(path, constants.O_RDONLY)
  try {
    const hash = createHash('sha256')
    await pipeline(chunksOf(source), createGunzip(), hash)
    return hash.digest('hex')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_')) return undefined
    throw error
  } finally {
    await source.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } catch (error) {
    // Some file systems and Windows have no such call.
    if (!['EINVAL', 'EPERM', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await folder.close()
  }
}

/** Removes what processes left that were killed while they compressed a file. */
async function removeStale(dir: string, now: number): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!TEMPORARY.test(name)) continue
    const path = join(dir, name)
    const found = await statIfAny(path)
    if (found && found.mtimeMs < now - STALE_MS) await unlink(path).catch(() => {})
  }
}

import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { DeniedError, printable, SolveguardError } from '../base/errors.js'
import type { SecretProvider } from './provider.js'
import { readBounded } from './read-file.js'
import { parseTwoLines } from './two-line-text.js'
import { watchFile } from './watch.js'

/** Options of `fileSecret`. */
export interface FileSecretOptions {
  /**
   * Whether the file's group may read it (mode 640), as with `fsGroup` in Kubernetes.
   * @default false
   */
  readonly allowGroup?: boolean | undefined
  /**
   * Whether all users may read it, and only its owner may write it: for a file that is mounted into a container, which
   * has no other users. Docker mounts secrets with mode 444, Kubernetes with 644 unless `defaultMode: 0400` is set.
   * @default false
   */
  readonly mounted?: boolean | undefined
}

/** The mode bits that other users must not have, and the mode to set. */
interface PermissionRule {
  readonly forbidden: number
  readonly mode: string
}

const MAX_BYTES = 64 * 1024

/**
 * A key from a file that only its owner may read (mode 600 or 400). The first line is the current key; a second line,
 * if there is one, is the previous key. The key's age is the file's age. The file is read again when it changes, also
 * through links as in a mounted Kubernetes secret.
 *
 * The permissions are checked on the opened file, after links were followed, so the file cannot be exchanged between
 * the check and the read. On Windows, which has no such permissions, they are not checked.
 *
 * @throws SolveguardError `CONFIG_INVALID` for a path that is empty or holds a zero byte; the provider's `fetch` throws
 *   a `DeniedError`: `SECRET_MISSING` where there is no file, `SECRET_UNSAFE` for an owner or a mode that is not safe,
 *   `SECRET_INVALID` for content that cannot be a key, `SECRET_UNAVAILABLE` for a file that cannot be read
 * @example
 * createGuard({ secret: fileSecret('/run/secrets/captchaai', { mounted: true }), … })
 */
export function fileSecret(
  path: string,
  { allowGroup = false, mounted = false }: FileSecretOptions = {},
): SecretProvider {
  if (typeof path !== 'string' || !path || path.includes('\0')) {
    throw new SolveguardError('CONFIG_INVALID', 'fileSecret(path) takes the path of a file.')
  }
  const place = printable(path)
  const rule: PermissionRule = mounted
    ? { forbidden: 0o033, mode: '644' }
    : allowGroup
      ? { forbidden: 0o037, mode: '640' }
      : { forbidden: 0o077, mode: '600' }
  return {
    kind: 'file',
    place,
    async fetch() {
      const file = await openFile(path, place)
      try {
        const stats = await file.stat()
        checkFile(stats, path, place, rule)
        const text = await readBounded(file, MAX_BYTES)
        if (text === undefined) throw tooLarge(place)
        const { current, previous } = parseTwoLines(text, place)
        return { current: { ...current, createdAt: Math.floor(stats.mtimeMs) }, previous }
      } catch (error) {
        throw error instanceof SolveguardError ? error : unavailable(place, error)
      } finally {
        await file.close()
      }
    },
    start: ({ clock, changed }) => watchFile(path, clock, changed),
  }
}

async function openFile(path: string, place: string): Promise<FileHandle> {
  try {
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new DeniedError(
        'SECRET_MISSING',
        `There is no file ${place}: store the service's API key there, with mode 600.`,
      )
    }
    throw unavailable(place, error)
  }
}

function checkFile(stats: Stats, path: string, place: string, { forbidden, mode }: PermissionRule): void {
  if (!stats.isFile()) throw new DeniedError('SECRET_INVALID', `${place} is not a regular file.`)
  if (stats.size > MAX_BYTES) throw tooLarge(place)
  const ownUid = process.geteuid?.()
  if (ownUid === undefined) return
  if (stats.uid !== ownUid && stats.uid !== 0) {
    throw new DeniedError(
      'SECRET_UNSAFE',
      `${place} belongs to another user (${stats.uid}), who can read or change it: run chown ${ownUid} ${quoted(path)}`,
    )
  }
  if (stats.mode & forbidden) {
    const found = (stats.mode & 0o777).toString(8).padStart(3, '0')
    // The mode of a read-only mount cannot be changed.
    const mounted =
      stats.mode & 0o033 ? ': run' : '. If it is mounted into a container, set { mounted: true }; otherwise run'
    throw new DeniedError(
      'SECRET_UNSAFE',
      `Other users can read or change ${place} (mode ${found})${mounted} chmod ${mode} ${quoted(path)}`,
    )
  }
}

function tooLarge(place: string): DeniedError {
  return new DeniedError('SECRET_INVALID', `${place} is larger than ${MAX_BYTES / 1024} KiB, so it is not a key.`)
}

function unavailable(place: string, error: unknown): DeniedError {
  const code = printable(String((error as NodeJS.ErrnoException).code ?? 'unknown error'), 40)
  return new DeniedError('SECRET_UNAVAILABLE', `${place} could not be read (${code}).`)
}

/** A path, quoted for a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${printable(path).replaceAll("'", "'\\''")}'`
}

import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { messageOf, SolveguardError } from '../base/errors.js'

/** A log: one file, or a folder of files. A plain path may be either. */
export type AuditTarget = string | { readonly dir: string } | { readonly file: string }

/** The files to read, by their names in a folder. */
export interface LogFiles {
  readonly dir: string
  readonly names: readonly string[]
  /** All files of the folder. */
  readonly siblings: readonly string[]
  /** Whether the whole folder was asked for. */
  readonly whole: boolean
}

/**
 * The files of a log: of a folder all `*.jsonl`, sorted by name; of a file also the `siblings` in its folder.
 * @throws SolveguardError `CONFIG_INVALID` where there is no such file or folder
 */
export async function filesOf(target: AuditTarget): Promise<LogFiles> {
  const path = resolve(typeof target === 'string' ? target : 'dir' in target ? target.dir : target.file)
  const wanted = typeof target === 'string' ? undefined : 'dir' in target ? 'folder' : 'file'
  let isFolder: boolean
  try {
    isFolder = (await stat(path)).isDirectory()
    if (!isFolder) {
      if (wanted === 'folder') throw new Error('it is not a folder')
      return { dir: dirname(path), names: [basename(path)], siblings: await logsIn(dirname(path)), whole: false }
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

async function logsIn(dir: string): Promise<readonly string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith('.jsonl')).sort()
}

import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { messageOf, SolveguardError } from '../base/errors.js'

/** A log: one file, or a folder of files. A plain path may be either. */
export type AuditTarget = string | { readonly dir: string } | { readonly file: string }

/**
 * The files of a log: of a folder all `*.jsonl`, sorted by name.
 * @throws SolveguardError `CONFIG_INVALID` where there is no such file or folder
 */
export async function filesOf(
  target: AuditTarget,
): Promise<{ readonly dir: string; readonly names: readonly string[]; readonly whole: boolean }> {
  const path = resolve(typeof target === 'string' ? target : 'dir' in target ? target.dir : target.file)
  const wanted = typeof target === 'string' ? undefined : 'dir' in target ? 'folder' : 'file'
  let isFolder: boolean
  try {
    isFolder = (await stat(path)).isDirectory()
    if (!isFolder) {
      if (wanted === 'folder') throw new Error('it is not a folder')
      return { dir: dirname(path), names: [basename(path)], whole: false }
    }
    if (wanted === 'file') throw new Error('it is a folder')
    const names = (await readdir(path)).filter((name) => name.endsWith('.jsonl')).sort()
    return { dir: path, names, whole: true }
  } catch (error) {
    throw new SolveguardError('CONFIG_INVALID', `No audit log can be read at ${path} (${messageOf(error)}).`, {
      cause: error,
    })
  }
}

import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Creates a folder, and those above it, unless it exists. Not by the option `recursive` of `mkdirSync`, with which
 * Node.js 20 never returns where a file system answers ENOENT for a folder whose parent exists, as `/proc` does, and
 * throws ENOENT where the file system is read-only.
 * @throws the error of the file system
 */
export function makeFolder(path: string, mode?: number): void {
  const folder = resolve(path)
  try {
    mkdirSync(folder, mode)
  } catch (error) {
    if (isFolder(folder)) return
    const parent = dirname(folder)
    // A link to nothing is there and is no folder: what is below it cannot be created.
    if (!isMissing(error) || parent === folder || isFolder(parent)) throw error
    makeFolder(parent, mode)
    makeOne(folder, mode)
  }
}

/** Creates a folder whose parent exists; another process may be faster. */
function makeOne(folder: string, mode: number | undefined): void {
  try {
    mkdirSync(folder, mode)
  } catch (error) {
    if (!isFolder(folder)) throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

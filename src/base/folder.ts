import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Creates a folder, and those above it, unless it exists.
 * @throws the error of the file system; where the file system is read-only, Node.js itself would throw ENOENT
 */
export function makeFolder(path: string, mode?: number): void {
  try {
    mkdirSync(path, { recursive: true, ...(mode !== undefined && { mode }) })
  } catch (error) {
    let existing = path
    while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
    accessSync(existing, constants.W_OK)
    throw error
  }
}

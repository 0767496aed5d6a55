import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { AuditRecord } from '../../src/audit/schema.js'

/** A new folder under the system's temporary one. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'solveguard-audit-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Makes a new folder before each test of the file, and removes it afterwards. */
export function folderForEachTest(made: (path: string) => void): void {
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(() => {
    folder = temporaryFolder()
    made(folder.path)
  })
  afterEach(() => folder.remove())
}

/** The names of a folder's log files, in order. */
export function logFiles(dir: string): string[] {
  return readdirSync(dir).sort()
}

/** The records of one file. */
export function recordsOf(path: string): AuditRecord[] {
  return linesOf(path).map((line) => JSON.parse(line) as AuditRecord)
}

/** The lines of one file, without their newlines; the last one too if it was cut off. */
export function linesOf(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

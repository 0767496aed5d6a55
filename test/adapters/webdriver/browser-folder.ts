import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary folder of chromedriver and its browsers, which are killed at the end of a session and leave files. */
export interface BrowserFolder {
  /** What chromedriver is started with. */
  readonly env: NodeJS.ProcessEnv
  remove(): Promise<void>
}

export function browserFolder(): BrowserFolder {
  const folder = mkdtempSync(join(tmpdir(), 'wd-'))
  return {
    env: { ...process.env, TMPDIR: folder },
    // A browser that is ending may still write.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 20 }),
  }
}

import fs, { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { jsonlAudit } from '../../src/audit/index.js'
import { createGuard } from '../../src/guard/create.js'
import { fileLedger, memoryLedger } from '../../src/ledger/index.js'
import { errorOf, fixedSecret } from './support.js'

const KEY = '0123456789abcdef'
const policy = { origins: ['https://staging.example.com'] }

let root: string
/** A folder in it that is read-only. */
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'solveguard-read-only-'))
  folder = join(root, 'mounted')
  mkdirSync(folder)
})
afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  rmSync(root, { recursive: true })
})

/** Makes the folder answer as one on a file system that is mounted read-only. */
function mountReadOnly(): void {
  const refuse = (name: 'mkdirSync' | 'openSync' | 'accessSync', code: string): void => {
    const real = fs[name] as (...words: unknown[]) => unknown
    vi.spyOn(fs, name as 'accessSync').mockImplementation((...words: unknown[]) => {
      if (!String(words[0]).startsWith(folder)) return real(...words) as never
      throw Object.assign(new Error(`${code}: ${name} '${words[0]}'`), { code })
    })
  }
  refuse('mkdirSync', 'EROFS')
  refuse('openSync', 'EROFS')
  refuse('accessSync', 'EROFS')
  syncBuiltinESMExports()
}

it.each([
  ['a ledger', 'LEDGER_UNAVAILABLE', async () => fileLedger({ dir: join(folder, 'new') }).open()],
  ['a ledger in a folder that exists', 'LEDGER_UNAVAILABLE', async () => fileLedger({ dir: folder }).open()],
  ['an audit log', 'AUDIT_UNAVAILABLE', async () => jsonlAudit({ dir: join(folder, 'new') }).open('tests', 0)],
  [
    'the folder of the guard',
    'LEDGER_UNAVAILABLE',
    async () => createGuard({ secret: fixedSecret(KEY), policy, stateDir: join(folder, 'state') }),
  ],
  [
    "the folder of the guard's audit log",
    'AUDIT_UNAVAILABLE',
    async () =>
      createGuard({ secret: fixedSecret(KEY), policy, stateDir: join(folder, 'state'), ledger: memoryLedger() }),
  ],
  [
    'the wire log',
    'CONFIG_INVALID',
    async () =>
      createGuard({
        secret: fixedSecret(KEY),
        policy,
        ledger: memoryLedger(),
        audit: jsonlAudit({ dir: join(root, 'audit') }),
        trace: join(folder, 'traces', 'wire.har'),
      }),
  ],
])('%s on a read-only file system is reported as that', async (_, code, use) => {
  mountReadOnly()
  const error = await errorOf(use())
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(/read-only|EROFS/)])
  expect(error.message).not.toMatch(/ENOENT|permission|is gone/)
})

import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { type ArchiveStep, archiveAudit } from '../../src/audit/archive.js'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { verifyAudit } from '../../src/audit/verify.js'
import { authorized, NOON } from './events.js'
import { temporaryFolder } from './folder.js'

const STEPS: readonly ArchiveStep[] = ['verified', 'created', 'written', 'compared', 'renamed', 'removed']
const program = fileURLToPath(
  new URL(`../../node_modules/.cache/solveguard/archive-${process.pid}.mjs`, import.meta.url),
)
beforeAll(() => bundleForNode('test/audit/children/archive.ts', program))
afterAll(() => rmSync(program, { force: true }))

it.each(STEPS)(
  'a process that is killed after "%s" leaves a log that verifies, and the next one goes on',
  async (last) => {
    const folder = temporaryFolder()
    try {
      const dir = join(folder.path, 'audit')
      const sink = jsonlAudit({ dir })
      await sink.open('checkout-tests', NOON)
      await sink.write([authorized, authorized])
      await sink.close()
      const heads = sink.head ? [sink.head] : []
      const [name = ''] = readdirSync(dir)
      const { signal } = spawnSync(process.execPath, [program, dir, name, last, JSON.stringify(heads)])
      expect(signal).toBe('SIGKILL')
      expect(await verifyAudit(dir, { heads })).toMatchObject({ ok: true, records: 3 })
      const { ok } = await archiveAudit(dir, { before: '2026-12-01', heads })
      expect(ok).toBe(true)
      expect(readdirSync(dir).filter((file) => !file.startsWith('.'))).toEqual([`${name}.gz`])
      expect(await verifyAudit(dir, { heads })).toMatchObject({ ok: true, records: 3 })
    } finally {
      folder.remove()
    }
  },
)

import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import { authorized, NOON } from './events.js'
import { temporaryFolder } from './folder.js'

const MIB = 1024 * 1024

it('a log of 200 MB is verified in 64 MiB', async () => {
  const folder = temporaryFolder()
  const program = fileURLToPath(
    new URL(`../../node_modules/.cache/solveguard/verify-${process.pid}.mjs`, import.meta.url),
  )
  try {
    await bundleForNode('test/audit/children/verify-log.ts', program)
    const dir = join(folder.path, 'audit')
    const sink = jsonlAudit({ dir })
    await sink.open('checkout-tests', NOON)
    const long = { ...authorized, page: `https://staging.example.com/${'x'.repeat(1_000)}`, message: 'y'.repeat(500) }
    const batch: AuditEvent[] = Array.from({ length: 500 }, () => long)
    const bytes = () => statSync(join(dir, readdirSync(dir)[0] ?? '')).size
    let records = 1
    for (; bytes() < 200e6; records += batch.length) await sink.write(batch)
    await sink.close()
    const args = ['--max-old-space-size=64', program, dir, JSON.stringify([sink.head])]
    const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
    expect(result).toMatchObject({ ok: true, records })
    expect(result.grown).toBeLessThanOrEqual(64 * MIB)
  } finally {
    rmSync(program, { force: true })
    folder.remove()
  }
}, 120_000)

import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { temporaryFolder } from '../audit/folder.js'
import { writeBigLog } from './big-log.js'
import { NOON } from './log.js'

/** `REPORT_RECORDS=1000000`: the whole of it, for minutes. */
const RECORDS = Number(process.env.REPORT_RECORDS ?? 60_000)
const MIB = 1024 * 1024

it(`a log of ${RECORDS} records is added up in 128 MiB`, async () => {
  const folder = temporaryFolder()
  const program = fileURLToPath(
    new URL(`../../node_modules/.cache/solveguard/fold-${process.pid}.mjs`, import.meta.url),
  )
  try {
    await bundleForNode('test/report/children/fold-log.ts', program)
    const solves = await writeBigLog(folder.path, RECORDS, NOON)
    const args = ['--max-old-space-size=64', '--max-semi-space-size=4', program, folder.path, String(NOON)]
    const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
    expect(result).toMatchObject({ total: { solved: solves, spent: 1_000 * solves, open: 0 }, subjects: 1_500 })
    expect(result.records).toBeGreaterThanOrEqual(RECORDS)
    expect(result.peakBytes).toBeLessThanOrEqual(128 * MIB)
  } finally {
    rmSync(program, { force: true })
    folder.remove()
  }
}, 1_800_000)

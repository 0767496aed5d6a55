import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import type { AuditRecord } from '../../src/audit/schema.js'
import { verifyAudit } from '../../src/audit/verify.js'
import { fileLedger } from '../../src/ledger/file.js'
import { redisLedger } from '../../src/ledger/redis.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { startRedis } from '../support/redis.js'
import { after } from './support.js'

const program = join(import.meta.dirname, `../../node_modules/.cache/solveguard/ending-${process.pid}.mjs`)

beforeAll(async () => {
  await bundleForNode('test/guard/children/ending.ts', program)
})
afterAll(async () => {
  rmSync(program, { force: true })
})

const ENDINGS = ['nothing left to do', 'process.exit', 'an uncaught error'] as const
const LEDGERS = ['file', 'redis'] as const
const cases = ENDINGS.flatMap((how) => LEDGERS.map((kind) => ({ how, kind })))

/** Runs a process that asks for so many solves, and does not close its guard. */
async function ended(how: string, kind: (typeof LEDGERS)[number], times: number, pageUrl: string, slowAudit = false) {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-ending-'))
  after(async () => rmSync(dir, { recursive: true, force: true }))
  // It knows another key than the process has.
  const service = await startSolverService()
  after(() => service.close())
  // A new server: it has to be sent each script first, which takes a call more.
  const redis = kind === 'redis' ? await startRedis() : undefined
  if (redis) after(() => redis.stop())
  const url = redis?.url ?? ''
  const env = {
    ...{ PATH: process.env.PATH, DIR: dir, SERVICE_URL: service.url, REDIS_URL: url },
    ...{ HOW: how, PAGE: pageUrl, TIMES: `${times}`, ...(slowAudit && { SLOW_AUDIT: '1' }) },
  }
  const child = spawn(process.execPath, [program], { env, stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  expect(code).toBe({ 'nothing left to do': 0, 'process.exit': 3, 'an uncaught error': 1 }[how])
  const ledger = kind === 'redis' ? redisLedger({ url }) : fileLedger({ dir })
  await ledger.open()
  after(async () => ledger.close())
  const folder = join(dir, 'audit')
  const records = readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditRecord),
  )
  return { ledger, folder, records }
}

describe('a process that ends without closing its guard', () => {
  it.each(cases)('has its denials on the record, by $how, with the ledger $kind', async ({ how, kind }) => {
    const { records, ledger, folder } = await ended(how, kind, 3, 'https://elsewhere.example/')
    const denied = records.filter(({ event }) => event.action === 'denied')
    expect(denied.reduce((sum, { solveguard }) => sum + (solveguard.count ?? 1), 0)).toBe(3)
    const mine = new Set(readdirSync(folder))
    const heads = (await ledger.heads()).filter(({ file }) => mine.has(file))
    if (kind === 'file') expect(await verifyAudit(folder, { heads })).toMatchObject({ ok: true })
  })

  it('has them in an audit log that takes time too, where nothing is left to do', async () => {
    const { records } = await ended('nothing left to do', 'file', 3, 'https://elsewhere.example/', true)
    const denied = records.filter(({ event }) => event.action === 'denied')
    expect(denied.reduce((sum, { solveguard }) => sum + (solveguard.count ?? 1), 0)).toBe(3)
  })

  it.each(cases)('has its pause in the ledger, by $how, with the ledger $kind', async ({ how, kind }) => {
    const { ledger } = await ended(how, kind, 1, 'https://staging.example.com/login')
    after(async () => ledger.resume('ending'))
    expect((await ledger.usage('ending', Date.now())).paused).toMatchObject({ code: 'KEY_REFUSED' })
  })
})

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fileLedger } from '../../src/ledger/file.js'
import type { Money } from '../../src/policy/money.js'
import { processContract } from './process-contract.js'
import { bundleWorker, startWorker } from './processes.js'
import type { Spent } from './worker.js'

const Database = createRequire(import.meta.url)('libsql') as new (
  file: string,
) => {
  prepare(sql: string): { get(): unknown }
  close(): void
}

processContract('a ledger file', 200, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-ledger-'))
  return {
    at: { dir },
    close() {
      const db = new Database(join(dir, 'ledger.db'))
      expect(db.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' })
      db.close()
      rmSync(dir, { recursive: true })
    },
  }
})

describe('a ledger file that several processes use at once', () => {
  let script: string
  let dir: string

  beforeAll(async () => {
    script = await bundleWorker()
  })
  afterAll(() => rmSync(script, { force: true }))
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'solveguard-ledger-'))
    return () => rmSync(dir, { recursive: true })
  })

  it('keeps what a process with several guards writes, while other processes open and close it', async () => {
    const [ledger, second] = [fileLedger({ dir }), fileLedger({ dir })]
    await ledger.open()
    await second.open()
    const path = (id: string) => [{ id, limits: { perDay: 1_000 as Money } }]
    const anotherSpends = async (id: string) =>
      (await startWorker(script, { do: 'spend', dir, path: path(id), times: 1 }).ended)[0] as Spent
    expect(await anotherSpends('b')).toMatchObject({ taken: 1 })
    const request = { id: 'r', ownerId: 'me', path: path('a'), amount: 1_000 as Money, deadline: Date.now() + 60_000 }
    expect(await ledger.reserve(request, Date.now())).toMatchObject({ ok: true })
    expect(await anotherSpends('a')).toMatchObject({ taken: 0, denied: 1 })
    await ledger.close()
    await second.close()
  })

  it('denies once the disk is full, and has counted all that it granted', async () => {
    const path = [{ id: 'a', limits: { perDay: 1e12 as Money } }]
    const [said] = (await startWorker(script, { do: 'spend-until-refused', dir, path }, 256).ended) as [Spent]
    expect(said.taken).toBeGreaterThan(10)
    expect(said.error).toMatchObject({ name: 'DeniedError', code: 'LEDGER_UNAVAILABLE' })
    expect(said.error?.message).toContain('free space on its disk')
    const ledger = fileLedger({ dir })
    await ledger.open()
    const { spent, reserved, lastMinute } = await ledger.usage('a', Date.now())
    expect(lastMinute).toBeGreaterThanOrEqual(said.taken)
    expect(spent + reserved).toBeGreaterThanOrEqual(said.cost)
    await ledger.close()
  })

  it('denies a user that may not write the file, and states what to do', async () => {
    const ledger = fileLedger({ dir })
    await ledger.open()
    await ledger.close()
    chmodSync(join(dir, 'ledger.db'), 0o444)
    chmodSync(dir, 0o555)
    const [said] = await startWorker(script, { do: 'open-unprivileged', dir }).ended
    chmodSync(dir, 0o755)
    expect(said).toMatchObject({ error: { name: 'DeniedError', code: 'LEDGER_UNAVAILABLE' } })
    expect((said as Required<Spent>).error?.message).toContain('give this user permission to read and write')
  })
})

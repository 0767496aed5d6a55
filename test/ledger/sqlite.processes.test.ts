import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Worker as Thread } from 'node:worker_threads'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fileLedger } from '../../src/ledger/file.js'
import { loadSqlite } from '../../src/ledger/sqlite/load.js'
import { type Money, usd } from '../../src/policy/money.js'
import { bundleWorker, startWorker } from './processes.js'
import type { Work } from './worker.js'

const PATH = [{ id: 'a', limits: { perDay: usd(10) as Money } }]

describe('one SQLite library in a process', () => {
  let script: string
  let dir: string

  beforeAll(async () => {
    script = await bundleWorker()
  })
  afterAll(() => rmSync(script, { force: true }))
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'solveguard-sqlite-'))
    return () => rmSync(dir, { recursive: true, force: true })
  })

  it('is opened by threads of one process, whose locks stay when one of them closes the file', async () => {
    const ledger = fileLedger({ dir })
    await ledger.open()
    await ledger.register({ id: 'me', leaseMs: 30_000, declares: [] }, Date.now())
    const wal = statSync(join(dir, 'ledger.db-wal')).ino
    const work: Work = { do: 'spend', dir, path: PATH, times: 3 }
    const thread = new Thread(script, { argv: [JSON.stringify(work)], stdout: true })
    await new Promise((resolve) => thread.on('exit', resolve))
    // The last process that has the file open deletes the -wal file. This process has it open still.
    const [spent] = await startWorker(script, work).ended
    expect(spent).toMatchObject({ taken: 3 })
    expect(statSync(join(dir, 'ledger.db-wal')).ino).toBe(wal)
    const now = Date.now()
    const request = { id: 'r', ownerId: 'me', path: PATH, amount: usd(1), deadline: now + 60_000 }
    expect(await ledger.reserve(request, now)).toMatchObject({ ok: true })
    expect((await ledger.usage('a', now)).reserved).toBe(usd(1))
    await ledger.close()
    expect(readdirSync(dir)).toEqual(['ledger.db'])
  })

  it('is refused beside another copy of libsql, and never libsql where Node has its own', async () => {
    const loaded = createRequire(import.meta.url).resolve(`@libsql/${platformOf()}`)
    const copy = join(dir, 'copy', '@libsql', platformOf())
    cpSync(dirname(loaded), copy, { recursive: true })
    const library = join(copy, 'index.node')
    const [said] = await startWorker(script, { do: 'open-beside', dir: join(dir, 'state'), library }).ended
    const { name } = await loadSqlite()
    expect(said).toMatchObject(
      name === 'node:sqlite'
        ? { opened: true }
        : { error: { code: 'LEDGER_UNAVAILABLE', message: expect.stringContaining('2 copies of libsql') } },
    )
  })
})

/** The part of libsql that is installed for this machine. */
function platformOf(): string {
  const folder = join(dirname(createRequire(import.meta.url).resolve('libsql')), '..', '@libsql')
  return readdirSync(folder).find((name) => name.startsWith(`${process.platform}-${process.arch}`)) ?? 'none'
}

import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fileLedger } from '../../src/ledger/file.js'
import { loadSqlite } from '../../src/ledger/sqlite/load.js'
import type { Money } from '../../src/policy/money.js'
import { processContract } from './process-contract.js'
import { bundleWorker, startWorker } from './processes.js'
import type { Spent, SpentThroughErrors } from './worker.js'

const sqlite = await loadSqlite()

processContract('a ledger file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-ledger-'))
  return {
    at: { dir },
    close() {
      const db = sqlite.connect(join(dir, 'ledger.db'), 0)
      expect(db.prepare('PRAGMA integrity_check').get([])).toEqual(['ok'])
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
    const [said] = (await startWorker(script, { do: 'spend-until-refused', dir, path }, { ulimit: '-f 192' })
      .ended) as [Spent]
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

  describe('when a system call fails', () => {
    const path = [{ id: 'a', limits: { perDay: 1e12 as Money } }]
    const work = { do: 'spend-through-errors', path, times: 3 } as const

    /** Spends while calls about the ledger's files fail; undefined once there is none to fail any more. */
    async function spendWhileFailing(...inject: string[]): Promise<SpentThroughErrors | undefined> {
      const log = join(dir, 'strace.log')
      const paths = ['', '-journal', '-wal', '-shm'].flatMap((suffix) => ['-P', join(state, `ledger.db${suffix}`)])
      const calls = inject.map((each) => each.split(':')[0]).join()
      const faults = inject.flatMap((each) => ['-e', `inject=${each}`])
      const strace = ['-o', log, ...paths, '-e', `trace=${calls}`, ...faults]
      const [said] = await startWorker(script, { ...work, dir: state }, { strace }).ended
      const count = readFileSync(log, 'utf8').split('(INJECTED)').length - 1
      if (said === undefined) throw new Error(`It ended without a result: ${inject.join(' ')}`)
      return count === 0 ? undefined : (said as SpentThroughErrors)
    }

    /** What counts for a process that comes after it. */
    async function counted(): Promise<number> {
      const ledger = fileLedger({ dir: state })
      await ledger.open()
      const { spent, reserved } = await ledger.usage('a', Date.now())
      await ledger.close()
      return spent + reserved
    }

    let state: string
    beforeEach(() => {
      state = join(dir, 'state')
    })

    it.each(['pwrite64', 'fsync', 'unlink', 'ftruncate'])(
      'at the creation of a ledger (%s), the ledger is whole, or is not opened',
      async (call) => {
        let runs = 0
        for (let at = 1; at <= 8; at++) {
          for (const more of [0, 1]) {
            const said = await spendWhileFailing(`${call}:error=EIO:when=${at}..${at + more}`)
            if (said === undefined) break
            runs++
            const where = `${call} ${at}+${more}`
            expect(await counted(), where).toBeGreaterThanOrEqual(said.reserved)
            if (said.reserved > 0) expect(said.files, where).toContain('ledger.db-wal')
            rmSync(state, { recursive: true })
          }
        }
        expect(runs).toBeGreaterThan(0)
      },
    )

    it.each([
      ['a read', [0, 1], []],
      ['two reads, after a write', [1], ['pwrite64:error=EIO:when=3']],
    ])('%s, no later process finds the ledger damaged, and nothing granted is forgotten', async (_, more, before) => {
      const used = join(dir, 'used')
      await startWorker(script, { ...work, dir: used }).ended
      let runs = 0
      for (let at = 1; at <= 10; at++) {
        for (const to of more.map((n) => at + n)) {
          cpSync(used, state, { recursive: true })
          const said = await spendWhileFailing(...before, `pread64:error=EIO:when=${at}..${to}`)
          if (said !== undefined) runs++
          expect(await counted(), `reads ${at} to ${to}`).toBeGreaterThanOrEqual(3_000 + (said?.reserved ?? 0))
          rmSync(state, { recursive: true })
        }
      }
      expect(runs).toBeGreaterThan(5)
    })

    it('a failed write is repeated on the file opened anew, and counts once', async () => {
      await startWorker(script, { ...work, dir: state }).ended
      const said = await spendWhileFailing('pwrite64:error=EIO:when=3')
      expect(said).toMatchObject({ reserved: 3_000, errors: [] })
      expect(await counted()).toBe(6_000)
    })

    it('one call waits for locks that fail; the next ones are denied without asking for a lock', async () => {
      await startWorker(script, { ...work, dir: state }).ended
      const log = join(dir, 'strace.log')
      const strace = ['-o', log, '-P', join(state, 'ledger.db-shm'), '-e', 'trace=fcntl']
      await startWorker(script, { ...work, dir: state, times: 0 }, { strace }).ended
      // All locks of opening, and then none.
      const locks = readFileSync(log, 'utf8').split('\n').length
      let said = await spendWhileFailing(`fcntl:error=ENOLCK:when=${locks - 3}+`)
      // Closing takes some of these locks too, how many depends on the version of SQLite.
      for (let sooner = 4; sooner < 8 && (said?.errors.length ?? 0) <= 3; sooner++) {
        said = await spendWhileFailing(`fcntl:error=ENOLCK:when=${locks - sooner}+`)
      }
      expect(said?.errors.length).toBeGreaterThan(3)
      expect(said?.errors[0]).toBe('SQLITE_PROTOCOL')
      expect(new Set(said?.errors.slice(1))).toEqual(new Set(['LOCKS_FAIL']))
    })

    it('a process that may open few files gets a code that names the limit, whatever the limit is', async () => {
      const limits = Array.from({ length: 20 }, (_, i) => 19 + i)
      const ends = await Promise.all(
        limits.map(async (files) => {
          const worker = startWorker(script, { ...work, dir: join(state, `${files}`) }, { ulimit: `-n ${files}` })
          const [said] = (await worker.ended) as (SpentThroughErrors | undefined)[]
          return said === undefined ? 'no result' : (said.errors[0] ?? 'granted')
        }),
      )
      // With the fewest, Node.js itself may not start.
      expect(ends.join(' ')).toMatch(/^(no result )*(EMFILE )+(granted ?)+$/)
    })
  })
})

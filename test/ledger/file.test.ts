import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as macrotask } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { JournalError } from '../../src/ledger/database-file.js'
import { fileLedger } from '../../src/ledger/file.js'
import { Journal } from '../../src/ledger/journal.js'
import type { BudgetClaim, Ledger, Owner } from '../../src/ledger/ledger.js'
import type { Connection } from '../../src/ledger/sqlite/driver.js'
import { loadSqlite } from '../../src/ledger/sqlite/load.js'
import { LedgerState } from '../../src/ledger/state.js'
import { type Money, micros } from '../../src/policy/money.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { ledgerContract } from './contract.js'
import { latestClock } from './latest-clock.js'
import { shorthand } from './shorthand.js'

const sqlite = await loadSqlite()

const T0 = Date.UTC(2026, 0, 5, 12)
const MINUTE = 60_000
const A: BudgetClaim = { id: 'a', limits: { perDay: 1e9 as Money }, alertsAt: [1e-9] }
const ME: Owner = { id: 'me', leaseMs: 30_000, declares: [{ budgetId: 'a', limits: { perDay: 5_000 as Money } }] }
const TASK = { solver: 'captchaai', taskId: '4711', keyVersion: 'v1', family: 'recaptcha' }

function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'solveguard-ledger-'))
}

let { clock, watch } = latestClock()
beforeEach(() => {
  ;({ clock, watch } = latestClock())
})

async function opened(dir: string): Promise<Ledger> {
  const ledger = watch(fileLedger({ dir, clock }))
  await ledger.open()
  return ledger
}

ledgerContract('the ledger in a file', async () => {
  const dir = temporary()
  const ledger = await opened(dir)
  const other = await opened(dir)
  return {
    ledger,
    other,
    async close() {
      await ledger.close()
      await other.close()
      rmSync(dir, { recursive: true })
    },
  }
})

describe('a ledger file', () => {
  let dir: string
  let file: string
  beforeEach(() => {
    dir = temporary()
    file = join(dir, 'ledger.db')
    return () => rmSync(dir, { recursive: true })
  })

  it('is created for its owner only, with its folder', async () => {
    const state = join(dir, 'some', 'state')
    const ledger = await opened(state)
    expect(ledger).toMatchObject({ kind: 'file', place: join(state, 'ledger.db') })
    for (const name of ['ledger.db', 'ledger.db-wal', 'ledger.db-shm']) {
      expect(statSync(join(state, name)).mode & 0o777, name).toBe(0o600)
    }
    expect(statSync(state).mode & 0o777).toBe(0o700)
    await ledger.close()
  })

  it('may have its own name, and wait for the disk at each write', async () => {
    const options = { file: join(dir, 'mine.sqlite'), durability: 'power', clock } as const
    const ledger = watch(fileLedger(options))
    await ledger.open()
    await shorthand(ledger).reserve([A], 60, T0)
    await ledger.close()
    const later = fileLedger(options)
    await later.open()
    expect(await later.usage('a', T0)).toMatchObject({ reserved: 60 })
    await later.close()
  })

  it('keeps everything from one process to the next', async () => {
    const before = await opened(dir)
    await before.register(ME, T0)
    await shorthand(before).reserve([A], 60, T0, { id: 'r' })
    await shorthand(before).reserve([A], 70, T0, { id: 's' })
    before.attachTask('r', TASK)
    await shorthand(before).settle('s', 50, T0)
    await before.pause('b', { code: 'MANUAL', message: 'By hand.', at: T0 })
    await before.saveHead({ file: 'x.jsonl', seq: 3, hash: 'abc' })
    const usage = await before.usage('a', T0)
    await before.close()

    const after = await opened(dir)
    expect(await after.usage('a', T0)).toEqual(usage)
    expect(usage).toMatchObject({ spent: 50, reserved: 60, lastMinute: 2, active: 1, declared: { perDay: 5_000 } })
    expect(await after.usage('b', T0)).toMatchObject({ paused: { message: 'By hand.' } })
    expect(await after.heads()).toEqual([{ file: 'x.jsonl', seq: 3, hash: 'abc' }])
    expect(await shorthand(after).reserve([A], 1, T0)).toEqual({ ok: true, alerts: [] })
    expect(await shorthand(after).claim('you', T0 + MINUTE)).toMatchObject([{ ...TASK, reservationId: 'r' }])
    await after.close()
  })

  it('writes an attached task soon on its own', async () => {
    const ledger = await opened(dir)
    const other = await opened(dir)
    await shorthand(ledger).reserve([A], 60, T0, { id: 'r' })
    ledger.attachTask('r', TASK)
    await macrotask()
    await macrotask()
    expect(await shorthand(other).claim('you', T0)).toHaveLength(1)
    await ledger.close()
    await other.close()
  })

  it('stays short however much is solved, and a process that slept meanwhile catches up', async () => {
    const ledger = await opened(dir)
    const sleeper = await opened(dir)
    await sleeper.register(ME, T0)
    await sleeper.register(
      { id: 'lives', leaseMs: 120 * MINUTE, declares: [{ budgetId: 'c', limits: { perDay: 5_000 as Money } }] },
      T0,
    )
    await sleeper.pause('b', { code: 'MANUAL', message: 'By hand.', at: T0 })
    await sleeper.setFact({ scope: 'keys', name: 'k', value: 'known', ttlMs: 120 * MINUTE }, T0)
    await sleeper.setFact({ scope: 'keys', name: 'l', value: 'over', ttlMs: MINUTE }, T0)
    await shorthand(sleeper).reserve([A], 7, T0, { id: 'old', for: 60 * MINUTE })
    await shorthand(sleeper).reserve([A], 9, T0, { id: 'expiry' })
    // Of a process that has long gone.
    const ended = { file: 'old.jsonl', seq: 7, hash: 'abc', end: 'whole' } as const
    await sleeper.saveHead(ended)
    const rows = () => Number(inside(file, (db) => db.prepare('SELECT count(*) FROM journal').get([])?.[0]))
    let longest = 0
    for (let i = 0; i < 3_500; i++) {
      const at = T0 + i * 1_000
      await shorthand(ledger).reserve([A], 1, at, { id: `r${i}` })
      await ledger.settle(
        { reservationId: `r${i}`, cost: micros(1), head: { file: `${i % 3}.jsonl`, seq: i, hash: `${i}` } },
        at,
      )
      if (i % 100 === 0) longest = Math.max(longest, rows())
    }
    const now = T0 + 3_500_000
    expect(longest).toBeLessThan(2_300)
    const fresh = await opened(dir)
    const expected = { spent: 3_509, reserved: 7, active: 1, lastMinute: 60, declared: {} }
    for (const each of [ledger, sleeper, fresh]) {
      expect(await each.usage('a', now)).toMatchObject(expected)
      expect(await each.listFacts('keys', now)).toEqual([{ name: 'k', value: 'known', at: T0 }])
    }
    expect(await sleeper.usage('b', now)).toMatchObject({ paused: { message: 'By hand.' } })
    expect(await fresh.usage('c', now)).toMatchObject({ declared: { perDay: 5_000 } })
    // Of its threshold there was an alert before the journal was folded.
    expect(await shorthand(fresh).reserve([A], 0, now, { id: 'free' })).toEqual({ ok: true, alerts: [] })
    await shorthand(fresh).settle('free', 0, now)
    for (const each of [sleeper, fresh]) {
      expect((await each.heads()).map(({ seq }) => seq).sort((a, b) => a - b)).toEqual([7, 3497, 3498, 3499])
      expect(await each.heads()).toContainEqual(ended)
    }
    expect(await shorthand(sleeper).settle('expiry', 0, now)).toEqual({ settled: true, late: true })
    expect(await shorthand(fresh).settle('old', 2, now)).toEqual({ settled: true })
    for (const each of [ledger, sleeper, fresh]) {
      expect(await each.usage('a', now)).toMatchObject({ spent: 3_502, reserved: 0, active: 0 })
      await each.close()
    }
  })

  it('stores its time in the snapshot', () => {
    const state = new LedgerState()
    state.advance(T0)
    expect(new LedgerState(state.state()).advance(T0 - MINUTE)).toBe(T0)
  })

  it('shows the same sums to processes whose clocks differ, whatever they do and whenever they read', async () => {
    const ledgers = [await opened(dir), await opened(dir)] as const
    const hours = fc.integer({ min: 0, max: 30 })
    const step = fc.record({
      who: fc.constantFrom(0 as const, 1 as const),
      what: fc.constantFrom('reserve', 'reserve', 'settle', 'look'),
      hours,
      minutes: fc.integer({ min: 0, max: 59 }),
      which: fc.nat(9),
    })
    let start = T0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        start += 100 * 60 * MINUTE
        const path: BudgetClaim[] = [{ id: `from-${start}`, limits: {} }]
        // A budget's totals are kept for as long as an owner declares limits for it.
        const declares = [{ budgetId: `from-${start}`, limits: { concurrent: 1_000 } }]
        await ledgers[0].register({ id: `of-${start}`, leaseMs: 70 * 60 * MINUTE, declares }, start)
        const ids: string[] = []
        let above = 0
        for (const { who, what, hours, minutes, which } of steps) {
          const now = start + (hours * 60 + minutes) * MINUTE
          const each = shorthand(ledgers[who])
          const id = ids[which % Math.max(1, ids.length)] ?? 'none'
          if (what === 'look') await ledgers[who].usage(path[0]?.id ?? '', now)
          if (what === 'settle') {
            await each.settle(id, which * 20, now)
            above += Math.max(which * 20 - 90, 0)
          }
          if (what === 'reserve') {
            ids.push(`${start}-${ids.length}`)
            await each.reserve(path, 90, now, { id: ids.at(-1) ?? '', for: which * 10 * MINUTE + 1 })
          }
        }
        const fresh = await opened(dir)
        for (let later = 31 * 60; later < 60 * 60; later += 10) {
          const now = start + later * MINUTE
          const usage = await fresh.usage(path[0]?.id ?? '', now)
          for (const each of ledgers) {
            const { totals: ever, ...sums } = await each.usage(path[0]?.id ?? '', now)
            expect({ ...sums, totals: usage.totals }).toEqual(usage)
            // A reservation of which a process reads a day late may have expired there: then it is unsure, and not
            // less.
            expect(ever.settled + ever.unsure).toBeGreaterThanOrEqual(usage.totals.settled - above)
          }
        }
        await fresh.close()
      }),
      { numRuns: 100 },
    )
    for (const each of ledgers) await each.close()
  })

  describe('that another process holds', () => {
    it('is retried without blocking this one', async () => {
      const ledger = await opened(dir)
      const holder = sqlite.connect(file, 0)
      holder.exec('BEGIN IMMEDIATE')
      const reserving = shorthand(ledger).reserve([A], 60, T0)
      expect(reserving).toBeInstanceOf(Promise)
      for (let turns = 0; turns < 5; turns++) await macrotask()
      holder.exec('COMMIT')
      holder.close()
      expect(await reserving).toMatchObject({ ok: true })
      expect(await ledger.usage('a', T0)).toMatchObject({ reserved: 60 })
      await ledger.close()
    })

    it('is left alone for longer and longer while its locks fail, as SQLite blocks the process each time', async () => {
      const clock = manualClock()
      const opened = fileLedger({ dir, clock })
      await opened.open()
      const ledger = shorthand(opened)
      const append = vi.spyOn(Journal.prototype, 'append').mockImplementation(() => {
        throw new JournalError('SQLITE_PROTOCOL', 'locking protocol')
      })
      onTestFinished(() => append.mockRestore())
      const denied = async () =>
        (await (async () => ledger.reserve([A], 60, T0))().catch((error) => error)).details?.error
      for (const minutes of [1, 2, 4, 8, 16, 16]) {
        expect(await denied()).toBe('SQLITE_PROTOCOL')
        const tries = append.mock.calls.length
        await clock.advance(minutes * 60_000 - 1)
        expect(await denied()).toBe('LOCKS_FAIL')
        expect(append).toHaveBeenCalledTimes(tries)
        await clock.advance(1)
      }
      append.mockRestore()
      expect(await ledger.reserve([A], 60, T0)).toMatchObject({ ok: true })
      // Once they work, the next failure is the first one again.
      const again = vi.spyOn(Journal.prototype, 'append').mockImplementation(() => {
        throw new JournalError('SQLITE_PROTOCOL', 'locking protocol')
      })
      onTestFinished(() => again.mockRestore())
      expect(await denied()).toBe('SQLITE_PROTOCOL')
      await clock.advance(60_000)
      expect(await denied()).toBe('SQLITE_PROTOCOL')
      again.mockRestore()
      await opened.close()
    })

    it('denies after 5 s, and works again as soon as it is free', async () => {
      const ledger = await opened(dir)
      const holder = sqlite.connect(file, 0)
      holder.exec('BEGIN IMMEDIATE')
      await expect(async () => shorthand(ledger).reserve([A], 60, T0)).rejects.toMatchObject({
        code: 'LEDGER_UNAVAILABLE',
        message: expect.stringContaining('stayed locked for 5 s'),
      })
      holder.exec('ROLLBACK')
      holder.close()
      expect(await ledger.usage('a', T0)).toMatchObject({ reserved: 0 })
      expect(await shorthand(ledger).reserve([A], 60, T0)).toMatchObject({ ok: true })
      await ledger.close()
    })
  })

  describe('that is damaged', () => {
    async function refusal(): Promise<unknown> {
      return opened(dir).then(
        () => 'opened',
        (error: unknown) => error,
      )
    }
    const unavailable = (text: string) => ({
      name: 'DeniedError',
      code: 'LEDGER_UNAVAILABLE',
      layer: 'spending',
      message: expect.stringContaining(text),
    })

    it('is rejected when it is no database', async () => {
      writeFileSync(file, 'not a database, but long enough to be looked at. '.repeat(100))
      expect(await refusal()).toMatchObject(unavailable('A new ledger would know of nothing'))
      expect(readFileSync(file, 'utf8')).toContain('not a database')
    })

    it('is rejected when it is cut off', async () => {
      const ledger = await opened(dir)
      for (let i = 0; i < 200; i++) await shorthand(ledger).reserve([A], 1, T0)
      await ledger.close()
      inside(file, (db) => db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get([]))
      // As a copy that was not finished would be.
      writeFileSync(join(dir, 'copy.db'), readFileSync(file).subarray(0, 3_000))
      await expect(fileLedger({ file: join(dir, 'copy.db') }).open()).rejects.toMatchObject(unavailable('damaged'))
    })

    it("is rejected, and not changed, when it is another program's database", async () => {
      inside(file, (db) => db.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)'))
      expect(await refusal()).toMatchObject(unavailable('is not a ledger'))
      expect(inside(file, (db) => db.prepare('SELECT count(*) FROM theirs').get([]))).toEqual([1])
    })

    it.each([
      ['a newer version', 3, 'newer solveguard'],
      ['a version before this one', 1, '24 hours after its last solve'],
    ])('is rejected when %s wrote it', async (_, schema, text) => {
      await (await opened(dir)).close()
      inside(file, (db) => db.exec(`PRAGMA user_version = ${schema}`))
      expect(await refusal()).toMatchObject(unavailable(text))
    })

    it('is rejected when it is the database of something else, whatever its version is', async () => {
      for (const version of [0, 1, 2, 3]) {
        inside(file, (db) => db.exec(`CREATE TABLE IF NOT EXISTS theirs (n); PRAGMA user_version = ${version}`))
        expect(await refusal()).toMatchObject(unavailable('is not a ledger'))
      }
    })

    it.each([
      ['an entry of a newer version', '[["unheard-of",1]]', 'newer solveguard'],
      ['a row that cannot be read', '[["take",', 'damaged'],
    ])('stops the processes that have it open when it gets %s', async (_, entries, text) => {
      const ledger = await opened(dir)
      inside(file, (db) => db.exec(`INSERT INTO journal VALUES (1, '${entries}')`))
      await expect(async () => shorthand(ledger).reserve([A], 1, T0)).rejects.toMatchObject(unavailable(text))
      await expect(async () => ledger.usage('a', T0)).rejects.toMatchObject(unavailable(text))
      await ledger.close()
    })

    it('is rejected when its folder cannot be created', async () => {
      writeFileSync(join(dir, 'in-the-way'), '')
      const ledger = fileLedger({ dir: join(dir, 'in-the-way', 'state') })
      await expect(ledger.open()).rejects.toMatchObject(unavailable('give this user permission'))
    })

    it('is rejected when it is a folder', async () => {
      mkdirSync(file)
      expect(await refusal()).toMatchObject(unavailable('cannot be opened for writing'))
    })

    it('is damaged only if it is so when it is opened anew', async () => {
      const ledger = await opened(dir)
      inside(file, (db) => db.exec(`INSERT INTO journal VALUES (1, '[["take",')`))
      await expect(async () => shorthand(ledger).reserve([A], 1, T0)).rejects.toMatchObject(unavailable('damaged'))
      inside(file, (db) => db.exec('DELETE FROM journal WHERE seq = 1'))
      expect(await shorthand(ledger).reserve([A], 1, T0)).toMatchObject({ ok: true })
      await ledger.close()
    })

    it('is rejected with a rollback journal beside it, which would undo all that was spent', async () => {
      const ledger = await opened(dir)
      await shorthand(ledger).reserve([A], 60, T0)
      await ledger.close()
      const left = `${file}-journal`
      writeFileSync(left, journalOfNothing())
      const clock = manualClock()
      const refused = fileLedger({ dir, clock })
      const opening = Promise.resolve(refused.open())
      await expect(advancing(clock, opening)).rejects.toMatchObject(unavailable(`delete ${left} (only that)`))
      rmSync(left)
      const again = await opened(dir)
      expect(await again.usage('a', T0)).toMatchObject({ reserved: 60 })
      await again.close()
    })

    it('is created anew over what a process left that could not create it', async () => {
      writeFileSync(file, '')
      writeFileSync(`${file}-journal`, journalOfNothing())
      const ledger = await opened(dir)
      expect(readdirSync(dir)).not.toContain('ledger.db-journal')
      expect(await shorthand(ledger).reserve([A], 60, T0)).toMatchObject({ ok: true })
      await ledger.close()
    })
  })

  describe('that is changed from outside while it is in use', () => {
    const denied = (text: string) => ({
      name: 'DeniedError',
      code: 'LEDGER_UNAVAILABLE',
      message: expect.stringContaining(text),
    })
    const older = () => join(dir, 'older.db')
    it.each([
      ['removed', 'is no longer the file', () => rmSync(file)],
      ['moved away', 'is no longer the file', () => renameSync(file, join(dir, 'away.db'))],
      ['rolled back to an older copy', 'is no longer the file', () => renameSync(older(), file)],
      ['rolled back, with its -wal and -shm', 'is not whole', () => rollBackInPlace()],
      ['left without its folder', 'is no longer the file', () => renameSync(dir, `${dir}-away`)],
      ['left without its -wal', 'is not whole', () => rmSync(`${file}-wal`)],
      ['left without its -shm', 'is not whole', () => rmSync(`${file}-shm`)],
      ['given another -wal', 'is not whole', () => renameSync(older(), `${file}-wal`)],
    ])('denies the next reservation when it was %s', async (_, text, change) => {
      const before = await opened(dir)
      await shorthand(before).reserve([A], 5, T0)
      await before.close()
      copyFileSync(file, older())
      const ledger = await opened(dir)
      await shorthand(ledger).reserve([A], 60, T0)
      change()
      for (let times = 0; times < 2; times++) {
        await expect(async () => shorthand(ledger).reserve([A], 1, T0)).rejects.toMatchObject(denied(text))
        const look = { path: [A], amount: 1 as Money }
        await expect(async () => ledger.preview(look, T0)).rejects.toMatchObject(denied(text))
      }
      await Promise.resolve(ledger.close()).catch(() => {})
      rmSync(`${dir}-away`, { recursive: true, force: true })
      mkdirSync(dir, { recursive: true })
    })

    /** As a program does that restores a backup into the files that are there. */
    function rollBackInPlace(): void {
      copyFileSync(older(), file)
      writeFileSync(`${file}-wal`, '')
      rmSync(`${file}-shm`)
      writeFileSync(`${file}-shm`, '')
    }

    it('is noticed when an older copy is written over it, also by a call that is denied, and by a look', async () => {
      const limited: BudgetClaim = { id: 'a', limits: { perDay: 30 as Money } }
      const ledger = await opened(dir)
      await shorthand(ledger).reserve([limited], 10, T0)
      const parts = ['', '-wal', '-shm'].map((suffix) => file + suffix)
      const copies = parts.map((path) => readFileSync(path))
      await shorthand(ledger).reserve([limited], 20, T0)
      // As `cp` and `rsync --inplace` do: the files are the same, with other content.
      for (const [at, path] of parts.entries()) {
        writeFileSync(path, copies[at] as Buffer, { flag: 'r+' })
        truncateSync(path, copies[at]?.length)
      }
      const noticed = denied('is no longer the file')
      await expect(async () => shorthand(ledger).reserve([limited], 10, T0)).rejects.toMatchObject(noticed)
      await expect(async () => ledger.usage('a', T0)).rejects.toMatchObject(noticed)
      await ledger.close()
    })

    it('is used again once it is back', async () => {
      const ledger = await opened(dir)
      renameSync(file, join(dir, 'away.db'))
      await expect(async () => shorthand(ledger).reserve([A], 1, T0)).rejects.toMatchObject(
        denied('put that file back'),
      )
      renameSync(join(dir, 'away.db'), file)
      expect(await shorthand(ledger).reserve([A], 1, T0)).toMatchObject({ ok: true })
      await ledger.close()
    })

    it('keeps what was spent before its -wal was removed, when it is closed', async () => {
      const ledger = await opened(dir)
      await shorthand(ledger).reserve([A], 60, T0)
      rmSync(`${file}-wal`)
      await expect(async () => shorthand(ledger).reserve([A], 1, T0)).rejects.toMatchObject(denied('restart every'))
      await ledger.close()
      const again = await opened(dir)
      expect(await again.usage('a', T0)).toMatchObject({ reserved: 60 })
      await again.close()
    })

    it('goes on counting while other files come and go in its folder', async () => {
      const ledger = await opened(dir)
      for (let i = 0; i < 5; i++) {
        writeFileSync(join(dir, `${i}`), '')
        expect(await shorthand(ledger).reserve([A], 1, T0)).toMatchObject({ ok: true })
      }
      await ledger.close()
    })
  })

  describe('that is closed', () => {
    /** The files of this folder that this process has open. */
    function descriptors(): string[] {
      return readdirSync('/proc/self/fd').flatMap((number) => {
        try {
          const path = readlinkSync(`/proc/self/fd/${number}`)
          return path.startsWith(dir) ? [path] : []
        } catch {
          return []
        }
      })
    }

    it('is closed at once: its descriptors, its locks, and its -wal', async () => {
      const ledger = await opened(dir)
      await shorthand(ledger).reserve([A], 60, T0)
      expect(descriptors()).not.toEqual([])
      await ledger.close()
      expect(descriptors()).toEqual([])
      expect(readdirSync(dir)).toEqual(['ledger.db'])
    })

    it('stays whole for another ledger of this process that has it open', async () => {
      const [first, second] = [await opened(dir), await opened(dir)]
      await shorthand(first).reserve([A], 60, T0)
      await first.close()
      expect(readdirSync(dir)).toContain('ledger.db-wal')
      expect(await shorthand(second).reserve([A], 1, T0)).toMatchObject({ ok: true })
      expect(await second.usage('a', T0)).toMatchObject({ reserved: 61 })
      await second.close()
    })

    it('leaves nothing open where it could not be opened, however often it was tried', async () => {
      await (await opened(dir)).close()
      const holder = sqlite.connect(file, 0)
      holder.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
      const before = descriptors()
      const clock = manualClock()
      const ledger = fileLedger({ dir, clock })
      await expect(advancing(clock, Promise.resolve(ledger.open()))).rejects.toMatchObject({
        message: expect.stringContaining('stayed locked'),
      })
      // One is kept for the next try: SQLite closes none while another connection of the process has locks on the file.
      expect(descriptors().length).toBeLessThanOrEqual(before.length + 1)
      holder.exec('ROLLBACK')
      holder.close()
    })
  })

  it('works only between open and close', async () => {
    const ledger = fileLedger({ dir })
    const denied = { code: 'LEDGER_UNAVAILABLE', message: expect.stringContaining('call open() first') }
    await expect(async () => shorthand(ledger).reserve([A], 1, T0)).rejects.toMatchObject(denied)
    await ledger.open()
    await ledger.close()
    await ledger.close()
    await expect(async () => shorthand(ledger).reserve([A], 1, T0)).rejects.toMatchObject(denied)
  })
})

/**
 * The journal with which SQLite undoes the creation of a file: it had no page before
 * (https://sqlite.org/fileformat.html#the_rollback_journal).
 */
function journalOfNothing(): Buffer {
  const header = Buffer.alloc(512)
  Buffer.from('d9d505f920a163d7', 'hex').copy(header)
  header.writeUInt32BE(512, 20)
  header.writeUInt32BE(1024, 24)
  return header
}

/** Advances the clock until the promise has settled. */
async function advancing<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  for (let step = 0; !settled && step < 1_000; step++) {
    await clock.advance(100)
    await macrotask()
  }
  return promise
}

function inside<T>(file: string, work: (db: Connection) => T): T {
  const db = sqlite.connect(file, 0)
  try {
    return work(db)
  } finally {
    db.close()
  }
}

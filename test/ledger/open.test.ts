import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { DeniedError } from '../../src/base/errors.js'
import { fileLedger } from '../../src/ledger/file.js'
import type { BudgetClaim, Ledger, Owner } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { isNoLedger, type OpenLedgerOptions, openLedger } from '../../src/ledger/open.js'
import type { Money } from '../../src/policy/money.js'
import { manualClock } from '../../src/testing/clock.js'
import { shorthand } from './shorthand.js'

const T0 = Date.UTC(2026, 0, 5, 12)
const A: BudgetClaim = { id: 'a', limits: { perDay: 100 as Money } }
const limits = { perDay: 100 as Money, perMinute: 9, concurrent: 3 }
const ME: Owner = { id: 'me', leaseMs: 30_000, declares: [{ budgetId: 'a', limits }] }

describe('openLedger', () => {
  let dir: string
  let ledger: Ledger
  const clock = manualClock(T0)
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'solveguard-open-'))
    ledger = fileLedger({ dir, clock })
    await ledger.open()
    return async () => {
      await ledger.close()
      rmSync(dir, { recursive: true })
    }
  })

  it('shows what a budget has spent and what its guards declare, without a guard', async () => {
    await ledger.register(ME, T0)
    await shorthand(ledger).reserve([A], 60, T0, { id: 'r' })
    await shorthand(ledger).settle('r', 50, T0)
    await shorthand(ledger).reserve([A], 20, T0)
    await ledger.pause('a', { code: 'MANUAL', message: 'By hand.', at: T0 })
    const reader = await openLedger({ dir, clock })
    expect(reader).toMatchObject({ kind: 'file', place: join(dir, 'ledger.db') })
    expect(await reader.status('a')).toEqual({
      name: 'a',
      day: { cap: 100, spent: 50, reserved: 20, left: 30, moreAt: new Date(T0 + 24 * 3_600_000 + 300_000) },
      calendarDays: [],
      minute: { cap: 9, used: 2 },
      slots: { cap: 3, used: 1 },
      paused: { code: 'MANUAL', message: 'By hand.', at: T0 },
    })
    expect(await reader.status('never-used')).toMatchObject({ day: { cap: undefined, spent: 0, left: undefined } })
    await reader.close()
  })

  it('shows the calendar days that are declared', async () => {
    const perCalendarDay = [
      { timeZone: 'UTC', amount: 100 as Money, start: T0 - 12 * 3_600_000, end: T0 + 12 * 3_600_000 },
    ]
    await ledger.register({ ...ME, declares: [{ budgetId: 'a', limits: { perCalendarDay } }] }, T0)
    await shorthand(ledger).reserve([A], 60, T0)
    const reader = await openLedger({ ledger: fileLedger({ dir, clock }), clock })
    expect((await reader.status('a')).calendarDays).toEqual([
      { cap: 100, spent: 0, reserved: 60, left: 40, resetsAt: new Date(T0 + 12 * 3_600_000), timeZone: 'UTC' },
    ])
    await reader.close()
  })

  it('changes nothing: it declares no limits, and writes nothing', async () => {
    await shorthand(ledger).reserve([A], 60, T0)
    const called: string[] = []
    const watched = new Proxy(fileLedger({ dir, clock }), {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        called.push(String(name))
        return member.bind(target)
      },
    })
    const before = await ledger.usage('a', T0)
    const reader = await openLedger({ ledger: watched, clock: manualClock(T0 + 20 * 365 * 86_400_000) })
    expect((await reader.status('a')).clocks).toEqual({
      here: new Date(T0 + 20 * 365 * 86_400_000),
      ledger: new Date(T0),
    })
    await reader.close()
    expect(called.filter((name) => !['open', 'usage', 'close'].includes(name))).toEqual([])
    expect(await ledger.usage('a', T0)).toEqual(before)
    expect(await shorthand(ledger).reserve([A], 40, T0)).toMatchObject({ ok: true })
  })

  it('creates no ledger where there is none', async () => {
    const nowhere = join(dir, 'nowhere')
    await expect(openLedger({ dir: nowhere })).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
      message: expect.stringContaining(nowhere),
    })
    expect(existsSync(nowhere)).toBe(false)
    // The file of a process that died before it had created the tables.
    const empty = join(dir, 'empty.db')
    writeFileSync(empty, '')
    await expect(openLedger({ file: empty })).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    expect(readFileSync(empty, 'utf8')).toBe('')
    expect(readdirSync(dir).filter((name) => name.startsWith('empty'))).toEqual(['empty.db'])
  })

  it('tells a ledger that is not there from one that cannot be read', async () => {
    const errorOf = (file: string) => openLedger({ file }).catch((error: unknown) => error)
    expect(isNoLedger(await errorOf(join(dir, 'none.db')))).toBe(true)
    const damaged = join(dir, 'damaged.db')
    writeFileSync(damaged, 'not a database'.repeat(1_000))
    expect(isNoLedger(await errorOf(damaged))).toBe(false)
    const others = [undefined, null, new Error('x', { cause: { code: 'NONE' } }), { cause: { code: 'NONE' } }]
    expect(others.map(isNoLedger)).toEqual([false, false, false, false])
    expect(isNoLedger(new DeniedError('LEDGER_UNAVAILABLE', 'x'))).toBe(false)
  })

  it('has the heads of audit files', async () => {
    const head = { file: 'x.jsonl', seq: 3, hash: 'abc' }
    await ledger.saveHead(head)
    const reader = await openLedger({ dir, clock })
    expect(await reader.heads()).toEqual([head])
    await reader.close()
  })

  it('releases the ledger when it is closed', async () => {
    const reader = await openLedger({ dir, clock })
    const { day } = await reader.status('never-used')
    expect(day).not.toHaveProperty('moreAt')
    await reader.close()
    await expect(reader.status('a')).rejects.toThrow('was closed')
  })

  it.each([
    [{ ledger: null }, /openLedger.*expected a ledger such as/s],
    [{ ledger: { usage: 1 } }, /openLedger.*expected a ledger such as/s],
    [{ ledger: memoryLedger(), clock: null }, /openLedger.*expected a clock such as/s],
    [{ ledger: memoryLedger(), clock: { now: 1 } }, /openLedger.*expected a clock such as/s],
    [{ url: 'http://127.0.0.1' }, /redis/],
  ])('says what it expected instead of %j', async (options, message) => {
    await expect(openLedger(options as never)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    })
  })

  it.each([
    {},
    { dir: '.', file: 'x' },
    { dir: '.', url: 'redis://x' },
    { ledger: {} },
    { ledger: memoryLedger(), dir: '.' },
  ])('takes exactly one place (%#)', async (options) => {
    await expect(openLedger(options as OpenLedgerOptions)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

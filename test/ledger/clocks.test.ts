import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { fileLedger } from '../../src/ledger/file.js'
import type { BudgetClaim } from '../../src/ledger/ledger.js'
import { createMemoryLedger, memoryLedger } from '../../src/ledger/memory.js'
import { LedgerTime } from '../../src/ledger/time.js'
import type { Money } from '../../src/policy/money.js'
import { clocksContract, T0, type World } from './clocks-contract.js'
import { shorthand } from './shorthand.js'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const CAP = 100
const A: BudgetClaim = { id: 'a', limits: { perDay: CAP as Money } }

clocksContract('a ledger in a file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-clocks-'))
  const world: World = {
    time: T0,
    isShared: true,
    async open() {
      const ledger = fileLedger({ dir, clock: { ...systemClock, now: () => world.time } })
      await ledger.open()
      return ledger
    },
    async close() {
      rmSync(dir, { recursive: true })
    },
  }
  return world
})

clocksContract('a ledger in memory', async () => {
  const world: World = { time: T0, isShared: false, open: async () => ledger, close: async () => {} }
  const ledger = createMemoryLedger(new LedgerTime(() => world.time))
  return world
})

it('the clock of a file ledger is that of the file system, whatever a process takes for the time', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-clocks-'))
  const ledger = fileLedger({ dir })
  await ledger.open()
  const real = Date.now()
  const { clocks } = await ledger.usage('a', real + 20 * 365 * DAY)
  expect(clocks?.caller).toBe(real + 20 * 365 * DAY)
  expect(Math.abs((clocks?.ledger ?? 0) - real)).toBeLessThan(MINUTE)
  expect((await ledger.usage('a', Date.now())).clocks).toBeUndefined()
  await ledger.close()
  rmSync(dir, { recursive: true })
})

it('a memory ledger without a second clock is not blocked by a clock that was 20 years ahead, and frees nothing twice', async () => {
  const ledger = memoryLedger()
  const spend = (now: number): boolean => {
    const id = `${Math.random()}`
    const { ok } = shorthand(ledger).reserve([A], CAP, now, { id }) as { ok: boolean }
    if (ok) shorthand(ledger).settle(id, CAP, now)
    return ok
  }
  expect(spend(T0 + 20 * 365 * DAY)).toBe(true)
  expect(spend(T0)).toBe(false)
  expect(spend(T0 + 20 * 365 * DAY)).toBe(false)
  expect(spend(T0 + MINUTE)).toBe(false)
  expect(spend(T0 + DAY + 10 * MINUTE)).toBe(true)
})

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fileLedger } from '../../src/ledger/file.js'
import type { BudgetClaim, Ledger } from '../../src/ledger/ledger.js'
import type { Money } from '../../src/policy/money.js'
import { bundleWorker, startWorker, type Worker } from './processes.js'
import type { Spent } from './worker.js'

const Database = createRequire(import.meta.url)('libsql') as new (
  file: string,
) => {
  prepare(sql: string): { get(): unknown }
  close(): void
}

const KILLS = 200
const LANES = 5

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

  it('is never overdrawn by eight of them, and its sums are exact in the end', { timeout: 120_000 }, async () => {
    const cap = 600_000
    const shared: BudgetClaim = { id: 'shared', limits: { perDay: cap as Money, concurrent: 5 }, alertsAt: [0.5, 0.8] }
    const workers = Array.from({ length: 8 }, (_, i) => {
      const own: BudgetClaim = { id: `own-${i}`, limits: { perDay: 100_000 as Money } }
      return startWorker(script, { do: 'spend', dir, path: [shared, own], times: 250 })
    })
    const reader = fileLedger({ dir })
    await reader.open()
    let running = true
    const all = Promise.all(workers.map(({ ended }) => ended)).finally(() => {
      running = false
    })
    let looks = 0
    while (running) {
      const { spent, reserved, active } = await reader.usage('shared', Date.now())
      expect(spent + reserved).toBeLessThanOrEqual(cap)
      expect(active).toBeLessThanOrEqual(5)
      looks++
      await sleep(2)
    }
    expect(looks).toBeGreaterThan(0)

    const said = (await all).map((lines) => lines[0] as Spent)
    const sum = (of: (spent: Spent) => number) => said.reduce((total, spent) => total + of(spent), 0)
    expect(said.map(({ error }) => error)).toEqual(Array(8).fill(undefined))
    expect(sum(({ taken }) => taken)).toBeGreaterThan(500)
    const usage = await reader.usage('shared', Date.now())
    expect(usage).toMatchObject({ spent: sum(({ cost }) => cost), reserved: 0, active: 0 })
    expect(sum(({ alerts }) => alerts)).toBe(usage.spent >= cap * 0.8 ? 2 : usage.spent >= cap * 0.5 ? 1 : 0)
    for (const [i, { cost }] of said.entries()) {
      expect(await reader.usage(`own-${i}`, Date.now())).toMatchObject({ spent: cost, reserved: 0 })
      expect(cost).toBeLessThanOrEqual(100_000)
    }
    await reader.close()
  })

  it(`never under-counts what was charged, after each of ${KILLS} kills at random moments`, {
    timeout: 180_000,
  }, async () => {
    const cap = 150_000
    const reader = fileLedger({ dir: join(dir, 'state') })
    await reader.open()
    const lane = async (first: number) => {
      for (let kills = 0; kills < KILLS / LANES; kills++) {
        // As many on one budget, by and large, as there are lanes.
        const budget: BudgetClaim = { id: `round-${kills}`, limits: { perDay: cap as Money } }
        const diary = join(dir, `${kills}-${first}.diary`)
        const worker = startWorker(script, { do: 'spend-until-killed', dir: join(dir, 'state'), path: [budget], diary })
        // Mostly while it spends, sometimes while it opens the ledger.
        const early = Math.random() < 0.2
        if (!early) await worker.began
        await sleep(Math.random() * (early ? 80 : 20))
        await kill(worker)
        await look(reader, budget.id, cap, diaries(dir, kills))
      }
    }
    await Promise.all(Array.from({ length: LANES }, (_, first) => lane(first)))
    const rounds = Array.from({ length: KILLS / LANES }, (_, round) => round)
    const charged = rounds.reduce((sum, round) => sum + diaries(dir, round)(), 0)
    expect(charged).toBeGreaterThan(10 * cap)
    expect(await reader.heads()).not.toEqual([])
    await reader.close()

    // Whoever comes later finds a sound file, and the same sums.
    const later = fileLedger({ dir: join(dir, 'state') })
    await later.open()
    for (const round of rounds) await look(later, `round-${round}`, cap, diaries(dir, round))
    await later.close()
    const db = new Database(join(dir, 'state', 'ledger.db'))
    expect(db.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' })
    db.close()
  })

  it('denies once the disk is full, and has counted all that it had allowed', async () => {
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

  it('denies whoever may not write the file, and says what to do', async () => {
    const ledger = fileLedger({ dir })
    await ledger.open()
    await ledger.close()
    chmodSync(join(dir, 'ledger.db'), 0o444)
    chmodSync(dir, 0o555)
    const [said] = await startWorker(script, { do: 'open-unprivileged', dir }).ended
    chmodSync(dir, 0o755)
    expect(said).toMatchObject({ error: { name: 'DeniedError', code: 'LEDGER_UNAVAILABLE' } })
    expect((said as Required<Spent>).error?.message).toContain('give this user leave to read and write')
  })
})

async function kill({ child, ended }: Worker): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

/** What the pretended service has charged in a round so far, by all the workers' diaries. */
function diaries(dir: string, round: number): () => number {
  return () => {
    let sum = 0
    for (const name of readdirSync(dir)) {
      if (!name.startsWith(`${round}-`)) continue
      // The last line may be cut off: nothing was charged before it was whole.
      const lines = readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1)
      sum = lines.reduce((total, line) => total + Number(line), sum)
    }
    return sum
  }
}

/** First what was charged, then what is counted: what happens in between can only be counted too. */
async function look(reader: Ledger, budgetId: string, cap: number, chargedSoFar: () => number): Promise<void> {
  const charged = chargedSoFar()
  const { spent, reserved } = await reader.usage(budgetId, Date.now())
  expect(charged).toBeLessThanOrEqual(spent + reserved)
  expect(spent + reserved).toBeLessThanOrEqual(cap)
}

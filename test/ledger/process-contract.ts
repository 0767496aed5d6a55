import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BudgetClaim, Ledger } from '../../src/ledger/ledger.js'
import type { Money } from '../../src/policy/money.js'
import { ledgerAt, type WorkPlace } from './place.js'
import { bundleWorker, startWorker, type Worker } from './processes.js'
import type { Spent } from './worker.js'

/** A place for one test's ledger. */
export interface Place {
  readonly at: WorkPlace
  close(): unknown
}

const LANES = 5
/** How many processes are killed, a multiple of `LANES`. `LEDGER_KILLS=200` makes a full run of it. */
const KILLS = Number(process.env.LEDGER_KILLS ?? 60)

/** What a ledger that processes share promises, however they end. */
export function processContract(name: string, make: () => Promise<Place>): void {
  describe(`${name} that several processes use at once`, () => {
    let script: string
    let place: Place
    let folder: string

    beforeAll(async () => {
      script = await bundleWorker()
    })
    afterAll(() => rmSync(script, { force: true }))
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'solveguard-diaries-'))
      place = await make()
      return async () => {
        await place.close()
        rmSync(folder, { recursive: true })
      }
    })

    it('is never overdrawn by eight of them, and its sums are exact in the end', { timeout: 120_000 }, async () => {
      const cap = 600_000
      const start = Math.floor(Date.now() / 3_600_000) * 3_600_000
      const day = { timeZone: 'UTC', amount: 450_000 as Money, start, end: start + 24 * 3_600_000 }
      const shared: BudgetClaim = {
        id: 'shared',
        limits: { perDay: cap as Money, perCalendarDay: [day], concurrent: 5 },
        alertsAt: [0.5, 0.8],
      }
      const workers = Array.from({ length: 8 }, (_, i) => {
        const own: BudgetClaim = { id: `own-${i}`, limits: { perDay: 100_000 as Money } }
        return startWorker(script, { ...place.at, do: 'spend', path: [shared, own], times: 250 })
      })
      const reader = ledgerAt(place.at)
      await reader.open()
      let running = true
      const all = Promise.all(workers.map(({ ended }) => ended)).finally(() => {
        running = false
      })
      let looks = 0
      while (running) {
        const { spent, reserved, active } = await reader.usage('shared', Date.now())
        expect(spent + reserved).toBeLessThanOrEqual(day.amount)
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
      const crossed = (limit: number) => [0.5, 0.8].filter((threshold) => usage.spent >= limit * threshold).length
      expect(sum(({ alerts }) => alerts)).toBe(crossed(cap) + crossed(day.amount))
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
      const reader = ledgerAt(place.at)
      await reader.open()
      const lane = async (first: number) => {
        for (let round = 0; round < KILLS / LANES; round++) {
          // As many on one budget, by and large, as there are lanes.
          const budget: BudgetClaim = { id: `round-${round}`, limits: { perDay: cap as Money } }
          const diary = join(folder, `${round}-${first}.diary`)
          const worker = startWorker(script, { ...place.at, do: 'spend-until-killed', path: [budget], diary })
          // Mostly while it spends, sometimes while it opens the ledger.
          const early = Math.random() < 0.2
          if (!early) {
            await worker.began
            // However slow the machine is: it is killed in the middle of its work, or when nothing is left for it to
            // spend.
            for (let ms = 0; ms < 2_000 && sizeOf(diary) === 0; ms += 5) await sleep(5)
          }
          await sleep(Math.random() * (early ? 80 : 20))
          await kill(worker)
          await look(reader, budget.id, cap, diaries(folder, round))
        }
      }
      await Promise.all(Array.from({ length: LANES }, (_, first) => lane(first)))
      const rounds = Array.from({ length: KILLS / LANES }, (_, round) => round)
      const charged = rounds.reduce((sum, round) => sum + diaries(folder, round)(), 0)
      expect(charged).toBeGreaterThan(KILLS * 50)
      expect(await reader.heads()).not.toEqual([])
      await reader.close()

      // A later process finds a valid ledger, and the same sums.
      const later = ledgerAt(place.at)
      await later.open()
      for (const round of rounds) await look(later, `round-${round}`, cap, diaries(folder, round))
      await later.close()
    })
  })
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

export async function kill({ child, ended }: Worker): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

/** What the pretended service has charged in a round so far, by all the workers' diaries. */
export function diaries(dir: string, round: number): () => number {
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

/** First what was charged, then what is counted: what happens between the two reads can only be counted. */
export async function look(reader: Ledger, budgetId: string, cap: number, chargedSoFar: () => number): Promise<void> {
  const charged = chargedSoFar()
  const { spent, reserved } = await reader.usage(budgetId, Date.now())
  expect(charged).toBeLessThanOrEqual(spent + reserved)
  expect(spent + reserved).toBeLessThanOrEqual(cap)
}

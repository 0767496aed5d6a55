import { describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { openLedger } from '../../src/ledger/open.js'
import type { Money } from '../../src/policy/money.js'
import { compareWithLedger } from '../../src/report/compare.js'
import { fold } from '../../src/report/fold.js'
import { manualClock } from '../../src/testing/clock.js'
import { folderForEachTest } from '../audit/folder.js'
import { shorthand } from '../ledger/shorthand.js'
import { DAY, GUARD, HOUR, NOON, solve, writeLog } from './log.js'

let dir: string
folderForEachTest((path) => {
  dir = path
})

const clock = manualClock(NOON + 10 * 60_000)
const path = [{ id: GUARD, limits: {} }]

async function compare(ledger: Ledger, names?: string[]) {
  const look = () => fold(dir, { now: clock.now(), timeZone: 'UTC' })
  const reader = { status: async (name: string) => (await openLedger({ ledger, clock })).status(name) }
  return compareWithLedger(reader, await look(), look, clock, names)
}

/** A ledger in which each of the amounts was settled at its time. */
async function ledgerWith(amounts: readonly (readonly [at: number, cost: number])[]): Promise<Ledger> {
  const ledger = memoryLedger()
  const { reserve, settle } = shorthand(ledger)
  for (const [i, [at, cost]] of amounts.entries()) {
    await reserve(path, 3_000, at, { id: `r${i}` })
    await settle(`r${i}`, cost, at)
  }
  return ledger
}

describe('the log and the ledger', () => {
  it('agree, whatever solves cost', async () => {
    await writeLog(dir, [...solve({ charge: 1_000 }), ...solve({ charge: 2_500, ends: 'failed' })])
    const [found] = await compare(
      await ledgerWith([
        [NOON + 12_000, 1_000],
        [NOON + 12_000, 2_500],
      ]),
    )
    expect(found).toMatchObject({ guard: GUARD, window: '24 hours', ledger: 3_500, log: 3_500, agrees: true })
  })

  it('agree about a solve that is under way, and about one whose process died', async () => {
    await writeLog(dir, [...solve({ charge: 1_000 }), ...solve({ ends: 'never' })])
    const ledger = await ledgerWith([[NOON + 12_000, 1_000]])
    await shorthand(ledger).reserve(path, 3_000, NOON, { id: 'open', for: 5 * 60_000 })
    expect(await compare(ledger)).toMatchObject([{ agrees: true, open: 3_000 }])
  })

  it('agree at the edge of the window: a cost that the ledger has forgotten counts in neither', async () => {
    const edge = clock.now() - DAY - 5 * 60_000
    for (const offset of [-400_000, -300_001, -299_999, -1, 0, 1, 299_999, 300_001, 600_000]) {
      const at = edge + offset
      const sub = `${dir}/${offset}`
      await writeLog(sub, solve({ at: at - 12_000, charge: 1_000 }))
      const ledger = await ledgerWith([[at + 3, 1_000]])
      const look = () => fold(sub, { now: clock.now(), timeZone: 'UTC' })
      const reader = { status: async (name: string) => (await openLedger({ ledger, clock })).status(name) }
      const found = await compareWithLedger(reader, await look(), look, clock, [GUARD])
      expect([offset, found[0]?.agrees]).toEqual([offset, true])
    }
  })

  it('differ where the ledger has more: a file of the log is missing', async () => {
    await writeLog(dir, solve({ charge: 1_000 }))
    const [found] = await compare(
      await ledgerWith([
        [NOON, 1_000],
        [NOON, 700],
      ]),
    )
    expect(found).toMatchObject({ agrees: false, higher: 'ledger', difference: 700 })
    expect(found?.reason).toContain('audit verify')
  })

  it('differ where the log has more: the ledger was replaced', async () => {
    await writeLog(dir, solve({ charge: 1_000 }))
    expect(await compare(memoryLedger())).toMatchObject([{ agrees: false, higher: 'log', difference: 1_000 }])
  })

  it('differ where the log of a guard is gone altogether, if the guard is named', async () => {
    expect(await compare(await ledgerWith([[NOON, 1_000]]), [GUARD])).toMatchObject([
      { agrees: false, higher: 'ledger', difference: 1_000, log: 0 },
    ])
  })

  it('compare the calendar day that a guard declares', async () => {
    await writeLog(dir, [...solve({ at: NOON - 14 * HOUR, charge: 500 }), ...solve({ charge: 1_000 })])
    const ledger = await ledgerWith([
      [NOON - 14 * HOUR + 12_000, 500],
      [NOON + 12_000, 1_000],
    ])
    const day = { timeZone: 'UTC', amount: 5_000 as Money, start: NOON - 12 * HOUR, end: NOON + 12 * HOUR }
    const declares = [{ budgetId: GUARD, limits: { perCalendarDay: [day] } }]
    await ledger.register({ id: 'me', leaseMs: HOUR, declares }, clock.now())
    expect(await compare(ledger)).toMatchObject([
      { window: '24 hours', ledger: 1_500, log: 1_500, agrees: true },
      { window: 'the day in UTC', ledger: 1_000, log: 1_000, cap: 5_000, agrees: true },
    ])
  })

  it('a solve that ends while both are read is no difference', async () => {
    await writeLog(dir, solve({ charge: 1_000 }))
    const ledger = await ledgerWith([[NOON, 1_000]])
    const { status } = await openLedger({ ledger, clock })
    let looks = 0
    const look = async () => {
      const found = await fold(dir, { now: clock.now(), timeZone: 'UTC' })
      // After the log was read, and before the ledger is.
      if (looks++ < 2) {
        const id = `later-${looks}`
        await writeLog(dir, solve({ charge: 2_000 }))
        await shorthand(ledger).reserve(path, 3_000, NOON, { id })
        await shorthand(ledger).settle(id, 2_000, NOON)
      }
      return found
    }
    expect(await compareWithLedger({ status }, await look(), look, clock)).toMatchObject([{ agrees: true }])
  })
})

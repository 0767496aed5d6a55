import { expect, it } from 'vitest'
import type { Budget } from '../../../src/guard/spending/budgets.js'
import { describeDeclarer } from '../../../src/guard/spending/declarer.js'
import { SpendingMeter } from '../../../src/guard/spending/meter.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { manualClock } from '../../../src/testing/clock.js'
import { shorthand } from '../../ledger/shorthand.js'

function rig() {
  const clock = manualClock()
  const ledger = memoryLedger()
  ledger.register({ id: 'me', leaseMs: 60_000, declares: [] }, clock.now())
  const meter = new SpendingMeter()
  meter.open('ci', ledger, clock)
  return { clock, ledger, meter, ...shorthand(ledger) }
}

it('a meter counts what was spent and what is reserved, and begins anew', async () => {
  const { clock, meter, reserve, settle } = rig()
  const now = clock.now()
  const first = meter.budget
  expect(meter.budget).toBe(first)
  await reserve([first.at(now)], 4_000, now, { id: 'one' })
  await settle('one', 1_000, now)
  await reserve([first.at(now)], 500, now)
  expect(await meter.next()).toBe(1_500)
  expect(meter.budget).not.toBe(first)
  expect(meter.budget.id).not.toBe(first.id)
  // What the first solves spend is not in the count of the next ones.
  await reserve([first.at(now)], 700, now)
  expect(await meter.next()).toBe(0)
})

it('the budget of a meter has no limits, and an id that no other meter and no named grant has', () => {
  const budgets: Budget[] = [rig().meter.budget, rig().meter.budget]
  for (const budget of budgets) {
    expect(budget.id).toMatch(new RegExp(`^ci/process-${process.pid}\\.[0-9a-f]{8}$`))
    expect(Object.values(budget.at(0).limits).filter((limit) => limit !== undefined)).toEqual([])
  }
  expect(budgets[0]?.id).not.toBe(budgets[1]?.id)
})

it('a meter of a guard that never solved, or never opened its ledger, counts nothing', async () => {
  const { meter, ledger } = rig()
  ledger.usage = () => expect.fail('asked')
  expect(await meter.next()).toBe(0)
  const closed = new SpendingMeter()
  expect(closed.budget.id).toMatch(/^\/process-/)
  expect(await closed.next()).toBe(0)
})

it('a meter says that it does not know where the ledger fails, by a throw or a rejection, or is silent', async () => {
  const failing: readonly (() => never)[] = [
    () => {
      throw new Error('the disk is gone')
    },
  ]
  for (const usage of failing) {
    const { meter, ledger } = rig()
    ledger.usage = usage
    expect(meter.budget).toBeDefined()
    expect(await meter.next()).toBeUndefined()
  }
  const clock = manualClock()
  const meter = new SpendingMeter()
  meter.open('ci', { usage: () => new Promise(() => {}) }, clock)
  expect(meter.budget).toBeDefined()
  const unanswered = meter.next()
  await clock.advance(5_000)
  expect(await unanswered).toBeUndefined()
  meter.open('ci', { usage: () => Promise.reject(new Error('the disk is gone')) }, clock)
  expect(meter.budget).toBeDefined()
  expect(await meter.next()).toBeUndefined()
})

it('a process that declares limits is named, and is silent from fifteen seconds on', () => {
  const of = (silentMs: number) => describeDeclarer({ ownerId: '4711-abc-def', silentMs, endsInMs: 1 })
  expect(of(0)).toEqual({ process: 'process 4711', silence: undefined })
  expect(of(14_999).silence).toBeUndefined()
  expect(of(15_000).silence).toMatch(/ for 15 s$/)
})

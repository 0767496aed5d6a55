import { expect, it } from 'vitest'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, rig, settleWith } from '../support.js'

const NOON = Date.UTC(2026, 10, 24, 12)

/** A ledger in which a process has declared a tight limit, and was then killed. */
function leftBehind() {
  const clock = manualClock(NOON)
  const ledger = memoryLedger()
  const declares = [{ budgetId: 'tests', limits: { perDay: usd(0.0005) } }]
  ledger.register({ id: '4711-0b9c', leaseMs: 30_000, declares }, clock.now())
  return { clock, ledger, guardOptions: { logger: { debug() {}, info() {}, warn() {} } } }
}

it('a tighter limit that a crashed process left behind is reported as that, with its end', async () => {
  const options = leftBehind()
  const { guard } = await rig(options)
  await options.clock.advance(20_000)
  const error = await errorOf(guard.solve(challenge))
  expect(error).toMatchObject({ code: 'BUDGET_EXHAUSTED', retryAt: new Date(NOON + 30_000) })
  expect(error.message).toContain(
    "This limit is tighter than this guard's own: process 4711 declared it and has sent no heartbeat for 20 s. " +
      'If it has crashed, the limit ends at 2026-11-24T12:00:30.000Z, in 10 s. Retry at 2026-11-24T12:00:30.000Z',
  )
  expect(error.message).not.toContain('raise')
  expect(await guard.explain(challenge, { at: new Date(NOON + 21_000) })).toMatchObject({ code: 'BUDGET_EXHAUSTED' })
  expect(await guard.explain(challenge, { at: new Date(NOON + 30_000) })).toMatchObject({ allowed: true })
  await options.clock.advance(10_000)
  await expect(settleWith(options.clock, guard.solve(challenge))).resolves.toMatchObject({ cost: 1_000 })
})

it('a tighter limit of a live process is reported as its own, with its end if that process crashed', async () => {
  const options = leftBehind()
  const { guard } = await rig(options)
  await options.clock.advance(5_000)
  const { message, retryAt } = await errorOf(guard.solve(challenge))
  expect(message).toContain('process 4711 declared it, and it holds while that process runs.')
  expect(message).toContain('If that has crashed, the limit ends at 2026-11-24T12:00:30.000Z, in 25 s.')
  expect(retryAt).toBeUndefined()
})

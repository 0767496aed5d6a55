import { expect, test } from 'vitest'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { eventually } from '../../adapters/tool.js'
import { challenge } from '../challenge.js'
import { after, errorOf, rig, settleWith } from '../support.js'

test('an orphaned task that was submitted by a route of its own is polled by that route only', async () => {
  const service = await startSolverService()
  after(() => service.close())
  const ledger = memoryLedger()
  const one = await rig({ service, ledger })
  const bound = { egress: { localAddress: '127.0.0.1' } }
  service.next('in', { pendingTimes: 1_000_000 })
  const left = errorOf(one.guard.narrow(bound).solve(challenge))
  await eventually(() => (service.tasks[0]?.polls ?? 0) > 0)
  await one.guard.close()
  expect(await left).toMatchObject({ code: 'GUARD_CLOSED' })
  service.always('res', { pendingTimes: 0 })

  const other = await rig({ service, ledger })
  const before = service.tasks[0]?.polls
  // A guard claims orphaned tasks before its first solve returns.
  await other.guard.solve(challenge)
  expect(service.tasks[0]?.polls).toBe(before)
  expect((await other.guard.status()).day.reserved).toBe(1_000)

  const clock = manualClock(Date.now())
  const same = await rig({ service, ledger, clock })
  await settleWith(clock, same.guard.narrow(bound).solve(challenge))
  const settled = eventually(async () => (await same.guard.status()).day.reserved === 0)
  await settleWith(clock, settled, 5_000)
  expect((await same.guard.status()).day.spent).toBe(3_000)
})

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { type Money, usd } from '../../../src/policy/money.js'
import type { Behavior, ServiceEndpoint } from '../../../src/testing/service/index.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { challenge, rig } from '../support.js'

/** Statuses that a service, or a router before it, may answer with after the service accepted the task. */
const LATE_STATUSES = [
  ...[200, 204, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 409, 413, 418, 425, 499],
  ...[500, 501, 502, 503, 504, 505, 507, 508, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 599],
]

/** The service accepts the task, and the reply does not say so: a wrong status, a page, nonsense, an internal error. */
const lostReply: fc.Arbitrary<Behavior> = fc
  .oneof(
    fc.record({ status: fc.constantFrom(...LATE_STATUSES) }),
    fc.record({ status: fc.constantFrom(...LATE_STATUSES), body: fc.constantFrom('', '{"status":1}', '<html>', 'OK') }),
    fc.constantFrom<Behavior>(
      { html: true },
      { empty: true },
      { bytes: 100_000 },
      { redirect: 'http://127.0.0.1:9/' },
      { error: 'ERROR_SERVER_ERROR' },
      { error: 'ERROR_INTERNAL_SERVER_ERROR' },
      { error: 'ERROR_SERVICE_UNAVALIABLE' },
      { error: 'ERROR_INTERNAL_OF_NEXT_YEAR' },
      { error: 'ERROR_TIMEOUT_OF_NEXT_YEAR' },
      // An error under a status of success, and without one.
      { body: '{"status":1,"request":"ERROR_GOOGLEKEY"}' },
      { body: '{"request":"ERROR_NO_SLOT_AVAILABLE"}' },
      { body: '{"status":0,"request":"ERROR_NO_SLOT_AVAILABLE","taskId":71234567}' },
      // What is no code at all: an id under the status of an error, a sentence, more than a code.
      { body: '{"status":0,"request":"71234567"}' },
      { body: '{"status":0,"request":71234567}' },
      { body: '{"status":0,"request":"accepted, and then something failed"}' },
      { body: 'ERROR_NO_SLOT_AVAILABLE while task 71234567 was queued' },
    ),
  )
  .map((behavior) => ({ ...behavior, taken: true }))

const fault: fc.Arbitrary<Behavior> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 6, arbitrary: lostReply },
  {
    weight: 6,
    arbitrary: fc.constantFrom<Behavior>(
      { error: 'ERROR_CAPTCHA_UNSOLVABLE' },
      { error: 'ERROR_OF_NEXT_YEAR' },
      { error: 'ERROR_GOOGLEKEY' },
      { error: 'ERROR_TASK_TYPE_DEPRECATED' },
      { empty: true },
      { half: true },
      { drop: true },
      { dropBefore: true },
      { body: '{"status":1}' },
      { body: 'OK|' },
      { status: 502, taken: true },
      { delayMs: 3 },
      { pendingTimes: 2 },
    ),
  },
)

const run = fc.record({
  cap: fc.integer({ min: 1, max: 8 }),
  solves: fc.integer({ min: 1, max: 12 }),
  attempts: fc.integer({ min: 1, max: 3 }),
  /**
   * Whether one guard does all solves, and the service then gives the id of the first task to some later ones. A guard
   * does not know the ids that another process was given.
   */
  repeatsIds: fc.boolean(),
  /** Which solves are aborted, and after how many ms. */
  aborts: fc.array(fc.record({ solve: fc.nat(11), afterMs: fc.nat(10) }), { maxLength: 4 }),
  faults: fc.array(fc.tuple(fc.constantFrom<ServiceEndpoint>('in', 'res'), fault), { maxLength: 20 }),
})

it('charged ≤ counted ≤ cap for any behavior of the service, the network and the callers', async () => {
  await fc.assert(
    fc.asyncProperty(run, async ({ cap, solves, attempts, repeatsIds, aborts, faults }) => {
      const service = await startSolverService({ price: 0.001 })
      const ledger = memoryLedger()
      const perDay = usd(cap / 1000)
      const policy = { attempts, deadline: '1s' as const, budget: { perDay } }
      // Two guards on one ledger, as two processes would be.
      const rigs = [await rig({ service, ledger, policy }), await rig({ service, ledger, policy })] as const
      for (const [i, [endpoint, behavior]] of faults.entries()) {
        service.next(endpoint, repeatsIds && i % 3 === 2 ? { ...behavior, repeatId: true } : behavior)
      }
      try {
        const counted = async (): Promise<Money> => {
          const { spent, reserved } = await ledger.usage('tests', Date.now())
          return (spent + reserved) as Money
        }
        const under = async (): Promise<void> => expect(await counted()).toBeLessThanOrEqual(perDay)
        const results = Array.from({ length: solves }, (_, i) => {
          const abort = new AbortController()
          const planned = aborts.find(({ solve }) => solve === i)
          if (planned) setTimeout(() => abort.abort(), planned.afterMs)
          return (rigs[repeatsIds ? 0 : i % 2] as (typeof rigs)[0]).guard
            .solve(challenge, { signal: abort.signal })
            .then(under, under)
        })
        await Promise.all(results)
        await under()
        expect(service.charged).toBeLessThanOrEqual(await counted())
      } finally {
        await Promise.all(rigs.map(({ guard }) => guard.close()))
        // Tasks that are left to the next process still count.
        const { spent, reserved } = await ledger.usage('tests', Date.now())
        expect(service.charged).toBeLessThanOrEqual(spent + reserved)
        await service.close()
      }
    }),
    { numRuns: 40, interruptAfterTimeLimit: 30_000, markInterruptAsFailure: false },
  )
})

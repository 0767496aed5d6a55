import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ReserveDeps, type ReservingJob, reserve } from '../../../src/guard/solve/reserve.js'
import { RemoteQueues, type RemoteQueuesDeps } from '../../../src/guard/spending/remote-queues.js'
import { WaitQueue } from '../../../src/guard/spending/wait-queue.js'
import type { BudgetClaim, Ledger } from '../../../src/ledger/ledger.js'
import { type MemoryLedger, memoryLedger } from '../../../src/ledger/memory.js'
import { ZERO } from '../../../src/policy/money.js'
import { Secret } from '../../../src/secrets/secret.js'
import { type ManualClock, manualClock } from '../../../src/testing/clock.js'

/** The parts of a process that queue solves. */
function processOf(ownerId: string, ledger: Ledger, clock: ManualClock) {
  const ports: RemoteQueuesDeps = {
    name: 'tests',
    ownerId,
    clock,
    ledger,
    closed: false,
    background: (work: () => unknown) => void Promise.resolve().then(work),
  }
  const own = { pauses: { observe() {} }, recorder: { head: undefined }, declareLimits: (): void => {} }
  return { ...ports, ...own, waitQueue: new WaitQueue(clock), remoteQueues: new RemoteQueues(ports) }
}

let made = 0

/** Requests a reservation, and keeps its outcome. */
function requestReservation(core: ReserveDeps, path: readonly BudgetClaim[], waitMs: number) {
  const { clock, waitQueue } = core
  const ids = path.map(({ id }) => id)
  const startedAt = clock.monotonic()
  const job: ReservingJob = {
    grant: { claims: () => path, pathFor: () => ids, unless: undefined },
    waitMs,
    admitted: { origin: '' },
    gate: { admitTime() {} },
    // An account without budgets of its own.
    account: { ownBudgetIds: () => [], path: (claims: readonly BudgetClaim[]) => claims },
    key: { value: new Secret('0123456789abcdef'), version: '1' },
    amount: ZERO,
    ticket: waitQueue.takeTicket(),
    startedAt,
    deadlineAt: startedAt + 3_600_000,
    reservationId: `r${made++}`,
    reservationExpiresAt: clock.now() + 7_200_000,
    abandoned: false,
  }
  const state = { id: job.reservationId, path, outcome: 'waits' as string }
  Promise.resolve()
    .then(() => reserve(core, job))
    .then(
      () => {
        state.outcome = 'granted'
      },
      ({ code }) => {
        state.outcome = code
      },
    )
  return state
}

const slots = (id: string, concurrent: number): BudgetClaim => ({ id, limits: { concurrent } })
const [A, X, Y, K] = [slots('a', 3), slots('a/x', 1), slots('a/y', 2), slots('a:account', 2)]
const PATHS = [[A], [A, X], [A, Y], [A, X, K], [A, Y, K]] as const

describe('queued solves', () => {
  it('are never overtaken by later ones, and do not wait while all of their budgets have capacity', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('arrive' as const), which: fc.nat(PATHS.length - 1) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(10) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), which: fc.nat(400) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const clock = manualClock()
        const ledger = memoryLedger()
        const requested: ReturnType<typeof requestReservation>[] = []
        const underWay: ReturnType<typeof requestReservation>[] = []
        const overtaken: ReturnType<typeof requestReservation>[] = []
        const used = (id: string) => underWay.filter(({ path }) => path.some((claim) => claim.id === id)).length
        const hasRoom = (path: readonly BudgetClaim[]) =>
          path.every(({ id, limits }) => used(id) < (limits.concurrent as number))
        const waiting = () => requested.filter((one) => one.outcome === 'waits' && !underWay.includes(one))
        const watched: MemoryLedger = {
          ...ledger,
          reserve(request, now) {
            const result = ledger.reserve(request, now)
            const taker = requested.find(({ id }) => id === request.id)
            if (!result.ok || !taker) return result
            const before = waiting().slice(0, waiting().indexOf(taker))
            overtaken.push(...before.filter(({ path }) => hasRoom(path)))
            underWay.push(taker)
            return result
          },
        }
        const core = processOf('me', watched, clock)
        for (const { do: what, which } of steps) {
          if (what === 'arrive')
            requested.push(requestReservation(core, PATHS[which] as readonly BudgetClaim[], 3_600_000))
          const ends = what === 'end' ? underWay[which % underWay.length] : undefined
          if (ends) {
            underWay.splice(underWay.indexOf(ends), 1)
            ledger.settle({ reservationId: ends.id, cost: ZERO }, clock.now())
            core.waitQueue.wakeHeads()
          }
          await clock.advance(what === 'pass' ? which : 0)
          const idle = waiting().filter(({ path }) => hasRoom(path))
          expect({ overtaken, idle }).toEqual({ overtaken: [], idle: [] })
          expect(requested.filter(({ outcome }) => !['waits', 'granted'].includes(outcome))).toEqual([])
        }
      }),
      { numRuns: 500 },
    )
  })

  it('are not overtaken by a solve that does not wait, or by one whose wait is over', async () => {
    const clock = manualClock()
    const ledger = memoryLedger()
    const core = processOf('me', ledger, clock)
    const first = requestReservation(core, [X], 60_000)
    await clock.advance(0)
    const second = requestReservation(core, [X], 60_000)
    const third = requestReservation(core, [X], 1_000)
    await clock.advance(0)
    // As if another process had released it: this process does not know it yet.
    ledger.settle({ reservationId: first.id, cost: ZERO }, clock.now())
    const hasty = requestReservation(core, [X], 0)
    await clock.advance(1)
    expect(hasty.outcome).toBe('SLOTS_FULL')
    await clock.advance(249)
    expect([second.outcome, third.outcome]).toEqual(['granted', 'waits'])
    await clock.advance(800)
    expect(third.outcome).toBe('SLOTS_FULL')
  })

  it('find a slot that another process released within 250 ms, by one reserve call for each queue', async () => {
    const clock = manualClock()
    const ledger = memoryLedger()
    let reserveCalls = 0
    const counted = {
      ...ledger,
      reserve: (...request: Parameters<Ledger['reserve']>) => {
        reserveCalls++
        return ledger.reserve(...request)
      },
    }
    const core = processOf('me', counted as Ledger, clock)
    const other = processOf('other', ledger, clock)
    const holder = requestReservation(other, [X], 0)
    await clock.advance(0)
    const waiting = Array.from({ length: 20 }, () => requestReservation(core, [X], 60_000))
    await clock.advance(10)
    reserveCalls = 0
    await clock.advance(2_500)
    expect(reserveCalls).toBeLessThanOrEqual(11)
    ledger.settle({ reservationId: holder.id, cost: ZERO }, clock.now())
    await clock.advance(250)
    expect(waiting.map(({ outcome }) => outcome === 'granted')).toEqual(waiting.map((_, i) => i === 0))
  })

  it('are granted when the rate has capacity, and not before', async () => {
    const clock = manualClock()
    const core = processOf('me', memoryLedger(), clock)
    const rate: BudgetClaim = { id: 'a', limits: { perMinute: 1 } }
    const [, second, third] = [1, 2, 3].map(() => requestReservation(core, [rate], 600_000))
    await clock.advance(60_000)
    expect(second?.outcome).toBe('waits')
    await clock.advance(1_000)
    expect([second?.outcome, third?.outcome]).toEqual(['granted', 'waits'])
    await clock.advance(61_000)
    expect(third?.outcome).toBe('granted')
  })
})

describe('a process that always has another solve', () => {
  it.each([true, false])(
    'does not starve other processes: a solve that waits longer is first (its own solves wait: %s)',
    async (waits) => {
      const clock = manualClock()
      const ledger = memoryLedger()
      const [busy, patient] = [processOf('busy', ledger, clock), processOf('patient', ledger, clock)]
      // The heartbeat of a guard, every ten seconds.
      const beat = (): void => {
        clock.after(10_000, beat)
        for (const { remoteQueues } of [busy, patient]) void remoteQueues.read()
      }
      beat()
      const busySolves = [requestReservation(busy, [X], 0)]
      await clock.advance(0)
      const waiting = requestReservation(patient, [X], 600_000)
      let passed = 0
      for (; waiting.outcome === 'waits' && passed < 60_000; passed += 300) {
        if (waits) busySolves.push(requestReservation(busy, [X], 600_000))
        await clock.advance(300)
        // It takes its slot again at the moment at which it releases it.
        const done = busySolves.findIndex(({ outcome }) => outcome === 'granted')
        if (done >= 0) {
          ledger.settle({ reservationId: busySolves[done]?.id ?? '', cost: ZERO }, clock.now())
          busySolves.splice(done, 1)
        }
        if (!waits) busySolves.push(requestReservation(busy, [X], 0))
        busy.waitQueue.wakeHeads()
        await clock.advance(0)
      }
      expect(waiting.outcome).toBe('granted')
      expect(passed).toBeLessThanOrEqual(12_000)
      // It solves again once no solve of another process waits.
      ledger.settle({ reservationId: waiting.id, cost: ZERO }, clock.now())
      await clock.advance(4_000)
      const again = waits ? busySolves[0] : requestReservation(busy, [X], 0)
      await clock.advance(0)
      expect(again?.outcome).toBe('granted')
    },
  )
})

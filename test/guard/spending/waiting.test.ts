import { describe, expect, it } from 'vitest'
import type { Challenge } from '../../../src/base/challenge.js'
import { usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, rig, settleWith } from '../support.js'

describe('with policy.budget.wait, solves', () => {
  it('queue for a slot in the order in which they were requested', async () => {
    const { guard, service } = await rig({
      serviceOptions: { solveMs: 15 },
      policy: { budget: { perDay: usd(1), concurrent: 1, wait: '20s' } },
    })
    const order: number[] = []
    await Promise.all(Array.from({ length: 8 }, (_, i) => guard.solve(challenge).then(() => order.push(i))))
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(service.tasks).toHaveLength(8)
  })

  it('are denied when no slot is free in time', async () => {
    const { guard } = await rig({
      serviceOptions: { solveMs: 2_000 },
      policy: { budget: { perDay: usd(1), concurrent: 1, wait: '100ms' } },
    })
    const first = guard.solve(challenge)
    expect((await errorOf(guard.solve(challenge))).code).toBe('SLOTS_FULL')
    await first
  })

  it('are denied at once when the budget is used up', async () => {
    const clock = manualClock()
    const { guard } = await rig({ clock, policy: { budget: { perDay: usd(0.001), wait: '20s' } } })
    await settleWith(clock, guard.solve(challenge), 1)
    // No time passes.
    expect((await errorOf(guard.solve(challenge))).code).toBe('BUDGET_EXHAUSTED')
  })

  it('are denied when the working hours end while they wait', async () => {
    const clock = manualClock(Date.UTC(2025, 0, 6, 12))
    const { guard, service } = await rig({
      clock,
      serviceOptions: { solveMs: 60_000, clock },
      policy: {
        budget: { perDay: usd(1), concurrent: 1, wait: '10m' },
        deadline: '10m',
        schedule: { timeZone: 'UTC', windows: [{ days: 'Mon', from: '09:00', to: '12:01' }] },
      },
    })
    const first = guard.solve(challenge)
    const second = errorOf(guard.solve(challenge))
    await settleWith(clock, first)
    expect(await settleWith(clock, second)).toMatchObject({ code: 'OUTSIDE_SCHEDULE', layer: 'time' })
    expect(service.tasks).toHaveLength(1)
    expect((await guard.status()).day).toMatchObject({ spent: usd(0.001), reserved: 0 })
  })

  it('leave the queue when their caller aborts', async () => {
    const { guard, service } = await rig({
      serviceOptions: { solveMs: 100 },
      policy: { budget: { perDay: usd(1), concurrent: 1, wait: '20s' } },
    })
    const abort = new AbortController()
    const first = guard.solve(challenge)
    const second = errorOf(guard.solve(challenge, { signal: abort.signal }))
    const third = guard.solve(challenge)
    abort.abort()
    expect((await second).code).toBe('SOLVE_ABORTED')
    await Promise.all([first, third])
    expect(service.tasks).toHaveLength(2)
    expect((await guard.status()).day.spent).toBe(usd(0.002))
  })
})

it('a guard reads other processes’ queues at each heartbeat, and lets longer waiting solves go first', async () => {
  const clock = manualClock()
  const { guard, ledger } = await rig({ clock, policy: { budget: { perDay: usd(1), concurrent: 3 } } })
  await clock.advance(9_500)
  const waits = JSON.stringify(['tests', 60_000, 'concurrent', 3])
  await ledger.setFact({ scope: 'wait-queues/tests', name: 'one of another', value: waits, ttlMs: 3_000 }, clock.now())
  await settleWith(clock, guard.solve(challenge), 1)
  await clock.advance(10_000 - 9_500)
  const error = await errorOf(guard.solve(challenge))
  expect(error).toMatchObject({ code: 'SLOTS_FULL', details: { budgetId: 'tests', limit: 3 } })
  // The other process has not repeated the fact: its solve has passed, or the process has ended.
  await clock.advance(3_000)
  await settleWith(clock, guard.solve(challenge), 1)
})

describe('a stream', () => {
  it('yields each result as it arrives, failures too, and takes items only as they are solved', async () => {
    const { guard, service } = await rig({
      serviceOptions: { solveMs: 5 },
      policy: { budget: { perDay: usd(1), concurrent: 3 } },
    })
    let produced = 0
    let ended = 0
    let most = 0
    function* challenges(): Generator<Challenge> {
      for (let i = 0; i < 12; i++) {
        produced++
        most = Math.max(most, produced - ended)
        yield i === 5 ? { ...challenge, pageUrl: 'https://elsewhere.example/' } : challenge
      }
    }
    const codes: (string | undefined)[] = []
    for await (const done of guard.stream(challenges())) {
      ended++
      codes.push(done.ok ? undefined : done.error.code)
    }
    expect(codes).toHaveLength(12)
    expect(codes.filter(Boolean)).toEqual(['ORIGIN_NOT_NAMED'])
    expect(service.tasks).toHaveLength(11)
    expect(most).toBeLessThanOrEqual(4)
  })

  it('rejects with the error that its source throws', async () => {
    const { guard } = await rig()
    async function* broken(): AsyncGenerator<Challenge> {
      yield challenge
      throw new Error('the list ended badly')
    }
    const drain = async (): Promise<void> => {
      for await (const _ of guard.stream(broken())) void _
    }
    expect((await errorOf(drain())).message).toBe('the list ended badly')
  })

  it('ends when its consumer stops, even if its source never yields the next item', async () => {
    const { guard } = await rig()
    async function* stuck(): AsyncGenerator<Challenge> {
      yield challenge
      await new Promise(() => {})
    }
    let read = 0
    for await (const done of guard.stream(stuck())) {
      if (done.ok) read++
      break
    }
    expect(read).toBe(1)
  })

  it('closes its source when its consumer stops', async () => {
    const { guard } = await rig()
    let closed = false
    function* endless(): Generator<Challenge> {
      try {
        for (;;) yield challenge
      } finally {
        closed = true
      }
    }
    for await (const done of guard.stream(endless())) {
      expect(done.ok).toBe(true)
      break
    }
    expect(closed).toBe(true)
  })
})

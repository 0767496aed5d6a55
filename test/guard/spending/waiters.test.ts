import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Refusal, type Waiter, WaitQueue } from '../../../src/guard/spending/wait-queue.js'
import { manualClock } from '../../../src/testing/clock.js'

const refusedBy = (budgetId: string): Refusal => ({ ok: false, budgetId, reason: 'concurrent', limit: 1 })

/** A queue, and a way to see which of its solves sleep. */
function rig() {
  const clock = manualClock()
  const queue = new WaitQueue(clock)
  const awake: number[] = []
  return {
    clock,
    queue,
    awake,
    /** Queues a solve, which then sleeps until it is woken. */
    enter(budgetId: string, path: readonly string[] = [budgetId], ticket = queue.takeTicket()): Waiter {
      const waiter = queue.enter(ticket, path, refusedBy(budgetId))
      void waiter.sleep(1_000_000).then(() => awake.push(ticket))
      return waiter
    },
    /** The tickets of the solves that were woken since the last call, in order. */
    async woken() {
      await clock.advance(0)
      return awake.splice(0)
    },
  }
}

describe('a queue of solves', () => {
  it('gives each solve a ticket above those before it, and knows how many wait for each budget', () => {
    const { queue, enter } = rig()
    expect([queue.takeTicket(), queue.takeTicket()]).toEqual([1, 2])
    expect([queue.waiting, queue.isEmpty, queue.isEmptyAt('a')]).toEqual([0, true, true])
    const [one, two, other] = [enter('a'), enter('a'), enter('b')]
    expect([queue.waiting, queue.isEmpty, queue.isEmptyAt('a'), queue.isEmptyAt('c')]).toEqual([3, false, false, true])
    queue.leave(one)
    queue.leave(one)
    queue.leave(other)
    expect([queue.waiting, queue.isEmptyAt('a'), queue.isEmptyAt('b')]).toEqual([1, false, true])
    queue.leave(two)
    expect([queue.waiting, queue.isEmpty]).toEqual([0, true])
  })

  it('wakes the next head when its head leaves or moves, and no other solve', async () => {
    const { queue, enter, woken } = rig()
    const [one, two, three] = [enter('a'), enter('a'), enter('a')]
    queue.leave(two)
    expect(await woken()).toEqual([])
    queue.requeue(one, refusedBy('a'))
    expect(await woken()).toEqual([])
    expect(one.refusal).toEqual(refusedBy('a'))
    queue.requeue(one, refusedBy('b'))
    expect(await woken()).toEqual([three.ticket])
    expect([queue.isEmptyAt('a'), queue.isEmptyAt('b'), queue.waiting]).toEqual([false, false, 2])
  })

  it('wakes the head of each queue in the order of their tickets', async () => {
    const { queue, enter, woken } = rig()
    const [late, first, second] = [9, 3, 5].map((ticket, at) => enter(['a', 'b', 'c'][at] as string, ['x'], ticket))
    enter('b', ['x'], 4)
    queue.wakeHeads()
    expect(await woken()).toEqual([first?.ticket, second?.ticket, late?.ticket])
  })

  it('keeps the order of tickets, whenever a solve enters or moves', () => {
    const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(5), fc.boolean())
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { queue, enter } = rig()
        const queued: Waiter[] = []
        for (const [budgetId, which, moves] of steps) {
          const one = queued[which]
          if (moves && one) queue.requeue(one, refusedBy(budgetId))
          else queued.push(enter(budgetId))
          if (which === 5) for (const gone of queued.splice(1, 1)) queue.leave(gone)
          for (const id of ['a', 'b', 'c']) {
            const there = queued.filter(({ refusal }) => refusal.budgetId === id).map(({ ticket }) => ticket)
            expect(queue.blockedBy([id], Number.POSITIVE_INFINITY)?.ticket).toBe(
              there.length > 0 ? Math.min(...there) : undefined,
            )
            expect(queue.isEmptyAt(id)).toBe(there.length === 0)
          }
          expect(queue.waiting).toBe(queued.length)
        }
      }),
    )
  })

  it('blocks a solve by the first earlier one that waits for a budget of its path', () => {
    const { queue, enter } = rig()
    const [b, a] = [enter('b'), enter('a')]
    expect(queue.blockedBy(['a', 'b'], 3)).toBe(a)
    expect(queue.blockedBy(['b', 'a'], 3)).toBe(b)
    expect(queue.blockedBy(['a', 'b'], a.ticket)).toBe(b)
    expect(queue.blockedBy(['a'], a.ticket)).toBeUndefined()
    expect(queue.blockedBy(['c'], 3)).toBeUndefined()
  })
})

describe('a queued solve', () => {
  it('sleeps for as long as it was asked to, unless it is woken', async () => {
    const { queue, clock } = rig()
    const waiter = queue.enter(1, ['a'], refusedBy('a'))
    let ended = 0
    const sleep = () => void waiter.sleep(1_000).then(() => ended++)
    sleep()
    await clock.advance(999)
    expect(ended).toBe(0)
    await clock.advance(1)
    expect(ended).toBe(1)
    sleep()
    waiter.wake()
    await clock.advance(0)
    expect([ended, clock.waiting]).toEqual([2, 0])
    // It was woken, and has not tried since.
    sleep()
    await clock.advance(0)
    expect([ended, clock.waiting]).toEqual([3, 0])
    waiter.beginAttempt()
    waiter.wake()
    sleep()
    await clock.advance(0)
    expect(ended).toBe(4)
    waiter.beginAttempt()
    sleep()
    await clock.advance(0)
    expect([ended, clock.waiting]).toEqual([4, 1])
    waiter.wake()
    waiter.wake()
    await clock.advance(2_000)
    expect(ended).toBe(5)
  })

  it('holds later ones on the same budget until its attempt was answered', async () => {
    const { queue, clock } = rig()
    const first = queue.enter(1, ['a', 'x'], refusedBy('x'))
    const second = queue.enter(2, ['a', 'y'], refusedBy('y'))
    const apart = queue.enter(3, ['b'], refusedBy('b'))
    expect([queue.settling(first), queue.settling(second), queue.settling(apart)]).toEqual([
      undefined,
      first,
      undefined,
    ])
    const idle: string[] = []
    for (const who of ['one', 'two']) void first.whenIdle().then(() => idle.push(who))
    // Asleep, it makes no attempt.
    void first.sleep(1_000)
    await clock.advance(0)
    expect([queue.settling(second), idle]).toEqual([undefined, ['one', 'two']])
    first.wake()
    await clock.advance(0)
    expect(queue.settling(second)).toBe(first)
    void first.whenIdle().then(() => idle.push('three'))
    queue.leave(first)
    await clock.advance(0)
    expect([queue.settling(second), idle]).toEqual([undefined, ['one', 'two', 'three']])
  })

  it('tries again after its sleep', async () => {
    const { queue, clock } = rig()
    const first = queue.enter(1, ['a'], refusedBy('a'))
    const second = queue.enter(2, ['a'], refusedBy('a'))
    void first.sleep(1_000)
    await clock.advance(999)
    expect(queue.settling(second)).toBeUndefined()
    await clock.advance(1)
    expect(queue.settling(second)).toBe(first)
    first.markIdle()
    expect(queue.settling(second)).toBeUndefined()
  })
})

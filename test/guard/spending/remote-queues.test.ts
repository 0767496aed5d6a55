import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RemoteQueues } from '../../../src/guard/spending/remote-queues.js'
import type { Refusal } from '../../../src/guard/spending/wait-queue.js'
import type { NewFact } from '../../../src/ledger/ledger.js'
import { type MemoryLedger, memoryLedger } from '../../../src/ledger/memory.js'
import { manualClock } from '../../../src/testing/clock.js'

const SCOPE = 'wait-queues/tests'
const refusal = (budgetId: string, more: Partial<Refusal> = {}): Refusal => ({
  ok: false,
  budgetId,
  reason: 'concurrent',
  limit: 3,
  ...more,
})

/** The remote queues of a process, its ledger calls, and what another process announces. */
function rig(ownerId = 'me') {
  const clock = manualClock()
  const ledger = memoryLedger()
  const calls = { reads: 0, facts: [] as NewFact[], failures: [] as string[] }
  const watched: MemoryLedger = {
    ...ledger,
    listFacts(scope, now) {
      calls.reads++
      return ledger.listFacts(scope, now)
    },
    setFact(fact, now) {
      calls.facts.push(fact)
      return ledger.setFact(fact, now)
    },
  }
  const deps = {
    name: 'tests',
    ownerId,
    clock,
    ledger: watched,
    closed: false,
    background(work: () => unknown, code: string) {
      const attempt = async () => work()
      attempt().catch(() => calls.failures.push(code))
    },
  }
  return {
    clock,
    ledger,
    calls,
    deps,
    queues: new RemoteQueues(deps),
    announce(value: unknown, name = 'one of-another', ttlMs = 3_000) {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      return ledger.setFact({ scope: SCOPE, name, value: text, ttlMs }, clock.now())
    },
  }
}

describe('the head of a queue of another process', () => {
  it('goes first once it has waited more than a second longer, for solves that draw on its budget', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 0, max: 4_000 }),
        fc.nat({ max: 3_500 }),
        fc.subarray(['a', 'a/x', 'b']),
        async (waitedThere, waitedHere, later, path) => {
          const { queues, clock, announce } = rig()
          announce(['a/x', waitedThere, 'perMinute', 7])
          await queues.read()
          queues.close()
          await clock.advance(later)
          const goesFirst = path.includes('a/x') && later < 3_000 && waitedThere + later > waitedHere + 1_000
          expect(queues.blockedBy(path, waitedHere)).toEqual(
            goesFirst
              ? {
                  ok: false,
                  budgetId: 'a/x',
                  reason: 'perMinute',
                  limit: 7,
                  used: 7,
                  retryAt: clock.now() + 1_000,
                }
              : undefined,
          )
        },
      ),
      { numRuns: 100 },
    )
  })

  it('does not go first for as long as a second makes, nor from the end of its announcement on', async () => {
    const { queues, clock, announce } = rig()
    announce(['a', 5_000, 'concurrent', 1])
    await queues.read()
    queues.close()
    expect(queues.blockedBy(['a'], 4_000)).toBeUndefined()
    expect(queues.blockedBy(['a'], 3_999)).toMatchObject({ budgetId: 'a' })
    await clock.advance(2_999)
    expect(queues.blockedBy(['a'], 0)).toMatchObject({ budgetId: 'a' })
    await clock.advance(1)
    expect(queues.blockedBy(['a'], 0)).toBeUndefined()
  })

  it('is the first of several that blocks', async () => {
    const { queues, announce } = rig()
    announce(['a', 500, 'concurrent', 1], 'x other')
    announce(['b', 9_000, 'concurrent', 2], 'y other')
    announce(['c', 9_000, 'concurrent', 3], 'z other')
    await queues.read()
    expect(queues.blockedBy(['a', 'b', 'c'], 0)).toMatchObject({ budgetId: 'b', limit: 2 })
    expect(queues.blockedBy(['c', 'b'], 0)).toMatchObject({ budgetId: 'b' })
    expect(queues.blockedBy(['a'], 0)).toBeUndefined()
  })

  it.each([
    ['no JSON', '{'],
    ['no list', '7'],
    ['nothing', 'null'],
    ['no budget', [undefined, 9_000, 'concurrent', 1]],
    ['a budget that is no text', [7, 9_000, 'concurrent', 1]],
    ['a time that is no number', ['a', '9000', 'concurrent', 1]],
    ['a limit that is no number', ['a', 9_000, 'concurrent', '1']],
    ['another reason', ['a', 9_000, 'perDay', 1]],
    ['an empty text', ''],
  ])('is ignored where it announces %s', async (_, value) => {
    const { queues, announce } = rig()
    announce(value)
    await queues.read()
    expect([queues.isEmpty, queues.blockedBy(['a'], 0)]).toEqual([true, undefined])
    announce(['a', 9_000, 'concurrent', 1], 'two of-another')
    await queues.read()
    expect([queues.isEmpty, queues.blockedBy(['a'], 0)]).toMatchObject([false, { budgetId: 'a' }])
  })
})

describe('the heads of other processes', () => {
  it('are read again every second for as long as there are any', async () => {
    const { queues, clock, calls, announce } = rig()
    expect(queues.isEmpty).toBe(true)
    announce(['a', 0, 'concurrent', 1])
    await queues.read()
    expect([queues.isEmpty, calls.reads]).toEqual([false, 1])
    await clock.advance(999)
    expect(calls.reads).toBe(1)
    await clock.advance(1)
    expect(calls.reads).toBe(2)
    await clock.advance(2_000)
    // The announcement has expired.
    expect([queues.isEmpty, calls.reads]).toEqual([true, 4])
    await clock.advance(60_000)
    expect([calls.reads, clock.waiting]).toEqual([4, 0])
  })

  it('are read once a second at most, however often that was requested', async () => {
    const { queues, clock, calls } = rig()
    for (let i = 0; i < 3; i++) queues.refresh()
    await clock.advance(999)
    queues.refresh()
    expect(calls.reads).toBe(1)
    await clock.advance(1)
    queues.refresh()
    queues.refresh()
    expect(calls.reads).toBe(2)
  })

  it('are read by one timer only, and by none once the guard is closed', async () => {
    const { queues, clock, announce, deps } = rig()
    announce(['a', 0, 'concurrent', 1], 'one of-another', 60_000)
    for (let i = 0; i < 3; i++) await queues.read()
    expect(clock.waiting).toBe(1)
    queues.close()
    expect(clock.waiting).toBe(0)
    const closing = new RemoteQueues({ ...deps, closed: true })
    await closing.read()
    expect([closing.isEmpty, clock.waiting]).toEqual([false, 0])
    new RemoteQueues(deps).close()
  })

  it('are read by a timer that keeps no process alive', async () => {
    const { clock, announce, deps } = rig()
    const keeps: unknown[] = []
    const watched = {
      ...clock,
      after(ms: number, callback: () => void, keepsAlive?: boolean) {
        keeps.push(keepsAlive)
        return clock.after(ms, callback)
      },
    }
    announce(['a', 0, 'concurrent', 1])
    const queues = new RemoteQueues({ ...deps, clock: watched })
    await queues.read()
    queues.close()
    expect(keeps).toEqual([false])
  })

  it('that cannot be read are reported as the ledger’s failure', async () => {
    const { queues, clock, calls, deps, announce } = rig()
    announce(['a', 0, 'concurrent', 1])
    await queues.read()
    const fail = () => {
      throw new Error('disk I/O error')
    }
    deps.ledger.listFacts = fail
    deps.ledger.setFact = fail
    await clock.advance(1_000)
    expect(calls.failures).toEqual(['LEDGER_UNAVAILABLE'])
    await clock.advance(5_000)
    queues.refresh()
    await clock.advance(0)
    queues.announce(refusal('a'), 0)
    await clock.advance(0)
    expect(calls.failures).toEqual(Array(3).fill('LEDGER_UNAVAILABLE'))
  })
})

describe('the head of a queue of this process', () => {
  it('is announced at most once a second for each budget, and blocks the other process only', async () => {
    const { queues, clock, calls, deps } = rig()
    for (let i = 0; i < 3; i++) queues.announce(refusal('a'), 5_000)
    queues.announce(refusal('b', { reason: 'perMinute', limit: undefined }), 6_000)
    await clock.advance(999)
    queues.announce(refusal('a'), 5_999)
    expect(calls.facts.map(({ scope, value, ttlMs }) => [scope, JSON.parse(value), ttlMs])).toEqual([
      [SCOPE, ['a', 5_000, 'concurrent', 3], 3_000],
      [SCOPE, ['b', 6_000, 'perMinute', 0], 3_000],
    ])
    const names = calls.facts.map(({ name }) => name)
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{32} me$/)
    expect(new Set(names).size).toBe(2)
    await clock.advance(1)
    queues.announce(refusal('a'), 6_000)
    expect(calls.facts).toHaveLength(3)
    await clock.advance(500)
    queues.announce(refusal('a'), 6_500)
    expect(calls.facts).toHaveLength(3)
    expect(calls.facts[2]?.name).toBe(names[0])
    const other = new RemoteQueues({ ...deps, ownerId: 'other' })
    for (const each of [queues, other]) await each.read()
    expect([queues.isEmpty, other.blockedBy(['a'], 0)]).toMatchObject([true, { budgetId: 'a' }])
    other.close()
  })

  it('is withdrawn once, and then announced anew', async () => {
    const { queues, clock, calls, deps } = rig()
    queues.withdraw('a')
    queues.announce(refusal('a'), 5_000)
    queues.withdraw('a')
    queues.withdraw('a')
    await clock.advance(0)
    expect(calls.facts.map(({ value, ttlMs }) => [value === '', ttlMs])).toEqual([
      [false, 3_000],
      [true, 0],
    ])
    const other = new RemoteQueues({ ...deps, ownerId: 'other' })
    await other.read()
    expect(other.isEmpty).toBe(true)
    queues.announce(refusal('a'), 6_000)
    await clock.advance(0)
    expect(calls.facts).toHaveLength(3)
  })

  it('is not announced where its budget’s id does not fit into a fact', async () => {
    const { queues, clock, calls } = rig()
    // As JSON with the rest: 2,000 characters, and one more.
    const rest = JSON.stringify(['', 1, 'concurrent', 3]).length
    for (const length of [2_000 - rest, 2_001 - rest]) queues.announce(refusal('x'.repeat(length)), 1)
    await clock.advance(0)
    expect(calls.facts.map(({ value }) => value.length)).toEqual([2_000])
  })
})

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Challenge } from '../../../src/base/challenge.js'
import { concurrentMap } from '../../../src/guard/streams/concurrent-map.js'
import type { GuardEvents, StreamOptions } from '../../../src/guard/types.js'
import { usd } from '../../../src/policy/money.js'
import { challenge, errorOf, rig } from '../support.js'

/** A mapper whose items end when the test ends them. */
function manualMapper() {
  const open = new Map<number, () => void>()
  let most = 0
  const work = (_: unknown, index: number): Promise<number> =>
    new Promise((resolve) => {
      open.set(index, () => {
        open.delete(index)
        resolve(index)
      })
      most = Math.max(most, open.size)
    })
  return { work, open, end: (index: number) => open.get(index)?.(), most: () => most }
}

const yieldToEventLoop = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

describe('concurrentMap with ordered results', () => {
  it('yields each result in the order of the items, in whatever order they end', async () => {
    const { work, open, end } = manualMapper()
    const results = concurrentMap([0, 1, 2, 3], work, { concurrency: 4, ordered: true })
    const first = results.next()
    await yieldToEventLoop()
    for (const index of [3, 1, 2]) end(index)
    await yieldToEventLoop()
    expect([...open.keys()]).toEqual([0])
    end(0)
    expect((await first).value).toBe(0)
    const rest: number[] = []
    for await (const index of results) rest.push(index)
    expect(rest).toEqual([1, 2, 3])
  })

  it('buffers a bounded number of results behind a slow item, and then takes no further item', async () => {
    const { work, open, end, most } = manualMapper()
    let taken = 0
    function* items() {
      for (; taken < 100; taken++) yield taken
    }
    const results = concurrentMap(items(), work, { concurrency: 3, ordered: true })
    const first = results.next()
    await yieldToEventLoop()
    for (let round = 0; round < 10; round++) {
      for (const index of [...open.keys()]) if (index !== 0) end(index)
      await yieldToEventLoop()
    }
    expect([[...open.keys()], most()]).toEqual([[0], 3])
    // The slow item and those that wait behind it.
    expect(taken).toBe(5)
    end(0)
    expect((await first).value).toBe(0)
    await results.return()
  })

  it('yields every result, in order if asked to, and never exceeds its concurrency', async () => {
    const ms = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(ms, fc.integer({ min: 1, max: 5 }), fc.boolean(), async (list, most, ordered) => {
        let working = 0
        let peak = 0
        const work = async (waits: number, index: number): Promise<number | undefined> => {
          peak = Math.max(peak, ++working)
          for (let i = 0; i < waits; i++) await new Promise<void>((resolve) => setImmediate(resolve))
          working--
          return waits === 3 ? undefined : index
        }
        const results: number[] = []
        const consumed: number[] = []
        const taken = async (result: number): Promise<void> => void consumed.push(result)
        for await (const result of concurrentMap(list, work, { concurrency: most, ordered, onConsumed: taken }))
          results.push(result)
        const all = list.flatMap((waits, index) => (waits === 3 ? [] : [index]))
        expect(ordered ? results : [...results].sort((a, b) => a - b)).toEqual(all)
        expect(consumed).toEqual(results)
        expect(peak).toBeLessThanOrEqual(most)
      }),
      { numRuns: 60 },
    )
  })
})

const list = (count: number): Challenge[] => Array.from({ length: count }, () => challenge)

describe('guard.stream', () => {
  it('yields each result with its index and challenge, and in input order if asked to', async () => {
    const { guard } = await rig({ serviceOptions: { solveMs: (order) => (order.sitekey.endsWith('0') ? 60 : 0) } })
    const challenges = [0, 1, 2, 3].map((n) => ({ ...challenge, sitekey: `key-${n}` }))
    const seen: unknown[] = []
    for await (const result of guard.stream(challenges, { order: 'input' })) {
      seen.push([result.index, 'sitekey' in result.challenge && result.challenge.sitekey, result.ok])
    }
    expect(seen).toEqual([0, 1, 2, 3].map((n) => [n, `key-${n}`, true]))
  })

  it('solves at most `concurrency` items at a time, and never more than the policy allows', async () => {
    const atATime = async (concurrency: number | undefined, concurrent: number | undefined): Promise<number> => {
      const { guard, service } = await rig({
        serviceOptions: { solveMs: 20 },
        policy: { budget: { perDay: usd(1), concurrent } },
      })
      let most = 0
      guard.on('submitted', () => {
        most = Math.max(most, service.working)
      })
      const { solved } = await guard.stream(list(16), { concurrency }).forEach(() => {})
      expect(solved).toBe(16)
      return most
    }
    expect(await atATime(2, undefined)).toBeLessThanOrEqual(2)
    expect(await atATime(50, 3)).toBeLessThanOrEqual(3)
    expect(await atATime(undefined, 4)).toBeLessThanOrEqual(4)
  })

  it('forEach calls back with each result, waits for the callback, and returns a summary', async () => {
    const { guard } = await rig()
    let busy = 0
    const tally = await guard
      .stream([...list(5), { ...challenge, pageUrl: 'https://elsewhere.example/' }], { concurrency: 3 })
      .forEach(async () => {
        expect(++busy).toBe(1)
        await yieldToEventLoop()
        busy--
      })
    expect(tally).toEqual({ solved: 5, failed: 1, alreadySolved: 0, cost: 5_000 })
  })

  it('forEach rejects with the error that the callback throws, and closes the source', async () => {
    const { guard } = await rig()
    let closed = false
    function* endless(): Generator<Challenge> {
      try {
        for (;;) yield challenge
      } finally {
        closed = true
      }
    }
    const streaming = guard.stream(endless()).forEach(() => {
      throw new Error('the disk is full')
    })
    expect([(await errorOf(streaming)).message, closed]).toEqual(['the disk is full', true])
  })

  it('emits an event for each item, without its solution', async () => {
    const { guard } = await rig()
    const items: GuardEvents['item'][] = []
    guard.on('item', (item) => items.push(item))
    let token = ''
    for await (const result of guard.stream([challenge, { ...challenge, pageUrl: 'about:blank' }], {
      order: 'input',
    })) {
      if (result.ok) token = result.solution.token
    }
    expect(items).toMatchObject([
      { index: 0, outcome: 'solved', cost: 1_000, batch: undefined },
      { index: 1, outcome: 'failed', code: 'ORIGIN_OPAQUE' },
    ])
    expect(token.length).toBeGreaterThan(20)
    expect(JSON.stringify(items)).not.toContain(token)
  })

  it('takes no further item once it is aborted, and accounts for the solves under way', async () => {
    const { guard, service } = await rig({ serviceOptions: { solveMs: 10_000 } })
    const abort = new AbortController()
    let produced = 0
    function* challenges(): Generator<Challenge> {
      for (;;) {
        produced++
        yield challenge
      }
    }
    guard.on('submitted', () => {
      if (service.tasks.length === 4) abort.abort()
    })
    const codes: string[] = []
    for await (const result of guard.stream(challenges(), { concurrency: 4, signal: abort.signal })) {
      codes.push(result.ok ? 'ok' : result.error.code)
    }
    expect(codes).toEqual(Array(4).fill('SOLVE_ABORTED'))
    expect(produced).toBeLessThanOrEqual(5)
    expect((await guard.status()).day.reserved).toBe(4_000)
  })

  it('causes no process warning at a high concurrency', async () => {
    const { guard } = await rig({ serviceOptions: { solveMs: 20 } })
    const warnings: string[] = []
    const onWarning = ({ name }: Error): void => void warnings.push(name)
    process.on('warning', onWarning)
    const { solved } = await guard
      .stream(list(60), { concurrency: 40, signal: new AbortController().signal })
      .forEach(() => {})
    await yieldToEventLoop()
    process.off('warning', onWarning)
    expect([solved, warnings.filter((name) => name !== 'SolveguardAlert')]).toEqual([60, []])
  })

  it('takes no item if its signal was aborted before', async () => {
    const { guard } = await rig()
    let asked = false
    function* challenges(): Generator<Challenge> {
      asked = true
      yield challenge
    }
    const tally = await guard.stream(challenges(), { signal: AbortSignal.abort() }).forEach(() => {})
    expect([tally, asked]).toEqual([{ solved: 0, failed: 0, alreadySolved: 0, cost: 0 }, false])
  })

  it.each<[unknown, RegExp]>([
    [{ order: 'random' }, /stream\.order: expected 'arrival' or 'input'/],
    [{ concurrency: 0 }, /stream\.concurrency: expected a whole number/],
    [{ signal: {} }, /stream\.signal: expected an AbortSignal/],
    [{ batch: 'a b' }, /stream\.batch: expected 1 to 64/],
    [{ batch: { name: 'x', keepFor: '1s' } }, /stream\.batch/],
    [{ concurency: 3 }, /stream\.concurency: there is no such field/],
  ])('refuses the options %j', async (options, message) => {
    const { guard } = await rig()
    expect(() => guard.stream([challenge], options as StreamOptions)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  })
})

it('a stream whose consumer stops early gives up its queued solves and buys nothing more', async () => {
  const budget = { perDay: usd(1), perMinute: 3, wait: '30s' } as const
  const { guard, service } = await rig({ policy: { budget } })
  const challenges = Array.from({ length: 20 }, () => challenge)
  for await (const result of guard.stream(challenges, { concurrency: 10 })) {
    expect(result.ok).toBe(true)
    break
  }
  await vi.waitFor(async () => {
    const { process, day } = await guard.status()
    expect([process.solving, process.waiting, day.reserved]).toEqual([0, 0, 0])
  })
  expect(service.tasks.length).toBeLessThanOrEqual(3)
})

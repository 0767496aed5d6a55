import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { GuardEvents, StreamResult } from '../../../src/guard/types.js'
import { fileLedger } from '../../../src/ledger/file.js'
import { usd } from '../../../src/policy/money.js'
import type { PolicyInput } from '../../../src/policy/schema.js'
import { manualClock } from '../../../src/testing/clock.js'
import { after, challenge, errorOf, rig, settleWith } from '../support.js'
import { all, leftAmid, pages, shared, until } from './batches.js'

describe('a batch that is taken up again', () => {
  it('passes over what was solved, and solves what was not begun', async () => {
    const { at, ledger } = await shared()
    const one = await rig({ at, ledger })
    let taken = 0
    for await (const result of one.guard.stream(pages(10), { batch: 'b', concurrency: 1 })) {
      expect(result.ok).toBe(true)
      if (++taken === 4) break
    }
    await one.guard.close()
    const bought = at.tasks.length

    const next = await rig({ at, ledger })
    const items: GuardEvents['item'][] = []
    next.guard.on('item', (item) => items.push(item))
    const tally = await next.guard.stream(pages(10), { batch: 'b' }).forEach(() => {})
    // The fourth was not known to have been dealt with: its answer is asked for again, and costs nothing more.
    expect(tally).toEqual({ solved: 7, failed: 0, alreadySolved: 3, cost: 7_000 })
    expect([bought, at.tasks.length]).toEqual([4, 10])
    expect(items.filter(({ outcome }) => outcome === 'already-solved').map(({ index }) => index)).toEqual([0, 1, 2])
    expect((await next.guard.status()).day).toMatchObject({ spent: 10_000, reserved: 0 })
    expect((await next.guard.batch('b')).map(({ state, cost }) => [state, cost])).toEqual(
      Array(10).fill(['solved', 1_000]),
    )
  })

  it('has the answers to tasks that were handed in before, and buys none of them again', async () => {
    const { at, ledger } = await shared()
    await leftAmid(at, ledger, pages(5))
    const known = await rig({ at, ledger })
    expect((await known.guard.batch('b')).map(({ state }) => state)).toEqual(Array(5).fill('submitted'))
    const results = await all(known.guard, pages(5), { batch: 'b', order: 'input' })
    const answers = at.tasks.map(({ answer }) => answer)
    expect(results.map((result) => result.ok && result.solution.token)).toEqual(answers)
    expect(results.map((result) => result.ok && result.solution.taskId)).toEqual(at.tasks.map(({ id }) => id))
    expect(at.tasks).toHaveLength(5)
    expect((await known.guard.status()).day).toMatchObject({ spent: 5_000, reserved: 0 })
    const { solution } = results[0] as StreamResult & { ok: true }
    await solution.reportBad()
    expect(at.tasks[0]?.report).toBe('bad')
    expect(known.actions().filter((action) => action === 'recovered')).toHaveLength(5)
    expect(known.actions()).toContain('rejected')
  })

  it('keeps neither solution nor address: what the ledger has of it is digests, tasks and sums', async () => {
    const { at, ledger } = await shared()
    const { guard } = await rig({ at, ledger })
    const results = await all(guard, pages(2), { batch: 'b' })
    await leftAmid(at, ledger, pages(2), 'c')
    const facts = [
      ...(await ledger.listFacts('batch:tests/b', Date.now())),
      ...(await ledger.listFacts('batch:tests/c', Date.now())),
    ]
    expect(facts).toHaveLength(4)
    const written = JSON.stringify(facts)
    for (const result of results) expect(written).not.toContain(result.ok ? result.solution.token : 'never')
    for (const word of ['s3cret', 'staging', challenge.sitekey, at.key]) expect(written).not.toContain(word)
  })

  it('knows of tasks that the service took while the guard was being closed', async () => {
    const { at, ledger } = await shared()
    const one = await rig({ at, ledger })
    at.always('in', { delayMs: 200 })
    const streaming = all(one.guard, pages(2), { batch: 'b' })
    await until(() => at.requests.length === 2)
    await one.guard.close()
    expect((await streaming).map((result) => !result.ok && result.error.code)).toEqual(['GUARD_CLOSED', 'GUARD_CLOSED'])
    at.always('in', undefined)
    const next = await rig({ at, ledger })
    expect((await next.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted', 'submitted'])
    expect((await all(next.guard, pages(2), { batch: 'b' })).map(({ ok }) => ok)).toEqual([true, true])
    expect(at.tasks).toHaveLength(2)
  })

  it('buys anew what the service has forgotten', async () => {
    const { at, ledger } = await shared()
    await leftAmid(at, ledger, pages(1))
    const { guard } = await rig({ at, ledger })
    at.always('res', { error: 'ERROR_WRONG_CAPTCHA_ID' })
    guard.on('submitted', () => at.always('res', undefined))
    const [result] = await all(guard, pages(1), { batch: 'b' })
    expect([result?.ok, at.tasks.length]).toEqual([true, 2])
    // What became of the first nobody knows: it counts as paid.
    expect((await guard.status()).day.spent).toBe(2_000)
  })

  it('buys anew what has grown too old, and not what the service was still at', async () => {
    const clock = manualClock()
    // One is solved at once, though nobody hears of it: its token is of no use any more later. The other is solved only then.
    const solveMs = ({ pageUrl }: { pageUrl: string }) => (pageUrl.includes('/0?') ? 0 : 140_000)
    const { at, ledger } = await shared({ clock, solveMs })
    const options = { at, ledger, clock } as const
    const one = await rig(options)
    at.always('res', { status: 503 })
    const streaming = all(one.guard, pages(2), { batch: 'b', order: 'input' })
    await until(() => at.tasks.length === 2)
    await one.guard.close()
    await streaming
    at.always('res', undefined)
    await clock.advance(130_000)
    const next = await rig(options)
    // In small steps: a call that takes its real time must not seem to take minutes.
    const results = await settleWith(clock, all(next.guard, pages(2), { batch: 'b', order: 'input' }), 50, 20_000)
    const ids = Object.fromEntries(at.tasks.map(({ id, pageUrl }) => [new URL(pageUrl).pathname, id]))
    expect(results.map((result) => result.ok && result.solution.taskId)).toEqual([ids['/0'], ids['/1']])
    expect(ids['/0']).toBe(at.tasks[2]?.id)
    expect(at.tasks).toHaveLength(3)
    const [, second] = results as (StreamResult & { ok: true })[]
    expect(second?.solution.expiresAt.getTime()).toBeGreaterThan(clock.now())
  })

  it.each(['OUTSIDE_SCHEDULE', 'ORIGIN_NOT_NAMED', 'LEDGER_UNAVAILABLE', 'EGRESS_UNVERIFIED'] as const)(
    'does not buy again what could not be asked for (%s)',
    async (code) => {
      const { at, ledger } = await shared()
      await leftAmid(at, ledger, pages(2))
      const settle = ledger.settle.bind(ledger)
      if (code === 'LEDGER_UNAVAILABLE') {
        ledger.settle = () => {
          throw new Error('the disk is full')
        }
      }
      const tomorrow = new Date(Date.now() + 86_400_000).toLocaleDateString('en', { weekday: 'short', timeZone: 'UTC' })
      const policy = {
        OUTSIDE_SCHEDULE: { schedule: { timeZone: 'UTC', windows: [{ days: tomorrow, from: '09:00', to: '17:00' }] } },
        ORIGIN_NOT_NAMED: { origins: ['https://other.example.com'] },
        LEDGER_UNAVAILABLE: {},
        EGRESS_UNVERIFIED: { egress: { expectIp: ['203.0.113.7'], ipCheckUrl: 'http://127.0.0.1:9/' } },
      }[code]
      const one = await rig({ at, ledger, policy: policy as Partial<PolicyInput> })
      const results = await all(one.guard, pages(2), { batch: 'b' })
      expect(results.map((result) => !result.ok && result.error.code)).toEqual([code, code])
      expect((await one.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted', 'submitted'])
      await one.guard.close()
      ledger.settle = settle
      const next = await rig({ at, ledger })
      expect((await all(next.guard, pages(2), { batch: 'b' })).map(({ ok }) => ok)).toEqual([true, true])
      expect(at.tasks).toHaveLength(2)
    },
  )

  it('does not buy again while nobody knows what became of a task', async () => {
    const { at, ledger } = await shared()
    await leftAmid(at, ledger, pages(1))
    at.always('res', { status: 503 })
    const down = await rig({ at, ledger })
    const streaming = all(down.guard, pages(1), { batch: 'b' })
    const told = at.requests.length
    await until(() => at.requests.length > told)
    expect((await down.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted'])
    await down.guard.close()
    expect(await streaming).toMatchObject([{ ok: false, error: { code: 'GUARD_CLOSED' } }])
    at.always('res', { pendingTimes: 0 })
    const up = await rig({ at, ledger })
    expect((await all(up.guard, pages(1), { batch: 'b' })).map(({ ok }) => ok)).toEqual([true])
    expect(at.tasks).toHaveLength(1)
  })

  it('does not buy again when the service could not be asked for as long as a task is followed', async () => {
    const clock = manualClock()
    const { at, ledger } = await shared({ clock })
    const one = await rig({ at, ledger, clock })
    at.always('res', { status: 503 })
    const streaming = all(one.guard, pages(1), { batch: 'b' })
    await until(() => at.tasks.length === 1)
    await one.guard.close()
    await streaming
    const next = await rig({ at, ledger, clock })
    const results = await settleWith(clock, all(next.guard, pages(1), { batch: 'b' }))
    expect(results).toMatchObject([{ ok: false, error: { code: 'SOLVER_BUSY' } }])
    expect((await next.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted'])
    expect(at.tasks).toHaveLength(1)
  })

  it('gives a failure once, and tries it again next time', async () => {
    const { at, ledger } = await shared()
    const one = await rig({ at, ledger })
    at.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    const options = { batch: 'b', concurrency: 1, order: 'input' } as const
    const first = await all(one.guard, [...pages(2), { ...challenge, pageUrl: 'https://elsewhere.example/' }], options)
    expect(first.map((result) => (result.ok ? 'ok' : result.error.code))).toEqual([
      'CAPTCHA_UNSOLVABLE',
      'ok',
      'ORIGIN_NOT_NAMED',
    ])
    const kept = await one.guard.batch('b')
    expect(kept.map(({ state, code }) => code ?? state)).toEqual(['CAPTCHA_UNSOLVABLE', 'solved', 'ORIGIN_NOT_NAMED'])
    const tally = await one.guard.stream(pages(2), { batch: 'b' }).forEach(() => {})
    expect(tally).toEqual({ solved: 1, failed: 0, alreadySolved: 1, cost: 1_000 })
  })

  it('tells what the service says of a task that was handed in and came to nothing', async () => {
    const { at, ledger } = await shared()
    await leftAmid(at, ledger, pages(1))
    const { guard } = await rig({ at, ledger })
    at.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    const [result] = await all(guard, pages(1), { batch: 'b' })
    expect(result).toMatchObject({ ok: false, error: { code: 'CAPTCHA_UNSOLVABLE' } })
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })

  it('still asks the policy: an origin that is no longer named gets no answer', async () => {
    const { at, ledger } = await shared()
    await leftAmid(at, ledger, pages(1))
    const { guard } = await rig({ at, ledger, policy: { origins: ['https://other.example.com'] } })
    const [result] = await all(guard, pages(1), { batch: 'b' })
    expect(result).toMatchObject({ ok: false, error: { code: 'ORIGIN_NOT_NAMED' } })
  })
})

describe('a guard that is closed while its batch is worked on', () => {
  it('ends the batch, with nothing that could not be taken up: on disk too', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'solveguard-batch-'))
    after(async () => rmSync(dir, { recursive: true, force: true }))
    const { at } = await shared()
    const one = await rig({ at, ledger: fileLedger({ dir }) })
    const alerts: string[] = []
    one.guard.on('alert', ({ code }) => alerts.push(code))
    const outcomes: unknown[] = []
    for await (const result of one.guard.stream(pages(4), { batch: 'b', concurrency: 1 })) {
      outcomes.push(result.ok || result.error.code)
      if (outcomes.length === 2) await one.guard.close()
    }
    expect([outcomes, alerts]).toEqual([[true, true, 'GUARD_CLOSED', 'GUARD_CLOSED'], []])
    const next = await rig({ at, ledger: fileLedger({ dir }) })
    const tally = await next.guard.stream(pages(4), { batch: 'b' }).forEach(() => {})
    // The second had been taken by nobody who came back for more.
    expect([tally.alreadySolved, tally.solved, at.tasks.length]).toEqual([1, 3, 4])
  })
})

describe('the items of a batch', () => {
  it('go by what they are: the second of two alike is the second again', async () => {
    const { at, ledger } = await shared()
    const one = await rig({ at, ledger })
    const twice = [challenge, challenge, ...pages(1)]
    for await (const _ of one.guard.stream(twice, { batch: 'b', concurrency: 1 })) if (at.tasks.length > 1) break
    const next = await rig({ at, ledger })
    const tally = await next.guard.stream(twice, { batch: 'b' }).forEach(() => {})
    expect([tally.alreadySolved, tally.solved, at.tasks.length]).toEqual([1, 2, 3])
  })

  it('go by the key that they are given, in whatever order they come', async () => {
    const { at, ledger } = await shared()
    const { guard } = await rig({ at, ledger })
    const key = ({ pageUrl }: { pageUrl: string }) => new URL(pageUrl).pathname
    const results = await all(guard, pages(3), { batch: { name: 'b', key, keepFor: '2h' } })
    expect(results.map((result) => result.key).sort()).toEqual(['/0', '/1', '/2'])
    const again = await guard.stream(pages(4).reverse(), { batch: { name: 'b', key } }).forEach(() => {})
    expect([again.alreadySolved, again.solved]).toEqual([3, 1])
  })

  it('by one key are two mistakes: the second is told, and nothing is bought for it', async () => {
    const { guard, service } = await rig()
    const results = await all(guard, pages(2), { batch: { name: 'b', key: () => 'same' }, order: 'input' })
    expect(results).toMatchObject([{ ok: true }, { ok: false, error: { code: 'CONFIG_INVALID' } }])
    expect(service.tasks).toHaveLength(1)
  })

  it('by one key, but another challenge, do not get each other’s answer', async () => {
    const { at, ledger } = await shared()
    const batch = { name: 'b', key: () => 'only' }
    await leftAmid(at, ledger, pages(1), batch)
    const { guard } = await rig({ at, ledger })
    const [result] = await all(guard, [{ ...challenge, pageUrl: 'https://staging.example.com/another' }], { batch })
    expect(result?.ok && result.solution.taskId).toBe(at.tasks[1]?.id)
  })

  it('are forgotten after their time', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock })
    const batch = { name: 'b', keepFor: '10m' } as const
    await settleWith(clock, all(guard, pages(1), { batch }))
    expect(await guard.batch('b')).toHaveLength(1)
    await clock.advance(11 * 60_000)
    expect(await guard.batch('b')).toEqual([])
    await settleWith(clock, all(guard, pages(1), { batch }))
    expect(service.tasks).toHaveLength(2)
  })
})

describe('one batch in two places', () => {
  it('is refused to the second for as long as the first is at it', async () => {
    const { at, ledger } = await shared({ solveMs: 50 })
    const [one, other] = [await rig({ at, ledger }), await rig({ at, ledger })]
    const first = one.guard.stream(pages(3), { batch: 'b', concurrency: 1 })[Symbol.asyncIterator]()
    await first.next()
    expect(await errorOf(all(other.guard, pages(3), { batch: 'b' }))).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    expect((await all(other.guard, pages(1), { batch: 'another' })).map(({ ok }) => ok)).toEqual([true])
    for (let next = await first.next(); !next.done; next = await first.next());
    expect((await other.guard.stream(pages(3), { batch: 'b' }).forEach(() => {})).alreadySolved).toBe(3)
  })

  it('is let go of, by one who leaves it early, only when each task is written down that is being handed in', async () => {
    const { at, ledger } = await shared({ solveMs: 0 })
    const [one, other] = [await rig({ at, ledger }), await rig({ at, ledger })]
    at.always('in', { delayMs: 200 })
    at.next('in', { delayMs: 0 })
    for await (const result of one.guard.stream(pages(4), { batch: 'b', concurrency: 4 })) if (result.ok) break
    await all(other.guard, pages(4), { batch: 'b' })
    expect(at.tasks.map(({ pageUrl }) => pageUrl).sort()).toEqual(pages(4).map(({ pageUrl }) => pageUrl))
  })

  it('belongs to a process elsewhere until that has given no sign of life for a while', async () => {
    const clock = manualClock()
    const { guard, ledger } = await rig({ clock })
    const mark = 'other-machine:1:99-x'
    const elsewhere = { scope: 'batch-lock:tests/b', name: 'turn/3', value: mark, ttlMs: 60_000 }
    const sign = {
      ...elsewhere,
      name: `here/${createHash('sha256').update(mark).digest('hex').slice(0, 32)}`,
      value: '',
      ttlMs: 15_000,
    }
    await ledger.setFact(elsewhere, clock.now())
    await ledger.setFact(sign, clock.now())
    // It lives.
    const refused = errorOf(all(guard, pages(1), { batch: 'b' }))
    await clock.advance(5_000)
    await ledger.setFact(sign, clock.now())
    expect(await settleWith(clock, refused)).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    // It does not any more.
    expect((await settleWith(clock, all(guard, pages(1), { batch: 'b' }))).map(({ ok }) => ok)).toEqual([true])
  })

  it('is given up by a process that was asleep while another took it', async () => {
    const clock = manualClock()
    const { guard, ledger } = await rig({ clock, service: { solveMs: 0 } })
    const results: StreamResult[] = []
    const streaming = errorOf(
      guard.stream(pages(200), { batch: 'b', concurrency: 1 }).forEach(async (result) => {
        results.push(result)
        if (results.length > 1) return
        const taken = { scope: 'batch-lock:tests/b', name: 'turn/2', value: 'other-machine:1:99-x', ttlMs: 60_000 }
        await ledger.setFact(taken, clock.now())
        await clock.advance(6_000)
      }),
    )
    expect(await settleWith(clock, streaming)).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    expect(results.length).toBeLessThan(10)
  })
})

it('a ledger that does not take notes keeps no solve from its result', async () => {
  const { guard, ledger } = await rig({ policy: { budget: { perDay: usd(1) } } })
  const alerts: string[] = []
  guard.on('alert', ({ code }) => alerts.push(code))
  const remember = ledger.setFact.bind(ledger)
  ledger.setFact = (fact, now) => {
    if (fact.scope.startsWith('batch:')) throw new Error('the disk is full')
    return remember(fact, now)
  }
  expect((await all(guard, pages(2), { batch: 'b' })).map(({ ok }) => ok)).toEqual([true, true])
  expect(alerts).toContain('LEDGER_UNAVAILABLE')
})

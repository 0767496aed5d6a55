import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Challenge } from '../../../src/base/challenge.js'
import type { Grant, Guard, GuardEvents, StreamResult } from '../../../src/guard/types.js'
import { fileLedger } from '../../../src/ledger/file.js'
import type { Ledger } from '../../../src/ledger/ledger.js'
import { usd } from '../../../src/policy/money.js'
import type { PolicyInput } from '../../../src/policy/schema.js'
import { Secret } from '../../../src/secrets/secret.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { drawDigits } from '../../../src/testing/shared/picture.js'
import { eventually } from '../../support/wait.js'
import { after, challenge, errorOf, type Rig, rig, settleWith } from '../support.js'
import { all, leaveUnfinished, pages, sharedServices } from './batches.js'

describe('a resumed batch', () => {
  it('skips the items that are solved, and solves the others', async () => {
    const { service, ledger } = await sharedServices()
    const one = await rig({ service, ledger })
    let consumed = 0
    for await (const result of one.guard.stream(pages(10), { batch: 'b', concurrency: 1 })) {
      expect(result.ok).toBe(true)
      if (++consumed === 4) break
    }
    await one.guard.close()
    const bought = service.tasks.length

    const next = await rig({ service, ledger })
    const items: GuardEvents['item'][] = []
    next.guard.on('item', (item) => items.push(item))
    const tally = await next.guard.stream(pages(10), { batch: 'b' }).forEach(() => {})
    // The fourth was not recorded as consumed: its answer is polled again, at no further cost.
    expect(tally).toEqual({ solved: 7, failed: 0, alreadySolved: 3, cost: 7_000 })
    expect([bought, service.tasks.length]).toEqual([4, 10])
    expect(items.filter(({ outcome }) => outcome === 'already-solved').map(({ index }) => index)).toEqual([0, 1, 2])
    expect((await next.guard.status()).day).toMatchObject({ spent: 10_000, reserved: 0 })
    expect((await next.guard.batch('b')).map(({ state, cost }) => [state, cost])).toEqual(
      Array(10).fill(['solved', 1_000]),
    )
  })

  it('gets the answers of tasks that were submitted before, and buys none of them again', async () => {
    const { service, ledger } = await sharedServices()
    await leaveUnfinished(service, ledger, pages(5))
    const known = await rig({ service, ledger })
    expect((await known.guard.batch('b')).map(({ state }) => state)).toEqual(Array(5).fill('submitted'))
    const results = await all(known.guard, pages(5), { batch: 'b', order: 'input' })
    const answers = service.tasks.map(({ answer }) => answer)
    expect(results.map((result) => result.ok && result.solution.token)).toEqual(answers)
    expect(results.map((result) => result.ok && result.solution.taskId)).toEqual(service.tasks.map(({ id }) => id))
    expect(service.tasks).toHaveLength(5)
    expect((await known.guard.status()).day).toMatchObject({ spent: 5_000, reserved: 0 })
    const { solution } = results[0] as StreamResult & { ok: true }
    await solution.reportBad()
    expect(service.tasks[0]?.report).toBe('bad')
    expect(known.actions().filter((action) => action === 'recovered')).toHaveLength(5)
    expect(known.actions()).toContain('rejected')
  })

  it('keeps no solution, address or sitekey in the ledger, only digests, task ids and sums', async () => {
    const { service, ledger } = await sharedServices()
    const { guard } = await rig({ service, ledger })
    const results = await all(guard, pages(2), { batch: 'b' })
    await leaveUnfinished(service, ledger, pages(2), 'c')
    const facts = [
      ...(await ledger.listFacts('batch:tests/b', Date.now())),
      ...(await ledger.listFacts('batch:tests/c', Date.now())),
    ]
    expect(facts).toHaveLength(4)
    const written = JSON.stringify(facts)
    for (const result of results) expect(written).not.toContain(result.ok ? result.solution.token : 'never')
    for (const word of ['s3cret', 'staging', challenge.sitekey, service.key]) expect(written).not.toContain(word)
  })

  it('knows the tasks that the service accepted while the guard was being closed', async () => {
    const { service, ledger } = await sharedServices()
    const one = await rig({ service, ledger })
    service.always('in', { delayMs: 200 })
    const streaming = all(one.guard, pages(2), { batch: 'b' })
    await eventually(() => service.requests.length === 2)
    await one.guard.close()
    expect((await streaming).map((result) => !result.ok && result.error.code)).toEqual(['GUARD_CLOSED', 'GUARD_CLOSED'])
    service.always('in', undefined)
    const next = await rig({ service, ledger })
    expect((await next.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted', 'submitted'])
    expect((await all(next.guard, pages(2), { batch: 'b' })).map(({ ok }) => ok)).toEqual([true, true])
    expect(service.tasks).toHaveLength(2)
  })

  it('buys again a task that the service does not know any more', async () => {
    const { service, ledger } = await sharedServices()
    await leaveUnfinished(service, ledger, pages(1))
    const { guard } = await rig({ service, ledger })
    service.always('res', { error: 'ERROR_WRONG_CAPTCHA_ID' })
    guard.on('submitted', () => service.always('res', undefined))
    const [result] = await all(guard, pages(1), { batch: 'b' })
    expect([result?.ok, service.tasks.length]).toEqual([true, 2])
    // The outcome of the first task is unknown: it counts as paid.
    expect((await guard.status()).day.spent).toBe(2_000)
  })

  it('buys again a solution that has expired, and not a task that was still being solved', async () => {
    const clock = manualClock()
    // The first is solved at once but never polled, so that its token expires. The second takes 140 s.
    const solveMs = ({ pageUrl }: { pageUrl: string }) => (pageUrl.includes('/0?') ? 0 : 140_000)
    const { service, ledger } = await sharedServices({ clock, solveMs })
    const options = { service, ledger, clock } as const
    const one = await rig(options)
    service.always('res', { status: 503 })
    const streaming = all(one.guard, pages(2), { batch: 'b', order: 'input' })
    await eventually(() => service.tasks.length === 2)
    await one.guard.close()
    await streaming
    service.always('res', undefined)
    await clock.advance(130_000)
    const next = await rig(options)
    // In small steps: a call takes real time, which must not appear as minutes on the clock.
    const results = await settleWith(clock, all(next.guard, pages(2), { batch: 'b', order: 'input' }), 50, 20_000)
    const ids = Object.fromEntries(service.tasks.map(({ id, pageUrl }) => [new URL(pageUrl).pathname, id]))
    expect(results.map((result) => result.ok && result.solution.taskId)).toEqual([ids['/0'], ids['/1']])
    expect(ids['/0']).toBe(service.tasks[2]?.id)
    expect(service.tasks).toHaveLength(3)
    const [, second] = results as (StreamResult & { ok: true })[]
    expect(second?.solution.expiresAt.getTime()).toBeGreaterThan(clock.now())
  })

  it.each(['OUTSIDE_SCHEDULE', 'ORIGIN_NOT_NAMED', 'LEDGER_UNAVAILABLE', 'EGRESS_UNVERIFIED'] as const)(
    'does not buy again a task that it could not poll (%s)',
    async (code) => {
      const { service, ledger } = await sharedServices()
      await leaveUnfinished(service, ledger, pages(2))
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
      const one = await rig({ service, ledger, policy: policy as Partial<PolicyInput> })
      const results = await all(one.guard, pages(2), { batch: 'b' })
      expect(results.map((result) => !result.ok && result.error.code)).toEqual([code, code])
      expect((await one.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted', 'submitted'])
      await one.guard.close()
      ledger.settle = settle
      const next = await rig({ service, ledger })
      expect((await all(next.guard, pages(2), { batch: 'b' })).map(({ ok }) => ok)).toEqual([true, true])
      expect(service.tasks).toHaveLength(2)
    },
  )

  it('does not buy a task again while its outcome is unknown', async () => {
    const { service, ledger } = await sharedServices()
    await leaveUnfinished(service, ledger, pages(1))
    service.always('res', { status: 503 })
    const down = await rig({ service, ledger })
    const streaming = all(down.guard, pages(1), { batch: 'b' })
    const requestsBefore = service.requests.length
    await eventually(() => service.requests.length > requestsBefore)
    expect((await down.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted'])
    await down.guard.close()
    expect(await streaming).toMatchObject([{ ok: false, error: { code: 'GUARD_CLOSED' } }])
    service.always('res', { pendingTimes: 0 })
    const up = await rig({ service, ledger })
    expect((await all(up.guard, pages(1), { batch: 'b' })).map(({ ok }) => ok)).toEqual([true])
    expect(service.tasks).toHaveLength(1)
  })

  it('does not buy a task again when the service is down for as long as a task is followed', async () => {
    const clock = manualClock()
    const { service, ledger } = await sharedServices({ clock })
    const one = await rig({ service, ledger, clock })
    service.always('res', { status: 503 })
    const streaming = all(one.guard, pages(1), { batch: 'b' })
    await eventually(() => service.tasks.length === 1)
    await one.guard.close()
    await streaming
    const next = await rig({ service, ledger, clock })
    const results = await settleWith(clock, all(next.guard, pages(1), { batch: 'b' }))
    expect(results).toMatchObject([{ ok: false, error: { code: 'SOLVER_BUSY' } }])
    expect((await next.guard.batch('b')).map(({ state }) => state)).toEqual(['submitted'])
    expect(service.tasks).toHaveLength(1)
  })

  it('returns a failure once, and retries the item in the next run', async () => {
    const { service, ledger } = await sharedServices()
    const one = await rig({ service, ledger })
    service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
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

  it('returns the failure that the service reports for a task submitted before', async () => {
    const { service, ledger } = await sharedServices()
    await leaveUnfinished(service, ledger, pages(1))
    const { guard } = await rig({ service, ledger })
    service.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    const [result] = await all(guard, pages(1), { batch: 'b' })
    expect(result).toMatchObject({ ok: false, error: { code: 'CAPTCHA_UNSOLVABLE' } })
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })

  it('applies the current policy: an item whose origin is no longer named is denied', async () => {
    const { service, ledger } = await sharedServices()
    await leaveUnfinished(service, ledger, pages(1))
    const { guard } = await rig({ service, ledger, policy: { origins: ['https://other.example.com'] } })
    const [result] = await all(guard, pages(1), { batch: 'b' })
    expect(result).toMatchObject({ ok: false, error: { code: 'ORIGIN_NOT_NAMED' } })
  })
})

describe('what the ledger has of an item', () => {
  it.each<[string, (value: string) => string]>([
    ['that is cut off', (value) => value.slice(0, -3)],
    ['that is empty', () => ''],
    ['of another version', (value) => JSON.stringify({ ...JSON.parse(value), state: 'parked' })],
    ['with an amount that is a text', (value) => JSON.stringify({ ...JSON.parse(value), cost: '1000' })],
  ])('and %s buys nothing: the item may have been bought', async (_, damage) => {
    const { service, ledger } = await sharedServices()
    const one = await rig({ service, ledger })
    await all(one.guard, pages(2), { batch: 'b' })
    const scope = 'batch:tests/b'
    const [first] = await ledger.listFacts(scope, Date.now())
    if (!first) throw new Error('nothing is stored')
    await ledger.setFact({ scope, name: first.name, value: damage(first.value), ttlMs: 60_000 }, Date.now())
    const two = await rig({ service, ledger })
    for (const run of [two.guard, one.guard]) {
      const results = await all(run, pages(3), { batch: 'b' })
      expect(results.filter(({ ok }) => !ok)).toMatchObject([{ error: { code: 'LEDGER_UNAVAILABLE' } }])
    }
    expect(service.tasks).toHaveLength(3)
    expect((await two.guard.batch('b')).map(({ state }) => state)).toEqual(['solved', 'solved'])
  })
})

describe('a guard that is closed while it works on a batch', () => {
  it('ends the batch so that the next guard resumes it, also with a ledger in a file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'solveguard-batch-'))
    after(async () => rmSync(dir, { recursive: true, force: true }))
    const { service } = await sharedServices()
    const one = await rig({ service, ledger: fileLedger({ dir }) })
    const alerts: string[] = []
    one.guard.on('alert', ({ code }) => alerts.push(code))
    const outcomes: unknown[] = []
    for await (const result of one.guard.stream(pages(4), { batch: 'b', concurrency: 1 })) {
      outcomes.push(result.ok || result.error.code)
      if (outcomes.length === 2) await one.guard.close()
    }
    expect([outcomes, alerts]).toEqual([[true, true, 'GUARD_CLOSED', 'GUARD_CLOSED'], []])
    const next = await rig({ service, ledger: fileLedger({ dir }) })
    const tally = await next.guard.stream(pages(4), { batch: 'b' }).forEach(() => {})
    // The second was not recorded as consumed: its consumer asked for no further result.
    expect([tally.alreadySolved, tally.solved, service.tasks.length]).toEqual([1, 3, 4])
  })
})

describe('the items of a batch', () => {
  it('without keys are identified by content and, if equal, by position among the equal ones', async () => {
    const { service, ledger } = await sharedServices()
    const one = await rig({ service, ledger })
    const twice = [challenge, challenge, ...pages(1)]
    for await (const _ of one.guard.stream(twice, { batch: 'b', concurrency: 1 })) if (service.tasks.length > 1) break
    const next = await rig({ service, ledger })
    const tally = await next.guard.stream(twice, { batch: 'b' }).forEach(() => {})
    expect([tally.alreadySolved, tally.solved, service.tasks.length]).toEqual([1, 2, 3])
  })

  it('with keys are identified by key, in any order', async () => {
    const { service, ledger } = await sharedServices()
    const { guard } = await rig({ service, ledger })
    const key = ({ pageUrl }: { pageUrl: string }) => new URL(pageUrl).pathname
    const results = await all(guard, pages(3), { batch: { name: 'b', key, keepFor: '2h' } })
    expect(results.map((result) => result.key).sort()).toEqual(['/0', '/1', '/2'])
    const again = await guard.stream(pages(4).reverse(), { batch: { name: 'b', key } }).forEach(() => {})
    expect([again.alreadySolved, again.solved]).toEqual([3, 1])
  })

  it('with one key twice: the second one fails with CONFIG_INVALID, and buys nothing', async () => {
    const { guard, service } = await rig()
    const results = await all(guard, pages(2), { batch: { name: 'b', key: () => 'same' }, order: 'input' })
    expect(results).toMatchObject([{ ok: true }, { ok: false, error: { code: 'CONFIG_INVALID' } }])
    expect(service.tasks).toHaveLength(1)
  })

  it.each([
    ['an array', (items: Challenge[]) => items],
    ['a generator', (items: Challenge[]) => items.values()],
  ])(
    'with the key of an earlier item but another challenge end the stream before anything is bought (%s)',
    async (_, source) => {
      const { service, ledger } = await sharedServices()
      const key = (_: unknown, index: number): string => `row-${index}`
      const batch = { name: 'b', key, keepFor: '2h' } as const
      const { guard } = await rig({ service, ledger })
      await all(guard, pages(3), { batch })
      await leaveUnfinished(service, ledger, pages(1), { ...batch, name: 'c' })
      const bought = service.tasks.length
      const others = pages(6).slice(3)
      for (const name of ['b', 'c']) {
        const stream = guard.stream(source(others), { batch: { ...batch, name }, concurrency: 1 })
        const refused = await errorOf(stream.forEach(() => {}))
        expect(refused).toMatchObject({ code: 'BATCH_ITEMS_DIFFER' })
        expect(refused.message).toMatch(/'[bc]' .*row-0.*another name/)
      }
      expect(service.tasks).toHaveLength(bought)
      // The items that the batch was begun with continue it.
      expect(await guard.stream(pages(3), { batch }).forEach(() => {})).toMatchObject({ alreadySolved: 3, solved: 0 })
      expect(await guard.stream(pages(1), { batch: { ...batch, name: 'c' } }).forEach(() => {})).toMatchObject({
        solved: 1,
      })
      expect(service.tasks).toHaveLength(bought)
    },
  )

  it.each<[string, Partial<Challenge>]>([
    ['address', { pageUrl: 'https://staging.example.com/0?item=2' }],
    ['sitekey', { sitekey: 'another-sitekey' }],
    ['variant', { variant: 'v2-invisible' }],
  ])('that differ in the %s are other items', async (_, difference) => {
    const { guard, service } = await rig()
    const batch = { name: 'b', key: () => 'only' }
    await all(guard, pages(1), { batch })
    const [first] = pages(1) as [Challenge]
    expect(await errorOf(all(guard, [{ ...first, ...difference }], { batch }))).toMatchObject({
      code: 'BATCH_ITEMS_DIFFER',
    })
    expect(service.tasks).toHaveLength(1)
  })

  it('that are pictures are other items when the bytes differ', async () => {
    const { guard, service } = await rig()
    const batch = { name: 'b', key: () => 'only' }
    const picture = (text: string) => ({
      family: 'image' as const,
      variant: 'text' as const,
      pageUrl: challenge.pageUrl,
      image: drawDigits(text),
    })
    for await (const result of guard.stream([picture('123')], { batch })) expect(result.ok).toBe(true)
    const again = guard.stream([picture('456')], { batch }).forEach(() => {})
    expect(await errorOf(again)).toMatchObject({ code: 'BATCH_ITEMS_DIFFER' })
    expect(service.tasks).toHaveLength(1)
  })

  it('may have other one-time values in the next run', async () => {
    const { guard, service } = await rig()
    const batch = { name: 'b', key: () => 'only' }
    const [first] = pages(1) as [Challenge]
    await all(guard, [{ ...first, dataS: 'of-the-first-run' }], { batch })
    const again = await guard.stream([{ ...first, dataS: 'of-the-second-run' }], { batch }).forEach(() => {})
    expect([again.alreadySolved, service.tasks.length]).toEqual([1, 1])
  })

  it('are forgotten after keepFor', async () => {
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

describe('the note of an item', () => {
  it('fits into the ledger under eight narrowings with the longest names: its task is not bought a second time', async () => {
    const { service, ledger } = await sharedServices()
    const alerts: string[] = []
    const deepest = async (): Promise<[Grant, Guard]> => {
      const { guard } = await rig({ service, ledger, policy: { budget: { perDay: usd(1), perOrigin: usd(1) } } })
      guard.on('alert', ({ message }) => alerts.push(message))
      let grant: Grant = guard
      for (const letter of 'abcdefgh') grant = grant.narrow({}, { name: letter.repeat(64) })
      return [grant, guard]
    }
    const [one, guard] = await deepest()
    service.always('in', { pendingTimes: 1_000_000 })
    const streaming = one.stream(pages(2), { batch: 'b' }).forEach(() => {})
    await eventually(() => service.tasks.length === 2 && service.tasks.every(({ polls }) => polls > 0))
    await guard.close()
    await streaming
    service.always('in', undefined)
    service.always('res', { pendingTimes: 0 })
    const [next] = await deepest()
    expect(await next.stream(pages(2), { batch: 'b' }).forEach(() => {})).toMatchObject({ solved: 2 })
    expect([service.tasks.length, alerts]).toEqual([2, []])
  })

  it('cannot become too long: narrowing is refused where the path of budgets does', async () => {
    const { guard } = await rig()
    let grant: Grant = guard
    const narrowOn = (): void => {
      for (let i = 0; i < 100; i++) grant = grant.narrow({}, { name: 'n'.repeat(64) })
    }
    expect(narrowOn).toThrow(/name: .*at most 700 characters/)
    expect((grant.path.at(-1) as string).length).toBeLessThanOrEqual(700)
  })

  it('is measured before anything is sent: a version name of a provider of your own may be too long', async () => {
    const service = await startSolverService()
    after(() => service.close())
    const value = new Secret(service.key)
    const secret = {
      kind: 'test',
      place: 'the test',
      fetch: () => ({ current: { value, version: 'v'.repeat(1_900) } }),
    }
    const { guard } = await rig({ service, secret })
    const [result] = await all(guard, pages(1), { batch: 'b' })
    expect(result).toMatchObject({ ok: false, error: { code: 'CONFIG_INVALID' } })
    expect(result?.ok === false && result.error.message).toMatch(/version/)
    expect(service.tasks).toHaveLength(0)
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })
})

describe('a batch that two guards work on', () => {
  it('is refused to the second with BATCH_UNDER_WAY until the first is done', async () => {
    const { service, ledger } = await sharedServices({ solveMs: 50 })
    const [one, other] = [await rig({ service, ledger }), await rig({ service, ledger })]
    const first = one.guard.stream(pages(3), { batch: 'b', concurrency: 1 })[Symbol.asyncIterator]()
    await first.next()
    expect(await errorOf(all(other.guard, pages(3), { batch: 'b' }))).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    expect((await all(other.guard, pages(1), { batch: 'another' })).map(({ ok }) => ok)).toEqual([true])
    for (let next = await first.next(); !next.done; next = await first.next());
    expect((await other.guard.stream(pages(3), { batch: 'b' }).forEach(() => {})).alreadySolved).toBe(3)
  })

  it('is released by a consumer that stops early only after each submit under way is recorded', async () => {
    const { service, ledger } = await sharedServices({ solveMs: 0 })
    const [one, other] = [await rig({ service, ledger }), await rig({ service, ledger })]
    service.always('in', { delayMs: 200 })
    service.next('in', { delayMs: 0 })
    for await (const result of one.guard.stream(pages(4), { batch: 'b', concurrency: 4 })) if (result.ok) break
    await all(other.guard, pages(4), { batch: 'b' })
    expect(service.tasks.map(({ pageUrl }) => pageUrl).sort()).toEqual(pages(4).map(({ pageUrl }) => pageUrl))
  })

  it('stays locked by a process on another machine until its heartbeats stop', async () => {
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
    // The process has sent a heartbeat.
    const refused = errorOf(all(guard, pages(1), { batch: 'b' }))
    await clock.advance(5_000)
    await ledger.setFact(sign, clock.now())
    expect(await settleWith(clock, refused)).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    // The process has sent no further heartbeat.
    expect((await settleWith(clock, all(guard, pages(1), { batch: 'b' }))).map(({ ok }) => ok)).toEqual([true])
  })

  it('is given up by a process that was suspended while another took the lock', async () => {
    const clock = manualClock()
    const { guard, ledger } = await rig({ clock, serviceOptions: { solveMs: 0 } })
    const results: StreamResult[] = []
    const streaming = errorOf(
      guard.stream(pages(200), { batch: 'b', concurrency: 1 }).forEach(async (result) => {
        results.push(result)
        if (results.length > 1) return
        const consumed = { scope: 'batch-lock:tests/b', name: 'turn/2', value: 'other-machine:1:99-x', ttlMs: 60_000 }
        await ledger.setFact(consumed, clock.now())
        await clock.advance(6_000)
      }),
    )
    expect(await settleWith(clock, streaming)).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    expect(results.length).toBeLessThan(10)
  })
})

describe('a process whose heartbeats were not stored for longer than its lease', () => {
  /** Two guards over one ledger. To the first one its facts are unavailable while `cut`. */
  async function twoGuards(solveMs = 0) {
    const clock = manualClock()
    const { service, ledger } = await sharedServices({ solveMs })
    const state = { cut: false }
    const own: Ledger = Object.create(ledger)
    const unlessCut = (): typeof ledger => {
      if (state.cut) throw new Error('no route to the ledger')
      return ledger
    }
    own.setFact = (...args) => unlessCut().setFact(...args)
    own.listFacts = (...args) => unlessCut().listFacts(...args)
    const one = await rig({ service, ledger: own, clock })
    const two = await rig({ service, ledger, clock })
    for (const { guard } of [one, two]) guard.on('alert', () => {})
    const begin = ({ guard }: Rig) => guard.stream(pages(4), { batch: 'b', concurrency: 1 })[Symbol.asyncIterator]()
    return { clock, service, ledger, state, one, two, begin }
  }

  it('buys nothing more once another process has acquired the batch', async () => {
    const { clock, service, state, one, two, begin } = await twoGuards()
    const first = begin(one)
    expect((await settleWith(clock, first.next())).value).toMatchObject({ ok: true })
    state.cut = true
    await clock.advance(20_000)
    const second = begin(two)
    expect((await settleWith(clock, second.next())).value).toMatchObject({ ok: true })
    state.cut = false
    // Both at once, before the next heartbeat of the first.
    const [stopped, item] = [first.next(), second.next()]
    expect((await settleWith(clock, stopped, 1)).value).toMatchObject({ ok: false, error: { code: 'SOLVE_ABORTED' } })
    expect((await settleWith(clock, item)).value).toMatchObject({ ok: true })
    expect(await settleWith(clock, errorOf(first.next()))).toMatchObject({ code: 'BATCH_UNDER_WAY' })
    for (let next = await settleWith(clock, second.next()); !next.done; ) next = await settleWith(clock, second.next())
    expect(service.tasks.map(({ pageUrl }) => pageUrl)).toEqual(pages(4).map(({ pageUrl }) => pageUrl))
    expect((await two.guard.status()).day).toMatchObject({ spent: 4_000, reserved: 0 })
  })

  it('buys nothing while it cannot be confirmed that it still holds the batch', async () => {
    const { clock, service, state, one, begin } = await twoGuards()
    const first = begin(one)
    expect((await settleWith(clock, first.next())).value).toMatchObject({ ok: true })
    state.cut = true
    await clock.advance(20_000)
    expect((await settleWith(clock, first.next(), 1)).value).toMatchObject({
      ok: false,
      error: { code: 'LEDGER_UNAVAILABLE' },
    })
    expect(service.tasks).toHaveLength(1)
    state.cut = false
    expect((await settleWith(clock, first.next())).value).toMatchObject({ ok: true })
    await settleWith(clock, Promise.resolve(first.return?.()))
  })
})

it('a batch returns its results although the ledger cannot record them, and raises an alert', async () => {
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

import { beforeEach, describe, expect, it, vi } from 'vitest'
import { type Alert, type AlertChannel, DeliveryError } from '../../../src/alerts/index.js'
import type { Ledger } from '../../../src/ledger/ledger.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { type ManualClock, manualClock } from '../../../src/testing/clock.js'
import type { SolverService } from '../../../src/testing/service/index.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, fixedSecret, rig, settleWith } from '../support.js'

const HOUR = 3_600_000

/** A channel that keeps what it delivers, and fails while a test makes it fail. */
function testChannel(id = 'test-1') {
  const delivered: Alert[] = []
  const tries: string[] = []
  let failure: Error | undefined | 'hang'
  const channel: AlertChannel = {
    kind: 'test',
    place: 'the test',
    id,
    async deliver(alert, { signal }) {
      tries.push(alert.id)
      if (failure === 'hang')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error())))
      else if (failure) throw failure
      delivered.push(alert)
    },
  }
  return {
    channel,
    delivered,
    tries,
    codes: () => delivered.map(({ code }) => code),
    fail: (as: typeof failure) => {
      failure = as
    },
  }
}
const down = (more?: number) => new DeliveryError('it is down', true, more)

let clock: ManualClock
let ledger: Ledger
let service: SolverService
beforeEach(async () => {
  clock = manualClock()
  ledger = memoryLedger()
  service = await startSolverService()
  after(() => service.close())
})

/** One process: its guard, its alerts, and a function that solves. */
async function startProcess(channels: readonly AlertChannel[], more: Parameters<typeof rig>[0] = {}) {
  // Each solve costs $0.001, a tenth of the day's budget.
  const made = await rig({
    service,
    ledger,
    clock,
    ...more,
    policy: { budget: { perDay: usd(0.01), alertsAt: [0.5, 0.8] }, ...more.policy },
    guardOptions: { alerts: channels, ...more.guardOptions },
  })
  // Closing may wait for a channel.
  after(() => settleWith(more.clock ?? clock, made.guard.close(), 1_000))
  const alerts: string[] = []
  made.guard.on('alert', ({ code, message }) => alerts.push(`${code}: ${message}`))
  const solve = async (times = 1) => {
    for (let i = 0; i < times; i++) await settleWith(clock, made.guard.solve(challenge), 10)
  }
  return { ...made, alerts, solve }
}

describe('an alert', () => {
  it('is delivered to each channel once, whichever process raised it', async () => {
    const [one, two] = [testChannel('one'), testChannel('two')]
    const guards = [
      await startProcess([one.channel, two.channel]),
      await startProcess([one.channel, two.channel]),
    ] as const
    for (let i = 0; i < 4; i++) for (const { solve } of guards) await solve()
    await clock.advance(HOUR)
    expect(one.delivered.map(({ details }) => details?.threshold)).toEqual([0.5, 0.8])
    expect(two.delivered).toEqual(one.delivered)
    expect(one.delivered[0]).toMatchObject({ code: 'BUDGET_THRESHOLD', guard: 'tests', at: expect.any(Date) })
    expect((await guards[0].guard.status()).alerts).toMatchObject([{ kind: 'test', place: 'the test', pending: 0 }, {}])
  })

  it('delays no solve while its channel hangs, and is sent only once', async () => {
    const { channel, fail, tries } = testChannel()
    fail('hang')
    const { solve, service } = await startProcess([channel])
    await solve(6)
    expect(service.tasks).toHaveLength(6)
    expect(tries).toHaveLength(1)
  })

  it('is retried with growing delays, under one id, until it is delivered', async () => {
    const { channel, fail, tries, delivered } = testChannel()
    fail(down())
    const { solve } = await startProcess([channel])
    await solve(5)
    const times: number[] = []
    for (let step = 0; step < 600 && tries.length < 6; step++) {
      const before = tries.length
      await clock.advance(100)
      if (tries.length > before) times.push(clock.monotonic())
    }
    const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    waits.forEach((wait, i) => {
      if (i > 0) expect(wait).toBeGreaterThan(1.5 * (waits[i - 1] ?? 0))
    })
    expect(new Set(tries).size).toBe(1)
    fail(undefined)
    await clock.advance(60_000)
    expect(delivered.map(({ id }) => id)).toEqual([tries[0]])
  })

  it('is not retried before the time that the receiver names', async () => {
    const { channel, fail, tries } = testChannel()
    fail(down(120_000))
    const { solve } = await startProcess([channel])
    await solve(5)
    await clock.advance(110_000)
    expect(tries).toHaveLength(1)
    await clock.advance(60_000)
    expect(tries).toHaveLength(2)
  })

  it('is given up after a day, or at once after a permanent failure; later alerts are delivered', async () => {
    const { channel, fail, tries, delivered } = testChannel()
    const { solve, alerts, guard } = await startProcess([channel])
    fail(new DeliveryError('no receiver', false))
    await solve(5)
    await clock.advance(HOUR)
    expect(tries).toHaveLength(1)
    expect((await guard.status()).alerts).toMatchObject([
      { pending: 0, problem: expect.stringContaining('no receiver') },
    ])
    fail(down())
    await solve(3)
    // Hours pass without their many heartbeats.
    const later = async (hours: number) => {
      clock.set(clock.now() + hours * HOUR)
      await clock.advance(HOUR / 4)
    }
    await later(23)
    expect((await guard.status()).alerts).toMatchObject([{ pending: 1 }])
    await later(2)
    expect((await guard.status()).alerts).toMatchObject([{ pending: 0 }])
    fail(undefined)
    await solve(5)
    await clock.advance(HOUR)
    expect(delivered.length).toBeGreaterThan(0)
    expect(alerts.filter((text) => text.startsWith('ALERT_UNDELIVERED'))).toEqual([
      'ALERT_UNDELIVERED: Alerts do not reach the test the test: BUDGET_THRESHOLD was given up: no receiver',
      'ALERT_UNDELIVERED: Alerts reach the test the test again; 2 were lost.',
    ])
  })

  it('that is undelivered raises one event and one audit record, and is sent to no other channel', async () => {
    const [one, two] = [testChannel('one'), testChannel('two')]
    one.fail(down())
    const { solve, alerts, audit } = await startProcess([one.channel, two.channel])
    await solve(9)
    await clock.advance(HOUR)
    expect(alerts.filter((text) => text.startsWith('ALERT_UNDELIVERED'))).toHaveLength(1)
    expect(audit.events.filter(({ code }) => code === 'ALERT_UNDELIVERED')).toHaveLength(1)
    expect(two.codes()).toEqual(['BUDGET_THRESHOLD', 'BUDGET_THRESHOLD'])
  })

  it('is delivered when the ledger fails, and retried when a channel throws a value that is no error', async () => {
    const { channel, fail, delivered, tries } = testChannel()
    const { setFact: remember } = ledger
    ledger.setFact = () => {
      throw new Error('the disk is full')
    }
    const { solve } = await startProcess([channel])
    await solve(5)
    await clock.advance(1_000)
    expect(delivered.map(({ code }) => code)).toContain('BUDGET_THRESHOLD')
    fail('not an error' as never)
    const before = tries.length
    await solve(3)
    await clock.advance(1_000)
    expect(tries.length).toBeGreaterThan(before)
    ledger.setFact = remember
  })

  it('waits in a queue of at most 100 alerts', async () => {
    const { channel, fail, tries } = testChannel()
    fail('hang')
    const { guard, alerts } = await startProcess([channel], {
      policy: { budget: { perDay: usd(9), alertsAt: [1] } },
    })
    // Each narrowed budget has alerts of its own.
    for (let i = 0; i < 105; i++) {
      const small = guard.narrow({ budget: { perDay: usd(0.001), alertsAt: [1] } })
      await settleWith(clock, small.solve(challenge), 1)
    }
    expect(tries).toHaveLength(1)
    expect((await guard.status()).alerts).toMatchObject([{ pending: 100 }])
    expect(alerts.filter((text) => text.includes('100 alerts are waiting'))).toHaveLength(1)
  })
})

describe('an alert with the same text', () => {
  it('is sent once an hour by all processes together, and each process emits it', async () => {
    const { channel, delivered } = testChannel()
    const stale = () => {
      const secret = fixedSecret(service.key)
      return { secret, guardOptions: { secretCache: { ttl: '1m', staleFor: '12h' } } } as const
    }
    const setups = [stale(), stale()] as const
    const guards = [await startProcess([channel], setups[0]), await startProcess([channel], setups[1])] as const
    for (const { solve } of guards) await solve()
    for (const { secret } of setups) secret.fail(new Error('sealed'))
    await clock.advance(90_000)
    await guards[0].solve()
    // Its hour starts a little later, so its text differs.
    await clock.advance(5_000)
    await guards[1].solve()
    await clock.advance(10_000)
    expect(delivered.map(({ code }) => code)).toEqual(['SECRET_STALE'])
    for (const { alerts } of guards) expect(alerts.filter((text) => text.startsWith('SECRET_STALE'))).toHaveLength(1)
  })

  it('is sent again for a new occurrence: a second pause after a resume', async () => {
    const { channel, codes } = testChannel()
    const { guard, solve } = await startProcess([channel])
    service.always('in', { error: 'ERROR_IP_NOT_ALLOWED' })
    for (let i = 0; i < 2; i++) {
      await solve().catch(() => {})
      await guard.resume()
    }
    await clock.advance(10_000)
    expect(codes()).toEqual(['ADDRESS_REFUSED', 'ADDRESS_REFUSED'])
  })

  it('is sent once although every process raises it: a key that is due', async () => {
    const { channel, codes } = testChannel()
    const secret = fixedSecret(service.key, { createdAt: clock.now() - 61 * 24 * HOUR })
    const options = { secret, policy: { key: { rotateEvery: '60d' } } } as const
    const guards = [await startProcess([channel], options), await startProcess([channel], options)]
    for (const { solve } of guards) await solve()
    await clock.advance(60_000)
    expect(codes()).toEqual(['KEY_DUE'])
    expect(guards.flatMap(({ alerts }) => alerts).filter((text) => text.startsWith('KEY_DUE'))).toHaveLength(1)
  })
})

describe('a pending alert', () => {
  it('is delivered by another process, under its id, once its own process sends no heartbeats', async () => {
    const raiser = testChannel()
    raiser.fail('hang')
    const silent = manualClock(clock.now())
    const dying = await startProcess([raiser.channel], { clock: silent })
    await solveTimes(silent, dying.guard, 5)
    // It sends no further heartbeat. The other process finds its lease expired.
    const { channel, delivered } = testChannel()
    const next = await startProcess([channel])
    expect((await next.guard.status()).alerts).toMatchObject([{ pending: 1 }])
    await clock.advance(20_000)
    expect(delivered).toEqual([])
    await clock.advance(30_000)
    expect(delivered.map(({ id }) => id)).toEqual(raiser.tries)
    expect(delivered[0]).toMatchObject({ code: 'BUDGET_THRESHOLD', details: { threshold: 0.5 }, guard: 'tests' })
    await clock.advance(HOUR)
    expect(delivered).toHaveLength(1)
  })

  it('stays with its live process, however long the channel is down', async () => {
    const [first, second] = [testChannel(), testChannel()]
    first.fail(down())
    const { solve } = await startProcess([first.channel])
    await solve(5)
    await startProcess([second.channel])
    await clock.advance(HOUR)
    expect(second.tries).toEqual([])
    first.fail(undefined)
    await clock.advance(HOUR)
    expect(first.delivered).toHaveLength(1)
  })

  it('passes at once to the next process when its guard closes, which takes a few seconds at most', async () => {
    const [first, second] = [testChannel(), testChannel()]
    first.fail('hang')
    const { solve, guard } = await startProcess([first.channel])
    await solve(5)
    await settleWith(clock, guard.close(), 100, 100)
    await startProcess([second.channel])
    await clock.advance(1)
    expect(second.delivered.map(({ id }) => id)).toEqual(first.tries)
  })

  it('is delivered before close() resolves if the channel works', async () => {
    const { channel, delivered } = testChannel()
    const { guard, alerts } = await startProcess([channel])
    const small = guard.narrow({ budget: { perDay: usd(0.001), alertsAt: [1] } })
    await settleWith(clock, small.solve(challenge), 1)
    await guard.close()
    expect(delivered).toHaveLength(alerts.length)
    expect(delivered).not.toEqual([])
  })

  it('for a channel that a process does not have stays for a process that has it', async () => {
    const [mine, other] = [testChannel('mine'), testChannel('other')]
    mine.fail('hang')
    const { solve, guard } = await startProcess([mine.channel])
    await solve(5)
    await settleWith(clock, guard.close(), 100, 100)
    await startProcess([other.channel])
    await clock.advance(60_000)
    const again = testChannel('mine')
    await startProcess([again.channel])
    await clock.advance(20_000)
    expect([other.delivered.length, again.delivered.length]).toEqual([0, 1])
  })

  it.each([
    ['without a time', { at: undefined }],
    ['with an invalid time', { at: 1e300 }],
    ['without an expiry', { until: undefined }],
    ['with an id that would break a header', { id: 'alert_1\r\nx: y' }],
    ['with details that are no plain values', { details: { of: { a: ['structure'] } } }],
    ['with an unknown code', { code: 'toString' }],
  ])('%s in the ledger is ignored, and delays no other alert', async (_, broken) => {
    const { channel: plain, codes } = testChannel()
    const deliver: AlertChannel['deliver'] = async (alert, delivery) => {
      alert.at.toISOString()
      await plain.deliver(alert, delivery)
    }
    const channel = { ...plain, deliver }
    const message = 'Budget spent.'
    const fine = { owner: '', until: clock.now() + HOUR, id: 'alert_1', code: 'KEY_DUE', at: clock.now(), message }
    const name = 'pending/alert_1/test-1'
    const fact = { scope: 'alerts/tests', name, value: JSON.stringify({ ...fine, ...broken }), ttlMs: 24 * HOUR }
    await ledger.setFact(fact, clock.now())
    const { solve, guard } = await startProcess([channel])
    expect((await guard.status()).alerts).toMatchObject([{ pending: 0 }])
    // Heartbeats, at which a valid alert would be taken over.
    for (let i = 0; i < 20; i++) await clock.advance(3_000)
    await solve(6)
    await vi.waitFor(() => expect(codes()).toEqual(['BUDGET_THRESHOLD']), { timeout: 60_000 })
  })

  it('contains no key and no token', async () => {
    const facts = vi.spyOn(ledger, 'setFact')
    const { channel, delivered, fail } = testChannel()
    fail(down())
    const { solve } = await startProcess([channel])
    await solve(9)
    const written = JSON.stringify([facts.mock.calls, delivered])
    expect(written).toContain('BUDGET_THRESHOLD')
    expect(written).not.toContain(service.key)
    for (const { answer } of service.tasks) if (answer) expect(written).not.toContain(answer)
  })
})

it.each<[string, unknown, string]>([
  ['a value that is no list', testChannel().channel, 'expected a list'],
  ['a value that is no channel', ['https://hooks.example.com'], 'webhookAlerts'],
  ['one channel twice', [testChannel().channel, testChannel().channel], 'same place'],
  ['a channel id with a slash', [testChannel('a/b').channel], 'id'],
])('createGuard rejects %s as alerts', async (_, alerts, message) => {
  await expect(rig({ service, guardOptions: { alerts: alerts as [] } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(message),
  })
})

async function solveTimes(on: ManualClock, guard: { solve(one: typeof challenge): Promise<unknown> }, times: number) {
  for (let i = 0; i < times; i++) await settleWith(on, guard.solve(challenge), 10)
}

import { randomUUID } from 'node:crypto'
import dns from 'node:dns'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { BudgetClaim, Ledger } from '../../src/ledger/ledger.js'
import { openLedger } from '../../src/ledger/open.js'
import { createRedisLedger, type RedisLedgerOptions, redisLedger } from '../../src/ledger/redis.js'
import { type Money, micros } from '../../src/policy/money.js'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { type RedisSetup, type RunningRedis, startRedis } from '../support/redis.js'
import { startRedisProxy } from '../support/redis-proxy.js'
import { startTap } from '../support/tap.js'
import { CALLERS_TIME } from './redis-time.js'
import { shorthand } from './shorthand.js'

const A: BudgetClaim = { id: 'a', limits: { perDay: 1e9 as Money } }
const TASK = { solver: 'captchaai', taskId: '4711', keyVersion: 'v1', family: 'recaptcha' }

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function server(setup?: RedisSetup): Promise<RunningRedis> {
  const running = await startRedis(setup)
  cleanUps.push(() => running.stop())
  return running
}

async function opened(options: RedisLedgerOptions, time?: string): Promise<Ledger> {
  const ledger = createRedisLedger(options, time)
  await ledger.open()
  cleanUps.push(() => ledger.close())
  return ledger
}

/** One of everything that a ledger does. */
async function useAll(ledger: Ledger): Promise<void> {
  const now = Date.now()
  const here = shorthand(ledger)
  await ledger.register({ id: 'me', leaseMs: 30_000, declares: [{ budgetId: 'a', limits: { perMinute: 100 } }] }, now)
  await ledger.heartbeat('me', now)
  expect(await here.reserve([A], 10, now, { id: 'r' })).toMatchObject({ ok: true })
  expect(await here.reserve([A], 2e9, now)).toMatchObject({ ok: false, reason: 'perDay' })
  await ledger.attachTask('r', TASK)
  expect(await here.settle('r', 7, now)).toEqual({ settled: true })
  expect(await here.claim('you', now)).toEqual([])
  await ledger.pause('b', { code: 'MANUAL', message: 'By hand.', at: now })
  await ledger.resume('b')
  expect(await ledger.setFact({ scope: 's', name: 'n', value: 'v', ttlMs: 1_000 }, now)).toBe('v')
  expect(await ledger.listFacts('s', now)).toMatchObject([{ value: 'v' }])
  await ledger.saveHead({ file: 'x.jsonl', seq: 1, hash: 'abc' })
  expect(await ledger.heads()).toEqual([{ file: 'x.jsonl', seq: 1, hash: 'abc' }])
  await ledger.unregister('me', now)
  expect(await ledger.usage('a', now)).toMatchObject({ spent: 7, reserved: 0 })
}

it('openLedger shows what a budget in Redis has spent, with the clocks where they differ, and declares no limits', async () => {
  const { url } = await server()
  const ledger = await opened({ url })
  const here = shorthand(ledger)
  const now = Date.now()
  await here.reserve([A], 10, now, { id: 'r' })
  await here.settle('r', 7, now)
  const reader = await openLedger({ url })
  expect(await reader.status('a')).toMatchObject({
    day: { spent: 7, cap: undefined },
    slots: { used: 0 },
    clocks: undefined,
  })
  await reader.close()
  const ahead = await openLedger({ url, clock: { ...systemClock, now: () => now + 20 * 365 * 86_400_000 } })
  expect(await ahead.status('a')).toMatchObject({ day: { spent: 7 }, clocks: { ledger: expect.any(Date) } })
  await ahead.close()
  expect(await ledger.usage('a', Date.now())).toMatchObject({ spent: 7, declared: {}, clocks: undefined })
})

it('openLedger creates no ledger in Redis, and leaves no key', async () => {
  const { url, cli } = await server()
  const refused = { code: 'LEDGER_UNAVAILABLE', message: expect.stringContaining('There is no ledger') }
  await expect(openLedger({ url })).rejects.toMatchObject(refused)
  expect(cli('DBSIZE')).toBe('0')
})

const unavailable = (text: string) => ({
  name: 'DeniedError',
  code: 'LEDGER_UNAVAILABLE',
  layer: 'spending',
  message: expect.stringContaining(text),
})

describe('a ledger in Redis', () => {
  let shared: RunningRedis
  beforeAll(async () => {
    shared = await startRedis()
  })
  afterAll(() => shared.stop())
  const fresh = (more: Partial<RedisLedgerOptions> = {}) => ({ url: shared.url, prefix: randomUUID(), ...more })

  it('uses the clock of the server, whatever those of its hosts show', async () => {
    const options = fresh()
    const [ahead, behind] = [await opened(options), await opened(options)]
    const hour = 3_600_000
    const one: BudgetClaim = { id: 'a', limits: { concurrent: 1 } }
    expect(await shorthand(ahead).reserve([one], 60, Date.now() + hour, { for: 400 })).toMatchObject({ ok: true })
    const early = await shorthand(behind).reserve([one], 60, Date.now() - hour)
    if (early.ok) throw new Error('there was no slot')
    // `retryAt` is by the clock of the caller.
    expect(early.retryAt).toBeGreaterThan(Date.now() - hour - 1_000)
    expect(early.retryAt).toBeLessThan(Date.now() - hour + 1_000)
    await expect.poll(async () => (await ahead.usage('a', 0)).active, { interval: 20 }).toBe(0)
    expect(await behind.usage('a', 0)).toMatchObject({ spent: 60, reserved: 0 })
  })

  it('uses the latest recorded time when the clock of the server is set back', async () => {
    const options = fresh()
    const before = await opened(options, CALLERS_TIME)
    const later = Date.now() + 3_600_000
    await shorthand(before).reserve([A], 10, later, { id: 'r', for: 1_000 })
    const after = await opened(options)
    expect(await after.usage('a', Date.now())).toMatchObject({ reserved: 10, lastMinute: 1 })
    await shorthand(after).reserve([A], 20, Date.now(), { for: 500 })
    // By the ledger's time it is an hour later, and stays so: nothing expires before that.
    await sleep(600)
    expect(await after.usage('a', Date.now())).toMatchObject({ reserved: 30, active: 2, lastMinute: 2 })
  })

  it('gives the same reply to a repeated call, and distinguishes it from another with the same id', async () => {
    const tap = await startTap(shared.port)
    cleanUps.push(() => tap.close())
    const options = fresh({ url: `redis://127.0.0.1:${tap.port}` })
    const ledger = await opened(options)
    const direct = await opened({ ...options, url: shared.url })
    const alerting: BudgetClaim = { ...A, limits: { perDay: 1e6 as Money }, alertsAt: [1e-5] }
    // The connection breaks at random moments, mostly before a reply has arrived.
    let taken = 0
    let alerts = 0
    let cutting = true
    const cutter = (async () => {
      while (cutting) {
        await sleep(20 + Math.random() * 100)
        tap.cut()
      }
    })()
    for (let i = 0; (tap.connections < 15 || taken < 20) && i < 20_000; i++) {
      const id = `r${i}`
      const reserved = await shorthand(ledger).reserve([alerting], 1, Date.now(), { id })
      if (!reserved.ok) throw new Error('nothing refused it')
      taken++
      alerts += reserved.alerts.length
      expect(await shorthand(ledger).settle(id, 1, Date.now())).toEqual({ settled: true })
    }
    cutting = false
    await cutter
    expect(tap.connections).toBeGreaterThanOrEqual(15)
    expect(alerts).toBe(1)
    expect(await direct.usage('a', Date.now())).toMatchObject({ spent: taken, reserved: 0, active: 0 })
  })

  it.each([
    ["another reservation's", '*1\r\n$2\r\nok\r\n'],
    ["another operation's", '+OK\r\n'],
    ['a settlement that counts', '*2\r\n$2\r\nok\r\n$1\r\n0\r\n'],
  ])('takes no surplus reply in its connection for its own: %s', async (_, surplus) => {
    const tap = await startTap(shared.port)
    cleanUps.push(() => tap.close())
    const options = fresh({ url: `redis://127.0.0.1:${tap.port}` })
    const ledger = await opened(options)
    const direct = await opened({ ...options, url: shared.url })
    const full: BudgetClaim = { id: 'full', limits: { perDay: 100 as Money } }
    await shorthand(direct).reserve([full], 100, Date.now(), { id: 'r' })
    tap.insert(surplus)
    expect(await shorthand(ledger).reserve([full], 1, Date.now())).toMatchObject({ ok: false, used: 100 })
    tap.insert(surplus)
    expect(await shorthand(ledger).settle('unknown', 0, Date.now())).toEqual({ settled: false })
    // The connection is replaced: in it, each later call would get the reply of the one before.
    expect(tap.connections).toBe(3)
    await shorthand(direct).settle('r', 60, Date.now())
    expect(await shorthand(ledger).reserve([full], 30, Date.now(), { id: 's' })).toMatchObject({ ok: true })
    expect(await direct.usage('full', Date.now())).toMatchObject({ spent: 60, reserved: 30, active: 1 })
  })

  it("refuses the replies of a client that is the user's and out of step, and leaves it open", async () => {
    const tap = await startTap(shared.port)
    const client = new Redis(`redis://127.0.0.1:${tap.port}`)
    cleanUps.push(
      () => client.disconnect(),
      () => tap.close(),
    )
    const ledger = await opened(fresh({ url: undefined, client, commandTimeoutMs: 300 }))
    const full: BudgetClaim = { id: 'full', limits: { perDay: 0 as Money } }
    // Two calls are under way: the surplus is taken for the first one's, and the first one's for the second one's.
    tap.insert('*1\r\n$2\r\nok\r\n')
    const both = [1, 2].map((amount) => shorthand(ledger).reserve([full], amount, Date.now()))
    for (const each of await Promise.allSettled(both)) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject(unavailable('its own reply'))
      else expect(each.value).toMatchObject({ ok: false })
    }
    expect(client.status).toBe('ready')
  })

  it('ends a calendar day at its midnight by the server’s time, not earlier by the call’s duration', async () => {
    const ledger = await opened(fresh())
    // A day that ends in an hour, by clocks that agree.
    const end = (Math.floor(Date.now() / 3_600_000) + 2) * 3_600_000
    const cap = { timeZone: 'UTC', amount: micros(100), start: end - 24 * 3_600_000, end }
    const day: BudgetClaim = { id: 'day', limits: { perCalendarDay: [cap] } }
    await shorthand(ledger).reserve([day], 100, Date.now(), { id: 'r' })
    await shorthand(ledger).settle('r', 100, Date.now())
    expect(await shorthand(ledger).reserve([day], 1, Date.now())).toMatchObject({ ok: false, used: 100, retryAt: end })
    expect((await ledger.usage('day', Date.now(), [cap])).days).toEqual([{ ...cap, spent: 100 }])
    // Where this machine is two hours ahead of the server, that day has long ended here, and not begun there.
    const ahead = 2 * 3_600_000
    const next: BudgetClaim = {
      id: 'day',
      limits: { perCalendarDay: [{ ...cap, start: end, end: end + 24 * 3_600_000 }] },
    }
    const refused = await shorthand(ledger).reserve([next], 1, Date.now() + ahead)
    expect(refused).toMatchObject({ ok: false, used: 100 })
    expect(Math.abs(Number(Object(refused).retryAt) - end - ahead)).toBeLessThan(60_000)
  })

  it('forgets what is past, a bounded part at each call', async () => {
    const options = fresh()
    const ledger = await opened(options, CALLERS_TIME)
    const size = () => Number(shared.cli('HLEN', `{${options.prefix}}:state`))
    const T0 = Date.UTC(2026, 0, 5, 12)
    for (let i = 0; i < 300; i++) {
      const path = [A, { id: `a/${i}`, limits: {} }]
      await shorthand(ledger).reserve(path, 1, T0 + i, { id: `r${i}`, for: 1_000 })
      await ledger.attachTask(`r${i}`, TASK)
      if (i % 2 === 0) await shorthand(ledger).settle(`r${i}`, 1, T0 + i)
    }
    expect(size()).toBeGreaterThan(1_000)
    for (let hours = 1; hours < 100; hours++) await ledger.usage('a', T0 + hours * 3_600_000)
    expect(size()).toBeLessThan(5)
    for (const key of ['open', 'old', 'tasks']) {
      expect(Number(shared.cli('ZCARD', `{${options.prefix}}:${key}`)), key).toBeLessThan(2)
    }
  })

  it('keeps the head of an audit file for 400 days', async () => {
    const options = fresh()
    const ledger = await opened(options, CALLERS_TIME)
    const DAY_MS = 86_400_000
    const T0 = Date.UTC(2026, 0, 5, 12)
    await ledger.usage('a', T0)
    await ledger.saveHead({ file: 'x.jsonl', seq: 1, hash: 'abc' })
    for (const [day, kept] of [
      [399, 1],
      [401, 0],
    ] as const) {
      await ledger.usage('a', T0 + day * DAY_MS)
      expect(await ledger.heads()).toHaveLength(kept)
    }
    expect(Number(shared.cli('ZCARD', `{${options.prefix}}:names`))).toBe(0)
  })

  it('names every key that a script touches, all in one slot', async () => {
    const options = fresh()
    await useAll(await opened(options))
    const keys = shared.cli('KEYS', `*${options.prefix}*`).split('\n')
    expect(keys.every((key) => key.startsWith(`{${options.prefix}}:`))).toBe(true)
    expect(new Set(keys.map((key) => shared.cli('CLUSTER', 'KEYSLOT', key))).size).toBe(1)
  })

  it('rejects options that contradict each other, and shows no password', () => {
    const refused = (options: object) => {
      try {
        redisLedger(options as RedisLedgerOptions)
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
        return String(error)
      }
      throw new Error('it was taken')
    }
    refused({})
    refused({ url: 'redis://localhost', client: new Redis({ lazyConnect: true }) })
    refused({ url: 'redis://localhost', ca: 'x' })
    refused({ url: 'redis://localhost', prefix: '{x}' })
    refused({ url: 'redis://localhost', retries: 3 })
    // A client of a REST API, and one of another package for Redis.
    const rest = { eval: async () => null, evalsha: async () => null, hget: async () => null }
    expect(refused({ client: rest })).toContain('a client of ioredis')
    refused({ client: { ...rest, on: () => {}, off: () => {}, quit: () => {} } })
    refused({ client: undefined })
    // A proxy that has every method, `then` too: awaiting it would never end.
    refused({ client: new Proxy({}, { get: () => async () => ['ok'] }) })
    expect(refused({ url: 'redis://localhost/4294967296' })).toContain('host:port/database')
    for (const login of ['a%zz:hunter2', 'me:hunter2%', '%:hunter2'])
      expect(refused({ url: `redis://${login}@localhost` })).not.toContain('hunter2')
    expect(refused({ url: 'http://user:hunter2@localhost' })).not.toContain('hunter2')
    expect(redisLedger({ url: 'redis://user:hunter2@localhost:1/3' }).place).toBe('redis://localhost:1/3')
  })
})

it.each([
  [
    'throw',
    () => (): never => {
      throw new Error('not now')
    },
  ],
  ['return no promise', () => () => 'text'],
  ['never answer', () => () => new Promise(() => {})],
  ['answer with anything', () => async () => ({ a: 1 })],
])('a client whose methods %s is a ledger that cannot answer', async (_, method) => {
  const names = ['evalsha', 'eval', 'info', 'config', 'disconnect']
  const quiet = { on: () => {}, off: () => {} }
  const client = { ...Object.fromEntries(names.map((name) => [name, method()])), ...quiet }
  const ledger = redisLedger({ client, commandTimeoutMs: 100 } as object as RedisLedgerOptions)
  await expect(ledger.open()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', layer: 'spending' })
})

describe('the server of a ledger in Redis', () => {
  it('is rejected when it may evict what was spent, also when that is set later', async () => {
    const redis = await server({ lines: ['maxmemory-policy allkeys-lru'] })
    const unsafe = {
      name: 'DeniedError',
      code: 'LEDGER_UNSAFE',
      message: expect.stringContaining('noeviction'),
    }
    await expect(redisLedger({ url: redis.url }).open()).rejects.toMatchObject(unsafe)
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
    const ledger = await opened({ url: redis.url })
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random')
    await expect(ledger.heartbeat('me', Date.now())).rejects.toMatchObject(unsafe)
    await expect(shorthand(ledger).reserve([A], 1, Date.now())).rejects.toMatchObject(unsafe)
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await ledger.heartbeat('me', Date.now())
    expect(await shorthand(ledger).reserve([A], 1, Date.now())).toMatchObject({ ok: true })
  })

  it('needs to allow its user only what docs/ledgers.md lists, and reports what is missing', async () => {
    const redis = await server()
    const commands =
      '+info +hello +select +eval +evalsha +time +hget +hmget +hset +hsetnx +hdel ' +
      '+zadd +zrem +zrange +zrangebyscore +zrangebylex +zscore'
    const rule = ['resetkeys', '~{solveguard}:*', 'resetchannels', '-@all', ...commands.split(' ')]
    redis.cli('ACL', 'SETUSER', 'guard', 'on', '>hunter2', ...rule)
    const url = redis.url.replace('//', '//guard:hunter2@')
    await useAll(await opened({ url }))
    redis.cli('ACL', 'SETUSER', 'guard', '-zadd')
    await expect(redisLedger({ url }).open()).rejects.toMatchObject(unavailable('docs/ledgers.md'))
    const wrong = redisLedger({ url: url.replace('hunter2', 'hunter3') })
    const error = await Promise.resolve(wrong.open()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject(unavailable('does not accept the user or the password'))
    const { inspect } = await import('node:util')
    expect(inspect(error, { depth: 10 })).not.toContain('hunter')
  })

  it('is used over TLS, and needs a certificate that is trusted', async () => {
    const { cert, key } = makeCertificate('127.0.0.1')
    const redis = await server({
      files: { 'cert.pem': cert, 'key.pem': key },
      listen: (port) => ['port 0', `tls-port ${port}`],
      lines: ['tls-cert-file cert.pem', 'tls-key-file key.pem', 'tls-ca-cert-file cert.pem', 'tls-auth-clients no'],
      login: ['--tls', '--cacert', 'cert.pem'],
    })
    const url = redis.url.replace('redis:', 'rediss:')
    await useAll(await opened({ url, ca: cert }))
    await expect(redisLedger({ url }).open()).rejects.toMatchObject(unavailable('is not trusted'))
    await expect(redisLedger({ url: redis.url, commandTimeoutMs: 500 }).open()).rejects.toMatchObject(
      unavailable('rediss://'),
    )
  })

  it('that does not speak TLS is reported as that', async () => {
    const redis = await server()
    const url = redis.url.replace('redis:', 'rediss:')
    await expect(redisLedger({ url, commandTimeoutMs: 500 }).open()).rejects.toMatchObject(
      unavailable('accepts connections and does not begin TLS'),
    )
    const web = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    const port = await listen(web)
    cleanUps.push(() => new Promise((resolve) => web.close(resolve)))
    await expect(redisLedger({ url: `rediss://127.0.0.1:${port}` }).open()).rejects.toMatchObject(
      unavailable('does not speak TLS at that port'),
    )
  })

  it('is rejected where it does not have the database, for an address and for a client', async () => {
    const redis = await server({ lines: ['databases 4'] })
    await useAll(await opened({ url: `${redis.url}/3` }))
    expect(redis.cli('-n', '3', 'EXISTS', '{solveguard}:state')).toBe('1')
    const client = new Redis({ port: redis.port, db: 4, maxRetriesPerRequest: 0 }).on('error', () => {})
    cleanUps.push(() => client.disconnect())
    for (const options of [{ url: `${redis.url}/4` }, { client }])
      await expect(redisLedger(options).open()).rejects.toMatchObject(unavailable('or as the `db` of your `client`'))
    // Nothing was written to another one.
    expect(redis.cli('-n', '0', 'DBSIZE')).toBe('0')
  })

  it('is found by a name that has addresses of IPv6 only', async () => {
    const redis = await server({ lines: ['bind 127.0.0.1 ::1'] })
    const real = dns.lookup
    const families: unknown[] = []
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...rest: unknown[]) => {
      const [options] = rest as [{ family?: number; all?: boolean }]
      if (name !== 'redis.test') return (real as (...words: unknown[]) => unknown)(name, ...rest)
      families.push(options.family)
      const done = rest.at(-1) as (...words: unknown[]) => void
      if (options.family === 4) done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }))
      else if (options.all) done(null, [{ address: '::1', family: 6 }])
      else done(null, '::1', 6)
    }) as typeof dns.lookup)
    cleanUps.push(() => lookup.mockRestore())
    await useAll(await opened({ url: `redis://redis.test:${redis.port}` }))
    expect(families).toContain(0)
  })

  it.each([
    ['with an error, as Envoy does', 'ERR unknown command'],
    ['with an error, as older versions of Envoy do', 'unsupported command'],
    ['by the end of the connection, as twemproxy does', 'cut'],
  ])('may answer INFO %s: it works, with a warning', async (_, unknown) => {
    const redis = await server()
    const proxy = await startRedisProxy(redis.port, unknown)
    cleanUps.push(() => proxy.close())
    const warned: unknown[] = []
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warned.push(warning))
    cleanUps.push(() => emitWarning.mockRestore())
    const ledger = await opened({ url: proxy.url })
    const before = proxy.connections
    await useAll(ledger)
    await ledger.heartbeat('me', Date.now())
    expect(warned.map(String)).toEqual([expect.stringContaining('does not report whether it evicts keys')])
    expect(proxy.connections).toBe(before)
    expect(proxy.commands).not.toContain('HELLO')
  })

  it('that goes away while it is asked for INFO is not one that has no INFO', async () => {
    const redis = await server()
    const proxy = await startRedisProxy(redis.port, 'cut')
    cleanUps.push(() => proxy.close())
    await redis.kill()
    await expect(redisLedger({ url: proxy.url, commandTimeoutMs: 500 }).open()).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
    })
  })

  it("may be a cluster, with a cluster's client", async () => {
    const redis = await server({ lines: ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1'] })
    redis.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await expect.poll(() => redis.cli('CLUSTER', 'INFO')).toContain('cluster_state:ok')
    const client = new Cluster([{ host: '127.0.0.1', port: redis.port }])
    cleanUps.push(() => client.disconnect())
    const ledger = await opened({ client })
    await useAll(ledger)
    await ledger.close()
    // Its owner closes it.
    expect(await client.ping()).toBe('PONG')
  })

  it('denies while it is away, and continues with all that was granted when it is back', async () => {
    const redis = await server({ lines: ['appendfsync always'] })
    const ledger = await opened({ url: redis.url, commandTimeoutMs: 400 })
    await shorthand(ledger).reserve([A], 60, Date.now(), { id: 'r' })
    await shorthand(ledger).reserve([A], 5, Date.now(), { id: 's' })
    await shorthand(ledger).settle('r', 50, Date.now())
    await redis.kill()
    await expect(shorthand(ledger).reserve([A], 1, Date.now())).rejects.toMatchObject(unavailable('cannot be reached'))
    await redis.restart()
    // A call that is answered too late is denied, and has settled all the same: it counts once.
    const settled = () => shorthand(ledger).settle('s', 4, Date.now())
    await expect.poll(async () => 'settled' in (await settled())).toBe(true)
    await expect.poll(() => ledger.usage('a', Date.now())).toMatchObject({ spent: 54, reserved: 0 })
  })

  it('that lost its data is rejected where the ledger is open, and begins a new one elsewhere', async () => {
    const redis = await server({ lines: ['appendonly no'] })
    const ledger = await opened({ url: redis.url })
    await redis.kill()
    await redis.restart()
    await expect(shorthand(ledger).reserve([A], 1, Date.now())).rejects.toMatchObject(
      unavailable('restart this process'),
    )
    const next = await opened({ url: redis.url })
    expect(await shorthand(next).reserve([A], 1, Date.now())).toMatchObject({ ok: true })
    await expect(shorthand(ledger).reserve([A], 1, Date.now())).rejects.toMatchObject(
      unavailable('restart this process'),
    )
  })

  it('that hangs blocks neither calls nor close; what it reserved for a denied solve is given back', async () => {
    const redis = await server()
    const ledger = await opened({ url: redis.url, commandTimeoutMs: 300 })
    const watcher = await opened({ url: redis.url })
    await shorthand(ledger).reserve([A], 1, Date.now())
    redis.hold()
    const denied = shorthand(ledger).reserve([A], 100, Date.now(), { id: 'ghost' })
    await expect(denied).rejects.toMatchObject(unavailable('did not answer'))
    const closing = await openedInVain(redis.url)
    await closing.close()
    redis.release()
    await expect.poll(async () => shorthand(ledger).reserve([A], 1, Date.now())).toMatchObject({ ok: true })
    await expect.poll(async () => (await watcher.usage('a', Date.now())).reserved).toBeLessThan(100)
    await expect(shorthand(watcher).reserve([A], 1, Date.now(), { id: 'ghost' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })

  it('that has become a replica is left for the one that took its place', async () => {
    const [old, next] = [await server(), await server()]
    next.cli('REPLICAOF', '127.0.0.1', `${old.port}`)
    await expect.poll(() => next.cli('INFO', 'replication')).toContain('master_link_status:up')
    const ledger = await opened({ url: old.url, commandTimeoutMs: 300 })
    await shorthand(ledger).reserve([A], 60, Date.now(), { id: 'r' })
    await expect.poll(() => next.cli('HEXISTS', '{solveguard}:state', 'rr')).toBe('1')
    next.cli('REPLICAOF', 'NO', 'ONE')
    old.cli('REPLICAOF', '127.0.0.1', `${next.port}`)
    await expect(shorthand(ledger).reserve([A], 1, Date.now())).rejects.toMatchObject(
      unavailable('takes no writes now'),
    )
    const moved = await opened({ url: next.url })
    expect(await shorthand(moved).settle('r', 5, Date.now())).toEqual({ settled: true })
  })

  it('may be one of several that sentinels watch: the server that took over has the data', async () => {
    const [first, second] = [await server(), await server()]
    second.cli('REPLICAOF', '127.0.0.1', `${first.port}`)
    await expect.poll(() => second.cli('INFO', 'replication')).toContain('master_link_status:up')
    const sentinel = await server({ sentinelOf: first.port })
    await expect.poll(() => sentinel.cli('SENTINEL', 'REPLICAS', 'main')).toContain('127.0.0.1')
    const client = new Redis({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'main' })
    client.on('error', () => {})
    cleanUps.push(() => client.disconnect())
    const ledger = await opened({ client, commandTimeoutMs: 500 })
    expect(await shorthand(ledger).reserve([A], 60, Date.now(), { id: 'r' })).toMatchObject({ ok: true })
    await expect.poll(() => second.cli('HEXISTS', '{solveguard}:state', 'rr')).toBe('1')
    await first.kill()
    await expect(shorthand(ledger).reserve([A], 1, Date.now())).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    // One that was not answered in time may be carried out yet: then the next finds nothing to settle.
    const settle = async () => shorthand(ledger).settle('r', 50, Date.now())
    await expect.poll(settle).toHaveProperty('settled')
    // What was denied is given back, should it have been taken after all.
    await shorthand(ledger).reserve([A], 7, Date.now(), { id: 's' })
    const usage = async () => ledger.usage('a', Date.now())
    await expect.poll(usage).toMatchObject({ spent: 50, reserved: 7 })
    expect(second.cli('INFO', 'replication')).toContain('role:master')
  })
})

/** A ledger whose server hangs already. It is closed, whether it could be opened or not. */
async function openedInVain(url: string): Promise<Ledger> {
  const ledger = redisLedger({ url, commandTimeoutMs: 300 })
  await expect(ledger.open()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
  return ledger
}

it('sums stay whole numbers of micro-dollars, however large', async () => {
  const redis = await server()
  const ledger = await opened({ url: redis.url })
  const path: BudgetClaim[] = [{ id: 'big', limits: {} }]
  const amount = micros(4_000_000_000_000_001)
  await ledger.reserve({ id: 'r', ownerId: 'me', path, amount, deadline: Date.now() + 60_000 }, Date.now())
  expect(await ledger.usage('big', Date.now())).toMatchObject({ reserved: 4_000_000_000_000_001 })
})

import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTransport, type Transport, type TransportOptions } from '../../src/egress/index.js'
import { addressIn } from '../../src/egress/ip-check.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { listen } from '../support/loopback.js'
import { eventually } from '../support/wait.js'

/** The service that reports addresses: answers with the address it sees, or with what `answer` gives. */
let asked: string[]
let answer: ((seen: string) => { status?: number; body: string }) | undefined
let server: Server
let url: string
let transport: Transport | undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    const seen = request.socket.remoteAddress ?? ''
    asked.push(`${request.method} ${request.url}`)
    const { status = 200, body } = answer?.(seen) ?? { body: `${seen}\n` }
    response.writeHead(status).end(body)
  })
  url = `http://127.0.0.1:${await listen(server)}/address?as=text`
})
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
})
afterEach(async () => {
  answer = undefined
  await transport?.close()
})

const NOON = Date.UTC(2026, 10, 24, 12)
const HOUR = 3_600_000

function expecting(
  ranges: string[],
  more: Partial<TransportOptions> = {},
): { verify(): Promise<void>; clock: ManualClock } {
  asked = []
  const clock = manualClock(NOON)
  const made = createTransport({ baseUrl: 'https://solver.example', expect: [{ url, ranges }], clock, ...more })
  transport = made
  return { verify: async () => made.verify(), clock }
}

describe('verify', () => {
  it.each([
    ['directly', {}, '127.0.0.1'],
    ['from a local address', { localAddress: '127.0.0.5' }, '127.0.0.5'],
  ])('checks the address %s, by the route of the calls', async (_, options, address) => {
    const { verify } = expecting(['127.0.0.0/29'], options)
    expect(transport?.address).toBeUndefined()
    await verify()
    expect(asked).toEqual(['GET /address?as=text'])
    expect(transport?.address).toBe(address)
  })

  it('checks once for all callers, is valid for an hour, and checks again before its end', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await Promise.all([verify(), verify(), verify()])
    expect(asked).toHaveLength(1)
    await clock.advance(HOUR / 2)
    expect(transport?.verify()).toBeUndefined()
    expect(asked).toHaveLength(1)
    await clock.advance(HOUR / 2 - 60_000)
    expect(transport?.verify()).toBeUndefined()
    await eventually(() => asked.length === 2)
  })

  it('checks again in the last five minutes of its hour, at most every 30 s, and not before', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await verify()
    await clock.advance(HOUR - 300_001)
    expect(transport?.verify()).toBeUndefined()
    expect(asked).toHaveLength(1)
    answer = () => ({ status: 503, body: '' })
    await clock.advance(1)
    for (let calls = 0; calls < 3; calls++) expect(transport?.verify()).toBeUndefined()
    await eventually(() => asked.length === 2)
    await idle()
    await clock.advance(29_999)
    expect(transport?.verify()).toBeUndefined()
    await idle()
    expect(asked).toHaveLength(2)
    answer = undefined
    await clock.advance(1)
    expect(transport?.verify()).toBeUndefined()
    await eventually(() => asked.length === 3)
    await idle()
    // The answer is valid for an hour from now on.
    await clock.advance(HOUR - 300_001)
    expect(transport?.verify()).toBeUndefined()
    await idle()
    expect(asked).toHaveLength(3)
  })

  it('waits for a new check from the end of the hour on', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await verify()
    await clock.advance(HOUR)
    const checked = transport?.verify()
    expect(checked).toBeInstanceOf(Promise)
    await checked
    expect(asked).toHaveLength(2)
  })

  it('requires all of several expectations', async () => {
    const both = (second: string) => ({
      expect: [
        { url, ranges: ['127.0.0.1'] },
        { url: url.replace('/address', '/other'), ranges: [second] },
      ],
    })
    await expecting([], both('127.0.0.0/8')).verify()
    expect(asked).toEqual(['GET /address?as=text', 'GET /other?as=text'])
    await transport?.close()
    await expect(expecting([], both('10.0.0.0/8')).verify()).rejects.toMatchObject({
      code: 'EGRESS_ADDRESS',
      details: { address: '127.0.0.1' },
    })
  })

  it.each([
    ['198.51.100.7', ['198.51.100.7']],
    ['198.51.100.7', ['203.0.113.1', '198.51.100.0/29']],
    ['2001:db8::7', ['2001:db8::7']],
    ['2001:db8::7', ['198.51.100.7', '2001:db8::/125']],
  ])('accepts %s where %j is expected', async (address, ranges) => {
    answer = () => ({ body: address })
    await expecting(ranges).verify()
    expect(transport?.address).toBe(address)
  })

  it.each([
    ['198.51.100.8', ['198.51.100.7']],
    ['198.51.100.8', ['198.51.100.0/29']],
    ['2001:db8::8', ['2001:db8::7']],
    ['2001:db8::8', ['2001:db8::/125']],
  ])('denies %s where %j is expected', async (address, ranges) => {
    answer = () => ({ body: address })
    await expect(expecting(ranges).verify()).rejects.toMatchObject({ code: 'EGRESS_ADDRESS' })
  })

  it('writes each check into the wire log, with the route and no query', async () => {
    const entries: unknown[] = []
    const log = { place: 'x', open() {}, add: (entry: unknown) => entries.push(entry), close() {} }
    await expecting(['127.0.0.1'], { log: log as never }).verify()
    expect(entries).toMatchObject([
      {
        request: { method: 'GET', url: url.replace('?as=text', ''), bodySize: 0 },
        response: { status: 200, content: { text: '127.0.0.1\n' } },
        comment: 'address check: direct',
      },
    ])
  })

  it('sends no compressed answer’s header, and asks for text or JSON', async () => {
    const headers: unknown[] = []
    server.once('request', (request) => headers.push(request.headers))
    await expecting(['127.0.0.1']).verify()
    expect(headers).toMatchObject([{ accept: 'text/plain, application/json', 'accept-encoding': 'identity' }])
  })

  it('denies another address, names both, and does not check again at once', async () => {
    const { verify, clock } = expecting(['203.0.113.7/32', '2001:db8::/32'])
    const denial = { code: 'EGRESS_ADDRESS', layer: 'network', retryAt: new Date(NOON + 30_000) }
    await expect(verify()).rejects.toMatchObject(denial)
    await expect(verify()).rejects.toThrow(
      'leave from 127.0.0.1, and policy.egress.expectIp has 203.0.113.7/32, 2001:db8::/32',
    )
    expect(asked).toHaveLength(1)
    await clock.advance(30_000)
    answer = () => ({ body: '{"ip":"2001:db8::9"}' })
    await verify()
    expect(asked).toHaveLength(2)
  })

  it('denies as soon as a check finds a changed address', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await verify()
    await clock.advance(HOUR - 60_000)
    answer = () => ({ body: '198.51.100.1' })
    await verify()
    await eventually(() => asked.length === 2)
    await eventually(() => transport?.address === '198.51.100.1')
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_ADDRESS' })
  })

  it.each([
    ['with an error', { status: 500, body: '127.0.0.1' }],
    ['with no address', { body: '<html>127.0.0.1</html>' }],
    ['with far too much', { body: `127.0.0.1${' '.repeat(5_000)}` }],
  ])('denies where the service answers %s', async (_, scripted) => {
    const { verify } = expecting(['127.0.0.1'])
    answer = () => scripted
    await expect(verify()).rejects.toMatchObject({
      code: 'EGRESS_UNVERIFIED',
      layer: 'network',
      retryAt: new Date(NOON + 30_000),
      message: expect.stringMatching(/answered with no address \(HTTP (200|500)\)\. Nothing is sent/),
    })
  })

  it('stays valid for its hour while the service does not answer, and no longer', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await verify()
    await clock.advance(HOUR - 60_000)
    answer = () => ({ status: 503, body: '' })
    await verify()
    await eventually(() => asked.length === 2)
    await verify()
    await clock.advance(60_000)
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_UNVERIFIED' })
  })

  it('returns at once where no address is expected', () => {
    transport = createTransport({ baseUrl: 'https://solver.example' })
    expect(transport.verify()).toBeUndefined()
  })
})

describe('known', () => {
  /** What a check says now, without its effects on the time: `checks` where it would ask. */
  async function verdict(): Promise<unknown> {
    try {
      const checked = transport?.verify()
      if (checked === undefined) return true
      await checked
      return 'checks'
    } catch (error) {
      return error
    }
  }

  it.each([
    ['good', { body: '127.0.0.1' }],
    ['another', { body: '198.51.100.1' }],
    ['none', { status: 503, body: '' }],
  ])('is what verify would say, and sends nothing: the address is %s', async (what, scripted) => {
    const { clock } = expecting(['127.0.0.1'])
    expect(transport?.known?.()).toBeUndefined()
    expect(asked).toHaveLength(0)
    answer = () => scripted
    await verdict()
    const denial = { code: what === 'another' ? 'EGRESS_ADDRESS' : 'EGRESS_UNVERIFIED' }
    for (const ms of [0, 29_999, 1, HOUR - 30_001, 1]) {
      await clock.advance(ms)
      const before = asked.length
      const known = transport?.known?.()
      await idle()
      expect(asked).toHaveLength(before)
      const elapsed = clock.monotonic()
      const isCurrent = elapsed < (what === 'good' ? HOUR : 30_000)
      if (!isCurrent) expect(known).toBeUndefined()
      else if (what === 'good') expect(known).toBe(true)
      else expect(known).toMatchObject(denial)
      // A good one may be looked for anew within its hour.
      if (isCurrent && what !== 'good') expect(await verdict()).toBe(known)
    }
  })

  it('is good where no address is expected, and after a check that failed within the hour of a good one', async () => {
    const free = createTransport({ baseUrl: 'https://solver.example' })
    expect(free.known?.()).toBe(true)
    await free.close()
    const { verify, clock } = expecting(['127.0.0.1'])
    await clock.advance(10 * HOUR)
    expect(transport?.known?.()).toBeUndefined()
    await verify()
    await clock.advance(HOUR - 60_000)
    answer = () => ({ status: 503, body: '' })
    await verify()
    await eventually(() => asked.length === 2)
    await idle()
    expect(transport?.known?.()).toBe(true)
    await clock.advance(60_000)
    expect(transport?.known?.()).toBeUndefined()
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_UNVERIFIED' })
    expect(transport?.known?.()).toMatchObject({ code: 'EGRESS_UNVERIFIED' })
  })
})

describe('addressIn', () => {
  it.each([
    ['203.0.113.7\n', '203.0.113.7'],
    ['{"ip":"2001:db8::1"}', '2001:db8::1'],
    ['{"origin": "203.0.113.7"}', '203.0.113.7'],
    ['fl=1\nip=203.0.113.7\nts=1', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['203.0.113.7, 198.51.100.1', undefined],
    ['{"address":" 203.0.113.7"}', undefined],
    ['{"address":"203.0.113.7","ip":"none"}', '203.0.113.7'],
    ['[{"ip":"203.0.113.7"}]', undefined],
    ['x{"ip":"203.0.113.7"}', undefined],
    ['{"ip":["203.0.113.7"]}', undefined],
    ['zip=203.0.113.7', undefined],
    ['ip= 203.0.113.7 ', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['::ffff:0:203.0.113.7', '::ffff:0:203.0.113.7'],
    ['64::ffff:203.0.113.7', '64::ffff:203.0.113.7'],
    ['::ffff:203.0.113.7%eth0', '::ffff:203.0.113.7%eth0'],
    ['64:ff9b::203.0.113.7', '64:ff9b::203.0.113.7'],
    [`203.0.113.7${' '.repeat(4_096 - 11)}`, '203.0.113.7'],
    [`203.0.113.7${' '.repeat(4_096 - 10)}`, undefined],
    ['{"ip":7}', undefined],
    ['{', undefined],
    ['', undefined],
  ])('reads %j as %j', (body, address) => {
    expect(addressIn(body)).toBe(address)
  })
})

/** Real connections get time to end. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

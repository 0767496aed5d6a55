import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTransport, type Transport, type TransportOptions } from '../../src/egress/index.js'
import { addressIn } from '../../src/egress/ip-check.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { listen } from '../support/loopback.js'
import { type RunningProxy, startDante, startTinyproxy } from '../support/proxies.js'

/** The service that reports addresses: answers with the address it sees, or with what `answer` gives. */
let asked: string[]
let answer: ((seen: string) => { status?: number; body: string }) | undefined
let server: Server
let url: string
let tinyproxy: RunningProxy
let dante: RunningProxy
let transport: Transport | undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    const seen = request.socket.remoteAddress ?? ''
    asked.push(`${request.method} ${request.url}`)
    const { status = 200, body } = answer?.(seen) ?? { body: `${seen}\n` }
    response.writeHead(status).end(body)
  })
  url = `http://127.0.0.1:${await listen(server)}/address`
  ;[tinyproxy, dante] = await Promise.all([startTinyproxy(), startDante()])
})
afterAll(async () => {
  await Promise.all([tinyproxy?.stop(), dante?.stop()])
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
    ['directly', () => ({})],
    ['from a local address', () => ({ localAddress: '127.0.0.5' })],
    ['through an HTTP proxy', () => ({ proxy: tinyproxy.url })],
    ['through a SOCKS5 proxy', () => ({ proxy: `socks5://127.0.0.1:${dante.port}` })],
  ])('checks the address %s, by the route of the calls', async (_, options) => {
    const { verify } = expecting(['127.0.0.0/29'], options())
    await verify()
    expect(asked).toEqual(['GET /address'])
    expect(transport?.address).toBe('localAddress' in options() ? '127.0.0.5' : '127.0.0.1')
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
    await until(() => asked.length === 2)
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
    await until(() => asked.length === 2)
    await until(() => transport?.address === '198.51.100.1')
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_ADDRESS' })
  })

  it.each([
    ['with an error', { status: 500, body: '127.0.0.1' }],
    ['with no address', { body: '<html>127.0.0.1</html>' }],
    ['with far too much', { body: `127.0.0.1${' '.repeat(5_000)}` }],
  ])('denies where the service answers %s', async (_, scripted) => {
    const { verify } = expecting(['127.0.0.1'])
    answer = () => scripted
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_UNVERIFIED', layer: 'network' })
  })

  it('stays valid for its hour while the service does not answer, and no longer', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await verify()
    await clock.advance(HOUR - 60_000)
    answer = () => ({ status: 503, body: '' })
    await verify()
    await until(() => asked.length === 2)
    await verify()
    await clock.advance(60_000)
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_UNVERIFIED' })
  })

  it('returns at once where no address is expected', () => {
    transport = createTransport({ baseUrl: 'https://solver.example' })
    expect(transport.verify()).toBeUndefined()
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
    ['{"ip":7}', undefined],
    ['{', undefined],
    ['', undefined],
  ])('reads %j as %j', (body, address) => {
    expect(addressIn(body)).toBe(address)
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTransport, type Transport, type TransportOptions } from '../../src/egress/index.js'
import { addressIn } from '../../src/egress/ip-check.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { listen } from '../support/loopback.js'
import { type RunningProxy, startDante, startTinyproxy } from '../support/proxies.js'

/** Who is asked: tells everybody the address that it sees, or what the test has it say. */
let asked: string[]
let says: ((seen: string) => { status?: number; body: string }) | undefined
let server: Server
let url: string
let tinyproxy: RunningProxy
let dante: RunningProxy
let transport: Transport | undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    const seen = request.socket.remoteAddress ?? ''
    asked.push(`${request.method} ${request.url}`)
    const { status = 200, body } = says?.(seen) ?? { body: `${seen}\n` }
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
  says = undefined
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

describe('an expected address', () => {
  it.each([
    ['directly', () => ({})],
    ['from a local address', () => ({ localAddress: '127.0.0.5' })],
    ['through an HTTP proxy', () => ({ proxy: tinyproxy.url })],
    ['through a SOCKS5 proxy', () => ({ proxy: `socks5://127.0.0.1:${dante.port}` })],
  ])('is looked at %s, as calls go', async (_, options) => {
    const { verify } = expecting(['127.0.0.0/29'], options())
    await verify()
    expect(asked).toEqual(['GET /address'])
    expect(transport?.address).toBe('localAddress' in options() ? '127.0.0.5' : '127.0.0.1')
  })

  it('is asked for once by all who wait, holds for an hour, and is asked for anew ahead of its end', async () => {
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

  it('that is another denies with both, and is not asked for again at once', async () => {
    const { verify, clock } = expecting(['203.0.113.7/32', '2001:db8::/32'])
    const denial = { code: 'EGRESS_ADDRESS', layer: 'network', retryAt: new Date(NOON + 30_000) }
    await expect(verify()).rejects.toMatchObject(denial)
    await expect(verify()).rejects.toThrow(
      'leave from 127.0.0.1, and policy.egress.expectIp has 203.0.113.7/32, 2001:db8::/32',
    )
    expect(asked).toHaveLength(1)
    await clock.advance(30_000)
    says = () => ({ body: '{"ip":"2001:db8::9"}' })
    await verify()
    expect(asked).toHaveLength(2)
  })

  it('that changes within the hour denies as soon as it is seen', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await verify()
    await clock.advance(HOUR - 60_000)
    says = () => ({ body: '198.51.100.1' })
    await verify()
    await until(() => asked.length === 2)
    await until(() => transport?.address === '198.51.100.1')
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_ADDRESS' })
  })

  it.each([
    ['with an error', { status: 500, body: '127.0.0.1' }],
    ['with no address', { body: '<html>127.0.0.1</html>' }],
    ['with far too much', { body: `127.0.0.1${' '.repeat(5_000)}` }],
  ])('denies when who is asked answers %s', async (_, answer) => {
    const { verify } = expecting(['127.0.0.1'])
    says = () => answer
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_UNVERIFIED', layer: 'network' })
  })

  it('holds on for its hour while nobody answers, and no longer', async () => {
    const { verify, clock } = expecting(['127.0.0.1'])
    await verify()
    await clock.advance(HOUR - 60_000)
    says = () => ({ status: 503, body: '' })
    await verify()
    await until(() => asked.length === 2)
    await verify()
    await clock.advance(60_000)
    await expect(verify()).rejects.toMatchObject({ code: 'EGRESS_UNVERIFIED' })
  })

  it('costs nothing where none is expected', () => {
    transport = createTransport({ baseUrl: 'https://solver.example' })
    expect(transport.verify()).toBeUndefined()
  })
})

describe('an answer', () => {
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
  ])('%j is %j', (body, address) => {
    expect(addressIn(body)).toBe(address)
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

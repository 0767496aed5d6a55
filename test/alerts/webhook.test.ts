import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { afterEach, describe, expect, it, test } from 'vitest'
import { type DeliveryError, type WebhookAlertsOptions, webhookAlerts } from '../../src/alerts/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { manualClock } from '../../src/testing/clock.js'
import { makeCertificate } from '../support/certificate.js'
import { ALERT, deliver } from './contract.js'
import { type Answer, type Receiver, startReceiver } from './receiver.js'

const secretOf = (byte: number, length = 32) => `whsec_${Buffer.alloc(length, byte).toString('base64')}`
const SECRET = secretOf(1)

const open: Receiver[] = []
afterEach(async () => {
  for (const receiver of open.splice(0)) await receiver.close()
})
async function receiver(tls?: { cert: string; key: string }): Promise<Receiver> {
  const started = await startReceiver(tls)
  open.push(started)
  return started
}

/** Verifies as a receiver does, by the specification, without our code. */
function verifies(secret: string, { headers, body }: { headers: Record<string, unknown>; body: string }): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures } = headers
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${time}.${body}`).digest()
  return String(signatures)
    .split(' ')
    .some((one) => {
      const given = Buffer.from(one.replace('v1,', ''), 'base64')
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
}

const failure = (promise: Promise<void>): Promise<DeliveryError> =>
  promise.then(
    () => {
      throw new Error('it was delivered')
    },
    (error) => error,
  )

describe('webhookAlerts', () => {
  it('signs by the Standard Webhooks specification', async () => {
    const to = await receiver()
    await deliver(webhookAlerts({ url: `${to.url}/hooks?team=qa`, secret: SECRET }))
    const [got] = to.received
    if (!got) throw new Error('nothing arrived')
    expect([got.method, got.url, got.headers['content-type']]).toEqual(['POST', '/hooks?team=qa', 'application/json'])
    expect(got.headers['webhook-id']).toBe(ALERT.id)
    expect(Math.abs(Number(got.headers['webhook-timestamp']) * 1000 - Date.now())).toBeLessThan(60_000)
    expect(verifies(SECRET, got)).toBe(true)
    expect(verifies(secretOf(2), got)).toBe(false)
    expect(verifies(SECRET, { ...got, body: got.body.replace('80 %', '10 %') })).toBe(false)
    expect(JSON.parse(got.body)).toEqual({
      type: 'solveguard.alert',
      timestamp: ALERT.at.toISOString(),
      data: {
        id: ALERT.id,
        code: ALERT.code,
        guard: 'checkout',
        message: ALERT.message,
        remedy: 'Nothing, if expected.',
        docs: expect.stringMatching(/^https:.*#budget_threshold$/),
        details: ALERT.details,
      },
    })
  })

  it('sends what the example in docs/alerts.md verifies', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/alerts.md'), 'utf8')
    const shown =
      page
        .split('```ts\n')
        .find((code) => code.includes('function isOurs'))
        ?.split('```')[0] ?? ''
    const code = ts.transpile(`${shown}\nexport { isOurs }`, { module: ts.ModuleKind.ES2022 })
    const { isOurs } = await import(`data:text/javascript,${encodeURIComponent(code)}`)
    const to = await receiver()
    await deliver(webhookAlerts({ url: to.url, secret: SECRET }))
    const [got] = to.received
    expect(isOurs(got?.headers, got?.body, SECRET)).toBe(true)
    expect(isOurs(got?.headers, got?.body, secretOf(2))).toBe(false)
    expect(isOurs(got?.headers, `${got?.body} `, SECRET)).toBe(false)
    expect(isOurs({ ...got?.headers, 'webhook-timestamp': '1700000000' }, got?.body, SECRET)).toBe(false)
  })

  it("creates the signature of the specification's own example", async () => {
    // From the specification's test vectors, which libraries of many languages use.
    const { signaturesOf } = await import('../../src/egress/sign.js')
    const secret = new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
    expect(signaturesOf([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}')).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    )
  })

  it('signs with both secrets while they are rotated', async () => {
    const to = await receiver()
    const version = (text: string) => ({ value: new Secret(text), version: text.slice(-4) })
    const secret = {
      kind: 'test',
      place: 'the test',
      fetch: () => ({ current: version(secretOf(3)), previous: version(SECRET) }),
    }
    await deliver(webhookAlerts({ url: to.url, secret }))
    const [got] = to.received
    expect([secretOf(3), SECRET, secretOf(4)].map((one) => got && verifies(one, got))).toEqual([true, true, false])
  })

  it('keeps the id, and sends the time of each attempt', async () => {
    const to = await receiver()
    const clock = manualClock()
    const channel = webhookAlerts({ url: to.url, secret: SECRET })
    const signal = new AbortController().signal
    await channel.deliver(ALERT, { clock, signal })
    await clock.advance(60_000)
    await channel.deliver(ALERT, { clock, signal })
    const times = to.received.map(({ headers }) => Number(headers['webhook-timestamp']))
    expect(new Set(to.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(60)
    for (const got of to.received) expect(verifies(SECRET, got)).toBe(true)
  })

  test.each<[string, Answer, Partial<DeliveryError>]>([
    ['a server with a failure', { status: 503 }, { retryable: true, retryAfterMs: undefined }],
    [
      'one that names a time',
      { status: 503, headers: { 'retry-after': '120' } },
      { retryable: true, retryAfterMs: 120_000 },
    ],
    [
      'one that limits the rate',
      { status: 429, headers: { 'retry-after': '7' } },
      { retryable: true, retryAfterMs: 7_000 },
    ],
    ['one that closes the connection', 'cut', { retryable: true }],
    ['a reply that is too long', { status: 200, bytes: 2_000_000 }, { retryable: true }],
    ['one that refuses', { status: 403 }, { retryable: false }],
    ['an address that no longer exists', { status: 410 }, { retryable: false }],
  ])('reports whether to retry: %s', async (_, answer, expected) => {
    const to = await receiver()
    to.next(answer)
    expect(await failure(deliver(webhookAlerts({ url: to.url, secret: SECRET })))).toMatchObject(expected)
  })

  it('does not follow a redirect', async () => {
    const [to, elsewhere] = [await receiver(), await receiver()]
    to.next({ status: 307, headers: { location: elsewhere.url } })
    const error = await failure(deliver(webhookAlerts({ url: to.url, secret: SECRET })))
    expect([error.retryable, error.message]).toEqual([false, expect.stringContaining('redirect')])
    expect(elsewhere.received).toEqual([])
  })

  it('posts only to a server whose certificate is trusted', async () => {
    const tls = makeCertificate('127.0.0.1')
    const to = await receiver(tls)
    await deliver(webhookAlerts({ url: to.url, secret: SECRET, ca: tls.cert }))
    const error = await failure(deliver(webhookAlerts({ url: to.url, secret: SECRET })))
    expect([error.retryable, error.message]).toEqual([true, expect.stringContaining('certificate')])
    expect(to.received).toHaveLength(1)
  })

  it('retries a server that is down, and names only its host', async () => {
    const error = await failure(deliver(webhookAlerts({ url: 'http://127.0.0.1:9/hooks/SECRET', secret: SECRET })))
    expect([error.retryable, error.message]).toEqual([true, expect.stringContaining('127.0.0.1:9')])
    expect(error.message).not.toContain('SECRET')
  })

  it('does not post while its secret cannot be fetched or is not valid', async () => {
    const to = await receiver()
    for (const fetch of [
      () => {
        throw new Error('down')
      },
      () => ({ current: { value: new Secret('a-plain-password'), version: '1' } }),
    ]) {
      const channel = webhookAlerts({ url: to.url, secret: { kind: 'test', place: 'the test', fetch } })
      expect(await failure(deliver(channel))).toMatchObject({ retryable: true })
    }
    expect(to.received).toEqual([])
  })
})

test.each<[string, Partial<Record<keyof WebhookAlertsOptions | 'method', unknown>>, string]>([
  ['http: for another machine', { url: 'http://hooks.example.com/SECRET' }, 'webhookAlerts: url'],
  ['a user name', { url: 'https://me:SECRET@hooks.example.com/' }, 'webhookAlerts: url'],
  ['text that is not an address', { url: 'SECRET' }, 'webhookAlerts: url'],
  ['a number as an address', { url: 7 }, 'webhookAlerts: url'],
  ['a secret without whsec_', { secret: 'SECRET' }, 'webhookAlerts: secret'],
  ['a secret that is too short', { secret: secretOf(9, 8) }, 'webhookAlerts: secret'],
  ['no secret', { secret: undefined }, 'webhookAlerts.secret'],
  ['a proxy that is not an address', { proxy: 'SECRET' }, 'webhookAlerts: proxy'],
  ['an unknown option', { method: 'GET' }, 'webhookAlerts.method'],
])('webhookAlerts rejects %s', (_, wrong, field) => {
  const options = { url: 'https://hooks.example.com/', secret: SECRET, ...wrong } as WebhookAlertsOptions
  let error: unknown
  try {
    webhookAlerts(options)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(field) })
  expect(String(error)).not.toContain('SECRET')
})

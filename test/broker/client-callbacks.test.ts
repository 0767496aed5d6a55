import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { readBounded } from '../../src/base/bounded-bytes.js'
import { systemClock } from '../../src/base/clock.js'
import { Deliveries } from '../../src/broker/deliveries.js'
import { startBroker } from '../../src/broker/server.js'
import { manualClock } from '../../src/testing/index.js'
import type { ServiceName } from '../../src/wires/services.js'
import { after, rig } from '../guard/support.js'
import { advanceUntil, eventually } from '../support/wait.js'
import { brokerRig, PAGE, SITEKEY, untilDone } from './support.js'

const TASK = { type: 'RecaptchaV2TaskProxyless', websiteURL: PAGE, websiteKey: SITEKEY }
const FORM = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE }

interface Received {
  readonly method: string
  readonly url: string
  readonly type: string
  readonly body: string
}

/** A client that waits to be called. */
async function startClient(reply: (response: ServerResponse, count: number) => void = (response) => response.end()) {
  const received: Received[] = []
  let connections = 0
  const server = createServer(async (request: IncomingMessage, response) => {
    const { method = '', url = '', headers } = request
    const body = (await readBounded(request, 1_000_000)) ?? ''
    received.push({ method, url, type: headers['content-type'] ?? '', body })
    reply(response, received.length)
  })
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { origin, url: `${origin}/done?of=7`, received, connections: () => connections }
}

const deliveriesTo = (origin: string) => new Deliveries([origin], systemClock)

describe('an address that a client wants to have called', () => {
  it('is refused by a broker without the option, in each wire and field, and nothing is bought', async () => {
    const { form, json, service } = await brokerRig()
    const url = 'https://app.example.com/done'
    for (const field of ['pingback', 'callbackUrl']) {
      expect(await form('/in.php', { ...FORM, [field]: url })).toBe('ERROR_BAD_PARAMETERS')
      expect(await json('/createTask', { task: TASK, [field]: url })).toMatchObject({ errorId: 110 })
      expect(await json('/createTask', { task: { ...TASK, [field]: url } })).toMatchObject({ errorId: 110 })
    }
    expect(service.tasks).toEqual([])
  })

  it.each([
    'https://evil.example/x',
    'http://app.example.com/x',
    'https://app.example.com:8443/x',
    'https://app.example.com.evil.example/x',
    'https://user:password@app.example.com/x',
    'https://app.example.com/x#y',
    'http://169.254.169.254/latest/meta-data',
    'http://127.0.0.1:8080/x',
    'file:///etc/passwd',
    '//app.example.com/x',
    'app.example.com',
    `https://app.example.com/${'x'.repeat(2_048)}`,
  ])('is refused unless the operator has named its origin: %s', async (url) => {
    const { form, json, service } = await brokerRig({ deliveries: deliveriesTo('https://app.example.com') })
    expect(await form('/in.php', { ...FORM, pingback: url })).toBe('ERROR_BAD_PARAMETERS')
    expect(await json('/createTask', { task: TASK, callbackUrl: url })).toMatchObject({ errorId: 110 })
    expect(service.tasks).toEqual([])
  })
})

describe('a client that is called back', () => {
  const dialects: readonly (readonly [ServiceName, path: string])[] = [
    ['captchaai', '/captchaai/in.php'],
    ['twocaptcha', '/twocaptcha/in.php'],
    ['twocaptcha', '/twocaptcha/createTask'],
    ['anticaptcha', '/anticaptcha/createTask'],
    ['capmonster', '/capmonster/createTask'],
    ['capsolver', '/capsolver/createTask'],
  ]

  it.each(dialects)(
    'by %s at %s gets what a poll would get, once, and from the broker alone',
    async (service, path) => {
      const client = await startClient()
      const made = await brokerRig({ deliveries: deliveriesTo(client.origin) })
      const isForm = path.endsWith('.php')
      const id = isForm
        ? (await made.form(path, { ...FORM, pingback: client.url })).replace('OK|', '')
        : String((await made.json(path, { task: TASK, callbackUrl: client.url })).taskId)
      await eventually(() => made.tasks.counts.fetched === 1)
      expect(client.received).toHaveLength(1)
      const [{ method, url, type, body }] = client.received as [Received]
      const { answer = '' } = made.service.tasks[0] ?? {}
      if (service === 'captchaai') {
        expect([method, url, body]).toEqual(['GET', `/done?of=7&id=${id}&code=${answer}`, ''])
      } else if (service === 'twocaptcha') {
        expect([method, url, type]).toEqual(['POST', '/done?of=7', 'application/x-www-form-urlencoded'])
        expect(Object.fromEntries(new URLSearchParams(body))).toEqual({ id, code: answer })
      } else {
        const polled = await made.json(`/${service}/getTaskResult`, {
          taskId: service === 'capsolver' ? id : Number(id),
        })
        expect([method, url]).toEqual(['POST', '/done?of=7'])
        expect(type).toMatch(/^application\/json/)
        expect(JSON.parse(body)).toEqual(polled)
      }
      const [submit] = made.service.requests
      expect([submit?.fields.pingback, submit?.fields.callbackUrl]).toEqual([undefined, undefined])
      expect(JSON.stringify(client.received)).not.toContain(made.service.key)
    },
  )

  it('gets the reason why its task has failed', async () => {
    const client = await startClient()
    const made = await brokerRig({ deliveries: deliveriesTo(client.origin) })
    made.service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    await made.form('/in.php', { ...FORM, pingback: client.url })
    await eventually(() => client.received.length === 1)
    expect(new URLSearchParams(client.received[0]?.body).get('code')).toBe('ERROR_CAPTCHA_UNSOLVABLE')
  })

  it('has fetched the answer with it: the broker drains, and nothing is unclaimed', async () => {
    const client = await startClient()
    const { guard, service } = await rig({ serviceOptions: { solveMs: 30 } })
    const broker = await startBroker({ guard, callbacks: [client.origin] })
    const { token } = await guard.issueToken({})
    const body = new URLSearchParams({ key: token, ...FORM, pingback: client.url })
    expect(await (await fetch(`${broker.url}/in.php`, { method: 'POST', body })).text()).toMatch(/^OK\|\d+$/)
    await broker.close({ drain: '1m' })
    expect(client.received).toHaveLength(1)
    expect(broker.counts).toMatchObject({ solved: 1, fetched: 1, unclaimed: 0 })
    expect(service.charged).toBe(1_000)
  })

  const bad: readonly (readonly [string, (response: ServerResponse, count: number) => void])[] = [
    ['an error', (response) => void response.writeHead(500).end()],
    ['a redirect', (response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end()],
    ['a closed connection', (response) => void response.destroy()],
    ['silence', () => {}],
  ]

  it.each(bad)('and replies with %s is tried three times, and can still poll', async (_, reply) => {
    const client = await startClient(reply)
    const clock = manualClock()
    const deliveries = new Deliveries([client.origin], clock)
    const made = await brokerRig({ deliveries })
    const id = (await made.form('/in.php', { ...FORM, pingback: client.url })).replace('OK|', '')
    await eventually(() => made.tasks.counts.solved === 1)
    for (let i = 0; i < 60; i++) {
      await clock.advance(1_000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await deliveries.idle()
    expect(client.received).toHaveLength(3)
    expect(made.tasks.counts.fetched).toBe(0)
    const poll = () => made.form('/res.php', { action: 'get', id })
    expect(await untilDone(poll, (text) => text === 'CAPCHA_NOT_READY')).toBe(`OK|${made.service.tasks[0]?.answer}`)
  })

  it('and replies with an error once is called again, unless it has polled meanwhile', async () => {
    const failsOnce = (response: ServerResponse, count: number) =>
      void response.writeHead(count === 1 ? 503 : 204).end()
    for (const polls of [false, true]) {
      const client = await startClient(failsOnce)
      const clock = manualClock()
      const deliveries = new Deliveries([client.origin], clock)
      const made = await brokerRig({ deliveries })
      const id = (await made.form('/in.php', { ...FORM, pingback: client.url })).replace('OK|', '')
      await eventually(() => client.received.length === 1)
      if (polls) await made.form('/res.php', { action: 'get', id })
      for (let i = 0; i < 30; i++) {
        await clock.advance(1_000)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await deliveries.idle()
      expect(client.received).toHaveLength(polls ? 1 : 2)
      expect(made.tasks.counts.fetched).toBe(1)
    }
  })
})

describe('an answer that waits for its client to be called', () => {
  it('is not sent once the token of the submit was revoked, nor is the reason of a failure', async () => {
    const client = await startClient()
    for (const fails of [false, true]) {
      const made = await brokerRig({ byTokens: true, deliveries: deliveriesTo(client.origin) })
      if (fails) made.service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
      else made.service.next('res', { error: 'CAPCHA_NOT_READY' })
      const { token, id } = await made.guard.issueToken({})
      expect(await made.form('/in.php', { ...FORM, pingback: client.url }, { token })).toMatch(/^OK\|\d+$/)
      await made.guard.revokeToken(id)
      await eventually(() => made.tasks.counts.solved + made.tasks.counts.failed === 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(made.tasks.counts.fetched).toBe(0)
    }
    expect(client.received).toEqual([])
  })

  it('is not sent once it is too old for the site, and is counted once', async () => {
    let isAway = true
    const client = await startClient((response) => void response.writeHead(isAway ? 503 : 200).end())
    const clock = manualClock()
    const deliveries = new Deliveries([client.origin], systemClock)
    const made = await brokerRig({ clock, deliveries, polling: { firstPollMs: 0, everyMs: 1 } })
    const submitted = made.form('/in.php', { ...FORM, pingback: client.url })
    await advanceUntil(clock, () => client.received.length === 1, 50, 60_000)
    await submitted
    isAway = false
    await clock.advance(600_000)
    expect(made.tasks.counts).toMatchObject({ solved: 1, fetched: 0, unclaimed: 1 })
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(client.received).toHaveLength(1)
    expect(made.tasks.counts).toMatchObject({ solved: 1, fetched: 0, unclaimed: 1 })
  })

  it('waits for no client at another origin, and a bounded number waits', async () => {
    const silent = await startClient(() => {})
    const quick = await startClient()
    const deliveries = new Deliveries([silent.origin, quick.origin], manualClock())
    let requests = 0
    const deliver = (url: string) =>
      deliveries.deliver(url, {
        request: () => {
          requests++
          return { method: 'POST', url, type: 'text/plain', body: 'x' }
        },
        stillGood: async () => {},
        isFetched: () => false,
        isForgotten: () => false,
        delivered: () => {},
      })
    for (let i = 0; i < 20_000; i++) deliver(silent.url)
    deliver(quick.url)
    await eventually(() => quick.received.length === 1)
    await eventually(() => silent.received.length === 50)
    deliveries.close()
    await deliveries.idle()
    expect(requests).toBe(51)
  })

  it("goes to the next of the name's addresses where one is away", async () => {
    const client = await startClient()
    const { port } = new URL(client.origin)
    const url = `https://app.example.com:${port}/x`
    const named = { allow: [new URL(url).origin], privateAddresses: ['127.0.0.0/8'] }
    const deliveries = new Deliveries(named, systemClock, async () => ['127.0.0.3', '127.0.0.1'])
    deliveries.deliver(url, {
      request: () => ({ method: 'POST', url, type: 'text/plain', body: 'x' }),
      stillGood: async () => {},
      isFetched: () => false,
      isForgotten: () => false,
      delivered: () => {},
    })
    // No TLS is spoken there: what counts is that it is connected to.
    await eventually(() => client.connections() === 1)
    deliveries.close()
    await deliveries.idle()
  })

  it('takes no longer where a name is not looked up, or a token cannot be asked about', async () => {
    const clock = manualClock()
    const never = () => new Promise<never>(() => {})
    for (const [resolve, stillGood] of [
      [never, async () => {}],
      [async () => ['127.0.0.1'], never],
    ] as const) {
      const deliveries = new Deliveries(['https://app.example.com'], clock, resolve)
      const url = 'https://app.example.com/x'
      const request = () => ({ method: 'POST' as const, url, type: 'text/plain', body: 'x' })
      const parts = { request, stillGood, isFetched: () => false, isForgotten: () => false }
      deliveries.deliver(url, { ...parts, delivered: () => expect.unreachable() })
      let isIdle = false
      await clock.advance(1)
      for (let i = 0; i < 28; i++) await clock.advance(1_000)
      void deliveries.idle().then(() => {
        isIdle = true
      })
      await new Promise((done) => setTimeout(done, 20))
      expect(isIdle).toBe(true)
    }
  })
})

describe("the broker's own network", () => {
  const request = (url: string) => () => ({ method: 'POST' as const, url, type: 'text/plain', body: 'x' })

  it('is not reached by a name that leads there, unless the operator has named the address', async () => {
    const client = await startClient()
    const { port } = new URL(client.origin)
    const origin = `https://app.example.com:${port}`
    const clock = manualClock()
    const attempt = async (privateAddresses: readonly string[], addresses: readonly string[]) => {
      const before = client.connections()
      const deliveries = new Deliveries({ allow: [origin], privateAddresses }, clock, async () => addresses)
      let delivered = false
      deliveries.deliver(origin, {
        request: request(`${origin}/x`),
        stillGood: async () => {},
        isFetched: () => false,
        isForgotten: () => false,
        delivered: () => {
          delivered = true
        },
      })
      for (let i = 0; i < 30; i++) {
        await clock.advance(1_000)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await deliveries.idle()
      expect(delivered).toBe(false)
      return client.connections() - before
    }
    for (const address of ['127.0.0.1', '10.1.2.3', '169.254.169.254', '::1', '::ffff:127.0.0.1', '0.0.0.0']) {
      expect(await attempt([], [address])).toBe(0)
    }
    // Named: it is connected to, where no TLS is spoken.
    expect(await attempt(['127.0.0.0/8'], ['127.0.0.1'])).toBeGreaterThan(0)
  })

  it('is named by origins that are its addresses; other plain origins, paths and networks are refused', async () => {
    const { guard } = await rig()
    for (const callbacks of [
      ['http://app.example.com'],
      ['https://app.example.com/path'],
      ['https://user:x@app.example.com'],
      ['app.example.com'],
      { allow: ['https://app.example.com'], privateAddresses: ['10.0.0.0/99'] },
      { allow: ['https://app.example.com'], deny: [] },
      'https://app.example.com',
    ]) {
      const started = startBroker({ guard, callbacks: callbacks as string[] })
      await expect(started).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })
})

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { fastify } from 'fastify'
import { describe, expect, it } from 'vitest'
import { createListener, type ListenerOptions } from '../../src/broker/listener.js'
import { type BrokerOptions, startBroker } from '../../src/broker/server.js'
import { textReply } from '../../src/broker/types.js'
import { usd } from '../../src/policy/money.js'
import { after, rig } from '../guard/support.js'
import { leaks } from '../support/key-leaks.js'
import { serverRig } from './server-support.js'
import { brokerRig, PAGE, SITEKEY, TOKEN } from './support.js'

const FORM = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE }
const query = (more: object = {}) => new URLSearchParams({ key: TOKEN, ...FORM, ...more }).toString()

/** How many connections idle. `BROKER_IDLE=10000` tries that many, as far as this process may have files open. */
const IDLE = Math.min(Number(process.env.BROKER_IDLE ?? 550), Math.floor((openFiles() - 200) / 2))

function openFiles(): number {
  const report: unknown = process.report.getReport()
  const limits = (report as { userLimits?: { open_files?: { soft?: unknown } } }).userLimits
  const soft = Number(limits?.open_files?.soft ?? 2_000)
  return Number.isFinite(soft) ? soft : 100_000
}

async function socketTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  after(async () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Sends bytes, and resolves with all that comes back until the connection is closed. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = await socketTo(port)
  const parts: Buffer[] = []
  socket.on('error', () => {}).on('data', (part) => parts.push(part))
  socket.end(text)
  await once(socket, 'close')
  return Buffer.concat(parts).toString('latin1')
}

describe('startBroker', () => {
  it('says what is wrong with an option, and what to do', async () => {
    const { guard } = await rig()
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const wrong: readonly (readonly [Partial<BrokerOptions>, string | RegExp])[] = [
      [{ port }, `cannot listen on 127.0.0.1:${port}: another program listens there; end it, or choose another port.`],
      [{ host: '192.0.2.7', allowPlain: true }, /192\.0\.2\.7:0: this machine has no such address; 0\.0\.0\.0 and ::/],
      [{ trustedProxies: ['nginx'] }, 'trustedProxies[0]: expected an address or a network, such as 10.0.0.0/8'],
      [{ trustedProxies: ['loopback', '10.0.0.0/99'] }, 'trustedProxies[1]: expected an address'],
      [{ trustedProxies: ['0.0.0.0/0'] }, 'trustedProxies[0]: expected an address'],
      [{ names: ['broker.internal'] }, "names needs tls: 'private'"],
      [{ proxy: true }, "proxy needs tls: 'private', or your own certificate"],
      [{ clientCa: 'x' }, "clientCa needs tls: 'private', or your own certificate"],
    ]
    for (const [options, sentence] of wrong) {
      const started = startBroker({ guard, ...options })
      await expect(started).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      await expect(started).rejects.toThrow(sentence)
    }
    const trusted = ['10.0.0.1', '10.0.0.0/8', 'fd00::/8', 'loopback']
    await (await startBroker({ guard, trustedProxies: trusted })).close()
    other.close()
  })

  it('does not listen on an address that is not loopback without TLS', async () => {
    const { guard } = await rig()
    for (const host of ['0.0.0.0', '::', '203.0.113.7', '10.0.0.5', 'broker.example']) {
      await expect(startBroker({ guard, host })).rejects.toMatchObject({ code: 'BROKER_UNSAFE' })
    }
  })

  it('names an option that is not valid, and a guard that it cannot use', async () => {
    const { guard } = await rig()
    await expect(startBroker({ guard, port: 70_000 })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(startBroker({ guard, acceptWait: '10s' })).rejects.toThrow(/acceptWait.*0s to 3500ms/)
    const unknown: object = { guard, tsl: 'private' }
    await expect(startBroker(unknown as { guard: typeof guard })).rejects.toThrow(/tsl/)
    const notAGuard: object = {}
    await expect(startBroker({ guard: notAGuard as typeof guard })).rejects.toThrow(/createGuard\(\)/)
  })

  it('listens on loopback, is ready, and describes its own interface', async () => {
    const { guard, service } = await rig()
    const broker = await startBroker({ guard })
    after(() => broker.close())
    const get = async (path: string) => {
      const response = await fetch(broker.url + path)
      return { status: response.status, text: await response.text() }
    }
    expect(broker.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await get('/healthz')).toEqual({ status: 200, text: 'ok\n' })
    expect(await get('/readyz')).toEqual({ status: 200, text: 'ready\n' })
    const { text } = await get('/openapi.json')
    expect(Object.keys(JSON.parse(text).paths)).toContain('/v1/solve')
    expect(text).not.toContain(service.key)
    expect(await get('/nothing')).toMatchObject({ status: 404 })
    expect((await get('/metrics')).text).toMatch(/^solveguard_broker_tasks_total\{state="submitted"\} 0$/m)
  })
})

/** @returns the address of a listener */
async function logged(options: Omit<ListenerOptions, 'fastify'>): Promise<string> {
  const app = createListener({ ...options, fastify })
  after(() => app.close())
  return app.listen({ host: '127.0.0.1', port: 0 })
}

describe('the access log', () => {
  it('has a line for each request with what was asked and by which token, and nothing that a client sent', async () => {
    const made = await brokerRig()
    const lines: { [field: string]: unknown }[] = []
    const line = (fields: object, message: string) => void lines.push({ ...fields, message })
    const logger = { debug: line, info: line, warn: line }
    const url = await logged({ handler: made.handler, logger, trustedProxies: ['127.0.0.1'] })
    const key = 'k3y0fth3service'
    const requests: (readonly [string, RequestInit?])[] = [
      [`/in.php?${query()}`],
      [`/twocaptcha/in.php?${query()}`],
      // As the path, in parts of it, encoded, as parameters of a part, and as another address.
      [`/${TOKEN}/createTask`],
      [`/${key}`],
      [`/${TOKEN.slice(0, 12)}/${TOKEN.slice(12, 24)}/${TOKEN.slice(24)}`],
      [`/%61-token-of-a-client-that-is-good`],
      [`/in.php;key=${TOKEN}`],
      [`//${key}/in.php`],
      ['/v1/status', { headers: { authorization: `Bearer ${TOKEN}` } }],
      ['/v1/status', { headers: { authorization: `Basic ${btoa(`${TOKEN}:${key}`)}` } }],
      ['/createTask', { method: 'POST', body: JSON.stringify({ clientKey: TOKEN, task: { type: key } }) }],
      ['/res.php', { method: 'POST', body: new URLSearchParams({ key: TOKEN, action: key, id: key }) }],
      ['/res.php', { headers: { 'x-forwarded-for': key, 'user-agent': TOKEN, referer: `http://x/${TOKEN}` } }],
      ['/res.php', { headers: { 'x-forwarded-for': `${TOKEN}, 127.0.0.1`, host: `${key}.example.com` } }],
      ['/healthz', { headers: { 'x-request-id': TOKEN, traceparent: key, cookie: `key=${TOKEN}` } }],
      ['/metrics', { method: 'DELETE', headers: { 'x-forwarded-for': '192.0.2.7' } }],
    ]
    for (const [path, init] of requests) await (await fetch(url + path, init)).text()
    await expect.poll(() => lines.length).toBe(requests.length)
    const text = JSON.stringify(lines)
    for (const secret of [TOKEN, key, SITEKEY, made.service.key]) expect(leaks(secret, text)).toEqual([])
    expect(lines[0]).toMatchObject({
      event: 'request',
      method: 'GET',
      path: '/in.php',
      status: 200,
      endpoint: 'in',
      dialect: 'twocaptcha',
      tokenId: expect.stringMatching(/client$/),
    })
    expect(lines[1]).toMatchObject({ path: '/twocaptcha/in.php' })
    expect(lines.at(-1)).toMatchObject({ path: '/metrics', remote: '192.0.2.7' })
    expect(lines.find(({ remote }) => remote === '(other)')).toBeDefined()
  })

  it('is not what keeps a request from being answered', async () => {
    const { handler } = await brokerRig()
    const fail = () => {
      throw new Error('the disk is full')
    }
    const url = await logged({ handler, logger: { debug: fail, info: fail, warn: fail } })
    const warned = once(process, 'warning')
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n')
    expect(String((await warned)[0])).toContain('the disk is full')
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n')
  })
})

describe('a server of a broker', () => {
  it('answers a body that is too long in the form of its path, and reads no more of it', async () => {
    const { url, service } = await serverRig()
    const long = 'x'.repeat(3 * 1024 * 1024)
    const form = await fetch(`${url}/in.php`, { method: 'POST', body: `key=${TOKEN}&body=${long}` })
    expect({ status: form.status, text: await form.text() }).toEqual({
      status: 200,
      text: 'ERROR_TOO_BIG_CAPTCHA_FILESIZE',
    })
    const task = await fetch(`${url}/createTask`, { method: 'POST', body: JSON.stringify({ clientKey: TOKEN, long }) })
    expect(await task.json()).toMatchObject({ errorId: 4, errorCode: 'ERROR_TOO_BIG_CAPTCHA_FILESIZE' })
    expect(service.requests).toEqual([])
  })

  it('takes a body of nearly 2 MiB', async () => {
    const { url } = await serverRig()
    const body = `${query()}&soft_id=${'7'.repeat(2 * 1024 * 1024 - 1_000)}`
    const reply = await fetch(`${url}/in.php`, { method: 'POST', body })
    expect(await reply.text()).toMatch(/^OK\|\d+$/)
  })

  it('submits nothing for half a body, nor for requests that are none, and goes on', async () => {
    const { port, url, service } = await serverRig()
    const broken = [
      `POST /in.php HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n${query()}`,
      `POST /in.php HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n${query()}`,
      'GET /in.php?%E0%A4%A HTTP/1.1\r\nHost: x\r\n\r\n',
      'POST http:///in.php HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
      'CONNECT api.capsolver.com:443 HTTP/1.1\r\nHost: api.capsolver.com:443\r\n\r\n',
      'NONSENSE\r\n\r\n',
      '\0\0\0\0',
    ]
    for (const text of broken) {
      const socket = await socketTo(port)
      socket.on('error', () => {})
      socket.write(text)
      socket.end()
      socket.resume()
      await once(socket, 'close')
    }
    expect(service.tasks).toEqual([])
    expect(await (await fetch(`${url}/in.php?${query()}`)).text()).toMatch(/^OK/)
  })

  it('buys nothing for a method that no client uses, and repeats nothing of what was sent', async () => {
    const { port, service } = await serverRig()
    const at = `/in.php?${query()}`
    for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH', 'LOCK']) {
      const reply = await exchange(port, `${method} ${at} HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect([method, reply.split('\r\n')[0]]).toEqual([method, expect.stringMatching(/^HTTP\/1\.1 (?:200|405) /)])
      expect([method, leaks(TOKEN, reply), leaks(SITEKEY, reply)]).toEqual([method, [], []])
      if (!/^HTTP\/1\.1 405|^HEAD/.test(reply) && method !== 'HEAD') expect(reply).toContain('ERROR_BAD_PARAMETERS')
    }
    expect(service.requests).toEqual([])
  })

  it('answers what is no request for it without repeating it, and buys nothing', async () => {
    const { port, service } = await serverRig()
    const post = (head: string, body = '') => `POST /in.php HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${body}`
    const requests: Readonly<Record<string, readonly [text: string, reply: RegExp]>> = {
      'as to a proxy': [
        `GET http://api.2captcha.com/in.php?${query()} HTTP/1.1\r\nHost: api.2captcha.com\r\n\r\n`,
        /^HTTP\/1\.1 400 [\s\S]*HTTPS_PROXY/,
      ],
      'as to another one': [
        `GET http://example.com/?key=${TOKEN} HTTP/1.1\r\nHost: example.com\r\n\r\n`,
        /^HTTP\/1\.1 400 /,
      ],
      'of no path': [`OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n`, /^HTTP\/1\.1 400 /],
      'too many fields': [
        `GET /in.php?${query()}${'&a=1'.repeat(600)} HTTP/1.1\r\nHost: x\r\n\r\n`,
        /^HTTP\/1\.1 200 [\s\S]*ERROR_BAD_PARAMETERS$/,
      ],
      'two lengths': [post(`Content-Length: 5\r\nContent-Length: 6`, '12345'), /^HTTP\/1\.1 400 /],
      'a length and chunks': [post(`Content-Length: 5\r\nTransfer-Encoding: chunked`, '0\r\n\r\n'), /^HTTP\/1\.1 400 /],
      'two bodies where one was announced': [post(`Content-Length: 9`, `key=a&b=c${query()}`), /HTTP\/1\.1 400 /],
      'HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1\.1 400 /],
      'no host': [`GET /in.php?${query()} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 400 /],
    }
    for (const [name, [text, expected]] of Object.entries(requests)) {
      const reply = await exchange(port, text)
      expect([name, reply]).toEqual([name, expect.stringMatching(expected)])
      expect([name, leaks(TOKEN, reply)]).toEqual([name, []])
    }
    expect(service.tasks).toEqual([])
  })

  it('keeps the tasks of a client that hangs up after each submit, and counts their answers', async () => {
    const { port, service, tasks } = await serverRig({ policy: { budget: { perDay: usd(1) } } })
    for (let i = 0; i < 20; i++) {
      const socket = await socketTo(port)
      socket.write(`GET /in.php?${query()} HTTP/1.1\r\nHost: x\r\n\r\n`)
      await expect.poll(() => service.tasks.length).toBe(i + 1)
      socket.destroy()
    }
    await expect.poll(() => tasks.counts).toMatchObject({ submitted: 20, solved: 20, fetched: 0 })
    expect(tasks.unclaimed).toBe(20)
  })

  it('answers others while hundreds of connections idle and fifty send nothing but the beginning', async () => {
    const { port, url } = await serverRig()
    const sockets: Socket[] = []
    while (sockets.length < IDLE) {
      const batch = Math.min(500, IDLE - sockets.length)
      sockets.push(...(await Promise.all(Array.from({ length: batch }, () => socketTo(port)))))
    }
    for (const socket of sockets.slice(0, 50)) socket.write('POST /in.php HTTP/1.1\r\nHost: x\r\nContent-Le')
    expect(await (await fetch(`${url}/in.php?${query()}`)).text()).toMatch(/^OK/)
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([])
  })

  it('closes no connection on which a solve waits silently for its turn', async () => {
    let answer = (): void => {}
    const waiting = new Promise<void>((resolve) => {
      answer = resolve
    })
    const handler = () => waiting.then(() => textReply(200, 'ok'))
    const app = createListener({ fastify, handler })
    after(() => app.close())
    const silentFor: (number | undefined)[] = []
    app.server.on('request', ({ socket }) => setImmediate(() => silentFor.push(socket.timeout)))
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const replies = [fetch(`${url}/v1/solve`, { method: 'POST' }), fetch(`${url}/in.php`, { method: 'POST' })]
    await expect.poll(() => silentFor.length).toBe(2)
    expect(silentFor.sort()).toEqual([0, 120_000])
    answer()
    for (const reply of await Promise.all(replies)) expect(reply.status).toBe(200)
  })
})

describe('a connection through the proxy of a broker', () => {
  it('loses nothing that its client sends together with CONNECT', async () => {
    const { guard } = await rig()
    const folder = mkdtempSync(join(tmpdir(), 'broker-'))
    const lines: object[] = []
    const line = (fields: object) => void lines.push(fields)
    const logger = { debug: line, info: line, warn: line }
    const broker = await startBroker({ guard, tls: 'private', stateDir: folder, proxy: true, logger })
    after(async () => {
      await broker.close()
      rmSync(folder, { recursive: true })
    })
    const { token } = await guard.issueToken({})
    const socket = await socketTo(Number(new URL(broker.url).port))
    let isFirst = true
    let established = Buffer.alloc(0)
    const authorization = Buffer.from(`t:${token}`).toString('base64')
    const head = `CONNECT 2captcha.com:443 HTTP/1.1\r\nProxy-Authorization: Basic ${authorization}\r\n\r\n`
    // The handshake's first bytes are in one packet with CONNECT.
    const tunnel = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        socket.write(isFirst ? Buffer.concat([Buffer.from(head), chunk]) : chunk, () => done())
        isFirst = false
      },
    })
    socket.on('data', (chunk) => {
      if (tunnel.readableEnded) return
      if (established.includes('\r\n\r\n')) return void tunnel.push(chunk)
      established = Buffer.concat([established, chunk])
      const end = established.indexOf('\r\n\r\n')
      if (end >= 0 && end + 4 < established.length) tunnel.push(established.subarray(end + 4))
    })
    const ca = readFileSync(broker.caFile ?? '')
    const secure = connectTls({ socket: tunnel, servername: '2captcha.com', ca })
    await once(secure, 'secureConnect')
    secure.write('GET /res.php?action=getbalance&key=any HTTP/1.1\r\nHost: 2captcha.com\r\nConnection: close\r\n\r\n')
    let reply = ''
    for await (const chunk of secure) reply += chunk
    expect(reply).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n1$/)
    // The token was the proxy's password, the key in the query another one.
    await expect.poll(() => lines).toHaveLength(2)
    const text = JSON.stringify(lines)
    expect([...leaks(token.slice(-43), text), ...leaks(authorization.slice(-43), text)]).toEqual([])
    expect(lines).toMatchObject([
      { event: 'connect', host: '2captcha.com', status: 200 },
      { path: '/res.php', endpoint: 'balance', dialect: 'twocaptcha' },
    ])
  })
})

describe("the broker's own interface", () => {
  const challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: SITEKEY, pageUrl: PAGE }
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }

  it('solves with server-sent events: accepted, then solved', async () => {
    const { url, service, tasks } = await serverRig()
    const reply = await fetch(`${url}/v1/solve`, { method: 'POST', headers, body: JSON.stringify({ challenge }) })
    expect(reply.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const events = (await reply.text()).trim().split('\n\n')
    expect(events.map((event) => event.split('\n')[0])).toEqual(['event: accepted', 'event: solved'])
    const solution = JSON.parse(events[1]?.split('\ndata: ')[1] ?? '')
    expect(solution).toMatchObject({ token: service.tasks[0]?.answer, cost: 1_000, imputed: false })
    const body = JSON.stringify({ id: solution.id, good: true })
    const report = await fetch(`${url}/v1/report`, { method: 'POST', headers, body })
    expect(await report.json()).toEqual({ outcome: 'reported' })
    expect(tasks.counts).toMatchObject({ submitted: 1, fetched: 1 })
  })

  it('answers a denial and a failure with the code', async () => {
    const { url, service } = await serverRig()
    const post = (body: string, token = TOKEN) =>
      fetch(`${url}/v1/solve`, { method: 'POST', headers: { ...headers, authorization: `Bearer ${token}` }, body })
    const named = await post(JSON.stringify({ challenge: { ...challenge, pageUrl: 'https://elsewhere.example/' } }))
    expect(named.status).toBe(403)
    expect(await named.json()).toMatchObject({ code: 'ORIGIN_NOT_NAMED', layer: 'origin' })
    expect((await post('{')).status).toBe(400)
    expect((await post('{"challenge":{"family":"recaptcha"}}')).status).toBe(400)
    expect((await post(JSON.stringify({ challenge }), 'unknown-token')).status).toBe(401)
    service.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    const failed = await (await post(JSON.stringify({ challenge }))).text()
    expect(failed).toMatch(/event: failed\ndata: \{"code":"CAPTCHA_UNSOLVABLE"/)
  })

  it('shows the state of the budget, and nothing of the key', async () => {
    const { url, service } = await serverRig()
    const reply = await (await fetch(`${url}/v1/status`, { headers })).text()
    expect(JSON.parse(reply)).toMatchObject({ name: 'tests/client', day: { left: 1_000_000 } })
    expect(Object.keys(JSON.parse(reply))).not.toContain('key')
    expect(reply).not.toContain(service.key)
  })
})

import dns from 'node:dns'
import { createServer as createHttpServer, get } from 'node:http'
import { createServer as createHttpsServer, get as secureGet } from 'node:https'
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createTransport, type TransportOptions } from '../../src/egress/index.js'
import { routeAgent } from '../../src/net/agent.js'
import { codeOf } from '../../src/net/connection.js'
import { parseProxy } from '../../src/net/proxy.js'
import { openRoute } from '../../src/net/route.js'
import { Secret } from '../../src/secrets/secret.js'
import { failureOf } from '../egress/failure.js'
import { makeCertificate } from '../support/certificate.js'
import { freePort, listen } from '../support/loopback.js'

const PASSWORD = 'hunter2-the-password'
const CALL = { path: '/in.php', encoding: 'form', keyField: 'key', fields: {} } as const
const certificate = makeCertificate('localhost', '127.0.0.1')

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** Starts a server, and ends it with its connections after the test. */
async function started(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  const port = await listen(server)
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return port
}

/** A service, and the addresses that its connections came from. */
async function service(secure = false) {
  const from: (string | undefined)[] = []
  const answer: Parameters<typeof createHttpServer>[1] = (request, response) => {
    from.push(request.socket.remoteAddress)
    request.resume()
    response.end('OK|1')
  }
  const port = await started(secure ? createHttpsServer(certificate, answer) : createHttpServer(answer))
  return { from, port, url: `http${secure ? 's' : ''}://127.0.0.1:${port}` }
}

/** A proxy in bytes: each part that a client sends is answered by the next reply, and then both sides are connected. */
async function proxy(replies: readonly (Buffer | string)[], target?: number, tls = false) {
  const received: Buffer[] = []
  const from: (string | undefined)[] = []
  const onSocket = (socket: Socket): void => {
    from.push(socket.remoteAddress)
    const rest = [...replies]
    socket.on('error', () => {})
    const next = (data: Buffer): void => {
      received.push(data)
      const reply = rest.shift()
      if (reply === undefined) return void socket.end()
      socket.write(reply)
      if (rest.length > 0 || target === undefined) return
      socket.off('data', next)
      const onward = connect(target, '127.0.0.1').on('error', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
      socket.on('close', () => onward.destroy())
    }
    socket.on('data', next)
  }
  const port = await started(tls ? createTlsServer(certificate, onSocket) : createTcpServer(onSocket))
  return { port, received, from, text: () => Buffer.concat(received).toString('latin1') }
}

const tunnel = 'HTTP/1.1 200 OK\r\n\r\n'
const refused = (status: number, ...headers: readonly string[]) =>
  `HTTP/1.1 ${status} No\r\n${headers.map((header) => `${header}\r\n`).join('')}content-length: 0\r\n\r\n`

function send(options: TransportOptions) {
  const transport = createTransport(options)
  cleanUps.push(() => transport.close())
  return transport.send(CALL, new Secret(PASSWORD))
}
const failure = (options: TransportOptions) => failureOf(send(options), [PASSWORD])

describe('a connection', () => {
  test('leaves from the local address that is set: direct, and to a proxy of either kind', async () => {
    const { url, port, from } = await service()
    await send({ baseUrl: url, localAddress: '127.0.0.5' })
    expect(from).toEqual(['127.0.0.5'])
    const http = await proxy([tunnel], port)
    const socks = await proxy([Buffer.from([5, 0]), Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0])], port)
    for (const [address, seen] of [
      [`http://127.0.0.1:${http.port}`, http.from],
      [`socks5://127.0.0.1:${socks.port}`, socks.from],
    ] as const) {
      expect((await send({ baseUrl: url, proxy: address, localAddress: '127.0.0.5' })).body).toBe('OK|1')
      await send({ baseUrl: url, proxy: address })
      expect(seen).toEqual(['127.0.0.5', '127.0.0.1'])
    }
  })

  test('takes the next address of a name where the first does not answer: also one of the other family', async () => {
    const { port, from } = await service()
    const addresses = [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ]
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation((...args: unknown[]) => {
      const found = args.at(-1) as (error: null, addresses: unknown, family?: number) => void
      const all = (args[1] as { all?: boolean }).all === true
      if (all) found(null, addresses)
      else found(null, addresses[0]?.address, addresses[0]?.family)
    })
    cleanUps.push(() => lookup.mockRestore())
    expect((await send({ baseUrl: `http://localhost:${port}` })).body).toBe('OK|1')
    expect(from).toEqual(['127.0.0.1'])
  })

  test('to a service that is not there, or whose certificate is not trusted, says so', async () => {
    const closed = await freePort()
    const origin = `https://127.0.0.1:${closed}`
    expect(await failure({ baseUrl: origin })).toMatchObject({
      reason: 'unreachable',
      delivered: 'no',
      message: `No connection to ${origin} (ECONNREFUSED).`,
    })
    const { url, port, from } = await service(true)
    const problem = 'its certificate was not accepted (DEPTH_ZERO_SELF_SIGNED_CERT); for a private CA, set `ca`.'
    expect((await failure({ baseUrl: url })).message).toBe(`No connection to ${url}, ${problem}`)
    const through = `http://127.0.0.1:${(await proxy([tunnel], port)).port}`
    expect((await failure({ baseUrl: url, proxy: through })).message).toBe(
      `No connection to ${url} through ${through}, ${problem}`,
    )
    expect(from).toEqual([])
    for (const ca of [certificate.cert, [makeCertificate('a.example').cert, certificate.cert]]) {
      expect((await send({ baseUrl: url, ca })).body).toBe('OK|1')
      expect((await send({ baseUrl: url, proxy: through, ca })).body).toBe('OK|1')
    }
  })
})

describe('an HTTP proxy', () => {
  test('receives the host and port of the service, and the login where it has one', async () => {
    const { url, port } = await service()
    const { port: proxyPort, text, received } = await proxy([tunnel], port)
    await send({ baseUrl: url, proxy: `http://127.0.0.1:${proxyPort}` })
    expect(text().split('\r\n')[0]).toBe(`CONNECT 127.0.0.1:${port} HTTP/1.1`)
    expect(text()).toMatch(new RegExp(`^host: 127\\.0\\.0\\.1:${port}\\r$`, 'im'))
    expect(text()).not.toMatch(/authorization/i)
    received.splice(0)
    await send({ baseUrl: url, proxy: `http://alice:word@127.0.0.1:${proxyPort}` })
    expect(text()).toMatch(new RegExp(`^proxy-authorization: Basic ${btoa('alice:word')}\\r$`, 'im'))
    expect(text()).not.toContain(PASSWORD)
  })

  test.each([200, 204, 299])('opens a tunnel by the status %d', async (status) => {
    const { url, port } = await service()
    const opening = await proxy([`HTTP/1.1 ${status} OK\r\n\r\n`], port)
    expect((await send({ baseUrl: url, proxy: `http://127.0.0.1:${opening.port}` })).body).toBe('OK|1')
  })

  const LOGIN = 'refused a connection to solver.example:443 (STATUS): check the user name and password in its address.'
  const RULES = 'refused a connection to solver.example:443 (STATUS): it has to allow CONNECT to that host and port.'
  const NO_PROXY = 'refused a connection to solver.example:443 (STATUS): is it a proxy that opens tunnels (CONNECT)?'
  const BEHIND = "could not connect to solver.example:443 (STATUS): look at the proxy's log."

  test.each([
    ...[401, 407].map((status) => [status, LOGIN] as const),
    ...[300, 403, 429, 499].map((status) => [status, RULES] as const),
    ...[400, 404, 405, 501].map((status) => [status, NO_PROXY] as const),
    ...[500, 502, 503, 504, 599].map((status) => [status, BEHIND] as const),
  ])('that answers %d is reported with the remedy', async (status, remedy) => {
    const { port, received } = await proxy([refused(status)])
    const address = `http://127.0.0.1:${port}`
    expect(await failure({ baseUrl: 'https://solver.example', proxy: address })).toMatchObject({
      reason: 'proxy',
      delivered: 'no',
      message: `The proxy ${address} ${remedy.replace('STATUS', String(status))}`,
    })
    expect(received).toHaveLength(1)
  })

  const only = (kinds: string) =>
    `refused a connection to solver.example:443 (407): it wants a login by ${kinds}, and only Basic is supported. Have ` +
    'it allow Basic, or use another proxy that logs in to it.'

  test.each([
    [['Negotiate'], only('Negotiate')],
    [['NTLM'], only('NTLM')],
    [['ntlm'], only('NTLM')],
    [['xntlm,ntlm2'], only('Xntlm or Ntlm2')],
    [['NEGOTIATE', 'NTLM', 'Negotiate'], only('Negotiate or NTLM')],
    [['Digest realm="a, Basic , b", qop="auth", nonce="x", stale=false ,Negotiate'], only('Digest or Negotiate')],
    [['Digest realm=""'], only('Digest')],
    [['SCRAM-SHA-256 data=x'], only('Scram-sha-256')],
    [['Negotiate, basic realm="x"'], LOGIN],
    [['Negotiate', 'Basic realm="x"'], LOGIN],
    [[`Negotiate ${'x'.repeat(2_000)}, Basic`], only('Negotiate')],
    [['=, "'], LOGIN],
    [[''], LOGIN],
  ])('that answers 407 with the kinds of login %j is reported with the remedy', async (challenges, remedy) => {
    const headers = challenges.map((challenge) => `proxy-authenticate: ${challenge}`)
    const { port } = await proxy([refused(407, ...headers)])
    const address = `http://127.0.0.1:${port}`
    expect(await failure({ baseUrl: 'https://solver.example', proxy: address })).toMatchObject({
      reason: 'proxy',
      message: `The proxy ${address} ${remedy.replace('STATUS', '407')}`,
    })
  })

  test('that is not there, or that is not trusted, receives nothing', async () => {
    const closed = `http://127.0.0.1:${await freePort()}`
    expect(await failure({ baseUrl: 'https://solver.example', proxy: closed })).toMatchObject({
      reason: 'proxy',
      delivered: 'no',
      message: `No connection to the proxy ${closed} (ECONNREFUSED); nothing was sent.`,
    })
    const { port, text } = await proxy([tunnel], undefined, true)
    const secure = `https://127.0.0.1:${port}`
    const login = secure.replace('//', `//me:${PASSWORD}@`)
    expect((await failure({ baseUrl: 'https://solver.example', proxy: login })).message).toBe(
      `No connection to the proxy ${secure}, its certificate was not accepted (DEPTH_ZERO_SELF_SIGNED_CERT); nothing was sent.`,
    )
    expect(text()).toBe('')
  })

  test('that speaks TLS forwards to the service, whose own certificate is checked by its own name', async () => {
    const { port } = await service(true)
    const opening = await proxy([tunnel], port, true)
    const reply = await send({
      baseUrl: `https://localhost:${port}`,
      proxy: `https://127.0.0.1:${opening.port}`,
      ca: certificate.cert,
    })
    expect(reply.body).toBe('OK|1')
  })
})

describe('a SOCKS5 proxy', () => {
  const no = Buffer.from([5, 0])
  const login = Buffer.from([5, 2])
  const reply = (code: number) => Buffer.from([5, code, 0, 1, 127, 0, 0, 1, 0, 0])

  test.each([
    ['http://localhost:8080', [3, 9, ...Buffer.from('localhost'), 0x1f, 0x90]],
    ['http://127.0.0.1:8080', [1, 127, 0, 0, 1, 0x1f, 0x90]],
    ['http://127.0.0.1', [1, 127, 0, 0, 1, 0, 80]],
    ['https://solver.example', [3, 14, ...Buffer.from('solver.example'), 1, 187]],
    ['http://[::1]:8080', [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1f, 0x90]],
  ])('receives the address of %s', async (baseUrl, bytes) => {
    const { port, received } = await proxy([no, reply(1)])
    await failure({ baseUrl, proxy: `socks5://127.0.0.1:${port}` })
    expect([...(received[1] ?? [])]).toEqual([5, 1, 0, ...bytes])
  })

  test('receives the login where it requires one', async () => {
    const { url, port } = await service()
    const asking = await proxy([login, Buffer.from([1, 0]), reply(0)], port)
    const address = `socks5://alice:${PASSWORD}@127.0.0.1:${asking.port}`
    expect((await send({ baseUrl: url, proxy: address })).body).toBe('OK|1')
    expect([...(asking.received[0] ?? [])]).toContain(2)
    expect(asking.received[1]?.toString('latin1')).toBe(
      `\u0001\u0005alice${String.fromCharCode(PASSWORD.length)}${PASSWORD}`,
    )
    const open = await proxy([no, reply(0)], port)
    await send({ baseUrl: url, proxy: `socks5://127.0.0.1:${open.port}` })
    expect(open.text()).not.toContain(PASSWORD)
  })

  test.each([
    [1, 'could not connect to solver.example:443 (Failure).'],
    [2, 'refused a connection to solver.example:443: its rules have to allow that host and port.'],
    [3, 'could not connect to solver.example:443 (NetworkUnreachable).'],
    [4, 'could not connect to solver.example:443 (HostUnreachable).'],
    [5, 'could not connect to solver.example:443 (ConnectionRefused).'],
    [6, 'could not connect to solver.example:443 (TTLExpired).'],
  ])('that answers %d has its answer in words', async (code, words) => {
    const address = `socks5://127.0.0.1:${(await proxy([no, reply(code)])).port}`
    expect(await failure({ baseUrl: 'https://solver.example', proxy: address })).toMatchObject({
      reason: 'proxy',
      delivered: 'no',
      message: `The proxy ${address} ${words}`,
    })
  })

  test('that refuses the login, or that is not there, says so', async () => {
    const { port } = await proxy([login, Buffer.from([1, 1])])
    const error = await failure({
      baseUrl: 'https://solver.example',
      proxy: `socks5://me:${PASSWORD}@127.0.0.1:${port}`,
    })
    expect(error.message).toBe(
      `The proxy socks5://127.0.0.1:${port} refused the login: check the user name and password in its address.`,
    )
    const closed = `socks5://127.0.0.1:${await freePort()}`
    expect(await failure({ baseUrl: 'https://solver.example', proxy: closed })).toMatchObject({
      reason: 'proxy',
      delivered: 'no',
      message: `No connection to the proxy ${closed} (ECONNREFUSED); nothing was sent.`,
    })
  })
})

test.each(['http', 'socks5'])(
  'closing a transport ends a connection to a %s proxy that never answers',
  async (kind) => {
    const closed: string[] = []
    const server = createTcpServer((socket) => socket.on('data', () => {}).on('close', () => closed.push('closed')))
    const transport = createTransport({
      baseUrl: 'https://solver.example',
      proxy: `${kind}://127.0.0.1:${await started(server)}`,
    })
    const opened = new Promise((resolve) => server.once('connection', resolve))
    const sent = failureOf(transport.send(CALL, new Secret(PASSWORD)), [PASSWORD])
    await opened
    await transport.close()
    expect((await sent).delivered).toBe('no')
    await vi.waitFor(() => expect(closed).toEqual(['closed']), { timeout: 60_000 })
  },
)

test.each(['directly', 'http', 'socks5'])(
  'a connection that is being opened ends at once when its route is aborted: %s',
  async (kind) => {
    const closed: string[] = []
    const server = createTcpServer((socket) => socket.on('data', () => {}).on('close', () => closed.push('closed')))
    const port = await started(server)
    const authority = kind === 'directly' ? `127.0.0.1:${port}` : 'solver.example:443'
    const route = openRoute({
      origin: `https://${authority}`,
      authority,
      proxy: kind === 'directly' ? undefined : parseProxy(`${kind}://127.0.0.1:${port}`),
      localAddress: undefined,
      ca: undefined,
    })
    const connected = new Promise((resolve) => server.once('connection', resolve))
    const [hostname = '', at = ''] = authority.split(':')
    let reason: unknown
    route.connect({ hostname, host: authority, protocol: 'https:', port: at }, (...[error]) => {
      reason = (error as { reason?: unknown } | null)?.reason
    })
    await connected
    route.abort()
    await vi.waitFor(() => expect(closed).toEqual(['closed']), { timeout: 60_000 })
    // Left alone, it would have ended by its own limit.
    expect(reason).not.toBe('timeout')
  },
)

describe('an agent', () => {
  const read = (url: string, agent: ReturnType<typeof routeAgent>, ask: typeof get = get): Promise<string> =>
    new Promise((resolve, reject) => {
      ask(url, { agent }, async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve(text)
      }).on('error', reject)
    })

  test('keeps no connection, and says which service it did not reach', async () => {
    const agent = routeAgent('http:', { ca: undefined, proxy: undefined })
    expect(agent).toMatchObject({ keepAlive: false })
    const port = await freePort()
    await expect(read(`http://127.0.0.1:${port}/`, agent)).rejects.toThrow(
      `No connection to http://127.0.0.1:${port} (ECONNREFUSED).`,
    )
  })

  test('opens the connections of a library by the same route', async () => {
    const [plain, secure] = [await service(), await service(true)]
    expect(await read(plain.url, routeAgent('http:', { ca: undefined, proxy: undefined }))).toBe('OK|1')
    const trusting = routeAgent('https:', { ca: certificate.cert, proxy: undefined })
    expect(await read(secure.url, trusting, secureGet)).toBe('OK|1')
    await expect(
      read(secure.url, routeAgent('https:', { ca: undefined, proxy: undefined }), secureGet),
    ).rejects.toThrow(/its certificate was not accepted/)
    const opening = await proxy([tunnel], plain.port)
    const through = parseProxy(`http://127.0.0.1:${opening.port}`)
    expect(await read(plain.url, routeAgent('http:', { ca: undefined, proxy: through }))).toBe('OK|1')
    expect(opening.text()).toMatch(new RegExp(`^CONNECT 127\\.0\\.0\\.1:${plain.port} `))
  })

  test.each([
    ['http://service.example/', 'service.example:80'],
    ['https://service.example/', 'service.example:443'],
    ['https://service.example:8443/', 'service.example:8443'],
    ['http://[::1]/', '[::1]:80'],
  ])('gives a proxy the host and port of %s', async (url, authority) => {
    const { port, text } = await proxy([refused(403)])
    const protocol = url.startsWith('https') ? 'https:' : 'http:'
    const agent = routeAgent(protocol, { ca: undefined, proxy: parseProxy(`http://127.0.0.1:${port}`) })
    const ask = protocol === 'https:' ? secureGet : get
    await expect(read(url, agent, ask)).rejects.toThrow(`refused a connection to ${authority} (403)`)
    expect(text().split(' ')[1]).toBe(authority)
  })
})

test('an error is named by its code, else by its name, and never by its message', () => {
  const error = (more: object) => Object.assign(new Error(PASSWORD), more)
  expect(codeOf(error({ code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED')
  expect(codeOf(error({}))).toBe('Error')
  expect(codeOf(error({ code: 7, name: 'TypeError' }))).toBe('TypeError')
  for (const code of [PASSWORD, '', 'a b', 'a\n', 'x'.repeat(51)]) expect(codeOf(error({ code }))).toBe('Error')
  expect(codeOf(error({ code: 'x'.repeat(50) }))).toBe('x'.repeat(50))
  expect(codeOf(error({ name: 'a b' }))).toBe('unknown error')
})

import dns from 'node:dns'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../src/base/wire.js'
import { createTransport, type Transport, type TransportOptions } from '../../src/egress/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { type RunningProxy, startSquid, startTinyproxy } from '../support/proxies.js'
import { startTap } from '../support/tap.js'
import { failureOf } from './failure.js'

const KEY = '0123456789abcdef-the-key'
const PASSWORD = 'hunter2-the-password'
const LOGIN = { user: 'alice', password: PASSWORD }
const secret = new Secret(KEY)
const call: Call = {
  path: '/in.php',
  encoding: 'form',
  keyField: 'key',
  fields: { pageurl: 'https://private.example/p' },
}

/** The service, at a name that only the proxy can resolve, and how many requests it received. */
const certificate = makeCertificate('solver.test', '127.0.0.1')
let service: Server
let port: number
let asked = 0
let hang: ((socket: Socket) => void) | undefined

let squid: RunningProxy
let strictSquid: RunningProxy
let tinyproxy: RunningProxy

beforeAll(async () => {
  service = createHttpsServer(certificate, (request, response) => {
    asked++
    request.resume()
    if (hang) hang(request.socket)
    else response.end('OK|1')
  })
  port = await listen(service)
  const names = { 'solver.test': '127.0.0.1' }
  ;[squid, strictSquid, tinyproxy] = await Promise.all([
    startSquid(names),
    startSquid(names, LOGIN),
    startTinyproxy(LOGIN),
  ])
})
afterAll(async () => {
  await Promise.all([squid?.stop(), strictSquid?.stop(), tinyproxy?.stop()])
  await new Promise((resolve) => service.close(resolve).closeAllConnections())
})

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  hang = undefined
  asked = 0
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function through(proxy: string, more: Partial<TransportOptions> = {}): Transport {
  const transport = createTransport({ baseUrl: `https://solver.test:${port}`, proxy, ca: certificate.cert, ...more })
  cleanups.push(() => transport.close())
  return transport
}

const withLogin = (proxyPort: number, password: string) => `http://alice:${password}@127.0.0.1:${proxyPort}`

const failure = (sent: Promise<unknown>) => failureOf(sent, [KEY, PASSWORD, 'private.example', 'alice'])

/** Records the names that this process resolves from now on. */
function watchLookups(): string[] {
  const names: string[] = []
  const real = dns.lookup
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...rest: unknown[]) => {
    names.push(name)
    return (real as (...words: unknown[]) => unknown)(name, ...rest)
  }) as typeof dns.lookup)
  cleanups.push(() => spy.mockRestore())
  return names
}

describe('a transport with an HTTP proxy', () => {
  test('reaches a service whose name only the proxy can resolve', async () => {
    const names = watchLookups()
    const tap = await startTap(squid.port)
    cleanups.push(() => tap.close())
    const transport = through(`http://127.0.0.1:${tap.port}`)
    expect(transport.route).toBe(`http://127.0.0.1:${tap.port}`)
    expect((await transport.send(call, secret)).body).toBe('OK|1')
    expect(names).not.toContain('solver.test')
    expect(tap.sent()).toMatch(new RegExp(`^CONNECT solver\\.test:${port} `))
  })

  test('shares a few tunnels among many calls', async () => {
    const tap = await startTap(squid.port)
    cleanups.push(() => tap.close())
    const transport = through(`http://127.0.0.1:${tap.port}`)
    for (let i = 0; i < 20; i++) await transport.send(call, secret)
    expect(tap.connections).toBeLessThanOrEqual(2)
  })

  test.each([
    ['tinyproxy', () => tinyproxy],
    ['squid', () => strictSquid],
  ])('logs in to a proxy that requires a password (%s), which is in no route and no log', async (_, of) => {
    const transport = through(withLogin(of().port, PASSWORD), { baseUrl: `https://127.0.0.1:${port}` })
    expect(transport.route).toBe(of().url)
    expect((await transport.send(call, secret)).body).toBe('OK|1')
    expect(await of().log()).not.toContain(PASSWORD)
  })

  test('shows the proxy the name of the service, but neither the key nor the fields', async () => {
    const tap = await startTap(tinyproxy.port)
    cleanups.push(() => tap.close())
    const proxy = withLogin(tap.port, PASSWORD)
    await through(proxy, { baseUrl: `https://127.0.0.1:${port}` }).send(call, secret)
    const [head = ''] = tap.sent().split('\r\n\r\n')
    expect(head.split('\r\n')[0]).toBe(`CONNECT 127.0.0.1:${port} HTTP/1.1`)
    for (const word of [KEY, 'private.example', 'in.php']) expect(tap.sent()).not.toContain(word)
    expect(await tinyproxy.log()).not.toContain(KEY)
  })

  test('reaches a loopback service without TLS through a tunnel too', async () => {
    const plain = createHttpServer((request, response) => {
      request.resume()
      response.end('OK|plain')
    })
    const plainPort = await listen(plain)
    cleanups.push(() => new Promise((resolve) => plain.close(resolve).closeAllConnections()))
    const tap = await startTap(tinyproxy.port)
    cleanups.push(() => tap.close())
    const proxy = withLogin(tap.port, PASSWORD)
    const reply = await through(proxy, { baseUrl: `http://127.0.0.1:${plainPort}` }).send(call, secret)
    expect(reply.body).toBe('OK|plain')
    expect(tap.sent()).toMatch(new RegExp(`^CONNECT 127\\.0\\.0\\.1:${plainPort} `))
  })

  test('does not send the password in clear text to a proxy that speaks TLS', async () => {
    const proxyCertificate = makeCertificate('127.0.0.1')
    const proxy = createHttpsServer(proxyCertificate)
    const logins: unknown[] = []
    proxy.on('connect', (request, socket) => {
      logins.push(request.headers['proxy-authorization'])
      const target = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(target).pipe(socket)
      })
      for (const one of [socket, target]) one.on('error', () => {})
      socket.on('close', () => target.destroy())
    })
    const proxyPort = await listen(proxy)
    cleanups.push(() => new Promise((resolve) => proxy.close(resolve).closeAllConnections()))
    const tap = await startTap(proxyPort)
    cleanups.push(() => tap.close())
    const transport = through(`https://alice:${PASSWORD}@127.0.0.1:${tap.port}`, {
      ca: [certificate.cert, proxyCertificate.cert],
    })
    expect((await transport.send(call, secret)).body).toBe('OK|1')
    expect(logins).toEqual([`Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}`])
    expect(tap.sent()).not.toContain('CONNECT')
    // A proxy whose certificate is not trusted receives nothing.
    const error = await failure(through(`https://alice:${PASSWORD}@127.0.0.1:${tap.port}`).send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
  })

  test("requires the service's certificate to be valid", async () => {
    const error = await failure(through(squid.url, { ca: makeCertificate('solver.test').cert }).send(call, secret))
    expect(error).toMatchObject({
      reason: 'unreachable',
      delivered: 'no',
      message: expect.stringContaining('certificate'),
    })
    expect(asked).toBe(0)
  })
})

describe('a proxy that fails', () => {
  test.each([
    ['wrong', 'tinyproxy', () => withLogin(tinyproxy.port, 'hunter3'), 401],
    ['missing', 'tinyproxy', () => tinyproxy.url, 407],
    ['wrong', 'squid', () => withLogin(strictSquid.port, 'hunter3'), 407],
    ['missing', 'squid', () => strictSquid.url, 407],
  ])(
    'because the password is %s (%s) sends nothing, and the message names what to check',
    async (_, __, proxy, status) => {
      const error = await failure(through(proxy()).send(call, secret))
      expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
      expect(error.message).toBe(
        `The proxy ${new URL(proxy()).origin} refused a connection to solver.test:${port} (${status}): check the user name and password in its address.`,
      )
      expect(asked).toBe(0)
    },
  )

  test.each([
    ['NTLM', 'NTLM'],
    ['Negotiate or NTLM', 'Negotiate\r\nProxy-Authenticate: NTLM'],
    ['Negotiate or NTLM', 'negotiate, ntlm'],
    ['Digest', 'Digest realm="Basic, of a, company", qop="auth,auth-int", nonce="abc, Basic x"'],
  ])('because it wants a login by %s is reported as that', async (kinds, challenge) => {
    const reply = `HTTP/1.1 407 No\r\nproxy-authenticate: ${challenge}\r\ncontent-length: 0\r\n\r\n`
    const fake = await fakeProxy((socket) => void socket.end(reply))
    for (const login of ['', `alice:${PASSWORD}@`]) {
      const error = await failure(through(`http://${login}127.0.0.1:${fake.port}`).send(call, secret))
      expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
      expect(error.message).toContain(`it wants a login by ${kinds}, and only Basic is supported`)
    }
  })

  test('because it takes Basic besides others is a matter of the password', async () => {
    const reply = 'HTTP/1.1 407 No\r\nproxy-authenticate: Negotiate, BASIC realm="x"\r\ncontent-length: 0\r\n\r\n'
    const fake = await fakeProxy((socket) => void socket.end(reply))
    const error = await failure(through(withLogin(fake.port, PASSWORD)).send(call, secret))
    expect(error.message).toContain('check the user name and password in its address')
  })

  test.each([500, 502, 503, 504])('because it cannot connect (%i) is reported as that', async (status) => {
    const fake = await fakeProxy((socket) => void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`))
    const error = await failure(through(`http://127.0.0.1:${fake.port}`).send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(error.message).toContain(`could not connect to solver.test:${port} (${status})`)
  })

  test('because nothing listens at the service is reported as that by squid and by tinyproxy', async () => {
    const gone = await startTap(1)
    await gone.close()
    for (const proxy of [squid.url, withLogin(tinyproxy.port, PASSWORD)]) {
      const error = await failure(through(proxy, { baseUrl: `https://127.0.0.1:${gone.port}` }).send(call, secret))
      expect(error.message).toMatch(new RegExp(`could not connect to 127.0.0.1:${gone.port} \\(50\\d\\)`))
    }
  })

  test.each([400, 404, 405, 501])('because it is no proxy (%i) is reported as that', async (status) => {
    const fake = await fakeProxy((socket) => void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`))
    const error = await failure(through(`http://127.0.0.1:${fake.port}`).send(call, secret))
    expect(error.message).toContain('is it a proxy that opens tunnels (CONNECT)?')
  })

  test('because it is down is not bypassed, and the name of the service is not resolved', async () => {
    const gone = await startTap(1)
    await gone.close()
    const names = watchLookups()
    let connections = 0
    const count = () => connections++
    service.on('connection', count)
    cleanups.push(() => service.off('connection', count))
    for (const baseUrl of [`https://127.0.0.1:${port}`, `https://solver.test:${port}`, `https://localhost:${port}`]) {
      const error = await failure(through(`http://127.0.0.1:${gone.port}`, { baseUrl }).send(call, secret))
      expect(error).toMatchObject({
        reason: 'proxy',
        delivered: 'no',
        message: expect.stringContaining('ECONNREFUSED'),
      })
    }
    expect(connections).toBe(0)
    expect(names.filter((name) => name !== '127.0.0.1')).toEqual([])
  })

  test('because it cannot find the service is reported as that', async () => {
    const error = await failure(through(squid.url, { baseUrl: `https://elsewhere.test:${port}` }).send(call, secret))
    expect(error).toMatchObject({
      reason: 'proxy',
      delivered: 'no',
      message: expect.stringContaining('elsewhere.test'),
    })
  })

  test('during a call leaves it unknown whether the service received the call', async () => {
    const proxy = await startTinyproxy()
    cleanups.push(() => proxy.stop())
    hang = () => void proxy.kill()
    const error = await failure(through(proxy.url, { baseUrl: `https://127.0.0.1:${port}` }).send(call, secret))
    expect(error).toMatchObject({ reason: 'cut-off', delivered: 'unknown' })
    hang = undefined
    const next = await failure(through(proxy.url, { baseUrl: `https://127.0.0.1:${port}` }).send(call, secret))
    expect(next).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(asked).toBe(1)
  })

  test.each([
    ['closes the connection', (socket: Socket) => void socket.end()],
    ['cuts the connection', (socket: Socket) => void socket.resetAndDestroy()],
    ['answers something else than HTTP', (socket: Socket) => void socket.end('SSH-2.0-x\r\n')],
    ['answers half a reply', (socket: Socket) => void socket.end('HTTP/1.1 200 Conn')],
    ['answers with a web page', (socket: Socket) => void socket.end('HTTP/1.1 403 No\r\ncontent-length: 1\r\n\r\nx')],
    ['answers 407', (socket: Socket) => void socket.end('HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n')],
    ['opens a tunnel to nowhere', (socket: Socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n')],
    ['opens a tunnel to something else', (socket: Socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n<html>')],
  ])('because it %s is asked once, and nothing is sent', async (_, answer) => {
    const fake = await fakeProxy(answer)
    const error = await failure(through(`http://127.0.0.1:${fake.port}`).send(call, secret))
    expect(error.delivered).toBe('no')
    expect(['proxy', 'unreachable']).toContain(error.reason)
    expect(fake.connections()).toBe(1)
    expect(asked).toBe(0)
  })

  test('because it never answers ends with the call, and its connection is closed by close', async () => {
    const fake = await fakeProxy(() => {})
    const transport = through(`http://127.0.0.1:${fake.port}`)
    const error = await failure(transport.send(call, secret, { timeoutMs: 200 }))
    expect(error).toMatchObject({ reason: 'timeout', delivered: 'no' })
    await transport.close()
    await fake.allClosed()
  })

  test('during the TLS handshake of a tunnel has its connection closed by close', async () => {
    const fake = await fakeProxy((socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    const transport = through(`http://127.0.0.1:${fake.port}`)
    await failure(transport.send(call, secret, { timeoutMs: 200 }))
    await transport.close()
    await fake.allClosed()
  })
})

/** A server in place of a proxy, which calls `answer` for the first bytes of each connection. */
async function fakeProxy(answer: (socket: Socket) => void) {
  const closed: Promise<unknown>[] = []
  const server = createTcpServer((socket) => {
    closed.push(new Promise((resolve) => socket.on('error', () => {}).once('close', resolve)))
    socket.once('data', () => answer(socket))
  })
  const proxyPort = await listen(server)
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return { port: proxyPort, connections: () => closed.length, allClosed: () => Promise.all(closed) }
}

import dns from 'node:dns'
import { createServer as createHttpsServer, type Server } from 'node:https'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../src/base/wire.js'
import { createTransport, type Transport, type TransportOptions } from '../../src/egress/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { makeCertificate } from '../support/certificate.js'
import { freePort, listen } from '../support/loopback.js'
import { type RunningProxy, startDante } from '../support/proxies.js'
import { startTap } from '../support/tap.js'
import { failureOf } from './failure.js'

const KEY = '0123456789abcdef-the-key'
const PASSWORD = 'hunter2-the-password'
const secret = new Secret(KEY)
const call: Call = {
  path: '/in.php',
  encoding: 'form',
  keyField: 'key',
  fields: { pageurl: 'https://private.example/p' },
}

const certificate = makeCertificate('localhost', '127.0.0.1', '127.0.0.9')
let service: Server
let port: number
let dante: RunningProxy
let asked = 0

beforeAll(async () => {
  service = createHttpsServer(certificate, (request, response) => {
    asked++
    request.resume()
    response.end('OK|1')
  })
  port = await listen(service)
  dante = await startDante()
})
afterAll(async () => {
  await dante?.stop()
  await new Promise((resolve) => service.close(resolve).closeAllConnections())
})

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  asked = 0
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function through(proxy: string, more: Partial<TransportOptions> = {}): Transport {
  const transport = createTransport({ baseUrl: `https://localhost:${port}`, proxy, ca: certificate.cert, ...more })
  cleanups.push(() => transport.close())
  return transport
}

const failure = (sent: Promise<unknown>) => failureOf(sent, [KEY, PASSWORD, 'private.example', 'alice'])

/** A SOCKS5 proxy that sends scripted bytes, for the replies that dante cannot be made to give. */
async function startScripted(...answers: (number[] | 'hang' | 'end')[]): Promise<{ url: string; received: Buffer[] }> {
  const received: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    const rest = [...answers]
    socket
      .on('error', () => {})
      .on('data', (data) => {
        received.push(data)
        const answer = rest.shift()
        if (answer === 'end' || answer === undefined) socket.end()
        else if (answer !== 'hang') socket.write(Buffer.from(answer))
      })
  })
  const scripted = await listen(server)
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `socks5://alice:${PASSWORD}@127.0.0.1:${scripted}`, received }
}

describe('a transport with a SOCKS5 proxy (dante)', () => {
  test('reaches the service, whose name only the proxy resolves', async () => {
    const names: string[] = []
    const real = dns.lookup
    const spy = vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...rest: unknown[]) => {
      names.push(name)
      return (real as (...words: unknown[]) => unknown)(name, ...rest)
    }) as typeof dns.lookup)
    cleanups.push(() => spy.mockRestore())
    const tap = await startTap(dante.port)
    cleanups.push(() => tap.close())
    const transport = through(`socks5://127.0.0.1:${tap.port}`)
    expect(transport.route).toBe(`socks5://127.0.0.1:${tap.port}`)
    expect((await transport.send(call, secret)).body).toBe('OK|1')
    expect(names).not.toContain('localhost')
    // The proxy is given the name itself (address type 3).
    expect(tap.sent()).toContain(`\u0003\u0009localhost`)
    for (const word of [KEY, 'private.example']) expect(tap.sent()).not.toContain(word)
  })

  test('shares a few connections among many calls', async () => {
    const tap = await startTap(dante.port)
    cleanups.push(() => tap.close())
    const transport = through(`socks5://127.0.0.1:${tap.port}`)
    for (let i = 0; i < 10; i++) await transport.send(call, secret)
    expect(tap.connections).toBeLessThanOrEqual(2)
  })

  test("reports what the proxy's rules forbid, and sends nothing", async () => {
    const transport = through(`socks5://127.0.0.1:${dante.port}`, { baseUrl: `https://127.0.0.9:${port}` })
    const error = await failure(transport.send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(error.message).toContain(`127.0.0.9:${port}: its rules have to allow`)
  })

  test('reports a service that is not there', async () => {
    const closed = await freePort()
    const transport = through(`socks5://127.0.0.1:${dante.port}`, { baseUrl: `https://localhost:${closed}` })
    const error = await failure(transport.send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(error.message).toContain('could not connect to')
  })

  test('fails when the proxy is down, and never connects directly', async () => {
    const tap = await startTap(dante.port)
    const transport = through(`socks5://127.0.0.1:${tap.port}`)
    expect((await transport.send(call, secret)).body).toBe('OK|1')
    await tap.close()
    await transport.send(call, secret).catch(() => {})
    const error = await failure(transport.send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(asked).toBe(1)
  })

  test("verifies the service's own certificate", async () => {
    const stranger = makeCertificate('elsewhere.example')
    const other = createHttpsServer(stranger, (_, response) => response.end('OK|other'))
    const otherPort = await listen(other)
    cleanups.push(() => new Promise((resolve) => other.close(resolve).closeAllConnections()))
    const transport = through(`socks5://127.0.0.1:${dante.port}`, {
      baseUrl: `https://localhost:${otherPort}`,
      ca: stranger.cert,
    })
    expect(await failure(transport.send(call, secret))).toMatchObject({ reason: 'unreachable', delivered: 'no' })
  })

  test('reports a required login that is missing', async () => {
    const own = await startDante('username')
    cleanups.push(() => own.stop())
    for (const login of ['', `alice:${PASSWORD}@`]) {
      const error = await failure(through(`socks5://${login}127.0.0.1:${own.port}`).send(call, secret))
      expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    }
    expect(asked).toBe(0)
  })
})

describe('a SOCKS5 proxy with scripted replies', () => {
  test('receives the login where it asks for one, by RFC 1929', async () => {
    const { url, received } = await startScripted([5, 2], [1, 0], [5, 0, 0, 1, 127, 0, 0, 1, 0, 1], 'end')
    await failure(through(url).send(call, secret))
    expect(received[1]?.toString('latin1')).toBe(`\u0001\u0005alice${String.fromCharCode(PASSWORD.length)}${PASSWORD}`)
  })

  test.each([
    [
      'refuses the login',
      [
        [5, 2],
        [1, 1],
      ],
      'check the user name and password',
    ],
    ['accepts no way to log in', [[5, 255]], 'wants another login than ours'],
    ['hangs up', ['end'], 'the proxy socks5://'],
    ['speaks HTTP', [[...Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]], 'the proxy socks5://'],
    [
      'reports that the host is unreachable',
      [
        [5, 2],
        [1, 0],
        [5, 4, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
      'HostUnreachable',
    ],
  ] as [string, (number[] | 'end')[], string][])(
    'that %s, is a failure before anything was sent',
    async (_, answers, message) => {
      const { url } = await startScripted(...answers)
      const error = await failure(through(url).send(call, secret))
      expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
      expect(error.message.toLowerCase()).toContain(message.toLowerCase())
    },
  )

  test('that hangs has its connection closed when the transport is closed', async () => {
    const { url, received } = await startScripted('hang')
    const transport = through(url)
    const sent = failure(transport.send(call, secret))
    await vi.waitFor(() => expect(received.length).toBe(1), { timeout: 60_000 })
    await transport.close()
    expect((await sent).delivered).toBe('no')
  })
})

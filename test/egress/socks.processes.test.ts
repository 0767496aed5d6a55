import dns from 'node:dns'
import { createServer as createHttpsServer, type Server } from 'node:https'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../src/base/wire.js'
import { createTransport, type Transport, TransportError, type TransportOptions } from '../../src/egress/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { makeCertificate } from '../support/certificate.js'
import { freePort, listen } from '../support/loopback.js'
import { type RunningProxy, startDante } from '../support/proxies.js'
import { startTap } from '../support/tap.js'

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

async function failure(sent: Promise<unknown>): Promise<TransportError> {
  const error = await sent.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(TransportError)
  const shown = inspect(error, { depth: 9 }) + JSON.stringify(error)
  for (const word of [KEY, PASSWORD, 'private.example', 'alice']) expect(shown).not.toContain(word)
  return error as TransportError
}

/** A SOCKS5 proxy that says what it is told to, byte for byte: what dante does not do on demand. */
async function startScripted(...answers: (number[] | 'hang' | 'end')[]): Promise<{ url: string; heard: Buffer[] }> {
  const heard: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    const rest = [...answers]
    socket
      .on('error', () => {})
      .on('data', (data) => {
        heard.push(data)
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
  return { url: `socks5://alice:${PASSWORD}@127.0.0.1:${scripted}`, heard }
}

describe('through dante, a SOCKS5 proxy', () => {
  test('a call gets through, and the service is looked up by the proxy alone', async () => {
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
    // The name itself is what the proxy is asked for (address type 3).
    expect(tap.sent()).toContain(`\u0003\u0009localhost`)
    for (const word of [KEY, 'private.example']) expect(tap.sent()).not.toContain(word)
  })

  test('many calls share a few connections', async () => {
    const tap = await startTap(dante.port)
    cleanups.push(() => tap.close())
    const transport = through(`socks5://127.0.0.1:${tap.port}`)
    for (let i = 0; i < 10; i++) await transport.send(call, secret)
    expect(tap.connections).toBeLessThanOrEqual(2)
  })

  test('what its rules forbid is told as that, and nothing was sent', async () => {
    const transport = through(`socks5://127.0.0.1:${dante.port}`, { baseUrl: `https://127.0.0.9:${port}` })
    const error = await failure(transport.send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(error.message).toContain(`127.0.0.9:${port}: its rules have to allow`)
  })

  test('a service that is not there is told as that', async () => {
    const closed = await freePort()
    const transport = through(`socks5://127.0.0.1:${dante.port}`, { baseUrl: `https://localhost:${closed}` })
    const error = await failure(transport.send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(error.message).toContain('could not connect to')
  })

  test('a proxy that has gone is a failure, never a direct connection', async () => {
    const tap = await startTap(dante.port)
    const transport = through(`socks5://127.0.0.1:${tap.port}`)
    expect((await transport.send(call, secret)).body).toBe('OK|1')
    await tap.close()
    await transport.send(call, secret).catch(() => {})
    const error = await failure(transport.send(call, secret))
    expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    expect(asked).toBe(1)
  })

  test('the certificate is the service’s own, and is verified', async () => {
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

  test('a login that is wanted and missing is told as that', async () => {
    const own = await startDante('username')
    cleanups.push(() => own.stop())
    for (const login of ['', `alice:${PASSWORD}@`]) {
      const error = await failure(through(`socks5://${login}127.0.0.1:${own.port}`).send(call, secret))
      expect(error).toMatchObject({ reason: 'proxy', delivered: 'no' })
    }
    expect(asked).toBe(0)
  })
})

describe('a SOCKS5 proxy that answers something else', () => {
  test('is given the login where it asks for one, as RFC 1929 has it', async () => {
    const { url, heard } = await startScripted([5, 2], [1, 0], [5, 0, 0, 1, 127, 0, 0, 1, 0, 1], 'end')
    await failure(through(url).send(call, secret))
    expect(heard[1]?.toString('latin1')).toBe(`\u0001\u0005alice${String.fromCharCode(PASSWORD.length)}${PASSWORD}`)
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
    ['accepts no way to log in', [[5, 255]], 'the proxy socks5://'],
    ['hangs up', ['end'], 'the proxy socks5://'],
    ['speaks HTTP', [[...Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]], 'the proxy socks5://'],
    [
      'says that the host is unreachable',
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

  test('that hangs, is let go of when the transport is closed', async () => {
    const { url, heard } = await startScripted('hang')
    const transport = through(url)
    const sent = failure(transport.send(call, secret))
    await vi.waitFor(() => expect(heard.length).toBe(1))
    await transport.close()
    expect((await sent).delivered).toBe('no')
  })
})

import dns from 'node:dns'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../src/base/wire.js'
import { createTransport, type Transport, type TransportOptions } from '../../src/egress/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { manualClock } from '../../src/testing/clock.js'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { startTap } from '../support/tap.js'
import { failureOf } from './failure.js'

const KEY = '0123456789abcdef-the-key'
const secret = new Secret(KEY)
const call: Call = {
  path: '/in.php',
  encoding: 'form',
  keyField: 'key',
  fields: { pageurl: 'https://private.example/p' },
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serve(listener: RequestListener): Promise<{ url: string; port: number; server: Server }> {
  const server = createHttpServer(listener)
  const port = await listen(server)
  cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return { url: `http://127.0.0.1:${port}`, port, server }
}

/** A server that calls `answer` for the first bytes of each connection. */
async function serveRaw(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('data', () => answer(socket))
  })
  const port = await listen(server)
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${port}`
}

function transportTo(baseUrl: string, more: Partial<TransportOptions> = {}): Transport {
  const transport = createTransport({ baseUrl, ...more })
  cleanups.push(() => transport.close())
  return transport
}

const failure = (sent: Promise<unknown>) => failureOf(sent, [KEY, 'private.example'])

describe('send', () => {
  test('sends a POST with the key in the body and nowhere else', async () => {
    const { port } = await serve((request, response) => {
      request.resume()
      response.end('OK|1')
    })
    const tap = await startTap(port)
    cleanups.push(() => tap.close())
    const reply = await transportTo(`http://127.0.0.1:${tap.port}/base`).send(call, secret)
    expect(reply).toEqual({ status: 200, contentType: '', body: 'OK|1' })
    const [head = '', body = ''] = tap.sent().split('\r\n\r\n')
    expect(head.split('\r\n')[0]).toBe('POST /base/in.php HTTP/1.1')
    expect(head.toLowerCase()).toContain('accept-encoding: identity')
    expect(head).not.toContain(KEY)
    expect(body).toBe(`pageurl=https%3A%2F%2Fprivate.example%2Fp&key=${KEY}`)
  })

  test('rejects a path that leads elsewhere, and sends nothing', async () => {
    let requests = 0
    const { url } = await serve((_, response) => {
      requests++
      response.end('OK|1')
    })
    for (const path of ['/../in.php', '//evil.example/in.php', '/in.php?x=1']) {
      await expect(transportTo(url).send({ ...call, path: path as `/${string}` }, secret)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      })
    }
    expect(requests).toBe(0)
  })

  test('sends JSON with its content type', async () => {
    const seen: unknown[] = []
    const { url } = await serve(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      seen.push(request.headers['content-type'], JSON.parse(text))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"errorId":0}')
    })
    const json: Call = { path: '/getBalance', encoding: 'json', keyField: 'clientKey', fields: {} }
    const reply = await transportTo(url).send(json, secret)
    expect(reply).toEqual({ status: 200, contentType: 'application/json', body: '{"errorId":0}' })
    expect(seen).toEqual(['application/json', { clientKey: KEY }])
  })

  test('reuses connections of earlier calls', async () => {
    let connections = 0
    const { url, server } = await serve((request, response) => {
      request.resume()
      response.end('OK|1')
    })
    server.on('connection', () => connections++)
    const transport = transportTo(url)
    for (let i = 0; i < 20; i++) await transport.send(call, secret)
    // Two, because undici reuses a connection only after a turn of the event loop.
    expect(connections).toBeLessThanOrEqual(2)
  })

  test('gives each of many simultaneous calls its own reply', async () => {
    const { url } = await serve(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      response.end(new URLSearchParams(text).get('n'))
    })
    const transport = transportTo(url)
    const numbers = Array.from({ length: 400 }, (_, n) => String(n))
    const replies = await Promise.all(numbers.map((n) => transport.send({ ...call, fields: { n } }, secret)))
    expect(replies.map((reply) => reply.body)).toEqual(numbers)
  })

  test('connects from the configured local address', async () => {
    const { url } = await serve((request, response) => {
      request.resume()
      response.end(request.socket.remoteAddress)
    })
    const reply = await transportTo(url, { localAddress: '127.0.0.2' }).send(call, secret)
    expect(reply.body).toBe('127.0.0.2')
  })

  test('ignores proxies and TLS switches of the environment', async () => {
    const { url } = await serve((request, response) => {
      request.resume()
      response.end('OK|1')
    })
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']
    for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : 'http://127.0.0.1:9'
    cleanups.push(() => {
      for (const name of names) delete process.env[name]
    })
    const transport = transportTo(url)
    expect(transport.route).toBe('direct')
    expect((await transport.send(call, secret)).body).toBe('OK|1')
  })
})

describe('a reply', () => {
  test.each([301, 302, 303, 307, 308])(
    'is returned where it is a redirect (%i), which is not followed',
    async (status) => {
      let reached = 0
      const elsewhere = await serve((request, response) => {
        reached++
        request.resume()
        response.end('OK|1')
      })
      const { url } = await serve((request, response) => {
        request.resume()
        response.writeHead(status, { location: elsewhere.url }).end()
      })
      const reply = await transportTo(url).send(call, secret)
      expect([reply.status, reply.body, reached]).toEqual([status, '', 0])
    },
  )

  test.each([400, 403, 404, 429, 500, 502, 503])('is returned with status %i', async (status) => {
    const { url } = await serve((request, response) => {
      request.resume()
      response.writeHead(status).end('words')
    })
    expect(await transportTo(url).send(call, secret)).toMatchObject({ status, body: 'words' })
  })

  test('is returned unchanged where it is a web page or empty', async () => {
    const bodies = ['<html><body>Down for maintenance</body></html>', '']
    const { url } = await serve((request, response) => {
      request.resume()
      response.end(bodies.shift())
    })
    const transport = transportTo(url)
    expect((await transport.send(call, secret)).body).toBe('<html><body>Down for maintenance</body></html>')
    expect((await transport.send(call, secret)).body).toBe('')
  })

  test('is text, whatever its bytes are', async () => {
    const bytes = Buffer.from([0x4f, 0x4b, 0xff, 0xe4, 0x00])
    const types = ['text/html; charset=UTF-8', 'text/html; charset=ISO-8859-1']
    const { url } = await serve((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': types.shift() }).end(bytes)
    })
    const transport = transportTo(url)
    expect((await transport.send(call, secret)).body).toBe('OK\ufffd\ufffd\u0000')
    expect((await transport.send(call, secret)).body).toBe('OK\u00ff\u00e4\u0000')
  })

  test('has the key masked where it repeats the key', async () => {
    const { url } = await serve((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': `x/${KEY}` }).end(`ERROR_WRONG_USER_KEY ${KEY} ${KEY}`)
    })
    const reply = await transportTo(url).send(call, secret)
    expect(inspect(reply)).not.toContain(KEY)
    expect(reply.body).toBe(`ERROR_WRONG_USER_KEY ${secret} ${secret}`)
  })

  test.each([
    ['as JSON writes it', (key: string) => JSON.stringify({ request: `ERROR ${key}` })],
    ['as PHP writes JSON', (key: string) => JSON.stringify({ request: `ERROR ${key}` }).replaceAll('/', '\\/')],
    [
      'as escapes',
      (key: string) => `{"request":"${key.replace(/./g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}"}`,
    ],
    ['as forms write it', (key: string) => `ERROR ${encodeURIComponent(key)}`],
    ['percent-encoded in lower case', (key: string) => `ERROR ${encodeURIComponent(key).toLowerCase()}`],
  ])('has the key masked %s', async (_, spell) => {
    const key = 'abc/def+ghi"jkl\\mno=='
    const { url } = await serve((request, response) => {
      request.resume()
      response.end(spell(key))
    })
    const { body } = await transportTo(url).send(call, new Secret(key))
    const read = body.startsWith('{') ? (JSON.parse(body) as { request: string }).request : decodeURIComponent(body)
    expect(read).toMatch(/^(ERROR )?\[secret [0-9a-f]{4}…\]$/)
  })

  test.each(['base64', 'base64url'] as const)('has the key masked in %s', async (encoding) => {
    // At each position in a group of three bytes: what is left after masking must not decode to most of the key.
    for (const before of ['', 'x', 'me:']) {
      const key = '~~~abc/def+ghi???'
      const { url } = await serve((request, response) => {
        request.resume()
        response.end(`ERROR ${Buffer.from(`${before}${key}:more`).toString(encoding)}`)
      })
      const { body } = await transportTo(url).send(call, new Secret(key))
      expect(body).toMatch(/^ERROR [\w+/-]{0,6}\[secret [0-9a-f]{4}…\][\w+/-]{0,9}=*$/)
    }
  })

  test('is accepted up to 1 MiB and rejected above', async () => {
    const { url } = await serve((request, response) => {
      request.resume()
      response.end('x'.repeat(1024 * 1024))
    })
    expect((await transportTo(url).send(call, secret)).body).toHaveLength(1024 * 1024)
  })

  test.each([
    ['announces its length', { 'content-length': 50_000_000 }],
    ['arrives in chunks', {}],
  ])('of 50 MB that %s is rejected, and its connection is closed', async (_, headers) => {
    let written = 0
    const { url } = await serve((request, response) => {
      request.resume()
      response.writeHead(200, headers)
      const more = () => {
        while (written < 50_000_000 && !response.destroyed) {
          written += 100_000
          if (!response.write(Buffer.alloc(100_000, 'x'))) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })
    const error = await failure(transportTo(url).send(call, secret))
    expect(error).toMatchObject({ reason: 'too-large', delivered: 'unknown' })
    expect(written).toBeLessThan(20_000_000)
  })

  test('is rejected where it is compressed', async () => {
    const { url } = await serve((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('OK|1'))
    })
    expect(await failure(transportTo(url).send(call, secret))).toMatchObject({
      reason: 'cut-off',
      delivered: 'unknown',
    })
  })

  test.each([
    ['in its body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nOK|1234'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nOK|12'],
    ['in its headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['before it began', ''],
  ])('is rejected where it is cut off %s', async (_, text) => {
    const url = await serveRaw((socket) => socket.end(text))
    expect(await failure(transportTo(url).send(call, secret))).toMatchObject({
      reason: 'cut-off',
      delivered: 'unknown',
    })
  })

  test.each([
    ['not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['of two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
  ])('is rejected where it is %s', async (_, text) => {
    const url = await serveRaw((socket) => socket.end(text))
    expect(await failure(transportTo(url).send(call, secret))).toMatchObject({
      reason: 'cut-off',
      delivered: 'unknown',
    })
  })

  test('is rejected for endless headers', async () => {
    const url = await serveRaw((socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}`))
    expect(await failure(transportTo(url).send(call, secret))).toMatchObject({ delivered: 'unknown' })
  })
})

describe('the time-out', () => {
  test('rejects a call whose reply never begins', async () => {
    const { url } = await serve((request) => request.resume())
    const error = await failure(transportTo(url).send(call, secret, { timeoutMs: 100 }))
    expect(error).toMatchObject({ reason: 'timeout', delivered: 'unknown' })
  })

  test('rejects a call whose reply never ends', async () => {
    const { url } = await serve((request, response) => {
      request.resume()
      const timer = setInterval(() => response.write('x'), 5)
      response.once('close', () => clearInterval(timer))
    })
    const error = await failure(transportTo(url).send(call, secret, { timeoutMs: 200 }))
    expect(error).toMatchObject({ reason: 'timeout', delivered: 'unknown' })
  })

  test('is 30 s by default', async () => {
    const clock = manualClock()
    const arrived = defer()
    const { url } = await serve((request, response) => {
      request.resume()
      clock.after(3_600_000, () => response.end('OK|1'))
      arrived.resolve(undefined)
    })
    let over = false
    const sent = failure(transportTo(url, { clock }).send(call, secret)).finally(() => {
      over = true
    })
    await arrived.promise
    await clock.advance(29_999)
    expect(over).toBe(false)
    await clock.advance(1)
    expect(await sent).toMatchObject({ reason: 'timeout', delivered: 'unknown' })
  })

  test('leaves no timer behind, nor does a call that was answered', async () => {
    const clock = manualClock()
    const { url } = await serve((request, response) => {
      request.resume()
      response.end('OK|1')
    })
    await transportTo(url, { clock }).send(call, secret)
    expect(clock.waiting).toBe(0)
  })
})

describe('a signal', () => {
  test('aborts a call under way, which the service may have received', async () => {
    const abort = new AbortController()
    const { url } = await serve((request) => {
      request.resume()
      abort.abort()
    })
    const error = await failure(transportTo(url).send(call, secret, { signal: abort.signal }))
    expect(error).toMatchObject({ reason: 'aborted', delivered: 'unknown' })
  })

  test('that is aborted already keeps the call from being sent', async () => {
    let requests = 0
    const { url } = await serve(() => requests++)
    const error = await failure(transportTo(url).send(call, secret, { signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ reason: 'aborted', delivered: 'no' })
    expect(requests).toBe(0)
  })

  test('that aborts before the connection is open keeps the call from being sent later', async () => {
    const bodies: string[] = []
    const { url } = await serve(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      bodies.push(text)
      response.end('OK|1')
    })
    const transport = transportTo(url)
    const abort = new AbortController()
    const sent = failure(transport.send({ ...call, fields: { n: 'aborted' } }, secret, { signal: abort.signal }))
    abort.abort()
    expect(await sent).toMatchObject({ reason: 'aborted', delivered: 'no' })
    await transport.send({ ...call, fields: { n: 'second' } }, secret)
    await transport.send({ ...call, fields: { n: 'third' } }, secret)
    expect(bodies.map((body) => new URLSearchParams(body).get('n'))).toEqual(['second', 'third'])
  })

  test('has no listener once the call has ended', async () => {
    const { url } = await serve((request, response) => {
      request.resume()
      response.end('OK|1')
    })
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...words: Parameters<typeof add>) => {
      listeners++
      add(...words)
    }) as typeof signal.addEventListener
    signal.removeEventListener = ((...words: Parameters<typeof remove>) => {
      listeners--
      remove(...words)
    }) as typeof signal.removeEventListener
    await transportTo(url).send(call, secret, { signal })
    expect(listeners).toBe(0)
  })
})

describe('a connection', () => {
  test('that is refused means that nothing was sent', async () => {
    const { url, server } = await serve(() => {})
    await new Promise((resolve) => server.close(resolve))
    const error = await failure(transportTo(url).send(call, secret))
    expect(error).toMatchObject({
      reason: 'unreachable',
      delivered: 'no',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('to a name that does not resolve means that nothing was sent', async () => {
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation((...args: unknown[]) => {
      const done = args.at(-1) as (error: Error) => void
      done(Object.assign(new Error(`getaddrinfo ${KEY}`), { code: 'ENOTFOUND' }))
    })
    cleanups.push(() => lookup.mockRestore())
    const error = await failure(transportTo('https://solver.test').send(call, secret))
    expect(error).toMatchObject({ reason: 'unreachable', delivered: 'no' })
    expect(error.message).toBe('No connection to https://solver.test (ENOTFOUND).')
  })

  test('whose certificate is not trusted means that nothing was sent, with any environment', async () => {
    let requests = 0
    const server = createHttpsServer(makeCertificate('127.0.0.1'), () => requests++)
    const port = await listen(server)
    cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    cleanups.push(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
    const error = await failure(transportTo(`https://127.0.0.1:${port}`).send(call, secret))
    expect(error).toMatchObject({
      reason: 'unreachable',
      delivered: 'no',
      message: expect.stringContaining('certificate'),
    })
    expect(requests).toBe(0)
  })

  test('succeeds with the private CA, and fails for a name that the certificate does not have', async () => {
    const certificate = makeCertificate('127.0.0.1')
    const server = createHttpsServer(certificate, (request, response) => {
      request.resume()
      response.end('OK|1')
    })
    const port = await listen(server)
    cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
    const ca = certificate.cert
    expect((await transportTo(`https://127.0.0.1:${port}`, { ca }).send(call, secret)).body).toBe('OK|1')
    const error = await failure(transportTo(`https://localhost:${port}`, { ca }).send(call, secret))
    expect(error).toMatchObject({ reason: 'unreachable', delivered: 'no' })
    expect(error.message).toContain('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  test('that fails does not block the next call', async () => {
    const { url, server, port } = await serve((request, response) => {
      request.resume()
      response.end('OK|1')
    })
    const transport = transportTo(url)
    await new Promise((resolve) => server.close(resolve))
    await failure(transport.send(call, secret))
    await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve))
    expect((await transport.send(call, secret)).body).toBe('OK|1')
  })
})

describe('close', () => {
  test('ends calls under way and every connection, and rejects later calls', async () => {
    const closed: Promise<void>[] = []
    const arrived = defer()
    const { url, server } = await serve((request, response) => {
      request.resume()
      if (closed.length === 1) response.end('OK|1')
      else arrived.resolve(undefined)
    })
    server.on('connection', (socket) =>
      closed.push(new Promise((resolve) => void socket.once('close', () => resolve()))),
    )
    const transport = transportTo(url)
    await transport.send(call, secret)
    const waiting = [failure(transport.send(call, secret)), failure(transport.send(call, secret))]
    await arrived.promise
    await transport.close()
    for (const error of await Promise.all(waiting)) expect(error.reason).toBe('aborted')
    await Promise.all(closed)
    expect(await failure(transport.send(call, secret))).toMatchObject({ reason: 'aborted', delivered: 'no' })
    await transport.close()
  })
})

function defer() {
  let resolve: (value: unknown) => void = () => {}
  const promise = new Promise<unknown>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

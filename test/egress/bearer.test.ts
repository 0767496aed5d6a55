import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { checkBaseUrl } from '../../src/base/service-url.js'
import { type BearerCall, sendWithToken } from '../../src/egress/bearer.js'
import { Secret } from '../../src/secrets/secret.js'
import { listen } from '../support/loopback.js'

const TOKEN = 'a-token.of-a.broker'
const bounds = { clock: systemClock, timeoutMs: 60_000, connectWithinMs: 60_000, signal: undefined, ca: undefined }

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

interface Seen {
  readonly line: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a broker that answers so gets of a call. */
async function sent(call: Omit<BearerCall, 'token'>, answer: RequestListener = (_, reply) => reply.end('{}')) {
  const seen: Seen[] = []
  const server = createServer(async (request, reply) => {
    const body = (await request.toArray()).join('')
    seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body })
    answer(request, reply)
  })
  const port = await listen(server)
  cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  const service = checkBaseUrl(`http://127.0.0.1:${port}/behind/`)
  const reply = await sendWithToken(service, { ...call, token: new Secret(TOKEN) }, bounds)
  return { reply, seen, host: `127.0.0.1:${port}` }
}

it('a call to a broker has its token in one header, and says what it sends and what it takes', async () => {
  const body = '{"challenge":"ü"}'
  const { seen, host } = await sent({ method: 'POST', path: '/v1/solve', body })
  expect(seen).toEqual([
    {
      line: 'POST /behind/v1/solve',
      body,
      headers: {
        host,
        connection: expect.any(String),
        authorization: `Bearer ${TOKEN}`,
        accept: 'text/event-stream, application/json',
        // A compressed reply could be far longer than its bound says.
        'accept-encoding': 'identity',
        'user-agent': expect.stringMatching(/^solveguard\/\d/),
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      },
    },
  ])
})

it('a call without a body states no type of one', async () => {
  const { seen } = await sent({ method: 'GET', path: '/v1/status' })
  expect(seen).toMatchObject([{ line: 'GET /behind/v1/status', body: '' }])
  expect(seen[0]?.headers).not.toHaveProperty('content-type')
})

it('a broker that names another address gets the token once, and the other address never', async () => {
  const elsewhere: string[] = []
  const other = createServer((request, reply) => {
    elsewhere.push(`${request.url}`)
    reply.end('{}')
  })
  const port = await listen(other)
  cleanups.push(() => new Promise((resolve) => other.close(resolve).closeAllConnections()))
  const { reply, seen } = await sent({ method: 'GET', path: '/v1/status' }, (_, answer) => {
    answer.writeHead(307, { location: `http://127.0.0.1:${port}/` }).end()
  })
  expect(reply.status).toBe(307)
  expect(seen).toHaveLength(1)
  expect(elsewhere).toEqual([])
})

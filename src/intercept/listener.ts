import type { IncomingMessage, ServerResponse } from 'node:http'
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { BoundedBytes } from '../base/bounded-bytes.js'
import type { BrokerHandler, BrokerResponse } from '../broker/types.js'
import { Authority } from '../net/certificates.js'
import { SERVICE_HOSTS } from '../wires/services.js'
import { duplexPair } from './duplex-pair.js'
import type { Destination } from './patch.js'

/** The largest body, in bytes, as at the broker's own listener. */
const MAX_BODY_BYTES = 2 * 1024 * 1024
const DAYS = 365
/** A timer that keeps the process alive needs some period. */
const LONG_MS = 2 ** 30

type AnyRequest = IncomingMessage | Http2ServerRequest
type AnyResponse = ServerResponse | Http2ServerResponse

/**
 * A server with HTTP/1.1 and HTTP/2 over TLS within the process. It has no port and no file: no other process can reach
 * it. Its authority is made with it, is trusted only by the connections that are led here, and can certify nothing but
 * the services' hosts.
 */
export function createDestination(handler: BrokerHandler): Destination {
  const hosts = Object.keys(SERVICE_HOSTS)
  const authority = new Authority(
    Authority.create({ name: 'solveguard in this process', permitted: hosts, days: DAYS }),
  )
  const server = http2.createSecureServer(
    { allowHTTP1: true, ...authority.issue(hosts, DAYS) },
    (request, response) => {
      // The connection is no handle of the system: without a timer a process with nothing else to do would end.
      const hold = setInterval(() => {}, LONG_MS)
      void answer(handler, request, response)
        .catch(() => response.stream?.destroy())
        .finally(() => clearInterval(hold))
    },
  )
  // What a client sends that is no TLS, or no HTTP, or the end of a connection in between.
  server.on('tlsClientError', (_, socket) => socket.destroy()).on('sessionError', () => {})
  server.on('clientError', (_, socket) => socket.destroy())
  return {
    ca: authority.cert,
    open() {
      const [near, far] = duplexPair()
      far.on('error', () => {})
      server.emit('connection', far)
      return near
    },
  }
}

async function answer(handler: BrokerHandler, request: AnyRequest, response: AnyResponse): Promise<void> {
  const body = await bodyOf(request as AsyncIterable<Buffer>)
  const { method = 'GET', url = '/', headers } = request
  const host = (request.socket as { servername?: unknown }).servername
  const named = { method, url, headers: withoutPseudo(headers), ...(typeof host === 'string' && { host }) }
  const reply = body
    ? await handler({ ...named, body })
    : { status: 413, headers: { 'content-type': 'text/plain' }, body: 'A request has at most 2 MiB.' }
  await send(response, reply)
}

async function send(response: AnyResponse, { status, headers, body }: BrokerResponse): Promise<void> {
  // The two kinds of response have the same methods, with types that TypeScript cannot join.
  const to = response as ServerResponse
  to.writeHead(status, { ...headers, ...(typeof body === 'string' && { 'content-length': Buffer.byteLength(body) }) })
  if (typeof body === 'string') return void to.end(body)
  for await (const part of body) if (!to.write(part)) await new Promise((resolve) => to.once('drain', resolve))
  to.end()
}

/** Reads to the end, so that a reply can be sent. @returns undefined for a body that is too long */
export async function bodyOf(request: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const body = new BoundedBytes(MAX_BODY_BYTES)
  let fits = true
  for await (const part of request) fits &&= body.add(part)
  return fits ? body.bytes() : undefined
}

/** HTTP/2 has `:path` and its like among the headers, and `:authority` for `host`. */
function withoutPseudo(headers: AnyRequest['headers']): Record<string, string | readonly string[] | undefined> {
  const plain = Object.entries(headers).filter(([name]) => !name.startsWith(':'))
  const authority = headers[':authority']
  return { ...(authority !== undefined && { host: authority }), ...Object.fromEntries(plain) }
}

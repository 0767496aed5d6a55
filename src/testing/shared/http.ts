import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readBounded } from '../../base/bounded-bytes.js'

/** A server on loopback, or on the address that was given, on any free port. */
export interface LoopbackServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves until closed. If the handler throws or rejects, only its connection is closed.
 * @param host the address to listen on
 */
export async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
  port = 0,
  host = '127.0.0.1',
): Promise<LoopbackServer> {
  const server = createServer((request, response) => {
    void Promise.resolve()
      .then(() => handle(request, response))
      .catch(() => response.destroy())
  })
  server.on('clientError', (_, socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      if (!server.listening) return
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

const HOST = /^[a-z0-9.-]{1,253}(?::\d{1,5})?$/

/** The origin that the browser requested: from `x-forwarded-host`, which `answerAsVendor` sets, or the server's own. */
export function requestedOrigin({ headers }: IncomingMessage, own: string): string {
  const host = headers['x-forwarded-host']
  if (typeof host !== 'string' || !HOST.test(host)) return own
  return `${headers['x-forwarded-proto'] === 'http' ? 'http' : 'https'}://${host}`
}

const MAX_BODY_BYTES = 1_000_000

/** The fields of a posted form; undefined if it is longer than a million bytes. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const text = await readRequestText(request)
  return text === undefined ? undefined : new URLSearchParams(text)
}

/** The body of a request; undefined if it is longer than a million bytes. */
export function readRequestText(request: IncomingMessage): Promise<string | undefined> {
  return readBounded(request, MAX_BODY_BYTES)
}

/** Sends a whole reply. It is never cached. */
export function reply(
  response: ServerResponse,
  type: 'html' | 'javascript' | 'json',
  body: string,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): void {
  const mime = type === 'json' ? 'application/json' : `text/${type}`
  // Some pages load vendors' scripts with `crossorigin`.
  const shared = type === 'javascript' ? { 'access-control-allow-origin': '*' } : {}
  const common = { 'content-type': `${mime}; charset=utf-8`, 'cache-control': 'no-store' }
  response.writeHead(status, { ...common, ...shared, ...headers })
  response.end(body)
}

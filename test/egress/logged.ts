import { createServer, type RequestListener } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Call } from '../../src/base/wire.js'
import type { HarEntry, WireLog } from '../../src/egress/har.js'
import { createTransport, type Transport, type TransportOptions } from '../../src/egress/index.js'
import { Secret } from '../../src/secrets/secret.js'
import { type HarLog, parseHar } from '../support/har.js'
import { listen } from '../support/loopback.js'

export const KEY = '0123456789abcdef/the+key'
export const secret = new Secret(KEY)
export const call: Call = {
  path: '/in.php',
  encoding: 'form',
  keyField: 'key',
  fields: { method: 'userrecaptcha', json: '1' },
}

/** Has something done after the test, in reverse order. */
export function after(cleanUp: () => Promise<unknown>): void {
  onTestFinished(async () => {
    await cleanUp()
  })
}

export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    listener(request, response)
  })
  const port = await listen(server)
  after(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return `http://127.0.0.1:${port}`
}

/** A transport, and what its log holds, checked against the specification. */
export function loggedTransport(
  baseUrl: string,
  more: Partial<TransportOptions> = {},
): { transport: Transport; entries: () => HarLog['entries']; text: () => string } {
  const added: HarEntry[] = []
  const log: WireLog = { place: 'memory', open() {}, add: (entry) => void added.push(entry), close() {} }
  const transport = createTransport({ baseUrl, log, ...more })
  after(async () => transport.close())
  const text = () => JSON.stringify({ log: { version: '1.2', creator: { name: 'a', version: '1' }, entries: added } })
  return { transport, text, entries: () => parseHar(text()).entries }
}

import { createServer as createPlain, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'

/** A request that a receiver got. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver's answer: a status with headers, none at all, or a cut connection. */
export type Answer = { status: number; headers?: Record<string, string>; bytes?: number } | 'hang' | 'cut'

export interface Receiver {
  readonly url: string
  readonly received: readonly Received[]
  /** The answers to the next requests, in order; after them 200. */
  next(...answers: Answer[]): void
  /** The answer to all further requests; undefined: 200. */
  always(answer: Answer | undefined): void
  close(): Promise<void>
}

/** A receiver of alerts, on loopback. */
export async function startReceiver(tls?: { cert: string; key: string }): Promise<Receiver> {
  const received: Received[] = []
  const scripted: Answer[] = []
  let permanent: Answer | undefined
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') })
      const answer = scripted.shift() ?? permanent ?? { status: 200 }
      if (answer === 'hang') return
      if (answer === 'cut') request.socket.destroy()
      else response.writeHead(answer.status, answer.headers).end('x'.repeat(answer.bytes ?? 2))
    })
  }
  const server = tls ? createSecure(tls, listener) : createPlain(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    received,
    next: (...answers) => void scripted.push(...answers),
    always: (answer) => {
      permanent = answer
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

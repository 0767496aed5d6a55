import { createServer as createPlain, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'

/** What a receiver of alerts was sent. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** How it answers: a status with headers, or never. */
export type Answer = { status: number; headers?: Record<string, string>; bytes?: number } | 'hang' | 'cut'

export interface Receiver {
  readonly url: string
  readonly received: readonly Received[]
  /** For the next ones, in order; after that 200. */
  next(...answers: Answer[]): void
  /** Until told otherwise. */
  always(answer: Answer | undefined): void
  close(): Promise<void>
}

/** Somebody who takes alerts, on loopback. */
export async function startReceiver(tls?: { cert: string; key: string }): Promise<Receiver> {
  const received: Received[] = []
  const scripted: Answer[] = []
  let standing: Answer | undefined
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') })
      const answer = scripted.shift() ?? standing ?? { status: 200 }
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
      standing = answer
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

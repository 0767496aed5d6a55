import { connect, createServer, type Socket } from 'node:net'
import { listen } from './loopback.js'

/** A recording TCP relay: forwards connections to a loopback port, and keeps every byte of both directions. */
export interface Tap {
  readonly port: number
  /** Everything that clients sent, all connections together, as Latin-1. */
  sent(): string
  /** How many connections were made. */
  readonly connections: number
  /** Cuts every connection. */
  cut(): void
  /** Sends these bytes to a client before the next ones that it gets from the server. */
  insert(bytes: string): void
  close(): Promise<void>
}

export async function startTap(targetPort: number): Promise<Tap> {
  const sent: Buffer[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let inserted = ''
  const server = createServer((client) => {
    connections++
    const target = connect(targetPort, '127.0.0.1')
    client.on('data', (chunk) => void sent.push(chunk))
    // Before the pipe, which forwards the same bytes.
    target.on('data', () => {
      if (inserted !== '') client.write(inserted)
      inserted = ''
    })
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  const port = await listen(server)
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port,
    sent: () => Buffer.concat(sent).toString('latin1'),
    get connections() {
      return connections
    },
    cut,
    insert(bytes) {
      inserted = bytes
    },
    async close() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

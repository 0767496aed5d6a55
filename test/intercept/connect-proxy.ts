import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { listen } from '../support/loopback.js'

/** An HTTP proxy that opens tunnels, to wherever a test says. */
export interface ConnectProxy {
  readonly url: string
  /** Each host and port that a client asked for. */
  readonly asked: string[]
  close(): Promise<void>
}

/** @param to the port of loopback that each tunnel leads to; without it a tunnel leads nowhere, and is silent */
export async function startConnectProxy(to?: number): Promise<ConnectProxy> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((_, reply) => void reply.writeHead(405).end())
  server.on('connect', (request, socket: Socket) => {
    asked.push(request.url ?? '')
    sockets.add(socket.on('error', () => {}))
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    if (to === undefined) return
    const onward = connect(to, '127.0.0.1')
    sockets.add(onward.on('error', () => socket.destroy()))
    socket.pipe(onward).pipe(socket)
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

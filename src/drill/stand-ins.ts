import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** A server on loopback that stands in for something of the network. */
export interface NetworkStandIn {
  readonly url: string
  /** How many connections or calls it had. */
  readonly count: number
  close(): Promise<void>
}

/** A forward proxy that opens tunnels to this machine, and to nowhere else. */
export async function startProxy(): Promise<NetworkStandIn> {
  return start((server, counted) => {
    server.on('connect', ({ url = '' }: IncomingMessage, socket: Socket) => {
      counted(socket)
      const [, port] = /^(?:127\.0\.0\.1|localhost):(\d{1,5})$/.exec(url) ?? []
      if (port === undefined) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      const onward = connect(Number(port), '127.0.0.1')
      onward.on('error', () => socket.destroy()).on('connect', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
      socket.on('close', () => onward.destroy())
      onward.on('close', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    })
  })
}

/** A service that reports the address of its caller: the one that `address` returns. */
export async function startIpCheck(address: () => string): Promise<NetworkStandIn> {
  return start((server, counted) => {
    server.on('request', (_: IncomingMessage, response: ServerResponse) => {
      counted()
      response.writeHead(200, { 'content-type': 'text/plain' }).end(address())
    })
  })
}

/** An address of this machine at which nothing listens. */
export async function closedPort(): Promise<string> {
  const { url, close } = await start(() => {})
  await close()
  return url
}

async function start(serve: (server: Server, counted: (socket?: Socket) => void) => void): Promise<NetworkStandIn> {
  const server = createServer()
  const sockets = new Set<Socket>()
  let count = 0
  serve(server, (socket) => {
    count++
    // The server knows no tunnel any more.
    if (socket) sockets.add(socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket)))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get count() {
      return count
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

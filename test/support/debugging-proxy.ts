import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { makeAuthority } from './certificate.js'
import { listen } from './loopback.js'

/** A proxy that intercepts TLS as mitmproxy does: it poses as the requested host, with a certificate of its own CA. */
export interface DebuggingProxy {
  readonly url: string
  /** The certificate of its authority (PEM). */
  readonly ca: string
  /** The hosts that clients requested. */
  readonly asked: readonly string[]
  /** The decrypted bytes from clients, as Latin-1. */
  read(): string
  close(): Promise<void>
}

/** @param targetPort the loopback port, without TLS, to which it forwards every request, for any host */
export async function startDebuggingProxy(targetPort: number): Promise<DebuggingProxy> {
  const authority = makeAuthority()
  const asked: string[] = []
  const seen: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer()
  server.on('connect', (request, socket: Socket) => {
    const [host = ''] = (request.url ?? '').split(':')
    asked.push(request.url ?? '')
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(authority.sign(host)) })
    const target = connect(targetPort, '127.0.0.1')
    for (const [one, other] of [
      [secure, target],
      [target, secure],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
    secure.on('data', (chunk) => void seen.push(chunk))
    secure.pipe(target).pipe(secure)
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    ca: authority.cert,
    asked,
    read: () => Buffer.concat(seen).toString('latin1'),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve).closeAllConnections())
    },
  }
}

import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'

/**
 * How connections to a service are opened in a process whose `tls.connect` leads the services' hosts to the guard. It
 * is passed from function to function and never exported: code that is not passed it cannot get it.
 */
export interface OwnSockets {
  /** As `net.connect`, with the machine's own resolver. */
  connect(to: SocketAddress): Socket
  /** As `tls.connect` over a connected socket, with HTTP/1.1 and a certificate that is always verified. */
  secure(socket: Socket, options: { readonly servername: string; readonly ca?: readonly string[] | undefined }): Socket
}

/** Where a socket connects to. */
interface SocketAddress {
  readonly host: string
  readonly port: number
  readonly localAddress?: string | undefined
}

/** A connector for undici over sockets of this kind; it does what `buildConnector` does. */
export function ownConnector(
  sockets: OwnSockets,
  { ca, timeout }: { readonly ca?: readonly string[]; readonly timeout: number },
): buildConnector.connector {
  const connect = (to: buildConnector.Options, callback: buildConnector.Callback): Socket => {
    const { hostname, port, protocol, servername, localAddress, httpSocket } = to
    const isSecure = protocol === 'https:'
    const host = hostname.replace(/^\[|\]$/g, '')
    const address = { host, port: Number(port || (isSecure ? 443 : 80)), localAddress: localAddress ?? undefined }
    const raw = httpSocket ?? sockets.connect(address)
    let socket: Socket = raw
    let isOver = false
    const end = (error: Error | null): void => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      if (!error) {
        callback(null, socket)
        return
      }
      socket.destroy()
      raw.destroy()
      callback(error, null)
    }
    const timedOut = () => end(Object.assign(new Error('timeout'), { code: 'UND_ERR_CONNECT_TIMEOUT' }))
    const timer = setTimeout(timedOut, timeout)
    const onClose = () => end(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    const secure = (): void => {
      if (!isSecure) {
        end(null)
        return
      }
      socket = sockets.secure(raw, { servername: servername ?? host, ca })
      socket
        .once('secureConnect', () => end(null))
        .once('error', end)
        .once('close', onClose)
    }
    raw.setNoDelay(true).setKeepAlive(true, 60_000).once('error', end).once('close', onClose)
    if (raw.connecting) raw.once('connect', secure)
    else secure()
    return raw
  }
  return connect
}

import type { OwnSockets } from './own-sockets.js'
import type { ProxyAddress } from './proxy.js'

/** Limit, in ms, for each of: the connection to the proxy, the one through it, and the TLS handshake. */
export const CONNECT_TIMEOUT_MS = 10_000

/** No connection was opened, so nothing was sent. The message is our own and holds no secret. */
export class ConnectError extends Error {
  readonly reason: 'unreachable' | 'timeout' | 'proxy'

  constructor(reason: ConnectError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

export interface RouteOptions {
  /** The service's origin, for messages. */
  readonly origin: string
  /** The service's host and port, as sent to the proxy. */
  readonly authority: string
  readonly proxy: ProxyAddress | undefined
  readonly localAddress: string | undefined
  readonly ca: string | readonly string[] | undefined
  /**
   * How sockets to the service are opened.
   * @default by undici, with Node's own functions
   */
  readonly sockets?: OwnSockets | undefined
}

/** Connections that are still being opened. */
export type PendingConnections = Set<{ destroy(): unknown }>

/** An error's code, or else its name; never its message, which may hold anything. */
export function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown }
  for (const word of [code, name]) if (typeof word === 'string' && /^\w{1,50}$/.test(word)) return word
  return 'unknown error'
}

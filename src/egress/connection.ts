import type { ProxyAddress } from './proxy.js'
import type { TransportError } from './transport.js'

/** How long a connection (to the proxy, through it, and the TLS handshake: each) may take to come up. */
export const CONNECT_TIMEOUT_MS = 10_000

/** There is no connection, so nothing was sent. Its message is ours, and holds nothing secret. */
export class ConnectError extends Error {
  readonly reason: TransportError['reason']

  constructor(reason: TransportError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

export interface RouteOptions {
  /** The service's origin, for messages. */
  readonly origin: string
  /** The service's host and port, as the proxy is asked for it. */
  readonly authority: string
  readonly proxy: ProxyAddress | undefined
  readonly localAddress: string | undefined
  readonly ca: string | readonly string[] | undefined
}

/** Connections that are still coming up. */
export type PendingConnections = Set<{ destroy(): unknown }>

/** An error's code, or else its kind: never its message, which may hold anything. */
export function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown }
  for (const word of [code, name]) if (typeof word === 'string' && /^\w{1,50}$/.test(word)) return word
  return 'unknown error'
}

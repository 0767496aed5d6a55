import { Agent, type ClientRequestArgs } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RouteOptions } from './connection.js'
import { openRoute } from './route.js'

/** How an agent's connections leave. */
export type AgentRoute = Pick<RouteOptions, 'ca' | 'proxy'>

/** An agent of Node.js whose connections are opened by `openRoute`: for a library that makes its requests itself. */
export function routeAgent(protocol: 'http:' | 'https:', route: AgentRoute): Agent {
  return new RouteAgent(protocol, route)
}

class RouteAgent extends Agent {
  // Node.js refuses a request of another protocol than its agent's.
  readonly protocol: 'http:' | 'https:'
  readonly defaultPort: number
  readonly #route: AgentRoute

  constructor(protocol: 'http:' | 'https:', route: AgentRoute) {
    super({ keepAlive: false })
    this.protocol = protocol
    this.defaultPort = protocol === 'https:' ? 443 : 80
    this.#route = route
  }

  override createConnection(
    { host, port }: ClientRequestArgs,
    callback: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const hostname = host ?? 'localhost'
    const inUrl = hostname.includes(':') ? `[${hostname}]` : hostname
    const authority = `${inUrl}:${port ?? this.defaultPort}`
    const { connect } = openRoute({
      ...this.#route,
      origin: `${this.protocol}//${authority}`,
      authority,
      localAddress: undefined,
    })
    const to = { hostname, host: authority, protocol: this.protocol, port: String(port ?? this.defaultPort) }
    connect(to, (error, socket) => callback(error, socket as Duplex))
  }
}

import { Socket } from 'node:net'
import { buildConnector, Client } from 'undici'
import { CONNECT_TIMEOUT_MS, ConnectError, codeOf, type PendingConnections, type RouteOptions } from './connection.js'
import { ownConnector } from './own-sockets.js'
import type { HttpProxyAddress, ProxyAddress } from './proxy.js'
import { openSocksTunnel } from './socks.js'

/** How connections leave this machine: directly, or through a proxy. */
export interface EgressRoute {
  readonly connect: buildConnector.connector
  /** Destroys connections that are still being opened. */
  readonly abort: () => void
}

/**
 * How connections to the service are opened. With a proxy, every connection begins at the proxy, which is given the
 * service's host name. There is no other branch, so nothing can fall back to a direct connection or resolve the
 * service's name on this machine.
 *
 * undici's own ProxyAgent is not used: a proxy that closes the connection in reply to CONNECT makes it retry without
 * end, and it drops a user name that has no password.
 */
export function openRoute(options: RouteOptions): EgressRoute {
  const pending = new Set<{ destroy(): unknown }>()
  const connect = options.proxy ? throughProxy(options, options.proxy, pending) : direct(options, pending)
  return {
    connect,
    abort() {
      for (const one of pending) one.destroy()
      pending.clear()
    },
  }
}

/**
 * Each connector sets `rejectUnauthorized` itself, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment cannot
 * turn verification off.
 */
function connectorOptions(options: RouteOptions) {
  return {
    allowH2: false,
    timeout: CONNECT_TIMEOUT_MS,
    ...(options.ca === undefined ? {} : { ca: [options.ca].flat() }),
  }
}

function direct(options: RouteOptions, pending: PendingConnections): buildConnector.connector {
  const { sockets } = options
  const connect = sockets
    ? ownConnector(sockets, connectorOptions(options))
    : buildConnector({ ...connectorOptions(options), rejectUnauthorized: true, autoSelectFamily: true })
  return (to, callback) => {
    trackPending(pending, connect, { ...to, localAddress: options.localAddress ?? null }, (error, socket) => {
      if (error) callback(connectError(options.origin, error), null)
      else callback(null, socket)
    })
  }
}

function throughProxy(
  options: RouteOptions,
  proxy: ProxyAddress,
  pending: PendingConnections,
): buildConnector.connector {
  const { sockets } = options
  const secure = sockets
    ? ownConnector(sockets, connectorOptions(options))
    : buildConnector({ ...connectorOptions(options), rejectUnauthorized: true })
  return (to, callback) => {
    const opening =
      proxy.kind === 'http' ? openTunnel(options, proxy, pending) : openSocksTunnel(options, proxy, pending)
    opening.then(
      (tunnel) => {
        if (to.protocol !== 'https:') return callback(null, tunnel)
        trackPending(pending, secure, { ...to, httpSocket: tunnel }, (error, socket) => {
          if (!error) return callback(null, socket)
          tunnel.destroy()
          callback(connectError(`${options.origin} through ${proxy.origin}`, error), null)
        })
      },
      (error: Error) => callback(error, null),
    )
  }
}

async function openTunnel(
  options: RouteOptions,
  proxy: HttpProxyAddress,
  pending: PendingConnections,
): Promise<Socket> {
  const toProxy = buildConnector({ ...connectorOptions(options), rejectUnauthorized: true, autoSelectFamily: true })
  const client = new Client(proxy.origin, {
    // Without it undici would expect the host header's name, which is the service's, in the proxy's certificate.
    connect: (to, callback) =>
      trackPending(pending, toProxy, { ...to, servername: '', localAddress: options.localAddress ?? null }, callback),
    headersTimeout: CONNECT_TIMEOUT_MS,
  })
  pending.add(client)
  try {
    const { socket, statusCode, headers } = await client.connect({
      path: options.authority,
      headers: {
        host: options.authority,
        ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization }),
      },
    })
    if (statusCode < 200 || statusCode > 299) {
      socket.on('error', () => {}).destroy()
      throw new ConnectError('proxy', refusal(options, proxy, statusCode, headers['proxy-authenticate']))
    }
    // The tunnel is the connection's plain socket, or the TLS socket of an https: proxy.
    return socket as Socket
  } catch (error) {
    if (error instanceof ConnectError) throw error
    const code = codeOf(error)
    const problem = isUntrusted(code) ? ', its certificate was not accepted' : ''
    throw new ConnectError('proxy', `No connection to the proxy ${proxy.origin}${problem} (${code}); nothing was sent.`)
  } finally {
    pending.delete(client)
    // The tunnel's socket no longer belongs to the client: this destroys everything else.
    void client.destroy()
  }
}

/** @param challenge the header `proxy-authenticate`, which lists the kinds of login that the proxy takes */
function refusal(
  options: RouteOptions,
  proxy: HttpProxyAddress,
  status: number,
  challenge: string | string[] | undefined,
): string {
  const what = `The proxy ${proxy.origin} refused a connection to ${options.authority} (${status})`
  // tinyproxy answers 401 to a wrong password, and 407 to none.
  if (status === 407 || status === 401) {
    const kinds = loginKinds(challenge)
    if (kinds.length === 0 || kinds.includes('Basic'))
      return `${what}: check the user name and password in its address.`
    return (
      `${what}: it wants a login by ${kinds.join(' or ')}, and only Basic is supported. Have it allow Basic, or use ` +
      'another proxy that logs in to it.'
    )
  }
  if (/^(400|404|405|501)$/.test(String(status))) return `${what}: is it a proxy that opens tunnels (CONNECT)?`
  if (status >= 500) {
    return `The proxy ${proxy.origin} could not connect to ${options.authority} (${status}): look at the proxy's log.`
  }
  return `${what}: it has to allow CONNECT to that host and port.`
}

/** The kinds of login in a header such as `Negotiate, NTLM, Basic realm="x"`, each with a capital letter. */
function loginKinds(challenge: string | string[] | undefined): string[] {
  const listed = [challenge ?? []]
    .flat()
    .join(',')
    .slice(0, 2_000)
    .replace(/"[^"]*"/g, '')
  const kinds = [...listed.matchAll(/(?:^|,)\s*([a-z][a-z0-9-]{0,30})(?=\s|,|$)/gi)].map(([, kind = '']) => kind)
  return [...new Set(kinds.map((kind) => (/^ntlm$/i.test(kind) ? 'NTLM' : capitalized(kind))))]
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()
}

function trackPending(
  pending: PendingConnections,
  connect: buildConnector.connector,
  to: buildConnector.Options,
  callback: buildConnector.Callback,
): void {
  // undici's connectors return the socket that is being opened, although their type does not declare it.
  const socket: unknown = connect(to, (...result) => {
    if (socket instanceof Socket) pending.delete(socket)
    callback(...result)
  })
  if (socket instanceof Socket) pending.add(socket)
}

function connectError(where: string, error: Error): ConnectError {
  const code = codeOf(error)
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return new ConnectError('timeout', `No connection to ${where} within ${CONNECT_TIMEOUT_MS / 1000} s.`)
  }
  if (!isUntrusted(code)) return new ConnectError('unreachable', `No connection to ${where} (${code}).`)
  return new ConnectError(
    'unreachable',
    `No connection to ${where}, its certificate was not accepted (${code}); for a private CA, set \`ca\`.`,
  )
}

function isUntrusted(code: string): boolean {
  return /CERT|SIGNATURE|ISSUER|SELF_SIGNED/.test(code)
}

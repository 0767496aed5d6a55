import { connect, type Socket } from 'node:net'
import { SocksClient } from 'socks'
import { CONNECT_TIMEOUT_MS, ConnectError, codeOf, type PendingConnections, type RouteOptions } from './connection.js'
import type { SocksAddress } from './proxy.js'

/**
 * A connection to the service through a SOCKS5 proxy. The proxy is given the service's name, not its address: only the
 * proxy's own name is resolved on this machine.
 *
 * @throws ConnectError
 */
export async function openSocksTunnel(
  options: RouteOptions,
  proxy: SocksAddress,
  pending: PendingConnections,
): Promise<Socket> {
  const socket = connect({
    host: proxy.host,
    port: proxy.port,
    autoSelectFamily: true,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
  })
  pending.add(socket)
  try {
    await connected(socket)
    const { hostname, port } = new URL(`http://${options.authority}`)
    await SocksClient.createConnection({
      // The package requires the address, although the socket is connected already.
      proxy: { host: proxy.host, port: proxy.port, type: 5, ...credentials(proxy) },
      command: 'connect',
      destination: { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) },
      existing_socket: socket,
      timeout: CONNECT_TIMEOUT_MS,
    })
    return socket
  } catch (error) {
    socket.on('error', () => {}).destroy()
    throw new ConnectError('proxy', refusal(options, proxy, error))
  } finally {
    pending.delete(socket)
  }
}

function credentials({ login }: SocksAddress): { userId: string; password: string } | undefined {
  return login && { userId: login.user, password: login.password }
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      end()
      reject(error)
    }
    const onTimeout = (): void => fail(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }))
    const onClose = (): void => fail(Object.assign(new Error('closed'), { code: 'ECONNABORTED' }))
    const onConnect = (): void => {
      end()
      resolve()
    }
    const end = (): void => {
      socket.setTimeout(0)
      socket.off('connect', onConnect).off('error', fail).off('timeout', onTimeout).off('close', onClose)
    }
    socket.setTimeout(CONNECT_TIMEOUT_MS)
    socket.on('connect', onConnect).on('error', fail).on('timeout', onTimeout).on('close', onClose)
  })
}

/**
 * The proxy's reply in our own words: the package's errors hold the proxy's password. The names of the replies are
 * those of RFC 1928 (https://www.rfc-editor.org/rfc/rfc1928#section-6).
 */
function refusal({ authority }: RouteOptions, proxy: SocksAddress, error: unknown): string {
  const text = error instanceof Error ? error.message : ''
  if (/no accepted authentication/.test(text)) {
    const ours = proxy.login ? 'none, or a user name and a password' : 'none'
    return `The proxy ${proxy.origin} wants another login than ours (${ours}): only those two kinds are supported.`
  }
  if (/authentication/i.test(text)) {
    return `The proxy ${proxy.origin} refused the login: check the user name and password in its address.`
  }
  if (/NotAllowed/.test(text)) {
    return `The proxy ${proxy.origin} refused a connection to ${authority}: its rules have to allow that host and port.`
  }
  const answer = /(Failure|NetworkUnreachable|HostUnreachable|ConnectionRefused|TTLExpired)/.exec(text)?.[1]
  if (answer !== undefined) return `The proxy ${proxy.origin} could not connect to ${authority} (${answer}).`
  return `No connection to the proxy ${proxy.origin} (${codeOf(error)}); nothing was sent.`
}

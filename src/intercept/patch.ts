import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import net, { type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import { SolveguardError } from '../base/errors.js'
import type { OwnSockets } from '../net/own-sockets.js'
import { serviceHost } from './names.js'

/** Where connections to the services are led. */
export interface Destination {
  /** The certificate that these connections trust, in PEM, and nothing else. */
  readonly ca: string
  /** A connection to it, for one service's host. */
  open(host: string): Duplex
}

/**
 * Leads what this thread opens to a service's host by `tls.connect` to `destination`, and refuses what goes round that:
 * plain connections, TLS over a socket of one's own, look-ups.
 *
 * @returns the functions as they were before, for the guard's own calls. Nothing else has them: a mark on a call could
 *   be copied by whoever sees the call.
 */
export function patchConnections(destination: () => Destination): OwnSockets {
  const { apply } = Reflect
  const { assign } = Object
  const { connect: tlsConnect, checkServerIdentity } = tls
  const { Socket } = net
  const { connect: socketConnect } = Socket.prototype
  const { lookup } = dns
  /** The socket over which a call of ours opens TLS at this moment. */
  let opening: Duplex | undefined

  const openTls = (options: ConnectionOptions & { socket: Duplex }, callback?: () => void): TLSSocket => {
    opening = options.socket
    try {
      return tlsConnect(options, callback)
    } finally {
      opening = undefined
    }
  }

  function lead(host: string, options: ConnectionOptions, callback?: () => void): TLSSocket {
    const { ca, open } = destination()
    const { socket: tunnel } = options
    const mine = { socket: open(host), servername: host, host, ca, rejectUnauthorized: true }
    const none = { secureContext: undefined, cert: undefined, key: undefined, pfx: undefined, crl: undefined }
    const led = openTls(assign({}, options, none, mine), callback)
    // A client's own tunnel through a proxy: it carries nothing, and is closed with the connection.
    if (tunnel) led.once('close', () => tunnel.destroy())
    return led
  }

  function connect(...args: unknown[]): TLSSocket {
    const { options, callback } = tlsArguments(args)
    const host = serviceHost(options.servername) ?? serviceHost(options.host)
    if (host !== undefined && !options.path) return lead(host, options, callback)
    // The copy that was looked at, not the arguments: a getter may give another host the next time.
    return tlsConnect(options, callback)
  }

  function connectSocket(this: Socket, ...args: unknown[]): Socket {
    const [first, second] = Array.isArray(args[0]) ? args[0] : args
    const named = typeof first === 'object' && first !== null ? (first as { host?: unknown }).host : second
    const host = serviceHost(named)
    if (host === undefined) return apply(socketConnect, this, args)
    process.nextTick(() => this.destroy(refused(host)))
    return this
  }

  // Its types do not have it.
  const { setServername } = tls.TLSSocket.prototype as TLSSocket & { setServername: AnyFunction }
  function setName(this: TLSSocket, name: unknown): void {
    const host = serviceHost(name)
    if (host !== undefined && (opening === undefined || socketUnder(this) !== opening)) throw refused(host)
    apply(setServername, this, [name])
  }

  replace(tls, 'connect', connect)
  replace(Socket.prototype, 'connect', connectSocket)
  replace(tls.TLSSocket.prototype, 'setServername', setName)
  for (const resolver of [dns, dns.Resolver.prototype]) refuseLookups(resolver, false)
  for (const resolver of [dns.promises, dns.promises.Resolver.prototype]) refuseLookups(resolver, true)
  syncBuiltinESMExports()

  return {
    connect({ host, port, localAddress }) {
      const socket = new Socket()
      const to = { host, port, lookup, autoSelectFamily: true, ...(localAddress !== undefined && { localAddress }) }
      return apply(socketConnect, socket, [to])
    },
    secure: (socket, { servername, ca }) =>
      openTls({
        socket,
        servername,
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: true,
        checkServerIdentity,
        ...(ca && { ca: [...ca] }),
      }),
  }
}

const { getOwnPropertySymbols } = Object

/** The socket that `tls.connect` was given for a TLS socket. Node keeps the options under a symbol of its own. */
function socketUnder(socket: TLSSocket): unknown {
  for (const symbol of getOwnPropertySymbols(socket)) {
    if (symbol.description !== 'connect-options') continue
    const options: { readonly socket?: unknown } | undefined = Reflect.get(socket, symbol)
    return options?.socket
  }
  return undefined
}

type AnyFunction = (this: unknown, ...args: never[]) => unknown

/** Replaces a function, with the properties that it has: `util.promisify` reads them. */
function replace(owner: object, name: string, replacement: (...args: never[]) => unknown): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)
  const original: AnyFunction = descriptor?.value
  const { prototype: _, ...properties } = Object.getOwnPropertyDescriptors(original) as Record<
    string,
    PropertyDescriptor
  >
  Object.defineProperties(replacement, properties)
  Object.defineProperty(owner, name, { ...descriptor, value: replacement })
}

/** Functions that look a name up. */
const LOOKUP = /^(?:lookup|resolve\w*)$/

function refuseLookups(resolver: object, promises: boolean): void {
  const { apply } = Reflect
  for (const [name, { value: original }] of Object.entries(Object.getOwnPropertyDescriptors(resolver))) {
    if (typeof original !== 'function' || !LOOKUP.test(name)) continue
    replace(resolver, name, function (this: unknown, ...args: unknown[]): unknown {
      const host = serviceHost(args[0])
      if (host === undefined) return apply(original, this, args)
      const callback = args.at(-1)
      if (promises || typeof callback !== 'function') return Promise.reject(refused(host))
      process.nextTick(callback as (error: Error) => void, refused(host))
      return undefined
    })
  }
}

function refused(host: string): SolveguardError {
  return new SolveguardError(
    'CONNECTION_BYPASSES_GUARD',
    `A connection to ${host} went round the guard, so it was refused: use HTTPS by one of Node's own functions or a ` +
      'library that does.',
  )
}

/** The arguments of `tls.connect` in all its forms, copied. */
function tlsArguments(args: readonly unknown[]): { options: ConnectionOptions; callback: (() => void) | undefined } {
  // `net.connect` passes its own arguments in one list.
  const list = Array.isArray(args[0]) ? (args[0] as unknown[]) : args
  const options: ConnectionOptions = {}
  const [first, second] = list
  if (typeof first === 'object' && first !== null) Object.assign(options, first)
  else if (typeof first === 'string' && !/^\d+$/.test(first)) options.path = first
  else {
    options.port = Number(first)
    if (typeof second === 'string') options.host = second
  }
  for (const more of list.slice(1)) if (typeof more === 'object' && more !== null) Object.assign(options, more)
  const callback = list.findLast((one) => typeof one === 'function')
  return { options, callback: callback as (() => void) | undefined }
}

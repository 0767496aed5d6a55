import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import net, { type LookupFunction, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import { SolveguardError } from '../base/errors.js'
import type { OwnSockets } from '../net/own-sockets.js'
import { serviceHost } from './names.js'
import { hostOfRequest } from './requests.js'

/** Where connections to the services are led. */
export interface Destination {
  /** The certificate that these connections trust, in PEM, and nothing else. */
  readonly ca: string
  /** A connection to it, for one service's host. */
  open(host: string): Duplex
}

/**
 * Leads what this thread opens to a service's host by `tls.connect` to `destination`, and refuses what goes round that:
 * plain connections, TLS over a socket of one's own, look-ups, and requests to a service over any other connection,
 * such as that of a proxy.
 *
 * @returns the functions as they were before, for the guard's own calls. Nothing else has them: a mark on a call could
 *   be copied by any code that sees the call.
 */
export function patchConnections(destination: () => Destination): OwnSockets {
  const { apply } = Reflect
  const { assign } = Object
  const { connect: tlsConnect, checkServerIdentity } = tls
  const { Socket } = net
  const { connect: socketConnect, _write: writeOne, _writev: writeMany } = Socket.prototype
  const { lookup } = dns
  const { add, has } = WeakSet.prototype
  /** The connections that were led to the guard, and the guard's own. */
  const trusted = new WeakSet<object>()
  /** The socket over which a call of ours opens TLS at this moment. */
  let opening: Duplex | undefined

  const openTls = (options: ConnectionOptions & { socket: Duplex }, callback?: () => void): TLSSocket => {
    opening = options.socket
    try {
      const socket = tlsConnect(options, callback)
      apply(add, trusted, [socket])
      return socket
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
    // A client's own tunnel through a proxy: it carries nothing, is closed with the connection, and may end before it.
    if (tunnel) {
      tunnel.on('error', () => {})
      led.once('close', () => tunnel.destroy())
    }
    return led
  }

  function connect(this: unknown, ...args: unknown[]): TLSSocket {
    const { options, callback } = tlsArguments(args)
    const host = serviceHost(options.servername) ?? serviceHost(options.host)
    if (host !== undefined && !options.path) return lead(host, options, callback)
    // A getter may give another host from now on: then the socket's own `connect` and `setServername` see it.
    return apply(tlsConnect, this, args)
  }

  function connectSocket(this: Socket, ...args: unknown[]): Socket {
    // `net.connect` makes a list of its arguments, which Node recognizes by a symbol; any other one is options.
    const [list] = args
    const host = hostOfSocket(args) ?? (Array.isArray(list) ? hostOfSocket(list) : undefined)
    if (host === undefined) return apply(socketConnect, this, args)
    // As a name that is not found: callers and HTTP/2 then see what they see of any other failure.
    const lookup: LookupFunction = (_name, _options, found) => process.nextTick(found, refused(host), '', 0)
    return apply(socketConnect, this, [{ host, port: 443, lookup }])
  }

  // Its types do not have it.
  const { setServername } = tls.TLSSocket.prototype as TLSSocket & { setServername: AnyFunction }
  function setName(this: TLSSocket, name: unknown): void {
    const host = serviceHost(name)
    if (host !== undefined && (opening === undefined || socketUnder(this) !== opening)) throw refused(host)
    apply(setServername, this, [name])
  }

  function write(this: Socket, chunk: unknown, encoding: BufferEncoding, done: WriteDone): void {
    const host = apply(has, trusted, [this]) ? undefined : hostOfRequest(chunk)
    if (host === undefined) apply(writeOne, this, [chunk, encoding, done])
    else done(refused(host))
  }

  function writeAll(this: Socket, chunks: readonly { readonly chunk: unknown }[], done: WriteDone): void {
    if (!apply(has, trusted, [this])) {
      for (let at = 0; at < chunks.length; at++) {
        const host = hostOfRequest(chunks[at]?.chunk)
        if (host === undefined) continue
        done(refused(host))
        return
      }
    }
    if (writeMany) apply(writeMany, this, [chunks, done])
  }

  replace(tls, 'connect', connect)
  replace(Socket.prototype, 'connect', connectSocket)
  replace(Socket.prototype, '_write', write)
  replace(Socket.prototype, '_writev', writeAll)
  replace(tls.TLSSocket.prototype, 'setServername', setName)
  for (const resolver of [dns, dns.Resolver.prototype]) refuseLookups(resolver, false)
  for (const resolver of [dns.promises, dns.promises.Resolver.prototype]) refuseLookups(resolver, true)
  syncBuiltinESMExports()

  return {
    connect({ host, port, localAddress }) {
      const socket = new Socket()
      apply(add, trusted, [socket])
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

type WriteDone = (error?: Error | null) => void
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
      if (promises) return Promise.reject(refused(host))
      const callback = args.at(-1)
      if (typeof callback !== 'function') throw refused(host)
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

/** The arguments of `tls.connect` as Node reads them, copied. */
function tlsArguments(args: readonly unknown[]): { options: ConnectionOptions; callback: (() => void) | undefined } {
  const options: ConnectionOptions = {}
  const [first, second, third] = args
  if (isObject(first)) Object.assign(options, first)
  else if (isPipe(first)) options.path = first
  else if (typeof second === 'string') options.host = second
  if (isObject(second)) Object.assign(options, second)
  else if (isObject(third)) Object.assign(options, third)
  const callback = args.at(-1)
  return { options, callback: typeof callback === 'function' ? (callback as () => void) : undefined }
}

/** The service's host to which a socket would connect. */
function hostOfSocket([first, second]: readonly unknown[]): string | undefined {
  if (!isObject(first)) return isPipe(first) ? undefined : serviceHost(second)
  const { host, path } = first
  return path ? undefined : serviceHost(host)
}

const isObject = (value: unknown): value is Record<PropertyKey, unknown> => typeof value === 'object' && value !== null

/** Whether a first argument is the path of a pipe: a text that is no port. */
const isPipe = (value: unknown): value is string => typeof value === 'string' && !(Number(value) >= 0)

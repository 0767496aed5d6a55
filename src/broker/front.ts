import { X509Certificate } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
// biome-ignore lint/plugin: servers only
import tls from 'node:tls'
import type { BrokerRequest } from './types.js'

/** How long a client may be silent before its first byte, and take for a TLS handshake, in ms. */
const HANDSHAKE_MS = 10_000
/** The first byte of a TLS record that begins a handshake. */
const TLS_HANDSHAKE = 0x16

/** The certificates of a listener. */
export interface FrontTls {
  certificate(): { readonly cert: string; readonly key: string }
  /** Certificates (PEM) of the authorities of clients: a client without a certificate of theirs is refused. */
  readonly clientCa?: (() => string) | undefined
}

/** @throws Error for a text that is no certificates in PEM, which TLS would take for no authority at all */
export function checkAuthorities(ca: string): void {
  const all = ca.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (!all) throw new Error('no certificate in PEM')
  for (const each of all) new X509Certificate(each)
}

/** @throws Error for a certificate that cannot be used with its key */
export function checkCertificate(made: { readonly cert: string; readonly key: string }): void {
  tls.createSecureContext(made)
}

/** What is in front of an HTTP server. */
export interface FrontOptions {
  /** @default plain HTTP only */
  readonly tls?: FrontTls | undefined
  /** Whether plain HTTP is taken beside TLS. */
  readonly plain: boolean
  /** Takes a CONNECT. @default none */
  readonly connect?: ((request: IncomingMessage, socket: Duplex, tunnels: Tunnels) => void) | undefined
}

/** What a proxy may do with a connection. */
export interface Tunnels {
  /** Ends TLS here; the requests within are answered as requests to `host`. */
  end(socket: Duplex, context: ConnectionContext): void
  /** Has a socket destroyed when the server closes. */
  track(socket: Duplex): void
}

type ConnectionContext = Pick<BrokerRequest, 'host' | 'credential'>

/** TLS and a proxy in front of an HTTP server, on its own port: the first byte decides which of them a client uses. */
export class Front implements Tunnels {
  readonly #accept: (socket: Duplex) => void
  readonly #tls: FrontTls | undefined
  readonly #open = new Set<Duplex>()
  readonly #contexts = new WeakMap<object, ConnectionContext>()

  constructor(server: Server, { tls: certificates, plain, connect }: FrontOptions) {
    this.#tls = certificates
    const listeners = server.listeners('connection')
    this.#accept = (socket) => {
      for (const listener of listeners) Reflect.apply(listener, server, [socket])
    }
    if (certificates) {
      const secure = this.#tlsServer(certificates)
      server.removeAllListeners('connection')
      server.on('connection', (socket: Socket) => {
        this.track(socket)
        this.#sniff(socket, secure, plain)
      })
    }
    if (!connect) return
    server.on('connect', (request, socket, head) => {
      // What a client has sent without waiting for the reply.
      if (head.length > 0) socket.unshift(head)
      connect(request, socket, this)
    })
  }

  /** What is known of a request by its connection. */
  context(request: { readonly socket: object }): ConnectionContext {
    return this.#contexts.get(request.socket) ?? {}
  }

  end(socket: Duplex, context: ConnectionContext): void {
    const certificates = this.#tls
    if (!certificates) {
      socket.destroy()
      return
    }
    this.track(socket)
    const secureContext = tls.createSecureContext({ ...certificates.certificate(), minVersion: 'TLSv1.2' })
    const inner = new tls.TLSSocket(socket as Socket, { isServer: true, secureContext, rejectUnauthorized: true })
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS)
    inner.once('close', () => clearTimeout(timer)).on('error', () => socket.destroy())
    inner.once('secure', () => {
      clearTimeout(timer)
      this.#contexts.set(inner, context)
      this.#accept(inner)
    })
  }

  track(socket: Duplex): void {
    this.#open.add(socket)
    socket.on('error', () => {}).once('close', () => this.#open.delete(socket))
  }

  close(): void {
    for (const socket of this.#open) socket.destroy()
  }

  #tlsServer(certificates: FrontTls): tls.Server {
    const { clientCa } = certificates
    const wanted = () => {
      const { cert, key } = certificates.certificate()
      return { minVersion: 'TLSv1.2', cert, key, ca: clientCa?.() } as const
    }
    let used = wanted()
    const secure = tls.createServer(
      {
        ...used,
        handshakeTimeout: HANDSHAKE_MS,
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: true,
        requestCert: clientCa !== undefined,
      },
      (socket) => this.#accept(socket),
    )
    secure.on('tlsClientError', (_, socket) => socket.destroy())
    secure.prependListener('connection', () => {
      const now = wanted()
      if (now.cert === used.cert && now.ca === used.ca) return
      used = now
      // Sessions of the context before cannot be taken up again: their clients show a certificate anew.
      secure.setSecureContext(now)
    })
    return secure
  }

  #sniff(socket: Socket, secure: tls.Server, plain: boolean): void {
    socket.setTimeout(HANDSHAKE_MS, () => socket.destroy())
    socket.once('data', (first: Buffer) => {
      socket.setTimeout(0).removeAllListeners('timeout')
      const isTls = first[0] === TLS_HANDSHAKE
      if (!isTls && !plain) {
        socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
        return
      }
      socket.pause()
      socket.unshift(first)
      if (isTls) secure.emit('connection', socket)
      else this.#accept(socket)
      process.nextTick(() => socket.resume())
    })
  }
}

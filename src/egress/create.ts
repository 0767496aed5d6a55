import { isIP } from 'node:net'
import { Pool } from 'undici'
import { type Clock, systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { VERSION } from '../base/version.js'
import type { Reply } from '../base/wire.js'
import type { OwnSockets } from '../net/own-sockets.js'
import { parseProxy } from '../net/proxy.js'
import { openRoute } from '../net/route.js'
import { checkPath, encodeBody, maskedBody } from './body.js'
import { exchange } from './exchange.js'
import { type ExchangeTrace, type WireLog, withWireLog } from './har.js'
import { maskReply } from './har-masks.js'
import { type ExpectedAddress, IpCheck } from './ip-check.js'
import { keyMask, maskKeyInReply } from './key-mask.js'
import { type Purpose, type Transport, TransportError } from './transport.js'

/** The `user-agent` of every call to a service. */
export const USER_AGENT = `solveguard/${VERSION}`

const DEFAULT_TIMEOUT_MS = 30_000
const MAX_CONNECTIONS = 128

export interface TransportOptions {
  /** The service's address, the only host that is ever connected to: `https:`, or `http:` on a loopback address. */
  readonly baseUrl: string
  /** The proxy for every connection: `http(s)://[user:password@]host:port`, or `socks5://…`. @default none */
  readonly proxy?: string | undefined
  /** The address of this machine to connect from. @default the operating system's choice */
  readonly localAddress?: string | undefined
  /** Certificates (PEM) to trust for the service and for an `https:` proxy. @default the machine's */
  readonly ca?: string | readonly string[] | undefined
  /** The addresses that calls must leave from, and the services that report them. All have to hold. @default none */
  readonly expect?: readonly ExpectedAddress[] | undefined
  /** The wire log that records each call and its reply. @default none */
  readonly log?: WireLog | undefined
  /**
   * How sockets to the service are opened.
   * @default with Node's own functions
   */
  readonly sockets?: OwnSockets | undefined
  /** Times the whole exchange. Opening a connection is timed by the machine's clock. @default systemClock */
  readonly clock?: Clock | undefined
}

/**
 * A transport to one service. It reads nothing from the environment (no `HTTPS_PROXY`, no global dispatcher), follows
 * no redirect, and keeps connections open for the next call.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 * @example
 * const transport = createTransport({ baseUrl: 'https://ocr.captchaai.com', proxy: 'http://egress.internal:3128' })
 * const reply = await transport.send(solver.balance(), secret)
 */
export function createTransport(options: TransportOptions): Transport {
  const service = checkBaseUrl(options.baseUrl)
  const proxy = options.proxy === undefined ? undefined : parseProxy(options.proxy)
  if (options.localAddress !== undefined && !isIP(options.localAddress)) {
    throw new SolveguardError('CONFIG_INVALID', 'localAddress must be an IP address of this machine.')
  }
  const clock = options.clock ?? systemClock
  const egressRoute = openRoute({
    origin: service.origin,
    authority: service.authority,
    proxy,
    localAddress: options.localAddress,
    ca: options.ca,
    sockets: options.sockets,
  })
  /** The service's IP addresses, of direct connections. With several it is not known which one a call used. */
  const addresses = new Set<string>()
  const pool = new Pool(service.origin, {
    connect: (to, callback) =>
      egressRoute.connect(to, (...made) => {
        const address = proxy ? undefined : made[1]?.remoteAddress
        if (address !== undefined) addresses.add(address)
        callback(...made)
      }),
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    // exchange.ts has one time-out for the whole exchange instead.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const headers = {
    form: requestHeaders('application/x-www-form-urlencoded'),
    json: requestHeaders('application/json'),
  }
  const { localAddress, ca, expect = [], log } = options
  const check = new IpCheck(expect, { proxy, localAddress, ca }, clock, log)
  let closed: Promise<void> | undefined

  return {
    route: proxy?.origin ?? 'direct',
    get address() {
      return check.address
    },
    verify: () => check.verify(),
    known: () => check.known(),

    async send(call, secret, options = {}): Promise<Reply> {
      const { signal, timeoutMs = DEFAULT_TIMEOUT_MS, connectWithinMs, purpose } = options
      const { mayHoldAnswer: mayAnswer = () => purpose !== 'report' && purpose !== 'balance' } = options
      checkPath(call.path)
      if (closed) throw new TransportError('aborted', 'no', `The transport to ${service.origin} is closed.`)
      if (signal?.aborted) throw new TransportError('aborted', 'no', `The call to ${service.origin} was aborted.`)
      const path = service.prefix + call.path
      const body = encodeBody(call, secret)
      const send = async (trace?: ExchangeTrace): Promise<Reply> => {
        const request = { method: 'POST', path, headers: headers[call.encoding], body } as const
        const names = { service: service.origin, via: proxy?.origin }
        const bounds = { clock, timeoutMs, connectWithinMs, signal, ...names, trace }
        return maskKeyInReply(await exchange(pool, request, bounds), secret)
      }
      if (!log) return send()
      const mask = keyMask(secret, call.sensitive)
      return withWireLog(
        log,
        clock,
        {
          method: 'POST',
          url: service.origin + path,
          headers: { host: new URL(service.origin).host, ...headers[call.encoding] },
          body: mask(maskedBody(call, secret)),
          bodyBytes: Buffer.byteLength(body),
          comment: commentOf(purpose, proxy?.origin, check.address),
          serverAddress: () => (addresses.size === 1 ? [...addresses][0] : undefined),
          mask,
          maskReply: (reply) => mask(mayAnswer(reply) ? maskReply(reply.body) : reply.body),
        },
        send,
      )
    },

    close() {
      closed ??= pool.destroy()
      egressRoute.abort()
      return closed
    },
  }
}

function commentOf(purpose: Purpose | undefined, proxy: string | undefined, address: string | undefined): string {
  const from = address === undefined ? '' : `, from ${address}`
  return `${purpose ?? 'call'}: ${proxy === undefined ? 'direct' : `by ${proxy}`}${from}`
}

function requestHeaders(contentType: string): Record<string, string> {
  return {
    'content-type': contentType,
    accept: 'application/json, text/plain',
    // Compressed replies are refused, so that a small reply cannot decompress into a large one.
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
  }
}

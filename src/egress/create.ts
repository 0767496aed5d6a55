import { isIP } from 'node:net'
import { Pool } from 'undici'
import { type Clock, systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { VERSION } from '../base/version.js'
import type { Reply } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'
import { checkPath, encodeBody } from './body.js'
import { wayOut } from './connect.js'
import { exchange } from './exchange.js'
import { type ExpectedAddress, IpCheck } from './ip-check.js'
import { parseProxy } from './proxy.js'
import { type Transport, TransportError } from './transport.js'

/** What we call ourselves to services. */
export const USER_AGENT = `solveguard/${VERSION}`

const DEFAULT_TIMEOUT_MS = 30_000
const MOST_CONNECTIONS = 128

export interface TransportOptions {
  /** Where the service is: the only host that is ever asked for. `https:`, or `http:` on a loopback address. */
  readonly baseUrl: string
  /** The only way out, where set: `http(s)://[user:password@]host:port`, or `socks5://…`. */
  readonly proxy?: string | undefined
  /** The local address to leave from, one of this machine's. */
  readonly localAddress?: string | undefined
  /** Certificates (PEM) to trust in place of the machine's, for the service and for an `https:` proxy. */
  readonly ca?: string | readonly string[] | undefined
  /** Which addresses calls are to leave from, by whose word. All of them have to hold. */
  readonly expect?: readonly ExpectedAddress[] | undefined
  /** Times the whole exchange. Connecting is timed by the machine's own clock. */
  readonly clock?: Clock | undefined
}

/**
 * A transport to one service. It takes nothing from the environment (no `HTTPS_PROXY`, no global dispatcher), follows
 * no redirect, and keeps connections for the next call.
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
  const way = wayOut({
    origin: service.origin,
    authority: service.authority,
    proxy,
    localAddress: options.localAddress,
    ca: options.ca,
  })
  const pool = new Pool(service.origin, {
    connect: way.connect,
    connections: MOST_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    // One timer for the whole exchange (exchange.ts) stands for these two.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const headers = {
    form: requestHeaders('application/x-www-form-urlencoded'),
    json: requestHeaders('application/json'),
  }
  const { localAddress, ca, expect = [] } = options
  const check = new IpCheck(expect, { proxy, localAddress, ca }, clock)
  let closed: Promise<void> | undefined

  return {
    route: proxy?.origin ?? 'direct',
    get address() {
      return check.address
    },
    verify: () => check.verify(),

    async send(call, secret, { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = {}): Promise<Reply> {
      checkPath(call.path)
      if (closed) throw new TransportError('aborted', 'no', `The transport to ${service.origin} is closed.`)
      if (signal?.aborted) throw new TransportError('aborted', 'no', `The call to ${service.origin} was aborted.`)
      const reply = await exchange(
        pool,
        {
          method: 'POST',
          path: service.prefix + call.path,
          headers: headers[call.encoding],
          body: encodeBody(call, secret),
        },
        { clock, timeoutMs, signal, service: service.origin },
      )
      return withoutKey(reply, secret)
    },

    close() {
      closed ??= pool.destroy()
      way.abort()
      return closed
    },
  }
}

function requestHeaders(contentType: string): Record<string, string> {
  return {
    'content-type': contentType,
    accept: 'application/json, text/plain',
    // Nothing compressed is taken, so a small reply cannot unpack into a large one.
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
  }
}

/**
 * A service that repeats the key in an error must not carry it into our messages: neither as it is, nor as JSON and
 * forms spell it (PHP writes `/` as `\\/` in JSON).
 */
function withoutKey(reply: Reply, secret: Secret): Reply {
  const { body, contentType } = reply
  const escaped = /[\\%]/.test(body)
  if (!escaped && !secret.isIn(body) && !secret.isIn(contentType)) return reply
  const spellings = new RegExp([...secret.reveal()].map(spellingsOf).join(''), 'g')
  const mask = (text: string) => text.replace(spellings, () => secret.toString())
  return { ...reply, body: mask(body), contentType: mask(contentType) }
}

/** One character of a key, which is printable ASCII, as a pattern for all the ways to write it. */
function spellingsOf(character: string): string {
  const hex = character
    .charCodeAt(0)
    .toString(16)
    .padStart(2, '0')
    .replace(/[a-f]/g, (x) => `[${x}${x.toUpperCase()}]`)
  const itself = /\w/.test(character) ? character : `\\${character}`
  return `(?:\\\\u00${hex}|%${hex}|\\\\?${itself})`
}

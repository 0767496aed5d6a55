import { Pool } from 'undici'
import { readBounded } from '../base/bounded-bytes.js'
import { DeniedError, printable } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { ConnectError, codeOf } from '../net/connection.js'
import { parseProxy } from '../net/proxy.js'
import { openRoute } from '../net/route.js'

const TIMEOUT_MS = 10_000
const MAX_REPLY_BYTES = 1024 * 1024

/** One call to a secrets store. */
export interface StoreCall {
  readonly method: 'GET' | 'POST'
  /** Below the store's address; begins with a slash. The caller has encoded its parts. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: object | undefined
  readonly signal?: AbortSignal | undefined
}

/** The store's reply. Its body is parsed JSON that was not checked; undefined where there was none. */
export interface StoreReply {
  readonly status: number
  readonly body: unknown
}

/** Calls one store over HTTP. */
export type StoreClient = (call: StoreCall) => Promise<StoreReply>

/** How to reach a store. */
export interface StoreRoute {
  /** Certificates (PEM) to trust in place of the machine's. */
  readonly ca?: string | readonly string[] | undefined
  /** The proxy for every call: `http(s)://[user:password@]host:port`, or `socks5://…`. */
  readonly proxy?: string | undefined
}

/**
 * A client for a store that speaks JSON over HTTPS (or over HTTP on a loopback address). Certificates are verified,
 * redirects are not followed, replies are bounded in size and time.
 *
 * @param owner the provider, for messages about its options `address` and `proxy`
 * @throws SolveguardError `CONFIG_INVALID` for an address that a key must not be fetched from; its calls throw
 *   `DeniedError` `SECRET_UNAVAILABLE` when there is no complete reply
 */
export function storeClient(address: string, owner: string, place: string, { ca, proxy }: StoreRoute): StoreClient {
  const { origin, authority, prefix } = checkBaseUrl(address, `${owner}: address`)
  const route = openRoute({
    origin,
    authority,
    proxy: proxy === undefined ? undefined : parseProxy(proxy, `${owner}: proxy`),
    localAddress: undefined,
    ca,
  })
  const pool = new Pool(origin, {
    connect: route.connect,
    allowH2: false,
    pipelining: 0,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  })
  return async ({ method, path, headers, body, signal }) => {
    try {
      const reply = await pool.request({
        path: prefix + path,
        method,
        headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ?? null,
      })
      const text = await readBounded(reply.body, MAX_REPLY_BYTES)
      if (text === undefined) throw new ReplyTooLarge()
      return { status: reply.statusCode, body: text === '' ? undefined : parse(text) }
    } catch (error) {
      throw new DeniedError('SECRET_UNAVAILABLE', `The key could not be read from ${place}: ${reason(origin, error)}`)
    }
  }
}

class ReplyTooLarge extends Error {}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Why there is no reply, as a sentence: an error's code or name, never its message, which may hold anything. */
function reason(origin: string, error: unknown): string {
  if (error instanceof ConnectError) return error.message
  if (error instanceof ReplyTooLarge) return `The reply of ${origin} is too large.`
  return `No reply from ${printable(origin)} (${codeOf(error)}).`
}

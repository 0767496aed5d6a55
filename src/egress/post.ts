import type { Clock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { parseProxy } from '../net/proxy.js'
import type { Secret } from '../secrets/secret.js'
import { USER_AGENT } from './create.js'
import { withEphemeralPool } from './ephemeral-pool.js'
import { exchange } from './exchange.js'
import type { ExchangeTrace } from './har.js'
import { signaturesOf } from './sign.js'

/** A message to an address that is itself a secret: it grants permission to post there. */
export interface PostRequest {
  readonly url: Secret
  /** JSON. */
  readonly body: string
  /** The message's id and the secrets that sign it, by Standard Webhooks. */
  readonly signed?: { readonly id: string; readonly secrets: readonly Secret[] } | undefined
  /** Certificates (PEM) to trust in place of the machine's. */
  readonly ca?: string | readonly string[] | undefined
  readonly proxy?: string | undefined
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** The receiver's reply. */
export interface PostResult {
  readonly status: number
  /** How long to wait before the next attempt, in ms, where the reply names a time. */
  readonly retryAfterMs?: number | undefined
}

/**
 * Checks an address that messages are posted to: `https:`, or `http:` on a loopback address; no user name or fragment.
 * @returns its host and port, which are safe to print
 * @throws SolveguardError `CONFIG_INVALID`, which names the field and does not repeat the address
 */
export function checkPostUrl(address: Secret, field: string): string {
  return parse(address, field).host
}

function parse(address: Secret, field: string): URL {
  const text = address.reveal()
  const url = text.length <= 2048 && URL.canParse(text) ? new URL(text) : undefined
  if (!url || url.hash || url.username || url.password) {
    throw new SolveguardError('CONFIG_INVALID', `${field}: expected an https: address without a user name.`)
  }
  checkBaseUrl(url.origin, field)
  return url
}

/**
 * Posts a message, once. No redirect is followed, TLS is verified, the reply is bounded in size and time, and the
 * connection is not kept open.
 * @throws TransportError when there is no complete reply; its message names the host and nothing else of the address
 */
export async function post(message: PostRequest): Promise<PostResult> {
  const { body, signed, ca, clock, timeoutMs, signal } = message
  const url = parse(message.url, 'url')
  const proxy = message.proxy === undefined ? undefined : parseProxy(message.proxy)
  const seconds = Math.floor(clock.now() / 1000)
  const trace: ExchangeTrace = {}
  const headers = {
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
    ...(signed && {
      'webhook-id': signed.id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': signaturesOf(signed.secrets, signed.id, seconds, body),
    }),
  }
  const request = { method: 'POST', path: url.pathname + url.search, headers, body } as const
  const { status } = await withEphemeralPool(url, { proxy, localAddress: undefined, ca }, (pool) =>
    exchange(pool, request, { clock, timeoutMs, signal, service: url.host, trace }),
  )
  return { status, retryAfterMs: retryAfterOf(trace.headers?.['retry-after'], clock.now()) }
}

/** The header `retry-after` in ms: it holds seconds, or a date. */
function retryAfterOf(header: unknown, now: number): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0)
}

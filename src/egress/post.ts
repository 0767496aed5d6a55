import type { Clock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import type { Secret } from '../secrets/secret.js'
import { USER_AGENT } from './create.js'
import { withEphemeralPool } from './ephemeral-pool.js'
import { exchange } from './exchange.js'
import type { ExchangeTrace } from './har.js'
import { parseProxy } from './proxy.js'
import { signaturesOf } from './sign.js'

/** A message to an address that is itself a secret: whoever has it may post there. */
export interface PostRequest {
  readonly url: Secret
  /** JSON. */
  readonly body: string
  /** Names the message, and signs it as Standard Webhooks says. */
  readonly signed?: { readonly id: string; readonly secrets: readonly Secret[] } | undefined
  /** Certificates (PEM) to trust in place of the machine's. */
  readonly ca?: string | readonly string[] | undefined
  readonly proxy?: string | undefined
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** What was answered. */
export interface PostResult {
  readonly status: number
  /** How long to wait before another try, where the reply says so. */
  readonly retryAfterMs?: number | undefined
}

/**
 * Checks an address that messages are posted to: `https:`, or `http:` on a loopback address; no user name or fragment.
 * @returns its host and port, which may be told
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
 * Posts a message, once. No redirect is followed, TLS is verified, the reply is bounded in size and time, no connection is kept.
 * @throws TransportError when there is no whole reply; its message names no more than the host
 */
export async function post(posting: PostRequest): Promise<PostResult> {
  const { body, signed, ca, clock, timeoutMs, signal } = posting
  const url = parse(posting.url, 'url')
  const proxy = posting.proxy === undefined ? undefined : parseProxy(posting.proxy)
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

/** What `retry-after` says: seconds, or a date. */
function retryAfterOf(header: unknown, now: number): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0)
}

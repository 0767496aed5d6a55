import type { Clock } from '../base/clock.js'
import type { ServiceUrl } from '../base/service-url.js'
import type { Reply } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'
import { USER_AGENT } from './create.js'
import { withEphemeralPool } from './ephemeral-pool.js'
import { exchange } from './exchange.js'

/** A call to a broker's own interface. */
export interface BearerCall {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** JSON. */
  readonly body?: string | undefined
  readonly token: Secret
}

export interface BearerOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly connectWithinMs: number
  readonly signal: AbortSignal | undefined
  /** Certificates (PEM) to trust in place of the machine's. */
  readonly ca: string | readonly string[] | undefined
}

/**
 * Sends a call once, with its token in the header `authorization`. No redirect is followed, TLS is verified, and the
 * reply is bounded in size and time. Each call has a connection of its own: no reply can be that of another call.
 * @throws TransportError when there is no complete reply
 */
export async function sendWithToken(
  { origin, prefix }: ServiceUrl,
  { method, path, body, token }: BearerCall,
  { ca, ...bounds }: BearerOptions,
): Promise<Reply> {
  const headers = {
    authorization: `Bearer ${token.reveal()}`,
    accept: 'text/event-stream, application/json',
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
    ...(body !== undefined && { 'content-type': 'application/json' }),
  }
  const request = { method, path: prefix + path, headers, body: body ?? null }
  return withEphemeralPool(new URL(origin), { proxy: undefined, localAddress: undefined, ca }, (pool) =>
    exchange(pool, request, { ...bounds, service: origin }),
  )
}

import { Agent, request } from 'undici'
import { DeniedError, printable } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'

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

/**
 * A client for a store that speaks JSON over HTTPS (or over HTTP on a loopback address). Certificates are verified,
 * redirects are not followed, replies are bounded in size and time.
 *
 * @param ca certificates (PEM) to trust in place of the machine's
 * @throws SolveguardError `CONFIG_INVALID` for an address that a key must not be fetched from; its calls throw
 *   `DeniedError` `SECRET_UNAVAILABLE` when there is no complete reply
 */
export function storeClient(
  address: string,
  field: string,
  place: string,
  ca?: string | readonly string[],
): StoreClient {
  const { origin, prefix } = checkBaseUrl(address, field)
  const dispatcher = new Agent({
    pipelining: 0,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    maxResponseSize: MAX_REPLY_BYTES,
    connect: {
      timeout: TIMEOUT_MS,
      // Set explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment cannot turn verification off.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca: [ca].flat() }),
    },
  })
  return async ({ method, path, headers, body, signal }) => {
    try {
      const reply = await request(`${origin}${prefix}${path}`, {
        method,
        dispatcher,
        headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ?? null,
      })
      const text = await reply.body.text()
      return { status: reply.statusCode, body: text === '' ? undefined : parse(text) }
    } catch (error) {
      throw new DeniedError('SECRET_UNAVAILABLE', `The key could not be read from ${place}: ${reason(origin, error)}.`)
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Why there is no reply: an error's code or name, never its message, which may hold anything. */
function reason(origin: string, error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown }
  const errorName =
    [code, name].find((one): one is string => typeof one === 'string' && /^\w{1,50}$/.test(one)) ?? 'unknown'
  if (/CERT|SIGNATURE|ISSUER|SELF_SIGNED/.test(errorName)) {
    return `the certificate of ${origin} was not accepted (${errorName}); for a private CA, set \`ca\``
  }
  if (errorName === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return `the reply of ${origin} is too large`
  return `no reply from ${printable(origin)} (${errorName})`
}

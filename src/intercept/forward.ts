import { readFileSync } from 'node:fs'
import { Pool } from 'undici'
import { readBounded } from '../base/bounded-bytes.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import { FORWARDED_HEADERS } from '../broker/forwarded.js'
import type { BrokerHandler } from '../broker/types.js'
import type { Configuration } from './configuration.js'
import { serviceHost } from './names.js'

const MAX_CONNECTIONS = 32
const TIMEOUT_MS = 30_000
const MAX_REPLY_BYTES = 4 * 1024 * 1024
/** What a reply passes on: the body is not compressed, and its length is known again. */
const CONTENT_TYPE = 'content-type'
/** Headers of the client's own connection, and of its key. */
const DROPPED =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|host|accept-encoding|authorization|x-solveguard-.*)$/

/**
 * Sends each request to a broker elsewhere, with the token, which counts in place of whatever key the request carries.
 *
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function forwardTo({ url, token }: Extract<Configuration, { kind: 'broker' }>): BrokerHandler {
  const { origin, prefix } = checkBaseUrl(url, 'SOLVEGUARD_BROKER')
  const { hostname } = new URL(origin)
  if (serviceHost(hostname) !== undefined) {
    throw new SolveguardError('CONFIG_INVALID', `SOLVEGUARD_BROKER: ${hostname} is a service, not a broker.`)
  }
  const file = process.env.SOLVEGUARD_BROKER_CA
  const pool = new Pool(origin, {
    connections: MAX_CONNECTIONS,
    allowH2: false,
    connect: { rejectUnauthorized: true, ...(file && { ca: readFileSync(file, 'utf8') }) },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  })
  return async ({ method, url: path, headers, body, host = '' }) => {
    const kept = Object.entries(headers).filter(([name, value]) => value !== undefined && !DROPPED.test(name))
    const reply = await pool
      .request({
        method: method as 'POST',
        path: prefix + path,
        headers: {
          ...(Object.fromEntries(kept) as Record<string, string | string[]>),
          [FORWARDED_HEADERS.token]: token,
          [FORWARDED_HEADERS.host]: host,
        },
        ...(body.length > 0 && { body }),
      })
      .catch((cause: unknown) => {
        const sentence = `The broker of SOLVEGUARD_BROKER, ${origin}, does not answer: ${messageOf(cause)}`
        throw new SolveguardError('SOLVER_UNREACHABLE', `${sentence}. Start it, or correct the address.`, { cause })
      })
    const text = await readBounded(reply.body, MAX_REPLY_BYTES)
    if (text === undefined) throw new SolveguardError('SOLVER_ERROR', "The broker's reply is too long.")
    const type = reply.headers[CONTENT_TYPE]
    const content = typeof type === 'string' ? { [CONTENT_TYPE]: type } : {}
    return { status: reply.statusCode, headers: content, body: text }
  }
}

import { header } from './read-request.js'
import type { BrokerRequest } from './types.js'

/**
 * Headers of a process that passes on what it has led away (`solveguard/register`): the token, in place of whatever key
 * the request carries, and the host that its client meant.
 */
export const FORWARDED_HEADERS = { token: 'x-solveguard-token', host: 'x-solveguard-host' } as const

/** A request with what these headers say. Neither gives more than a token in the request itself would. */
export function withForwarded(request: BrokerRequest): BrokerRequest {
  const token = header(request, FORWARDED_HEADERS.token)
  if (token === '') return request
  const host = header(request, FORWARDED_HEADERS.host)
  return { ...request, credential: token, ...(host !== '' && { host }) }
}

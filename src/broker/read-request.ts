import { boundaryOf, parseMultipart } from '../wires/multipart.js'
import type { RawRequest } from '../wires/wire.js'
import type { BrokerRequest } from './types.js'

/** How many fields a form may have: no method of a service has fifty. */
const MAX_FIELDS = 500

/** The first value of a header; empty where it is absent. */
export function header({ headers }: Pick<BrokerRequest, 'headers'>, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : (value?.[0] ?? '')
}

/** The path and the query of a request; undefined if its address cannot be read. */
export function addressOf({ url }: BrokerRequest): { path: string; query: URLSearchParams } | undefined {
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  if (!path.startsWith('/')) return undefined
  const query = at < 0 ? '' : url.slice(at + 1)
  if (tooManyFields(query)) return undefined
  return { path: withoutSlashes(path), query: new URLSearchParams(query) }
}

/** A request as the wires read it; undefined if its body cannot be read. */
export function rawRequest(request: BrokerRequest, path: string, query: URLSearchParams): RawRequest | undefined {
  const { method, body } = request
  const raw = { method, path, query: Object.fromEntries(query) }
  const boundary = boundaryOf(header(request, 'content-type'))
  if (boundary !== undefined) {
    const form = parseMultipart(body, boundary)
    return form && { ...raw, body: '', form }
  }
  const text = body.toString('utf8').replace(/^\ufeff?\s*/, '')
  return !text.startsWith('{') && tooManyFields(text) ? undefined : { ...raw, body: text }
}

/** Some clients join an address that ends in a slash and a path that begins with one, or end a path in one. */
export function withoutSlashes(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
}

function tooManyFields(text: string): boolean {
  let count = 0
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) if (++count >= MAX_FIELDS) return true
  return false
}

/** The token in the header `authorization`, as Bearer or as the password of Basic; undefined where there is none. */
export function credentialIn(request: Pick<BrokerRequest, 'headers'>, name = 'authorization'): string | undefined {
  const value = header(request, name)
  const bearer = /^Bearer\s+(\S{1,8192})\s*$/i.exec(value)?.[1]
  if (bearer !== undefined) return bearer
  const basic = /^Basic\s+([\w+/=-]{1,8192})\s*$/i.exec(value)?.[1]
  if (basic === undefined) return undefined
  const pair = Buffer.from(basic, 'base64').toString('utf8')
  const at = pair.indexOf(':')
  // Some libraries send an empty password, with the token as the user.
  const password = at < 0 ? '' : pair.slice(at + 1)
  return password === '' ? pair.replace(/:$/, '') : password
}

/**
 * Whether a browser made the request for a page. No page may use the broker: a page of another site could spend what
 * the token of a service beside it allows.
 */
export function isFromBrowser(request: Pick<BrokerRequest, 'headers'>): boolean {
  return header(request, 'origin') !== '' || header(request, 'sec-fetch-site') !== ''
}

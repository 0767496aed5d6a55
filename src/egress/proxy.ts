import { SolveguardError } from '../base/errors.js'

/** A way out through an HTTP proxy, taken apart and checked. */
export interface ProxyAddress {
  /** The proxy's address without its credentials, for messages and records. */
  readonly origin: string
  /** The value of `proxy-authorization`, where the proxy has a password. */
  readonly authorization?: string | undefined
}

/**
 * Takes a proxy's address apart: `http://proxy.internal:3128`, `https://user:password@proxy.internal:3129`.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the field and never repeats a password
 */
export function parseProxy(proxy: string, field = 'proxy'): ProxyAddress {
  const url = typeof proxy === 'string' && proxy.length <= 2048 && URL.canParse(proxy) ? new URL(proxy) : undefined
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid(field, 'must be an http: or https: address, for example http://proxy.internal:3128')
  }
  if (url.pathname !== '/' || /[?#]/.test(proxy)) throw invalid(field, 'must not hold a path, a query or a fragment')
  if (!url.username && !url.password) return { origin: url.origin }
  return { origin: url.origin, authorization: basic(url, field) }
}

function basic(url: URL, field: string): string {
  try {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    return `Basic ${Buffer.from(pair).toString('base64')}`
  } catch {
    throw invalid(field, 'has a user name or password that is not percent-encoded correctly (write % as %25)')
  }
}

function invalid(field: string, problem: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', `${field} ${problem}.`)
}

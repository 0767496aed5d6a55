import { SolveguardError } from '../base/errors.js'

/** A proxy's address, parsed and checked. */
export type ProxyAddress = HttpProxyAddress | SocksAddress

export interface HttpProxyAddress {
  readonly kind: 'http'
  /** The proxy's address without its credentials, for messages and records. */
  readonly origin: string
  /** The value of `proxy-authorization`, where the proxy has a password. */
  readonly authorization?: string | undefined
}

export interface SocksAddress {
  readonly kind: 'socks5'
  readonly origin: string
  readonly host: string
  readonly port: number
  readonly login?: { readonly user: string; readonly password: string } | undefined
}

const SOCKS_PORT = 1080

/**
 * Parses a proxy's address: `http://proxy.internal:3128`, `https://user:password@proxy.internal:3129`,
 * `socks5://proxy.internal:1080`. A SOCKS5 proxy always resolves the service's name itself, as with curl's `socks5h:`.
 *
 * @throws SolveguardError `CONFIG_INVALID`, which names the field and never repeats a password
 */
export function parseProxy(proxy: string, field = 'proxy'): ProxyAddress {
  const url = typeof proxy === 'string' && proxy.length <= 2048 && URL.canParse(proxy) ? new URL(proxy) : undefined
  const scheme = url?.protocol ?? ''
  if (!url?.hostname || !/^(https?|socks5h?):$/.test(scheme)) {
    throw invalid(field, 'must be an http:, https: or socks5: address, for example http://proxy.internal:3128')
  }
  if (!/^\/?$/.test(url.pathname) || /[?#]/.test(proxy)) {
    throw invalid(field, 'must not hold a path, a query or a fragment')
  }
  const login = url.username || url.password ? loginOf(url, field) : undefined
  if (scheme.startsWith('socks')) {
    if (login && (login.user.length > 255 || login.password.length > 255)) {
      throw invalid(field, 'has a user name or password of more than 255 characters, which SOCKS5 cannot carry')
    }
    const port = Number(url.port || SOCKS_PORT)
    return {
      kind: 'socks5',
      origin: `socks5://${url.hostname}:${port}`,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      login,
    }
  }
  if (!login) return { kind: 'http', origin: url.origin }
  const pair = `${login.user}:${login.password}`
  return { kind: 'http', origin: url.origin, authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function loginOf(url: URL, field: string): { user: string; password: string } {
  try {
    return { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
  } catch {
    throw invalid(field, 'has a user name or password that is not percent-encoded correctly (write % as %25)')
  }
}

function invalid(field: string, problem: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', `${field} ${problem}.`)
}

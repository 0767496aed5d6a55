import { isIP } from 'node:net'

/** The proxy that a page is browsed through, as the service needs it. Holds a password: never stored, never shown. */
export interface PageProxy {
  /** The protocol that is spoken with it. */
  readonly type: 'http' | 'socks4' | 'socks5'
  /** A host name or an IP address; IPv6 without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** The login, where it wants one. */
  readonly login?:
    | {
        /** The name of the user. */
        readonly user: string
        /** The password. */
        readonly password: string
      }
    | undefined
}

const PORTS = { http: 80, socks4: 1080, socks5: 1080 } as const
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/
/** User names and passwords that the wires of all services can carry. */
const PRINTABLE = /^[\x21-\x7e]{1,255}$/

/**
 * Parses the address of a page's proxy: `http://user:password@203.0.113.9:3128`, `socks5://…`, `socks4://…`.
 * @returns the proxy, or the problem in a sentence that never repeats the address
 */
export function parsePageProxy(text: string): PageProxy | { readonly problem: string } {
  const url = text.length <= 1024 && URL.canParse(text) ? new URL(text) : undefined
  const scheme = url?.protocol.replace(/[ha]?:$/, '')
  if (url?.protocol === 'https:') {
    return {
      problem: 'services connect to a proxy without TLS, and send TLS through it: write http:// instead of https://',
    }
  }
  if (!url || (scheme !== 'http' && scheme !== 'socks5' && scheme !== 'socks4')) return { problem: EXPECTED }
  if (!/^\/?$/.test(url.pathname) || /[?#]/.test(text)) return { problem: EXPECTED }
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (isIP(host) === 0 && !NAME.test(host)) return { problem: EXPECTED }
  const port = Number(url.port || PORTS[scheme])
  if (port === 0) return { problem: EXPECTED }
  const place = { type: scheme, host, port } as const
  if (url.username === '' && url.password === '') return place
  let login: { user: string; password: string }
  try {
    login = { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
  } catch {
    return { problem: 'its user name or password is not percent-encoded correctly (write % as %25)' }
  }
  if (!PRINTABLE.test(login.user) || !(login.password === '' || PRINTABLE.test(login.password))) {
    return {
      problem: 'its user name and password may have up to 255 printable ASCII characters, without spaces',
    }
  }
  return { ...place, login }
}

const EXPECTED =
  "expected the proxy that the page is browsed through, such as 'http://user:password@203.0.113.9:3128' or 'socks5://…'"

/** The canonical form of a proxy's address, so that two policies with the same proxy agree. */
export function canonicalPageProxy({ type, host, port, login }: PageProxy): string {
  const who = login ? `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@` : ''
  return `${type}://${who}${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

import { SolveguardError } from './errors.js'

/** A service's address, parsed and checked. */
export interface ServiceUrl {
  /** Scheme, host and port, e.g. `https://ocr.captchaai.com`. */
  readonly origin: string
  /** `example.com:443`, always with the port; IPv6 addresses in brackets. */
  readonly authority: string
  /** The part before a call's path: empty, or `/some/path` without a trailing slash. */
  readonly prefix: string
  readonly loopback: boolean
}

/** Whether a URL's host is this machine itself: 127.0.0.0/8, ::1 or `localhost`. Expects a host as `URL` spells it. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
}

/**
 * Checks the base address of a service that a key is sent to: `https:`, or `http:` on a loopback address; no user name,
 * query or fragment.
 *
 * @param field the option's name, for the message
 * @throws SolveguardError `CONFIG_INVALID`, which names the field and never repeats a password
 */
export function checkBaseUrl(baseUrl: string, field = 'baseUrl'): ServiceUrl {
  const url =
    typeof baseUrl === 'string' && baseUrl.length <= 2048 && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw invalid(field, 'must be an https: address, for example https://ocr.captchaai.com')
  }
  if (url.username || url.password) throw invalid(field, 'must not hold a user name or a password')
  if (/[?#]/.test(baseUrl)) throw invalid(field, 'must not hold a query or a fragment')
  const prefix = url.pathname.replace(/\/$/, '')
  if (prefix.includes('//')) throw invalid(field, 'must not hold an empty path segment (//)')
  const loopback = isLoopback(url.hostname)
  if (url.protocol === 'http:' && !loopback) {
    throw invalid(
      field,
      `must be https: for ${url.hostname}; http: is for loopback addresses only, because it is not encrypted`,
    )
  }
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return { origin: url.origin, authority: `${url.hostname}:${port}`, prefix, loopback }
}

function invalid(field: string, problem: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', `${field} ${problem}.`)
}

import type { Place } from '../../../page-kit/family.js'
import { own } from '../../../page-kit/safe-read.js'
import { has, slice } from '../../../page-kit/text.js'

const NAME = 'aws-waf-token'
const MOST_DOMAINS = 50
const MOST_LABELS = 20

/**
 * Makes the token the one that the page's requests carry: the vendor's script keeps it in a cookie of this name, on the host's
 * own domain or on the first of the page's list that the host belongs to. A cookie of that name for another domain around the
 * host would be sent as well, so it goes.
 *
 * @returns false for what is no token: it could say more than its own value
 */
export function setToken(place: Place, token: string): boolean {
  if (!isValue(place, token)) return false
  const host = location.hostname
  set(place, '', '; max-age=0')
  let at = 0
  for (let label = 0; label < MOST_LABELS && at < host.length; label++) {
    set(place, '', `; max-age=0; domain=${slice(place.p, host, at)}`)
    while (at < host.length && host[at] !== '.') at++
    at++
  }
  const domain = domainFor(place, host)
  set(place, token, domain === undefined ? '' : `; domain=${domain}`)
  return true
}

function set({ dom }: Place, value: string, more: string): void {
  try {
    dom.setCookie(`${NAME}=${value}; path=/; samesite=lax${location.protocol === 'https:' ? '; secure' : ''}${more}`)
  } catch {
    // A sandboxed frame has no cookies: its page has to send the token itself.
  }
}

/** The first domain of the page's own list that the host is, or is below. */
function domainFor({ p }: Place, host: string): string | undefined {
  const domains = own(p, window, 'awsWafCookieDomainList')
  for (let index = 0; index < MOST_DOMAINS; index++) {
    const domain = own(p, domains, `${index}`)
    if (typeof domain !== 'string' || domain === '') continue
    const bare = domain[0] === '.' ? slice(p, domain, 1) : domain
    const from = host.length - bare.length
    if (from >= 0 && slice(p, host, from) === bare && (from === 0 || host[from - 1] === '.')) return bare
  }
  return undefined
}

/** Whether every sign of it is one that a cookie's value may have. */
function isValue({ p }: Place, token: string): boolean {
  for (let index = 0; index < token.length; index++) {
    const sign = token[index] as string
    if (sign <= ' ' || sign > '~' || has(p, '";,\\', sign)) return false
  }
  return token !== ''
}

import type { PageContext } from '../../../page-kit/family.js'
import { own } from '../../../page-kit/safe-read.js'
import { has, slice } from '../../../page-kit/text.js'

const NAME = 'aws-waf-token'
const MAX_DOMAINS = 50
const MAX_LABELS = 20

/**
 * Sets the token that the page's requests send. The vendor's script keeps it in a cookie of this name, for the host
 * itself or for the first domain of the page's list that includes the host. A cookie of the same name for another
 * domain around the host would be sent as well, so it is deleted.
 *
 * @returns false for a value that is no token: it could contain further cookie attributes
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/waf-js-challenge-api-set-token-domain.html
 */
export function setToken(context: PageContext, token: string): boolean {
  if (!isValue(context, token)) return false
  const host = location.hostname
  set(context, '', '; max-age=0')
  let at = 0
  for (let label = 0; label < MAX_LABELS && at < host.length; label++) {
    set(context, '', `; max-age=0; domain=${slice(context.p, host, at)}`)
    while (at < host.length && host[at] !== '.') at++
    at++
  }
  const domain = domainFor(context, host)
  set(context, token, domain === undefined ? '' : `; domain=${domain}`)
  return true
}

function set({ p }: PageContext, value: string, more: string): void {
  const cookie = p.describe(Document.prototype, 'cookie')
  const text = `${NAME}=${value}; path=/; samesite=lax${location.protocol === 'https:' ? '; secure' : ''}${more}`
  try {
    p.apply(cookie?.set as (text: string) => void, document, [text])
  } catch {
    // A sandboxed frame has no cookies: its page sends the token itself.
  }
}

/** The first domain of the page's list that is the host, or a parent domain of it. */
function domainFor({ p }: PageContext, host: string): string | undefined {
  const domains = own(p, window, 'awsWafCookieDomainList')
  for (let index = 0; index < MAX_DOMAINS; index++) {
    const domain = own(p, domains, `${index}`)
    if (typeof domain !== 'string' || domain === '') continue
    const bare = domain[0] === '.' ? slice(p, domain, 1) : domain
    const from = host.length - bare.length
    if (from >= 0 && slice(p, host, from) === bare && (from === 0 || host[from - 1] === '.')) return bare
  }
  return undefined
}

/** Whether a cookie's value may have every character of it. */
function isValue({ p }: PageContext, token: string): boolean {
  for (let index = 0; index < token.length; index++) {
    const char = token[index] as string
    if (char <= ' ' || char > '~' || has(p, '";,\\', char)) return false
  }
  return token !== ''
}

import type { IncomingHttpHeaders } from 'node:http'
import type { Page } from './pages.js'
import type { Verification } from './tokens.js'

/** What the stand-in site needs of a vendor's stand-in. */
export interface SiteVendor {
  /** Where the vendor's scripts are. */
  readonly url: string
  /** Where the site's server verifies a token. */
  readonly verifyUrl: string
  /** The secret that the site's server shows there. */
  secretFor(sitekey: string): string
}

/** One family of the stand-in site: its pages, and how the site's server verifies what their forms send. */
export interface SiteFamily {
  /** The sitekey of its widgets, unless an option or a page's query names another. */
  readonly sitekey: string
  /** The pages, by path. */
  readonly pages: Readonly<Record<string, Page>>
  /** The field of a form in which `verify` looks for the vendor's token; of several values the first. */
  readonly field: string
  /** Asks the vendor whether it accepts the token of a form. */
  readonly verify: (
    form: URLSearchParams,
    vendor: SiteVendor,
    sitekey: string,
    headers: IncomingHttpHeaders,
  ) => Promise<Verification>
  /** JSON that the site's server gives to its own pages before they can make a widget, by path. */
  readonly endpoints?: Readonly<Record<string, (vendor: SiteVendor, sitekey: string) => Promise<object>>>
}

/**
 * `verify` for vendors that take `secret` and `response`. The token is in the first of these fields that has a value.
 */
export function verifyField(...names: readonly string[]): SiteFamily['verify'] {
  return (form, vendor, sitekey) =>
    postForm(vendor.verifyUrl, { secret: vendor.secretFor(sitekey), response: firstOf(form, names) })
}

/** The first of these fields that has a value; '' if none has. */
export function firstOf(form: URLSearchParams, names: readonly string[]): string {
  return names.map((name) => form.get(name)).find(Boolean) ?? ''
}

/** Posts a form, and reads the reply's JSON. */
export async function postForm<T = Verification>(url: string, fields: Record<string, string>): Promise<T> {
  const reply = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })
  return (await reply.json()) as T
}

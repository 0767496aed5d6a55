import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { WidgetFamily } from '../../base/challenge.js'
import { readForm, reply, serve } from '../shared/http.js'
import { documentOf, type Page } from '../shared/pages.js'
import type { SiteVendor } from '../shared/site-family.js'
import { escapeHtml } from '../shared/text.js'
import { refuse, type Verification } from '../shared/tokens.js'
import { SITE_FAMILIES } from './families.js'
import { SitePictures } from './pictures.js'
import { assetScript, PLAIN_PAGES } from './plain.js'

export type { SiteVendor } from '../shared/site-family.js'

/**
 * The vendors of the site's widgets, by family. reCAPTCHA's pages are at the root, every other family's below its name
 * (`/turnstile`, `/turnstile/…`).
 */
export type SiteVendors = { readonly [family in WidgetFamily]?: SiteVendor | undefined }

/** Options of the stand-in site, and the vendors of its widgets. */
export interface SiteOptions extends SiteVendors {
  /**
   * The sitekey of its widgets. The query of a page (`?sitekey=…`) overrides it.
   *
   * @default one for each family, which no vendor has given out
   */
  readonly sitekey?: string | undefined
  /**
   * Further pages and scripts (`….js`), by path. A path that begins with a family's name (`/turnstile/mine`) gets that
   * vendor. In their text, `{{vendor}}`, `{{sitekey}}`, `{{other}}` (the site's other origin) and `{{nonce}}` are
   * replaced.
   *
   * @default {}
   */
  readonly pages?: Readonly<Record<string, string>> | undefined
  /**
   * Response headers of all pages. `{{nonce}}` and `{{vendor}}` are replaced.
   *
   * @default {}
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * The port on 127.0.0.1.
   *
   * @default any free port
   */
  readonly port?: number | undefined
}

/** A small site whose server verifies the tokens that its forms send. */
export interface StandInSite extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** The same pages under another origin: `http://localhost:<port>` */
  readonly otherUrl: string
  /** The sitekey of the pages with a reCAPTCHA. */
  readonly sitekey: string
  /** The sitekeys of all pages, by family. */
  readonly sitekeys: Readonly<Record<WidgetFamily, string>>
  /** What the verify endpoint replied for each form that was sent, oldest first. */
  readonly verified: readonly Verification[]
  /** Closes all connections and frees the port. */
  close(): Promise<void>
}

/** The heading of the page that the server shows once it has verified a token. */
export const WELCOME = 'Welcome — the server verified your token'

/** A strict policy with nonces and Trusted Types. reCAPTCHA's own Trusted Types policy, `goog#html`, is allowed. */
const STRICT_CSP =
  "default-src 'none'; script-src 'nonce-{{nonce}}' 'strict-dynamic'; style-src 'nonce-{{nonce}}'; form-action 'self'; " +
  "frame-src {{vendor}}; base-uri 'none'; require-trusted-types-for 'script'; trusted-types goog#html"

/**
 * Starts the stand-in site: a login with a widget, in all the ways in which sites embed one (`/login`, `/explicit`,
 * `/invisible`, `/v3`, `/enterprise`, `/several`, `/frame`, `/shadow`, …, `/turnstile`, `/turnstile/execute`, …,
 * `/picture`, `/picture/grid`). Below `/csp`, each page has a strict Content-Security-Policy with Trusted Types.
 * `pages.ts` of each vendor has the whole list.
 *
 * @example
 * const recaptcha = await startRecaptcha()
 * const site = await startSite({ recaptcha })
 * await page.goto(`${site.url}/login`)
 */
export async function startSite(options: SiteOptions): Promise<StandInSite> {
  const { sitekey, pages = {} } = options
  const sitekeys = Object.fromEntries(
    Object.entries(SITE_FAMILIES).map(([family, { sitekey: own }]) => [family, sitekey ?? own]),
  ) as Record<WidgetFamily, string>
  const verified: Verification[] = []
  const pictures = new SitePictures()
  const server = await serve(handle, options.port)
  const url = `http://127.0.0.1:${server.port}`
  const otherUrl = `http://localhost:${server.port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    if (request.method === 'POST') return signIn(pathname, request, response)
    if (pathname === '/favicon.ico') return reply(response, 'html', '', { status: 204 })
    if (pathname.startsWith('/assets/')) return reply(response, 'javascript', assetScript())
    if (pathname.endsWith('.png')) return replyPicture(response, pictures.picture(pathname))
    const strict = pathname.startsWith('/csp/')
    const path = strict ? pathname.slice(4) : pathname === '/' ? '/login' : pathname
    const nonce = randomBytes(12).toString('base64url')
    const family = familyOf(path)
    const vendor = options[family]?.url ?? ''
    const key = searchParams.get('sitekey') ?? sitekeys[family]
    const endpoint = SITE_FAMILIES[family].endpoints?.[path]
    if (endpoint && options[family])
      return reply(response, 'json', JSON.stringify(await endpoint(options[family], key)))
    const fill = (text: string) =>
      text
        .replaceAll('{{vendor}}', vendor)
        .replaceAll('{{sitekey}}', escapeHtml(key))
        .replaceAll('{{other}}', otherUrl)
        .replaceAll('{{nonce}}', nonce)
    const context = { vendor, sitekey: key, otherOrigin: otherUrl, nonce }
    const html = Object.hasOwn(pages, path)
      ? fill(pages[path] ?? '')
      : (builtIn(family, path)?.(context) ?? pictures.page(path, otherUrl))
    if (html === undefined) return reply(response, 'html', 'There is no such page.', { status: 404 })
    const headers: Record<string, string> = strict ? { 'content-security-policy': fill(STRICT_CSP) } : {}
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = fill(value)
    reply(response, path.endsWith('.js') ? 'javascript' : 'html', html, { headers })
  }

  async function signIn(pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = await readForm(request)
    const answer = form ? await verify(pathname, form, request.headers) : refuse('bad-request')
    verified.push(answer)
    const page = answer.success
      ? documentOf('Staging · Welcome', `<h1 class="good">${WELCOME}</h1><p>You are signed in.</p>`)
      : documentOf(
          'Staging · Refused',
          `<h1 class="bad">The server did not accept the token</h1><p>${escapeHtml(answer['error-codes']?.join(', ') ?? '')}</p>`,
        )
    reply(response, 'html', page, { status: answer.success ? 200 : 403 })
  }

  function verify(
    pathname: string,
    form: URLSearchParams,
    headers: IncomingHttpHeaders,
  ): Verification | Promise<Verification> {
    if (pathname === '/picture') return pictures.verify(form)
    const family = familyOf(pathname)
    const vendor = options[family]
    if (!vendor) return refuse('vendor-not-started')
    return SITE_FAMILIES[family].verify(form, vendor, form.get('sitekey') ?? sitekeys[family], headers)
  }

  return {
    url,
    otherUrl,
    sitekey: sitekeys.recaptcha,
    sitekeys,
    verified,
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

function builtIn(family: WidgetFamily, path: string): Page | undefined {
  const { pages } = SITE_FAMILIES[family]
  if (Object.hasOwn(pages, path)) return pages[path]
  return Object.hasOwn(PLAIN_PAGES, path) ? PLAIN_PAGES[path] : undefined
}

const FAMILIES = Object.keys(SITE_FAMILIES) as WidgetFamily[]

function replyPicture(response: ServerResponse, bytes: Uint8Array | undefined): void {
  response.writeHead(bytes ? 200 : 404, { 'content-type': 'image/png', 'cache-control': 'no-store' }).end(bytes)
}

/** The family of a page's widgets, by its path. */
function familyOf(path: string): WidgetFamily {
  const [, first = ''] = path.split('/')
  return FAMILIES.find((family) => first === family || first.startsWith(`${family}-`)) ?? 'recaptcha'
}

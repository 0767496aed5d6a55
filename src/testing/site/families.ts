import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { WidgetFamily } from '../../base/challenge.js'
import { PAGES, type Page } from '../shared/pages.js'
import { refuse, type Verification } from '../shared/tokens.js'
import { ARKOSE_PAGES } from '../vendors/arkose/pages.js'
import { AWS_WAF_PAGES } from '../vendors/aws-waf/pages.js'
import { FRIENDLY_PAGES } from '../vendors/friendly/pages.js'
import { GEETEST_PAGES } from '../vendors/geetest/pages.js'
import { HCAPTCHA_PAGES } from '../vendors/hcaptcha/pages.js'
import { MTCAPTCHA_PAGES } from '../vendors/mtcaptcha/pages.js'
import { TURNSTILE_PAGES } from '../vendors/turnstile/pages.js'

/** What the site needs of a vendor. */
export interface SiteVendor {
  readonly url: string
  readonly verifyUrl: string
  secretFor(sitekey: string): string
}

/** What the stand-in site has of one family. */
interface SiteFamily {
  /** Of its widgets, where nobody names another. */
  readonly sitekey: string
  readonly pages: Readonly<Record<string, Page>>
  /** Asks the vendor what it makes of a form that was sent. */
  readonly verify: (
    form: URLSearchParams,
    vendor: SiteVendor,
    sitekey: string,
    headers: IncomingHttpHeaders,
  ) => Promise<Verification>
  /** What the site's server tells its own pages, as JSON by path: before a widget can be made. */
  readonly tells?: Readonly<Record<string, (vendor: SiteVendor, sitekey: string) => Promise<object>>>
}

/** As long as the real ones are, and of the same signs. */
const AWS_API_KEY = `${'StandIn+For/Tests='.repeat(50)}_0_1`

/** The families, a row each. */
export const SITE_FAMILIES: { readonly [family in WidgetFamily]: SiteFamily } = {
  recaptcha: {
    sitekey: '6LcStandInSitekeyForTestsOnly-0000000001',
    pages: PAGES,
    verify: tokenIn('g-recaptcha-response'),
  },
  turnstile: {
    sitekey: '0x4AAAAAAAStandInForTests01',
    pages: TURNSTILE_PAGES,
    verify: tokenIn('cf-turnstile-response', 'token'),
  },
  hcaptcha: {
    sitekey: '5a1c0000-0000-4000-8000-00000000cafe',
    pages: HCAPTCHA_PAGES,
    verify: tokenIn('h-captcha-response'),
  },
  friendly: { sitekey: 'FCMSTANDIN000001', pages: FRIENDLY_PAGES, verify: verifyFriendly },
  arkose: { sitekey: '5A1C0000-0000-4000-8000-0000000000A1', pages: ARKOSE_PAGES, verify: verifyArkose },
  geetest: {
    sitekey: '5a1c0000000040008000000000c0ffee',
    pages: GEETEST_PAGES,
    verify: verifyGeetest,
    tells: {
      '/geetest/register': async ({ url }, gt) => {
        const { challenge } = await asked<{ challenge: string }>(`${url}/register.php?gt=${encodeURIComponent(gt)}`, {})
        return { success: 1, gt, challenge, new_captcha: true }
      },
    },
  },
  mtcaptcha: { sitekey: 'MTPublic-standin01', pages: MTCAPTCHA_PAGES, verify: verifyMtcaptcha },
  'aws-waf': { sitekey: AWS_API_KEY, pages: AWS_WAF_PAGES, verify: lookedAtByAwsWaf },
  // Their widgets are packages of their vendors': pages with them are the user's own.
  altcha: { sitekey: 'self-hosted', pages: {}, verify: tokenIn('altcha') },
  cap: { sitekey: 'a0b1c2d3e4', pages: {}, verify: tokenIn('cap-token') },
}

/** For vendors that verify one token, which a form sends in one of these fields. */
function tokenIn(...names: readonly string[]): SiteFamily['verify'] {
  return (form, vendor, sitekey) => {
    const response = names.map((name) => form.get(name)).find(Boolean) ?? ''
    return asked(vendor.verifyUrl, { secret: vendor.secretFor(sitekey), response })
  }
}

/** In the vendor's words a yes is what it knows of the session. */
async function verifyArkose(form: URLSearchParams, vendor: SiteVendor, sitekey: string): Promise<Verification> {
  const token = ['token', 'fc-token'].map((name) => form.get(name)).find(Boolean) ?? ''
  // Of several keys, the token itself says whose it is.
  const publicKey = /\|pk=([\w-]+)/.exec(token)?.[1] ?? sitekey
  const fields = { private_key: vendor.secretFor(publicKey), session_token: token }
  const said = await asked<{ session_details?: { solved?: boolean }; error?: string }>(vendor.verifyUrl, fields)
  return said.session_details?.solved ? { success: true } : refuse(said.error ?? 'not-solved')
}

/** v3 and v4 by what the form sends. The vendor's words for yes and no are not those of the others. */
async function verifyGeetest(form: URLSearchParams, vendor: SiteVendor, sitekey: string): Promise<Verification> {
  const part = (name: string) => form.get(name) ?? ''
  const lot_number = part('lot_number')
  if (!lot_number) {
    const fields = { challenge: part('geetest_challenge'), seccode: part('geetest_seccode') }
    const { seccode } = await asked<{ seccode: string }>(`${vendor.url}/validate.php`, fields)
    return seccode === 'false' ? refuse('fail') : { success: true }
  }
  const sign_token = createHmac('sha256', vendor.secretFor(sitekey)).update(lot_number).digest('hex')
  const fields = Object.fromEntries(['captcha_output', 'pass_token', 'gen_time'].map((name) => [name, part(name)]))
  const url = `${vendor.verifyUrl}?captcha_id=${encodeURIComponent(sitekey)}`
  const { result, reason } = await asked<{ result: string; reason: string }>(url, { lot_number, sign_token, ...fields })
  return result === 'success' ? { success: true } : refuse(reason)
}

async function asked<T = Verification>(url: string, fields: Record<string, string>): Promise<T> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })
  return (await answer.json()) as T
}

/** By version 1's endpoint if a form has its field, else by version 2's. */
async function verifyFriendly(form: URLSearchParams, vendor: SiteVendor, sitekey: string): Promise<Verification> {
  const solution = form.get('frc-captcha-solution')
  const secret = vendor.secretFor(sitekey)
  const ask = async (url: string | URL, fields: Record<string, string>) => {
    const body = new URLSearchParams(fields)
    const answer = await fetch(url, { method: 'POST', headers: { 'x-api-key': secret }, body })
    return (await answer.json()) as { success: boolean; errors?: string[]; error?: { error_code: string } }
  }
  const { success, errors, error } =
    solution === null
      ? await ask(vendor.verifyUrl, { response: form.get('frc-captcha-response') ?? form.get('token') ?? '' })
      : await ask(new URL('/api/v1/siteverify', vendor.verifyUrl), { solution, secret })
  return success ? { success } : refuse(errors?.[0] ?? error?.error_code ?? 'unknown')
}

/** By GET, as the vendor's reference has it. */
async function verifyMtcaptcha(form: URLSearchParams, vendor: SiteVendor, sitekey: string): Promise<Verification> {
  const token = form.get('mtcaptcha-verifiedtoken') ?? form.get('own') ?? ''
  const query = new URLSearchParams({ privatekey: vendor.secretFor(sitekey), token })
  const answer = (await (await fetch(`${vendor.verifyUrl}?${query}`)).json()) as {
    success: boolean
    fail_codes?: string[]
    tokeninfo?: { action: string }
  }
  return answer.success
    ? { success: true, action: answer.tokeninfo?.action ?? '' }
    : refuse(answer.fail_codes?.[0] ?? 'unknown')
}

/** The firewall stands before the site: it looks at a request's header, or its cookie, and lets it through or does not. */
function lookedAtByAwsWaf(
  _: URLSearchParams,
  vendor: SiteVendor,
  sitekey: string,
  { cookie = '', 'x-aws-waf-token': header }: IncomingHttpHeaders,
): Promise<Verification> {
  const kept = [...cookie.matchAll(/(?:^|; )aws-waf-token=([^;]*)/g)]
  // Of two cookies of one name nobody knows which counts.
  const response = typeof header === 'string' ? header : kept.length === 1 ? (kept[0]?.[1] ?? '') : ''
  return asked(vendor.verifyUrl, { secret: vendor.secretFor(sitekey), response })
}

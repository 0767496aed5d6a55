import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../base/clock.js'
import { askedOrigin, reply, serve } from './http.js'
import { anchorFrame, challengeFrame, loader, mainPart } from './recaptcha-vendor.js'
import { siteverify } from './siteverify.js'
import { calling } from './text.js'
import { type IssuedToken, type TokenDetails, type TokenRules, Tokens } from './tokens.js'

/** The key pair that the vendor publishes for tests: every verification passes. */
export const TEST_SITEKEY = '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'
const TEST_SECRET = '6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe'

const RULES: TokenRules = {
  prefix: '03A',
  livesMs: 120_000,
  testSecrets: { [TEST_SITEKEY]: TEST_SECRET },
  verifyTest: (secret, _, now) =>
    secret === TEST_SECRET ? { success: true, challenge_ts: now, hostname: 'testkey.google.com' } : undefined,
}

/** What a widget of a sitekey does when it is ticked or set off. */
export interface RecaptchaBehaviour {
  /** Whether it passes by itself; otherwise its challenge opens. Score widgets always pass. Default: false. */
  readonly passes?: boolean | undefined
  /** How long it takes to do so, ms. Default: 0. */
  readonly afterMs?: number | undefined
  /** The score of a browser's own token. Default: 0.1. */
  readonly score?: number | undefined
}

/** How the stand-in reCAPTCHA is started. */
export interface RecaptchaOptions {
  /** What tokens expire by. */
  readonly clock?: Clock | undefined
  /** Default: any free port. */
  readonly port?: number | undefined
  /** Where browsers reach it, if they are told to look for another host there. Default: its own address. */
  readonly url?: string | undefined
}

/** A stand-in for reCAPTCHA: its scripts and frames, and its verify endpoint. */
export interface StandInRecaptcha extends AsyncDisposable {
  /**
   * Where its scripts are, e.g. `${url}/recaptcha/api.js`. On `localhost`, so that a page on 127.0.0.1 has its frames from
   * another origin.
   */
  readonly url: string
  /** The vendor's own addresses, for `routeVendors`. */
  readonly vendorAddresses: readonly string[]
  /** The verify endpoint, for a site's server. */
  readonly verifyUrl: string
  secretFor(sitekey: string): string
  /**
   * Gives out a token that the verify endpoint will accept, once, for two minutes: what a stand-in solver service sells.
   * @param details a `token` of one's own is registered as it is
   */
  issue(details: TokenDetails): string
  /** All tokens given out, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** How the widgets of a sitekey behave from now on. */
  behave(sitekey: string, behaviour: RecaptchaBehaviour): void
  /** The paths that were asked for, oldest first; the last 10,000. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

const HOSTS = ['www.google.com', 'google.com', 'www.recaptcha.net', 'recaptcha.net', 'www.gstatic.com']
const VENDOR_ADDRESSES = HOSTS.map((host) => `${host}/recaptcha/`)
const MOST_REQUESTS = 10_000

/**
 * Starts a stand-in reCAPTCHA on loopback. Pages load `${url}/recaptcha/api.js` (or `enterprise.js`) as they would the real one.
 *
 * @example
 * const recaptcha = await startRecaptcha()
 * const token = recaptcha.issue({ sitekey: 'a-sitekey' })
 */
export async function startRecaptcha(options: RecaptchaOptions = {}): Promise<StandInRecaptcha> {
  const { clock = systemClock } = options
  const tokens = new Tokens(clock, RULES)
  const behaviours = new Map<string, RecaptchaBehaviour>()
  const requests: string[] = []
  const server = await serve(handle, options.port)
  const url = options.url ?? `http://localhost:${server.port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? '/', url)
    requests.push(asked.pathname)
    if (requests.length > MOST_REQUESTS) requests.shift()
    const query = asked.searchParams
    const sitekey = query.get('k') ?? ''
    switch (asked.pathname.replace(/^\/recaptcha\/(?:api2|enterprise)\//, '')) {
      case '/recaptcha/api.js':
      case '/recaptcha/enterprise.js': {
        const told = {
          base: askedOrigin(request, url),
          releases: releasesOrigin(askedOrigin(request, url)),
          enterprise: asked.pathname.endsWith('enterprise.js'),
          render: query.get('render') ?? '',
          onload: query.get('onload') ?? '',
        }
        return reply(response, 'javascript', calling(loader, told))
      }
      case '/recaptcha/releases/stand-in/recaptcha__en.js':
        return reply(response, 'javascript', `(${mainPart})()`)
      case 'anchor':
        return reply(response, 'html', anchorPage(sitekey, hostnameOf(query.get('co'))))
      case 'bframe':
        return reply(response, 'html', challengePage(sitekey, hostnameOf(query.get('co'))))
      case 'reload': {
        const { passes, afterMs = 0, score = 0.1 } = behaviours.get(sitekey) ?? {}
        if (afterMs > 0) await new Promise<void>((resolve) => void clock.after(afterMs, resolve))
        const action = query.get('action') || undefined
        const hostname = query.get('hostname') ?? ''
        if (action === undefined && !passes) return reply(response, 'json', '{"challenge":true}')
        const token = tokens.issue({ sitekey, action, hostname, score: action === undefined ? undefined : score })
        return reply(response, 'json', JSON.stringify({ token }))
      }
      case 'userverify': {
        const token = tokens.issue({ sitekey, hostname: query.get('hostname') ?? '' })
        return reply(response, 'json', JSON.stringify({ token }))
      }
      case '/recaptcha/api/siteverify':
        return reply(response, 'json', JSON.stringify(await siteverify(request, tokens)))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  return {
    url,
    vendorAddresses: VENDOR_ADDRESSES,
    verifyUrl: `http://127.0.0.1:${server.port}/recaptcha/api/siteverify`,
    secretFor: (sitekey) => tokens.secretFor(sitekey),
    issue: (details) => tokens.issue(details),
    get issued() {
      return tokens.list()
    },
    behave: (sitekey, behaviour) => void behaviours.set(sitekey, behaviour),
    requests,
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

/** The vendor's main part has a host of its own. */
function releasesOrigin(asked: string): string {
  return /^https:\/\/(?:www\.)?(?:google\.com|recaptcha\.net)$/.test(asked) ? 'https://www.gstatic.com' : asked
}

function hostnameOf(co: string | null): string {
  const origin = Buffer.from(co ?? '', 'base64').toString()
  return URL.canParse(origin) ? new URL(origin).hostname : ''
}

const STYLE = `body{margin:0;font:14px/1.4 system-ui,sans-serif;color:#333}
.box{box-sizing:border-box;width:302px;height:76px;border:1px solid #d3d3d3;background:#f9f9f9;border-radius:3px;
display:flex;align-items:center;gap:12px;padding:0 14px}
#recaptcha-anchor{width:28px;height:28px;border:2px solid #c1c1c1;border-radius:2px;background:#fff;cursor:pointer}
small{margin-left:auto;color:#999;font-size:11px}`

function anchorPage(sitekey: string, hostname: string): string {
  return `<!doctype html><meta charset="utf-8"><title>reCAPTCHA</title><style>${STYLE}</style>
<div class="box"><button id="recaptcha-anchor" role="checkbox" aria-label="I'm not a robot"></button>
<span>I'm not a robot</span><small>reCAPTCHA<br>stand-in</small></div>
<script>${calling(anchorFrame, { sitekey, hostname })}</script>`
}

function challengePage(sitekey: string, hostname: string): string {
  return `<!doctype html><meta charset="utf-8"><title>reCAPTCHA challenge</title><style>${STYLE}</style>
<p>Select all squares with traffic lights.</p><button id="recaptcha-verify-button">Verify</button>
<script>${calling(challengeFrame, { sitekey, hostname })}</script>`
}

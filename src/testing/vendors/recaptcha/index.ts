import type { IncomingMessage, ServerResponse } from 'node:http'
import { reply, requestedOrigin } from '../../shared/http.js'
import { siteverify } from '../../shared/siteverify.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import type { TokenRules } from '../../shared/tokens.js'
import type { VendorStandIn } from '../route.js'
import { anchorFrame, challengeFrame, loader, mainPart } from './script.js'

/** The key pair that the vendor publishes for tests: every verification passes. */
export const TEST_SITEKEY = '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'
const TEST_SECRET = '6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe'

const RULES: TokenRules = {
  prefix: '03A',
  ttlMs: 120_000,
  testSecrets: { [TEST_SITEKEY]: TEST_SECRET },
  verifyTest: (secret, _, now) =>
    secret === TEST_SECRET ? { success: true, challenge_ts: now, hostname: 'testkey.google.com' } : undefined,
}

/** What a widget of a sitekey does when it is ticked or set off. */
export interface RecaptchaBehavior {
  /** Whether it passes by itself; otherwise its challenge opens. Score widgets always pass. Default: false. */
  readonly passes?: boolean | undefined
  /** How long it takes to do so, ms. Default: 0. */
  readonly afterMs?: number | undefined
  /** The score of a browser's own token. Default: 0.1. */
  readonly score?: number | undefined
}

/** How the stand-in reCAPTCHA is started. */
export interface RecaptchaOptions extends StandInOptions {
  /** Where browsers reach it, if they are told to look for another host there. Default: its own address. */
  readonly url?: string | undefined
}

/**
 * A stand-in for reCAPTCHA: its scripts, such as `${url}/recaptcha/api.js`, and frames, and its verify endpoint. Tokens are good once, for
 * two minutes.
 */
export interface StandInRecaptcha extends StandIn<RecaptchaBehavior>, VendorStandIn {
  /** The paths that were asked for, oldest first; the last 10,000. */
  readonly requests: readonly string[]
}

const HOSTS = ['www.google.com', 'google.com', 'www.recaptcha.net', 'recaptcha.net', 'www.gstatic.com']
const VENDOR_ADDRESSES = HOSTS.map((host) => `${host}/recaptcha/`)
const MAX_REQUESTS = 10_000

/**
 * Starts a stand-in reCAPTCHA on loopback. Pages load `${url}/recaptcha/api.js` (or `enterprise.js`) as they would the real one.
 *
 * @example
 * const recaptcha = await startRecaptcha()
 * const token = recaptcha.issue({ sitekey: 'a-sitekey' })
 */
export async function startRecaptcha(options: RecaptchaOptions = {}): Promise<StandInRecaptcha> {
  const requests: string[] = []
  const workings = await startStandIn<RecaptchaBehavior>(RULES, options, handle)
  const { tokens } = workings
  const url = options.url ?? workings.url

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? '/', url)
    requests.push(asked.pathname)
    if (requests.length > MAX_REQUESTS) requests.shift()
    const query = asked.searchParams
    const sitekey = query.get('k') ?? ''
    switch (asked.pathname.replace(/^\/recaptcha\/(?:api2|enterprise)\//, '')) {
      case '/recaptcha/api.js':
      case '/recaptcha/enterprise.js': {
        const told = {
          base: requestedOrigin(request, url),
          releases: releasesOrigin(requestedOrigin(request, url)),
          enterprise: asked.pathname.endsWith('enterprise.js'),
          render: query.get('render') ?? '',
          onload: query.get('onload') ?? '',
        }
        return reply(response, 'javascript', callScript(loader, told))
      }
      case '/recaptcha/releases/stand-in/recaptcha__en.js':
        return reply(response, 'javascript', `(${mainPart})()`)
      case 'anchor':
        return reply(response, 'html', anchorPage(sitekey, hostnameOf(query.get('co'))))
      case 'bframe':
        return reply(response, 'html', challengePage(sitekey, hostnameOf(query.get('co'))))
      case 'reload': {
        const { passes, score = 0.1 } = await workings.nextBehavior(sitekey)
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

  return workings.standIn('/recaptcha/api/siteverify', { url, vendorAddresses: VENDOR_ADDRESSES, requests })
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
<script>${callScript(anchorFrame, { sitekey, hostname })}</script>`
}

function challengePage(sitekey: string, hostname: string): string {
  return `<!doctype html><meta charset="utf-8"><title>reCAPTCHA challenge</title><style>${STYLE}</style>
<p>Select all squares with traffic lights.</p><button id="recaptcha-verify-button">Verify</button>
<script>${callScript(challengeFrame, { sitekey, hostname })}</script>`
}

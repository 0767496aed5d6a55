import type { IncomingMessage, ServerResponse } from 'node:http'
import { reply, requestedOrigin } from '../../shared/http.js'
import { siteverify } from '../../shared/siteverify.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import type { TokenRules } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES, type VendorStandIn } from '../../shared/vendor-addresses.js'
import { anchorFrame, challengeFrame, loader, mainPart } from './script.js'

/**
 * The key pair that the vendor publishes for tests: every verification passes.
 *
 * @see https://developers.google.com/recaptcha/docs/faq
 */
export const TEST_SITEKEY = '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'
const TEST_SECRET = '6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe'

const RULES: TokenRules = {
  prefix: '03A',
  ttlMs: 120_000,
  testSecrets: { [TEST_SITEKEY]: TEST_SECRET },
  verifyTest: (secret, _, now) =>
    secret === TEST_SECRET ? { success: true, challenge_ts: now, hostname: 'testkey.google.com' } : undefined,
}

/** How a sitekey's widgets behave when the user ticks them, or the page executes them. */
export interface RecaptchaBehavior {
  /**
   * Whether the widget passes without a challenge. Otherwise its challenge opens. Score widgets always pass.
   *
   * @default false
   */
  readonly passes?: boolean | undefined
  /**
   * Whether its challenge opens for calls with an action too: an invisible key, of which a page reports actions.
   *
   * @default false
   */
  readonly challengesActions?: boolean | undefined
  /**
   * How long the widget takes until then, ms.
   *
   * @default 0
   */
  readonly afterMs?: number | undefined
  /**
   * The score of tokens that a widget gets by itself, from 0 (a bot) to 1.
   *
   * @default 0.1
   */
  readonly score?: number | undefined
}

/** Options of the stand-in reCAPTCHA. */
export interface RecaptchaOptions extends StandInOptions {
  /**
   * The origin under which browsers reach it, if they resolve another host to it.
   *
   * @default its own address on localhost
   */
  readonly url?: string | undefined
}

/**
 * A stand-in for reCAPTCHA: its scripts, such as `${url}/recaptcha/api.js`, its frames, and its verify endpoint. A
 * token is valid for one verification within two minutes, as the vendor documents:
 * https://developers.google.com/recaptcha/docs/verify
 */
export interface StandInRecaptcha extends StandIn<RecaptchaBehavior>, VendorStandIn {
  /** The paths of all requests, oldest first; the last 10,000. */
  readonly requests: readonly string[]
}

const MAX_REQUESTS = 10_000

/**
 * Starts a stand-in reCAPTCHA on loopback. Pages load `${url}/recaptcha/api.js` (or `enterprise.js`) in place of the
 * real one.
 *
 * @example
 * const recaptcha = await startRecaptcha()
 * const token = recaptcha.issue({ sitekey: 'a-sitekey' })
 */
export async function startRecaptcha(options: RecaptchaOptions = {}): Promise<StandInRecaptcha> {
  const requests: string[] = []
  const server = await startStandIn<RecaptchaBehavior>(RULES, options, handle)
  const { tokens } = server
  const url = options.url ?? server.url

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', url)
    requests.push(pathname)
    if (requests.length > MAX_REQUESTS) requests.shift()
    const sitekey = query.get('k') ?? ''
    switch (pathname.replace(/^\/recaptcha\/(?:api2|enterprise)\//, '')) {
      case '/recaptcha/api.js':
      case '/recaptcha/enterprise.js': {
        const options = {
          base: requestedOrigin(request, url),
          releases: releasesOrigin(requestedOrigin(request, url)),
          enterprise: pathname.endsWith('enterprise.js'),
          render: query.get('render') ?? '',
          onload: query.get('onload') ?? '',
        }
        return reply(response, 'javascript', callScript(loader, options))
      }
      case '/recaptcha/releases/stand-in/recaptcha__en.js':
        return reply(response, 'javascript', `(${mainPart})()`)
      case 'anchor':
        return reply(response, 'html', anchorPage(sitekey, hostnameOf(query.get('co'))))
      case 'bframe':
        return reply(response, 'html', challengePage(sitekey, hostnameOf(query.get('co'))))
      case 'reload': {
        const { passes, challengesActions, score = 0.1 } = await server.nextBehavior(sitekey)
        const action = query.get('action') || undefined
        const hostname = query.get('hostname') ?? ''
        if ((action === undefined || challengesActions) && !passes) return reply(response, 'json', '{"challenge":true}')
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

  return server.standIn('/recaptcha/api/siteverify', { url, vendorAddresses: VENDOR_ADDRESSES.recaptcha, requests })
}

/** The vendor serves the main script from another host. */
function releasesOrigin(requested: string): string {
  return /^https:\/\/(?:www\.)?(?:google\.com|recaptcha\.net)$/.test(requested) ? 'https://www.gstatic.com' : requested
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

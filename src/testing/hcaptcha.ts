import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../base/clock.js'
import { api, frame } from './hcaptcha-vendor.js'
import { askedOrigin, reply, serve } from './http.js'
import { siteverify } from './siteverify.js'
import { calling } from './text.js'
import { type IssuedToken, refuse, type TokenDetails, type TokenRules, Tokens } from './tokens.js'

/** What an hCaptcha of a sitekey does once it is ticked or set off. */
export interface HcaptchaBehaviour {
  /** Whether it passes by itself; otherwise its challenge opens. Default: false. */
  readonly passes?: boolean | undefined
  /** How long it takes to do so, ms. Default: 0. */
  readonly afterMs?: number | undefined
}

/** How the stand-in hCaptcha is started. */
export interface HcaptchaOptions {
  /** What tokens expire by. */
  readonly clock?: Clock | undefined
  /** Default: any free port. */
  readonly port?: number | undefined
}

/** A stand-in for hCaptcha: its script and frames, and its verify endpoint. */
export interface StandInHcaptcha extends AsyncDisposable {
  /** Where its script is: `${url}/1/api.js`. On `localhost`, so that a page on 127.0.0.1 has its frames from another origin. */
  readonly url: string
  /** The vendor's own addresses, for `routeVendors`. */
  readonly vendorAddresses: readonly string[]
  /** The verify endpoint, for a site's server. */
  readonly verifyUrl: string
  secretFor(sitekey: string): string
  /** Gives out a token that the verify endpoint will accept, once, for two minutes: what a stand-in solver service sells. */
  issue(details: TokenDetails): string
  /** All tokens given out, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** How the widgets of a sitekey behave from now on. */
  behave(sitekey: string, behaviour: HcaptchaBehaviour): void
  close(): Promise<void>
}

/** The keys that the vendor publishes for tests, and the tokens of each. */
const TEST_TOKENS = new Map([
  ['10000000-ffff-ffff-ffff-000000000001', '10000000-aaaa-bbbb-cccc-000000000001'],
  ['20000000-ffff-ffff-ffff-000000000002', '20000000-aaaa-bbbb-cccc-000000000002'],
  ['30000000-ffff-ffff-ffff-000000000003', '30000000-aaaa-bbbb-cccc-000000000003'],
])
const VENDOR_ADDRESSES = ['js.hcaptcha.com/', 'hcaptcha.com/', 'newassets.hcaptcha.com/']
const TEST_SECRET = '0x0000000000000000000000000000000000000000'

const RULES: TokenRules = {
  prefix: 'P1_',
  livesMs: 120_000,
  testSecrets: Object.fromEntries([...TEST_TOKENS.keys()].map((sitekey) => [sitekey, TEST_SECRET])),
  verifyTest(secret, response, now) {
    if (secret !== TEST_SECRET) return undefined
    if (![...TEST_TOKENS.values()].includes(response)) return refuse('invalid-input-response')
    return { success: true, challenge_ts: now, hostname: 'dummy-key-pass' }
  },
}

/**
 * Starts a stand-in hCaptcha on loopback. Pages load `${url}/1/api.js` as they would the real one.
 *
 * @example
 * const hcaptcha = await startHcaptcha()
 * hcaptcha.behave('a-sitekey', { passes: true })
 */
export async function startHcaptcha(options: HcaptchaOptions = {}): Promise<StandInHcaptcha> {
  const { clock = systemClock } = options
  const tokens = new Tokens(clock, RULES)
  const behaviours = new Map<string, HcaptchaBehaviour>()
  const server = await serve(handle, options.port)
  const url = `http://localhost:${server.port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const [, what, sitekey = ''] = pathname.split('/')
    switch (what) {
      case '1': {
        const told = {
          base: framesOrigin(askedOrigin(request, url)),
          render: searchParams.get('render') ?? '',
          onload: searchParams.get('onload') ?? '',
          compat: searchParams.get('recaptchacompat') !== 'off',
        }
        return reply(response, 'javascript', calling(api, told))
      }
      case 'captcha':
        return reply(response, 'html', FRAME_PAGE)
      case 'getcaptcha': {
        const { passes = TEST_TOKENS.has(sitekey), afterMs = 0 } = behaviours.get(sitekey) ?? {}
        if (afterMs > 0) await new Promise<void>((resolve) => void clock.after(afterMs, resolve))
        return reply(response, 'json', passes ? answer(sitekey, searchParams.get('host')) : '{}')
      }
      case 'checkcaptcha':
        return reply(response, 'json', answer(sitekey, searchParams.get('host')))
      case 'siteverify':
        return reply(response, 'json', JSON.stringify(await siteverify(request, tokens)))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  function answer(sitekey: string, hostname: string | null): string {
    const token = TEST_TOKENS.get(sitekey) ?? tokens.issue({ sitekey, hostname: hostname ?? '' })
    return JSON.stringify({ response: token, key: `E0_${token.slice(-12)}` })
  }

  return {
    url,
    vendorAddresses: VENDOR_ADDRESSES,
    verifyUrl: `http://127.0.0.1:${server.port}/siteverify`,
    secretFor: (sitekey) => tokens.secretFor(sitekey),
    issue: (details) => tokens.issue(details),
    get issued() {
      return tokens.list()
    },
    behave: (sitekey, behaviour) => void behaviours.set(sitekey, behaviour),
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

/** The vendor's frames have a host of their own. */
function framesOrigin(asked: string): string {
  return /\bhcaptcha\.com$/.test(asked) ? 'https://newassets.hcaptcha.com' : asked
}

const FRAME_PAGE = `<!doctype html><meta charset="utf-8"><title>hCaptcha stand-in</title>
<style>body{margin:0;font:14px/1.4 system-ui,sans-serif;color:#333}</style>
<div id="checkbox" hidden><button id="tick" role="checkbox">I am human</button> <small>hCaptcha stand-in</small></div>
<div id="challenge" hidden><p>Click on all bicycles.</p><button id="verify">Verify</button><button id="close">Close</button></div>
<script>(${frame})()</script>`

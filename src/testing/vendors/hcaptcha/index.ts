import type { IncomingMessage, ServerResponse } from 'node:http'
import { reply, requestedOrigin } from '../../shared/http.js'
import { siteverify } from '../../shared/siteverify.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import { refuse, type TokenRules } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES, type VendorStandIn } from '../../shared/vendor-addresses.js'
import { api, frame } from './script.js'

/** How a sitekey's widgets behave when the user ticks them, or the page executes them. */
export interface HcaptchaBehavior {
  /**
   * Whether the widget passes without a challenge. Otherwise its challenge opens.
   *
   * @default false
   */
  readonly passes?: boolean | undefined
  /**
   * How long the widget takes until then, ms.
   *
   * @default 0
   */
  readonly afterMs?: number | undefined
}

/**
 * A stand-in for hCaptcha: its script, at `${url}/1/api.js`, its frames, and its verify endpoint. A token is valid for
 * one verification within two minutes.
 */
export interface StandInHcaptcha extends StandIn<HcaptchaBehavior>, VendorStandIn {}

/**
 * The sitekeys that the vendor publishes for tests, and the token of each.
 *
 * @see https://docs.hcaptcha.com/#integration-testing-test-keys
 */
const TEST_TOKENS = new Map([
  ['10000000-ffff-ffff-ffff-000000000001', '10000000-aaaa-bbbb-cccc-000000000001'],
  ['20000000-ffff-ffff-ffff-000000000002', '20000000-aaaa-bbbb-cccc-000000000002'],
  ['30000000-ffff-ffff-ffff-000000000003', '30000000-aaaa-bbbb-cccc-000000000003'],
])
const TEST_SECRET = '0x0000000000000000000000000000000000000000'

const RULES: TokenRules = {
  prefix: 'P1_',
  ttlMs: 120_000,
  testSecrets: Object.fromEntries([...TEST_TOKENS.keys()].map((sitekey) => [sitekey, TEST_SECRET])),
  verifyTest(secret, response, now) {
    if (secret !== TEST_SECRET) return undefined
    if (![...TEST_TOKENS.values()].includes(response)) return refuse('invalid-input-response')
    return { success: true, challenge_ts: now, hostname: 'dummy-key-pass' }
  },
}

/**
 * Starts a stand-in hCaptcha on loopback. Pages load `${url}/1/api.js` in place of the real one.
 *
 * @example
 * const hcaptcha = await startHcaptcha()
 * hcaptcha.setBehavior('a-sitekey', { passes: true })
 */
export async function startHcaptcha(options: StandInOptions = {}): Promise<StandInHcaptcha> {
  const server = await startStandIn<HcaptchaBehavior>(RULES, options, handle)
  const { tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const [, what, sitekey = ''] = pathname.split('/')
    switch (what) {
      case '1': {
        const options = {
          base: framesOrigin(requestedOrigin(request, url)),
          render: searchParams.get('render') ?? '',
          onload: searchParams.get('onload') ?? '',
          compat: searchParams.get('recaptchacompat') !== 'off',
        }
        return reply(response, 'javascript', callScript(api, options))
      }
      case 'captcha':
        return reply(response, 'html', FRAME_PAGE)
      case 'getcaptcha': {
        const { passes = TEST_TOKENS.has(sitekey) } = await server.nextBehavior(sitekey)
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

  return server.standIn('/siteverify', { vendorAddresses: VENDOR_ADDRESSES.hcaptcha })
}

/** The vendor serves the frames from another host. */
function framesOrigin(requested: string): string {
  return /\bhcaptcha\.com$/.test(requested) ? 'https://newassets.hcaptcha.com' : requested
}

const FRAME_PAGE = `<!doctype html><meta charset="utf-8"><title>hCaptcha stand-in</title>
<style>body{margin:0;font:14px/1.4 system-ui,sans-serif;color:#333}</style>
<div id="checkbox" hidden><button id="tick" role="checkbox">I am human</button> <small>hCaptcha stand-in</small></div>
<div id="challenge" hidden><p>Click on all bicycles.</p><button id="verify">Verify</button><button id="close">Close</button></div>
<script>(${frame})()</script>`

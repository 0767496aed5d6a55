import type { IncomingMessage, ServerResponse } from 'node:http'
import { reply, requestedOrigin } from '../../shared/http.js'
import { siteverify } from '../../shared/siteverify.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import { refuse, type TokenRules } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES, type VendorStandIn } from '../../shared/vendor-addresses.js'
import { api, frame } from './script.js'

/** How a sitekey's widgets behave once they are executed. */
export interface TurnstileBehavior {
  /**
   * Passes, shows a box for the user to click, or fails.
   *
   * @default 'ask' // it shows the box; the vendor's test keys behave as published
   */
  readonly does?: 'pass' | 'ask' | 'block' | undefined
  /**
   * How long the widget takes until then, ms.
   *
   * @default 0
   */
  readonly afterMs?: number | undefined
}

/**
 * A stand-in for Cloudflare Turnstile: its script, at `${url}/turnstile/v0/api.js`, its frames, and its verify
 * endpoint. A token is valid for one verification within five minutes
 * (https://developers.cloudflare.com/turnstile/get-started/server-side-validation/). The vendor's test keys behave as
 * published.
 */
export interface StandInTurnstile extends StandIn<TurnstileBehavior>, VendorStandIn {}

const DUMMY = 'XXXX.DUMMY.TOKEN.XXXX'
const PASSING_SECRET = '1x0000000000000000000000000000000AA'
const FAILING_SECRET = '2x0000000000000000000000000000000AA'
const SPENT_SECRET = '3x0000000000000000000000000000000AA'

/**
 * The sitekeys that the vendor publishes for tests, and how their widgets behave.
 *
 * @see https://developers.cloudflare.com/turnstile/troubleshooting/testing/
 */
const TEST_KEYS = new Map<string, TurnstileBehavior['does']>([
  ['1x00000000000000000000AA', 'pass'],
  ['1x00000000000000000000BB', 'pass'],
  ['2x00000000000000000000AB', 'block'],
  ['2x00000000000000000000BB', 'block'],
  ['3x00000000000000000000FF', 'ask'],
])

const RULES: TokenRules = {
  prefix: '0.',
  ttlMs: 300_000,
  testSecrets: Object.fromEntries(
    [...TEST_KEYS].map(([sitekey, does]) => [sitekey, does === 'block' ? FAILING_SECRET : PASSING_SECRET]),
  ),
  verifyTest(secret, response, now) {
    if (secret === FAILING_SECRET) return refuse('invalid-input-response')
    if (secret === SPENT_SECRET) return refuse('timeout-or-duplicate')
    if (secret !== PASSING_SECRET) return undefined
    if (response !== DUMMY) return refuse('invalid-input-response')
    return { success: true, challenge_ts: now, hostname: 'example.com' }
  },
}

const FRAME = /^\/cdn-cgi\/challenge-platform\/h\/b\/turnstile\/f\/ov2\/av0\/rch\/([a-z0-9]+)\/([\w.:-]+)\/.*?(flow)?$/

/**
 * Starts a stand-in Turnstile on loopback. Pages load `${url}/turnstile/v0/api.js` in place of the real one.
 *
 * @example
 * const turnstile = await startTurnstile()
 * turnstile.setBehavior('a-sitekey', { does: 'pass' })
 */
export async function startTurnstile(options: StandInOptions = {}): Promise<StandInTurnstile> {
  const server = await startStandIn<TurnstileBehavior>(RULES, options, handle)
  const { tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search, searchParams } = new URL(request.url ?? '/', url)
    if (pathname === '/turnstile/v0/api.js') {
      // The vendor redirects to the address of its current build.
      return reply(response, 'html', '', {
        status: 302,
        headers: { location: `/turnstile/v0/b/stand-in/api.js${search}` },
      })
    }
    if (pathname === '/turnstile/v0/b/stand-in/api.js') {
      const options = {
        base: requestedOrigin(request, url),
        render: searchParams.get('render') ?? '',
        onload: searchParams.get('onload') ?? '',
        compat: searchParams.get('compat') === 'recaptcha',
      }
      return reply(response, 'javascript', callScript(api, options))
    }
    if (pathname === '/turnstile/v0/siteverify') {
      return reply(response, 'json', JSON.stringify(await siteverify(request, tokens)))
    }
    const [, widget, sitekey = '', flow] = FRAME.exec(pathname) ?? []
    if (widget === undefined) return reply(response, 'html', '', { status: 404 })
    if (!flow) return reply(response, 'html', framePage(`cf-chl-widget-${widget}`))
    return reply(response, 'json', JSON.stringify(await decide(sitekey, searchParams)))
  }

  async function decide(sitekey: string, query: URLSearchParams): Promise<object> {
    const { does = TEST_KEYS.get(sitekey) ?? 'ask' } = await server.nextBehavior(sitekey)
    if (does === 'block') return { code: '300030' }
    if (does === 'ask' && !query.has('clicked')) return { interactive: true }
    if (TEST_KEYS.has(sitekey)) return { token: DUMMY }
    const details = { action: query.get('action') ?? undefined, cdata: query.get('cdata') ?? undefined }
    return { token: tokens.issue({ sitekey, ...details, hostname: query.get('hostname') ?? '' }) }
  }

  return server.standIn('/turnstile/v0/siteverify', { vendorAddresses: VENDOR_ADDRESSES.turnstile })
}

function framePage(widgetId: string): string {
  return `<!doctype html><meta charset="utf-8"><title>Turnstile stand-in</title>
<style>body{margin:0;font:14px/63px system-ui,sans-serif;color:#333;border:1px solid #e0e0e0;height:63px;padding:0 14px}</style>
<button id="box" role="checkbox" hidden>Verify you are human</button> <small>Turnstile stand-in</small>
<script>${callScript(frame, { widgetId })}</script>`
}

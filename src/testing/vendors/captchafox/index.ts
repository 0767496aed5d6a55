import type { IncomingMessage, ServerResponse } from 'node:http'
import { reply, requestedOrigin } from '../../shared/http.js'
import { siteverify } from '../../shared/siteverify.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import type { TokenRules } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES } from '../../shared/vendor-addresses.js'
import { api } from './script.js'

/** How a sitekey's widgets behave once they are executed. */
export interface CaptchafoxBehavior {
  /**
   * Whether a widget passes by itself once the page executes it. Otherwise it waits for a click.
   *
   * @default false
   */
  readonly passes?: boolean | undefined
  /**
   * How long the widget takes to decide, ms.
   *
   * @default 0
   */
  readonly afterMs?: number | undefined
}

/**
 * A stand-in for CaptchaFox: its script, at `${url}/api.js`, and its `siteverify` endpoint, which takes `secret` and
 * `response` by POST. A token is valid for one verification within two minutes.
 */
export interface StandInCaptchafox extends StandIn<CaptchafoxBehavior> {
  /** The vendor's own addresses, for `routeVendors`. */
  readonly vendorAddresses: readonly string[]
}

const RULES: TokenRules = { prefix: 'cfx_', ttlMs: 120_000, testSecrets: {}, verifyTest: () => undefined }

/**
 * Starts a stand-in CaptchaFox on loopback. Pages load `${url}/api.js` in place of the real one.
 *
 * @example
 * const captchafox = await startCaptchafox()
 * captchafox.setBehavior('sk_standin', { passes: true })
 */
export async function startCaptchafox(options: StandInOptions = {}): Promise<StandInCaptchafox> {
  const server = await startStandIn<CaptchafoxBehavior>(RULES, options, handle)
  const { tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', url)
    switch (pathname) {
      case '/api.js': {
        const base = requestedOrigin(request, url)
        const settings = { base, render: query.get('render') ?? '', onload: query.get('onload') ?? '' }
        return reply(response, 'javascript', callScript(api, settings))
      }
      case '/captcha/verify': {
        const sitekey = query.get('sk') ?? ''
        const { passes = false } = await server.nextBehavior(sitekey)
        const passed = passes || query.get('clicked') === 'true'
        const token = passed ? tokens.issue({ sitekey, hostname: query.get('host') ?? '' }) : undefined
        return reply(response, 'json', JSON.stringify({ token }), { headers: { 'access-control-allow-origin': '*' } })
      }
      case '/siteverify':
        return reply(response, 'json', JSON.stringify(await siteverify(request, tokens)))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  return server.standIn('/siteverify', { vendorAddresses: VENDOR_ADDRESSES.captchafox })
}

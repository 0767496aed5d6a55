import type { IncomingMessage, ServerResponse } from 'node:http'
import { readForm, reply, requestedOrigin } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import type { TokenRules } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES } from '../../shared/vendor-addresses.js'
import { client, frame } from './script.js'

/** How a sitekey's widgets behave. */
export interface YandexBehavior {
  /**
   * Whether an invisible widget passes by itself once it is executed. Otherwise it shows its challenge.
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
 * A stand-in for Yandex SmartCaptcha: its script, at `${url}/captcha.js`, its frames, and its `validate` endpoint,
 * which takes `secret` and `token` by POST. A token is valid for one check within five minutes.
 */
export interface StandInYandex extends StandIn<YandexBehavior> {
  /** The vendor's own addresses, for `routeVendors`. */
  readonly vendorAddresses: readonly string[]
}

const RULES: TokenRules = { prefix: 'dD0x', ttlMs: 300_000, testSecrets: {}, verifyTest: () => undefined }

/**
 * Starts a stand-in Yandex SmartCaptcha on loopback. Pages load `${url}/captcha.js` in place of the real one.
 *
 * @example
 * const yandex = await startYandex()
 * yandex.setBehavior('ysc1_standin', { passes: true })
 */
export async function startYandex(options: StandInOptions = {}): Promise<StandInYandex> {
  const server = await startStandIn<YandexBehavior>(RULES, options, handle)
  const { tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', url)
    switch (pathname) {
      case '/captcha.js': {
        const base = requestedOrigin(request, url)
        const settings = { base, render: query.get('render') ?? '', onload: query.get('onload') ?? '' }
        return reply(response, 'javascript', callScript(client, settings))
      }
      case '/checkbox.html':
      case '/advanced.html':
      case '/shield.html':
        return reply(response, 'html', FRAME_PAGE)
      case '/check': {
        const sitekey = query.get('sitekey') ?? ''
        const { passes = false } = await server.nextBehavior(sitekey)
        const passed = passes || query.has('clicked')
        const token = passed ? tokens.issue({ sitekey, hostname: query.get('host') ?? '' }) : undefined
        return reply(response, 'json', JSON.stringify({ token }), { headers: { 'access-control-allow-origin': '*' } })
      }
      case '/validate':
        return reply(response, 'json', JSON.stringify(await validate(request)))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  /** In the vendor's names: https://yandex.cloud/en/docs/smartcaptcha/concepts/validation */
  async function validate(request: IncomingMessage): Promise<object> {
    const form = request.method === 'POST' ? await readForm(request) : undefined
    const {
      success,
      hostname = '',
      'error-codes': [code = ''] = [],
    } = tokens.verify(form?.get('secret') ?? null, form?.get('token') ?? null)
    return success ? { status: 'ok', message: '', host: hostname } : { status: 'failed', message: code, host: '' }
  }

  return server.standIn('/validate', {
    vendorAddresses: VENDOR_ADDRESSES.yandex,
  })
}

const FRAME_PAGE = `<!doctype html><meta charset="utf-8"><title>SmartCaptcha stand-in</title>
<style>body{margin:0;font:14px/1.4 system-ui,sans-serif;color:#333}</style>
<button role="checkbox">I'm not a robot</button>
<script>(${frame})()</script>`

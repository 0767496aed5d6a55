import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readForm, reply, requestedOrigin } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import { refuse, type TokenDetails, type TokenRules } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES, type VendorStandIn } from '../../shared/vendor-addresses.js'
import { widgets } from './script-v1.js'
import { agent, site, widget } from './script-v2.js'

/** How a sitekey's widgets behave once they are started. */
export interface FriendlyBehavior {
  /**
   * Whether the widget passes without a click. Otherwise version 1 rejects the browser, as the real one does with
   * automated browsers, and version 2 waits for a click. Version 1 reads this when its script is loaded.
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
 * A stand-in for Friendly Captcha, versions 1 and 2: scripts, puzzles, frames and verify endpoints. The vendor's own
 * packages work with it too.
 *
 * - Version 1: the script at `${url}/npm/friendly-challenge/widget.module.min.js`, puzzles at `${url}/api/v1/puzzle`,
 *   verification at `${url}/api/v1/siteverify`.
 * - Version 2: the script at `${url}/npm/@friendlycaptcha/sdk/site.min.js`, with `url` as its API endpoint;
 *   verification at `verifyUrl`.
 *
 * A token is valid for one verification within five minutes.
 */
export interface StandInFriendly extends StandIn<FriendlyBehavior>, VendorStandIn {}

const RULES: TokenRules = { prefix: '', ttlMs: 300_000, testSecrets: {}, verifyTest: () => undefined }

const CDN = 'https://cdn.jsdelivr.net'

/** Requests come from pages of another origin, and have a header of the vendor's own. */
const OPEN = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }

/** Few puzzles, and so easy ones that almost any number solves them. */
const PUZZLES = 4

/**
 * Starts a stand-in Friendly Captcha on loopback. Pages load its scripts in place of the real ones.
 *
 * @example
 * const friendly = await startFriendly()
 * friendly.setBehavior('a-sitekey', { passes: true })
 */
export async function startFriendly(options: StandInOptions = {}): Promise<StandInFriendly> {
  const server = await startStandIn<FriendlyBehavior>(RULES, options, handle)
  const { behaviors, clock, tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const sitekey = searchParams.get('sitekey') ?? ''
    const json = (body: object, status = 200) =>
      reply(response, 'json', JSON.stringify(body), { status, headers: OPEN })
    if (request.method === 'OPTIONS') return reply(response, 'json', '', { status: 204, headers: OPEN })
    if (/^\/npm\/friendly-challenge(?:@[\d.]+)?\/widget(?:\.module)?(?:\.min)?\.js$/.test(pathname)) {
      const passes = [...behaviors].flatMap(([key, behavior]) => (behavior.passes ? [key] : []))
      return reply(
        response,
        'javascript',
        callScript(widgets, { base: apiFor(request, 'https://api.friendlycaptcha.com'), passes }),
        { headers: OPEN },
      )
    }
    if (/^\/npm\/@friendlycaptcha\/sdk(?:@[\d.]+)?\/site(?:\.compat)?(?:\.min)?\.js$/.test(pathname)) {
      return reply(response, 'javascript', callScript(site, { base: apiFor(request, 'https://global.frcapi.com') }), {
        headers: OPEN,
      })
    }
    switch (pathname) {
      case '/api/v1/puzzle':
        await server.nextBehavior(sitekey)
        return json({ data: { puzzle: puzzleFor({ sitekey }) } })
      case '/api/v1/siteverify':
        return json(...(await verifyV1(request)))
      case '/api/v2/captcha/agent':
        return reply(response, 'html', `<!doctype html><script>(${agent})()</script>`)
      case '/api/v2/captcha/widget':
        return reply(response, 'html', WIDGET_PAGE)
      case '/api/v2/captcha/activate':
        return json({ interactive: !(await server.nextBehavior(sitekey)).passes })
      case '/api/v2/captcha/quote':
        return json({ response: tokenFor({ sitekey }) })
      case '/api/v2/captcha/siteverify':
        return json(...(await verifyV2(request)))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  /**
   * The API that a script calls: the vendor's if the script was requested at the vendor's address, else this server.
   */
  function apiFor(request: IncomingMessage, vendorApi: string): string {
    const requested = requestedOrigin(request, url)
    return requested === CDN ? vendorApi : requested
  }

  /** A puzzle: `<signature>.<puzzle>`. Its signature identifies it. */
  function puzzleFor(details: TokenDetails): string {
    const bytes = Buffer.alloc(32)
    bytes.writeUInt32BE(Math.floor(clock.now() / 1000))
    bytes[12] = 1
    bytes[13] = RULES.ttlMs / 300_000
    bytes[14] = PUZZLES
    randomBytes(8).copy(bytes, 24)
    return tokens.issue({ ...details, token: `${randomBytes(16).toString('hex')}.${bytes.toString('base64')}` })
  }

  /** A puzzle with its solution. */
  function tokenFor(details: TokenDetails): string {
    const solution = randomBytes(PUZZLES * 8).toString('base64')
    return `${puzzleFor(details)}.${solution}.${randomBytes(3).toString('base64')}`
  }

  /** Verifies a solution's puzzle and length. It does not check whether the numbers solve the puzzle. */
  function check(secret: string | null | undefined, solution: string | null | undefined) {
    const [signature, puzzle, numbers = '', ...more] = solution?.split('.') ?? []
    if (more.length !== 1 || Buffer.from(numbers, 'base64').length !== PUZZLES * 8)
      return refuse('invalid-input-response')
    return tokens.verify(secret ?? null, `${signature}.${puzzle}`)
  }

  async function verifyV1(request: IncomingMessage): Promise<[object, number]> {
    const form = request.method === 'POST' ? await readForm(request) : undefined
    const no = (error: string, status: number): [object, number] => [{ success: false, errors: [error] }, status]
    if (!form) return no('bad_request', 400)
    if (!form.get('secret')) return no('secret_missing', 400)
    if (!form.get('solution')) return no('solution_missing', 400)
    const { success, 'error-codes': [code] = [] } = check(form.get('secret'), form.get('solution'))
    if (success) return [{ success }, 200]
    if (code === 'invalid-input-secret') return no('secret_invalid', 401)
    return no(code === 'timeout-or-duplicate' ? 'solution_timeout_or_duplicate' : 'solution_invalid', 200)
  }

  async function verifyV2(request: IncomingMessage): Promise<[object, number]> {
    const form = request.method === 'POST' ? await readForm(request) : undefined
    const no = (code: string, status: number): [object, number] => [
      { success: false, error: { error_code: code, detail: code } },
      status,
    ]
    const key = request.headers['x-api-key']
    if (typeof key !== 'string') return no('auth_required', 401)
    if (!form) return no('bad_request', 400)
    if (!form.get('response')) return no('response_missing', 400)
    const { success, challenge_ts: timestamp, 'error-codes': [code] = [] } = check(key, form.get('response'))
    if (success) return [{ success, data: { challenge: { timestamp, origin: '' } } }, 200]
    if (code === 'invalid-input-secret') return no('auth_invalid', 401)
    return no(code === 'timeout-or-duplicate' ? 'response_duplicate' : 'response_invalid', 200)
  }

  return server.standIn('/api/v2/captcha/siteverify', { vendorAddresses: VENDOR_ADDRESSES.friendly, issue: tokenFor })
}

const WIDGET_PAGE = `<!doctype html><meta charset="utf-8"><title>Friendly Captcha stand-in</title>
<style>body{margin:0;font:14px/70px system-ui,sans-serif;color:#333;padding:0 14px}</style>
<button id="start" role="checkbox">I am human</button> <small id="state">init</small>
<script>(${widget})()</script>`

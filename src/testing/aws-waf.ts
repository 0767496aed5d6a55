import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../base/clock.js'
import { captcha } from './aws-waf-vendor.js'
import { readForm, reply, serve } from './http.js'
import { calling } from './text.js'
import { type IssuedToken, refuse, type TokenDetails, type TokenRules, Tokens } from './tokens.js'

/** How the CAPTCHA of an API key behaves. */
export interface AwsWafBehaviour {
  /** How long it takes to check a puzzle, ms. Default: 0. */
  readonly afterMs?: number | undefined
}

/** How the stand-in Amazon WAF is started. */
export interface AwsWafOptions {
  /** What tokens expire by. */
  readonly clock?: Clock | undefined
  /** Default: any free port. */
  readonly port?: number | undefined
}

/** A stand-in for Amazon WAF's CAPTCHA: its script, and the firewall's look at a token. */
export interface StandInAwsWaf extends AsyncDisposable {
  /** Where its script is: `${url}/jsapi.js`. */
  readonly url: string
  /** What the firewall makes of a token (`secret`, `response`): the real one stands before the site, and has no such endpoint. */
  readonly verifyUrl: string
  /** What the firewall is asked with, for an API key. */
  secretFor(apiKey: string): string
  /** Gives out a token with which a puzzle was solved; good for five minutes, as often as one likes. */
  issue(details: TokenDetails): string
  /** All tokens given out, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** How the CAPTCHA of an API key behaves from now on. */
  behave(apiKey: string, behaviour: AwsWafBehaviour): void
  close(): Promise<void>
}

const RULES: TokenRules = {
  prefix: '',
  livesMs: 300_000,
  reusable: true,
  testSecrets: {},
  verifyTest: () => undefined,
}

const OPEN = { 'access-control-allow-origin': '*' }

/**
 * Starts a stand-in Amazon WAF on loopback. Pages load `${url}/jsapi.js` as they would their own integration URL's.
 *
 * @example
 * const waf = await startAwsWaf()
 * const site = await startSite({ 'aws-waf': waf })
 */
export async function startAwsWaf(options: AwsWafOptions = {}): Promise<StandInAwsWaf> {
  const { clock = systemClock } = options
  const tokens = new Tokens(clock, RULES)
  const behaviours = new Map<string, AwsWafBehaviour>()
  const server = await serve(handle, options.port)
  const url = `http://localhost:${server.port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const json = (body: object) => reply(response, 'json', JSON.stringify(body), { headers: OPEN })
    const sitekey = searchParams.get('key') ?? ''
    const hostname = searchParams.get('host') ?? ''
    switch (pathname) {
      case '/jsapi.js':
        return reply(response, 'javascript', calling(captcha, { base: url }))
      case '/verify': {
        const { afterMs = 0 } = behaviours.get(sitekey) ?? {}
        if (afterMs > 0) await new Promise<void>((resolve) => void clock.after(afterMs, resolve))
        return json({ token: tokenFor({ sitekey, hostname }) })
      }
      // One that no puzzle stands behind is known to nobody.
      case '/challenge':
        return json({ token: textOf() })
      case '/check': {
        const form = request.method === 'POST' ? await readForm(request) : undefined
        return json(form ? tokens.verify(form.get('secret'), form.get('response')) : refuse('bad-request'))
      }
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  /** The real ones are a UUID and two parts in Base64. */
  function textOf(): string {
    return `${randomUUID()}:${randomBytes(12).toString('base64')}:${randomBytes(60).toString('base64')}`
  }

  function tokenFor(details: TokenDetails): string {
    return tokens.issue({ ...details, token: details.token ?? textOf() })
  }

  return {
    url,
    verifyUrl: `http://127.0.0.1:${server.port}/check`,
    secretFor: (apiKey) => tokens.secretFor(apiKey),
    issue: tokenFor,
    get issued() {
      return tokens.list()
    },
    behave: (apiKey, behaviour) => void behaviours.set(apiKey, behaviour),
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readForm, reply } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import { refuse, type TokenDetails, type TokenRules } from '../../shared/tokens.js'
import { captcha } from './script.js'

/** How the CAPTCHAs of an API key behave. */
export interface AwsWafBehavior {
  /**
   * How long the vendor takes to check a puzzle's solution, ms.
   *
   * @default 0
   */
  readonly afterMs?: number | undefined
}

/**
 * A stand-in for Amazon WAF's CAPTCHA: its script, at `${url}/jsapi.js`, and a verify endpoint for the check that the
 * firewall makes (`secret`, `response`; the real firewall is in front of the site and has no such endpoint). The API
 * key is the sitekey. A token proves that a puzzle was solved. It is valid for five minutes, for any number of
 * verifications.
 */
export interface StandInAwsWaf extends StandIn<AwsWafBehavior> {}

const RULES: TokenRules = {
  prefix: '',
  ttlMs: 300_000,
  reusable: true,
  testSecrets: {},
  verifyTest: () => undefined,
}

const OPEN = { 'access-control-allow-origin': '*' }

/**
 * Starts a stand-in Amazon WAF on loopback. Pages load `${url}/jsapi.js` in place of their own integration URL's.
 *
 * @example
 * const waf = await startAwsWaf()
 * const site = await startSite({ 'aws-waf': waf })
 */
export async function startAwsWaf(options: StandInOptions = {}): Promise<StandInAwsWaf> {
  const server = await startStandIn<AwsWafBehavior>(RULES, options, handle)
  const { tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const json = (body: object) => reply(response, 'json', JSON.stringify(body), { headers: OPEN })
    const sitekey = searchParams.get('key') ?? ''
    const hostname = searchParams.get('host') ?? ''
    switch (pathname) {
      case '/jsapi.js':
        return reply(response, 'javascript', callScript(captcha, { base: url }))
      case '/verify': {
        await server.nextBehavior(sitekey)
        return json({ token: issue({ sitekey, hostname }) })
      }
      // A token without a solved puzzle: it is never issued, so the verify endpoint does not accept it.
      case '/challenge':
        return json({ token: randomToken() })
      case '/check': {
        const form = request.method === 'POST' ? await readForm(request) : undefined
        return json(form ? tokens.verify(form.get('secret'), form.get('response')) : refuse('bad-request'))
      }
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  /** In the vendor's format: a UUID, and two parts in base64. */
  function randomToken(): string {
    return `${randomUUID()}:${randomBytes(12).toString('base64')}:${randomBytes(60).toString('base64')}`
  }

  function issue(details: TokenDetails): string {
    return tokens.issue({ ...details, token: details.token ?? randomToken() })
  }

  return server.standIn('/check', { issue })
}

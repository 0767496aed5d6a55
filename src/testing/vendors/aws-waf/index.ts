import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readForm, reply } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import { refuse, type TokenDetails, type TokenRules } from '../../shared/tokens.js'
import { captcha } from './script.js'

/** How the CAPTCHA of an API key behaves. */
export interface AwsWafBehavior {
  /** How long it takes to check a puzzle, ms. Default: 0. */
  readonly afterMs?: number | undefined
}

/**
 * A stand-in for Amazon WAF's CAPTCHA: its script, at `${url}/jsapi.js`, and the firewall's look at a token (`secret`, `response`) as its
 * verify endpoint: the real one stands before the site, and has none. An API key stands for a sitekey. Tokens are those of a puzzle
 * that was solved, and good for five minutes, as often as one likes.
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
 * Starts a stand-in Amazon WAF on loopback. Pages load `${url}/jsapi.js` as they would their own integration URL's.
 *
 * @example
 * const waf = await startAwsWaf()
 * const site = await startSite({ 'aws-waf': waf })
 */
export async function startAwsWaf(options: StandInOptions = {}): Promise<StandInAwsWaf> {
  const workings = await startStandIn<AwsWafBehavior>(RULES, options, handle)
  const { tokens, url } = workings

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const json = (body: object) => reply(response, 'json', JSON.stringify(body), { headers: OPEN })
    const sitekey = searchParams.get('key') ?? ''
    const hostname = searchParams.get('host') ?? ''
    switch (pathname) {
      case '/jsapi.js':
        return reply(response, 'javascript', callScript(captcha, { base: url }))
      case '/verify': {
        await workings.nextBehavior(sitekey)
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

  return workings.standIn('/check', { issue: tokenFor })
}

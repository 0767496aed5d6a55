import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { reply } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import type { TokenDetails, TokenRules } from '../../shared/tokens.js'
import { client, frame } from './script.js'

/** How a sitekey's widgets behave once they are rendered. */
export interface MtcaptchaBehavior {
  /**
   * Whether the widget passes invisibly. Otherwise it shows its picture, and waits for the picture's text.
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
 * A stand-in for MTCaptcha: its script, at `${url}/mtcv1/client/mtcaptcha.min.js`, its frames, and its `checktoken`
 * endpoint, which takes `privatekey` and `token` by GET (https://docs.mtcaptcha.com/dev-guide-validate-token). A token
 * is valid for one verification within two minutes.
 */
export interface StandInMtcaptcha extends StandIn<MtcaptchaBehavior> {}

/** What the user has to type. The stand-in shows it as text. */
const SOLUTION = 'bike'

const RULES: TokenRules = { prefix: 'v1(', ttlMs: 120_000, testSecrets: {}, verifyTest: () => undefined }

/**
 * Starts a stand-in MTCaptcha on loopback. Pages load its script in place of the real one.
 *
 * @example
 * const mtcaptcha = await startMtcaptcha()
 * mtcaptcha.setBehavior('MTPublic-standin01', { passes: true })
 */
export async function startMtcaptcha(options: StandInOptions = {}): Promise<StandInMtcaptcha> {
  const server = await startStandIn<MtcaptchaBehavior>(RULES, options, handle)
  const { tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', url)
    const json = (body: object) => reply(response, 'json', JSON.stringify(body))
    const sitekey = query.get('sk') ?? ''
    const verified = () => ({ vt: tokenFor({ sitekey, action: query.get('act') || undefined }), vtttl: RULES.ttlMs })
    switch (pathname) {
      case '/mtcv1/client/mtcaptcha.min.js':
      case '/mtcv1/client/mtcaptcha2.min.js':
        return reply(response, 'javascript', callScript(client, { base: url }))
      case '/mtcv1/client/iframe.html':
        return reply(response, 'html', FRAME_PAGE)
      case '/mtcv1/api/getchallenge.json': {
        const { passes = false } = await server.nextBehavior(sitekey)
        return json(passes ? verified() : {})
      }
      case '/mtcv1/api/solvechallenge.json':
        return json(query.get('st') === SOLUTION ? verified() : {})
      case '/mtcv1/api/checktoken':
        return json(check(query.get('privatekey'), query.get('token')))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  /** In the vendor's format: groups in parentheses. */
  function tokenFor(details: TokenDetails): string {
    const groups = [
      randomBytes(4).toString('hex'),
      randomBytes(16).toString('hex'),
      randomBytes(60).toString('base64url'),
    ]
    return tokens.issue({ ...details, token: details.token ?? `${RULES.prefix}${groups.join(',')})` })
  }

  function check(privatekey: string | null, token: string | null): object {
    const { success, 'error-codes': [code] = [], ...info } = tokens.verify(privatekey, token)
    if (success) {
      const { action = '', hostname, challenge_ts: at } = info
      return {
        success,
        tokeninfo: { v: '1.0', code: 201, codeDesc: 'valid:captcha-solved', timestampISO: at, hostname, action },
      }
    }
    return { success, fail_codes: [FAILURES[code ?? ''] ?? 'bad-request'] }
  }

  return server.standIn('/mtcv1/api/checktoken', { issue: tokenFor })
}

/** The vendor's codes for a token that is not accepted. */
const FAILURES: Readonly<Record<string, string>> = {
  'missing-input-secret': 'missing-input-privatekey',
  'missing-input-response': 'missing-input-token',
  'invalid-input-secret': 'invalid-privatekey',
  'invalid-input-response': 'invalid-token',
  'timeout-or-duplicate': 'token-expired',
}

const FRAME_PAGE = `<!doctype html><meta charset="utf-8"><title>MTCaptcha stand-in</title>
<style>body{margin:0;font:14px/1.4 system-ui,sans-serif;color:#333}</style>
<form><em>${SOLUTION}</em> <input class="mtcap-inputtext" placeholder="Enter text from image"><button>Verify</button></form>
<script>(${frame})()</script>`

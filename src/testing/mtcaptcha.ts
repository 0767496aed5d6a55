import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../base/clock.js'
import { reply, serve } from './http.js'
import { client, frame } from './mtcaptcha-vendor.js'
import { calling } from './text.js'
import { type IssuedToken, type TokenDetails, type TokenRules, Tokens } from './tokens.js'

/** What an MTCaptcha of a sitekey does once it is drawn. */
export interface MtcaptchaBehaviour {
  /** Whether it verifies without showing anything; otherwise it shows its picture, and waits for its text. Default: false. */
  readonly passes?: boolean | undefined
  /** How long it takes to decide, ms. Default: 0. */
  readonly afterMs?: number | undefined
}

/** How the stand-in MTCaptcha is started. */
export interface MtcaptchaOptions {
  /** What tokens expire by. */
  readonly clock?: Clock | undefined
  /** Default: any free port. */
  readonly port?: number | undefined
}

/** A stand-in for MTCaptcha: its script and frames, and its check of tokens. */
export interface StandInMtcaptcha extends AsyncDisposable {
  /** Where its script is: `${url}/mtcv1/client/mtcaptcha.min.js`. On `localhost`, so that a page on 127.0.0.1 has its frames from another origin. */
  readonly url: string
  /** The `checktoken` endpoint, for a site's server, which asks it by GET with `privatekey` and `token`. */
  readonly verifyUrl: string
  /** The private key that goes with a sitekey. */
  secretFor(sitekey: string): string
  /** Gives out a token that `checktoken` will accept, once, for two minutes: what a stand-in solver service sells. */
  issue(details: TokenDetails): string
  /** All tokens given out, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** How the widgets of a sitekey behave from now on. */
  behave(sitekey: string, behaviour: MtcaptchaBehaviour): void
  close(): Promise<void>
}

/** What is to be typed: the stand-in's picture is text. */
const SOLUTION = 'bike'

const RULES: TokenRules = { prefix: 'v1(', livesMs: 120_000, testSecrets: {}, verifyTest: () => undefined }

/**
 * Starts a stand-in MTCaptcha on loopback. Pages load its script as they would the real one.
 *
 * @example
 * const mtcaptcha = await startMtcaptcha()
 * mtcaptcha.behave('MTPublic-standin01', { passes: true })
 */
export async function startMtcaptcha(options: MtcaptchaOptions = {}): Promise<StandInMtcaptcha> {
  const { clock = systemClock } = options
  const tokens = new Tokens(clock, RULES)
  const behaviours = new Map<string, MtcaptchaBehaviour>()
  const server = await serve(handle, options.port)
  const url = `http://localhost:${server.port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', url)
    const json = (body: object) => reply(response, 'json', JSON.stringify(body))
    const sitekey = query.get('sk') ?? ''
    const verified = () => ({ vt: tokenFor({ sitekey, action: query.get('act') || undefined }), vtttl: RULES.livesMs })
    switch (pathname) {
      case '/mtcv1/client/mtcaptcha.min.js':
      case '/mtcv1/client/mtcaptcha2.min.js':
        return reply(response, 'javascript', calling(client, { base: url }))
      case '/mtcv1/client/iframe.html':
        return reply(response, 'html', FRAME_PAGE)
      case '/mtcv1/api/getchallenge.json': {
        const { passes = false, afterMs = 0 } = behaviours.get(sitekey) ?? {}
        if (afterMs > 0) await new Promise<void>((resolve) => void clock.after(afterMs, resolve))
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

  /** The real ones are made of groups in parentheses. */
  function tokenFor(details: TokenDetails): string {
    const groups = [
      randomBytes(4).toString('hex'),
      randomBytes(16).toString('hex'),
      randomBytes(60).toString('base64url'),
    ]
    return tokens.issue({ ...details, token: details.token ?? `${RULES.prefix}${groups.join(',')})` })
  }

  function check(privatekey: string | null, token: string | null): object {
    const { success, 'error-codes': [why] = [], ...info } = tokens.verify(privatekey, token)
    if (success) {
      const { action = '', hostname, challenge_ts: at } = info
      return {
        success,
        tokeninfo: { v: '1.0', code: 201, codeDesc: 'valid:captcha-solved', timestampISO: at, hostname, action },
      }
    }
    return { success, fail_codes: [FAILURES[why ?? ''] ?? 'bad-request'] }
  }

  return {
    url,
    verifyUrl: `http://127.0.0.1:${server.port}/mtcv1/api/checktoken`,
    secretFor: (sitekey) => tokens.secretFor(sitekey),
    issue: tokenFor,
    get issued() {
      return tokens.list()
    },
    behave: (sitekey, behaviour) => void behaviours.set(sitekey, behaviour),
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

/** The vendor's words for why a token is not accepted. */
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

import { randomBytes, randomInt } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readForm, reply, requestedOrigin } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import { refuse, type TokenDetails, type TokenRules, type Verification } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES, type VendorStandIn } from '../../shared/vendor-addresses.js'
import { api, boxApi, boxFrame, enforcementFrame } from './script.js'

/** How the enforcements of a public key behave. */
export interface ArkoseBehavior {
  /**
   * Whether sessions end without a challenge.
   *
   * @default false
   */
  readonly suppresses?: boolean | undefined
  /**
   * How long the vendor takes to decide that, ms.
   *
   * @default 0
   */
  readonly afterMs?: number | undefined
}

/**
 * A stand-in for Arkose (FunCaptcha): its scripts, its frames, and its verify endpoint. The script is at
 * `${url}/v2/<public key>/api.js`, the older kind's at `${url}/fc/api/`. The public key is the sitekey. A token is
 * valid for one verification within five minutes.
 */
export interface StandInArkose extends StandIn<ArkoseBehavior>, VendorStandIn {
  /** The `data.blob` of each session that had one, oldest first; the last 1,000. */
  readonly blobs: readonly string[]
}

const RULES: TokenRules = { prefix: '', ttlMs: 300_000, testSecrets: {}, verifyTest: () => undefined }
const MAX_BLOBS = 1_000

/**
 * Starts a stand-in Arkose on loopback. Pages load its scripts in place of the real ones.
 *
 * @example
 * const arkose = await startArkose()
 * const site = await startSite({ arkose }) // its pages are below /arkose
 */
export async function startArkose(options: StandInOptions = {}): Promise<StandInArkose> {
  /** Sessions that are not completed yet. */
  const sessions = new Map<string, TokenDetails>()
  const blobs: string[] = []
  const server = await startStandIn<ArkoseBehavior>(RULES, options, handle)
  const { tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', url)
    const base = requestedOrigin(request, url)
    const json = (body: object) =>
      reply(response, 'json', JSON.stringify(body), { headers: { 'access-control-allow-origin': '*' } })
    const [, first, second = '', third = '', fourth = ''] = pathname.split('/')
    switch (`${first}/${second === 'gt2' ? second : third}`) {
      case 'v2/api.js':
        return reply(response, 'javascript', callScript(api, { base, key: second }))
      case 'v2/settings':
        return json({})
      case 'v2/enforcement.stand-in.html':
        return reply(response, 'html', framePage(enforcementFrame))
      case 'fc/gt2':
        return json(await session(fourth, await readForm(request), base))
      case 'fc/':
        if (second === 'api') return reply(response, 'javascript', callScript(boxApi, { base }))
        if (second === 'gc') return reply(response, 'html', framePage(boxFrame))
        if (second === 'ca') return json(complete((await readForm(request))?.get('session_token') ?? ''))
        return reply(response, 'html', '', { status: 404 })
      case 'api/verify':
        return json(verify(await readForm(request)))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  async function session(sitekey: string, form: URLSearchParams | undefined, base: string): Promise<object> {
    const { suppresses = false } = await server.nextBehavior(sitekey)
    const token = sessionToken(sitekey, base)
    const details = { sitekey, token, hostname: form?.get('host') ?? '' }
    if (form?.has('blob')) blobs.push(form.get('blob') ?? '')
    if (blobs.length > MAX_BLOBS) blobs.shift()
    const suppressed = suppresses && !form?.has('box')
    if (suppressed) tokens.issue(details)
    else sessions.set(token, details)
    return { token, suppressed: suppressed || undefined }
  }

  function complete(token: string): object {
    const details = sessions.get(token)
    if (details) tokens.issue(details)
    sessions.delete(token)
    return { response: details ? 'answered' : 'not answered', solved: details !== undefined }
  }

  /** The reply in the vendor's format: the session's details, or an error. */
  function verify(form: URLSearchParams | undefined): object {
    const verified: Verification = form
      ? tokens.verify(form.get('private_key'), form.get('session_token'))
      : refuse('bad-request')
    if (!verified.success) return { error: verified['error-codes']?.[0] ?? 'DENIED ACCESS' }
    return { session_details: { solved: true, session: form?.get('session_token'), hostname: verified.hostname } }
  }

  return server.standIn('/api/v4/verify/', {
    vendorAddresses: VENDOR_ADDRESSES.arkose,
    issue: (details: TokenDetails) =>
      tokens.issue({ ...details, token: details.token ?? sessionToken(details.sitekey, url) }),
    blobs,
  })
}

/** In the vendor's format: an id, and parameters. */
function sessionToken(sitekey: string, base: string): string {
  const id = `${randomBytes(9).toString('hex').slice(0, 17)}.${randomInt(1e9, 9e9)}`
  return `${id}|r=eu-west-1|meta=3|pk=${sitekey}|at=40|ag=101|surl=${encodeURIComponent(base)}`
}

const framePage = (run: () => void) => `<!doctype html><meta charset="utf-8"><title>Arkose stand-in</title>
<style>body{margin:0;font:14px/1.4 system-ui,sans-serif;color:#333;background:#fff}</style>
<p>Pick the penguin.</p><button id="verify">Verify</button><button id="close">Close</button>
<script>(${run})()</script>`

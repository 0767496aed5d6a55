import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from '../../../base/challenge.js'
import { readForm, reply, requestedOrigin } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import type { TokenRules } from '../../shared/tokens.js'
import { VENDOR_ADDRESSES, type VendorStandIn } from '../../shared/vendor-addresses.js'
import { loader, mainPart3, mainPart4 } from './script.js'

/** How the widgets of a `gt` (v3) or `captcha_id` (v4) behave. */
export interface GeetestBehavior {
  /**
   * Whether the widget passes without a challenge when the user clicks it, or the page opens it.
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
  /**
   * Whether a v3 `challenge` can still be used after a widget has loaded it.
   *
   * @default false // as with the real one
   */
  readonly challengesLast?: boolean | undefined
}

/** What an answer is issued for. */
export interface GeetestDetails {
  /** `gt` of v3, `captcha_id` of v4. */
  readonly sitekey: string
  /** v3's `challenge`. With it, the answer is one of v3, else of v4. */
  readonly challenge?: string | undefined
  /** The host of the page. Default: 127.0.0.1. */
  readonly hostname?: string | undefined
}

/**
 * A stand-in for GeeTest v3 and v4: their loaders, at `${url}/static/tools/gt.js` and `${url}/v4/gt4.js`, their main
 * scripts, and their endpoints for sites' servers. `verifyUrl` is v4's; v3's is `${url}/validate.php`. An answer is
 * valid for one verification within ten minutes.
 *
 * `issue` throws for a v3 `challenge` that is unknown, expired or used.
 */
export interface StandInGeetest extends StandIn<GeetestBehavior, GeetestDetails, Answer>, VendorStandIn {
  /**
   * Creates a `challenge` for a v3 widget, as `${url}/register.php?gt=…` does: valid for one use within ten minutes.
   */
  register(gt: string): string
}

const TTL_MS = 600_000
const MAX_CHALLENGES = 100_000

const RULES: TokenRules = { prefix: '', ttlMs: TTL_MS, testSecrets: {}, verifyTest: () => undefined }

/**
 * Starts a stand-in GeeTest on loopback. Pages load its loaders in place of the real ones.
 *
 * @example
 * const geetest = await startGeetest()
 * const site = await startSite({ geetest }) // its pages are below /geetest
 */
export async function startGeetest(options: StandInOptions = {}): Promise<StandInGeetest> {
  const challenges = new Map<string, { readonly gt: string; readonly at: number; used: boolean }>()
  const server = await startStandIn<GeetestBehavior>(RULES, options, handle)
  const { behaviors, clock, tokens, url } = server

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const query = (name: string) => searchParams.get(name) ?? ''
    /** A script that calls the page's function (JSONP); JSON if the request names none. */
    const respond = (body: object) => {
      const callback = query('callback')
      if (!/^\w{1,60}$/.test(callback)) return reply(response, 'json', JSON.stringify(body))
      reply(response, 'javascript', `${callback}(${JSON.stringify(body)})`)
    }
    switch (pathname) {
      case '/static/tools/gt.js':
        return reply(response, 'javascript', callScript(loader, { base: requestedOrigin(request, url), v4: false }))
      case '/v4/gt4.js':
        return reply(response, 'javascript', callScript(loader, { base: requestedOrigin(request, url), v4: true }))
      case '/static/js/fullpage.js':
        return reply(response, 'javascript', `(${mainPart3})()`)
      case '/v4/static/gcaptcha4.js':
        return reply(response, 'javascript', `(${mainPart4})()`)
      case '/register.php':
        return respond({ challenge: register(query('gt')) })
      case '/gettype.php':
        return respond({ status: 'success', data: { type: 'fullpage', js: '/static/js/fullpage.js' } })
      case '/get.php':
        return respond(load(query('gt'), query('challenge')))
      case '/load': {
        const lot = randomBytes(16).toString('hex')
        return respond({ status: 'success', data: { js: '/v4/static/gcaptcha4.js', lot_number: lot } })
      }
      case '/ajax.php': {
        const passes = (await clicked(query('gt'))) || query('slid') === '1'
        if (!passes) return respond({ result: 'slide' })
        const fields = answer3(query('gt'), query('challenge'), query('host'))
        return respond({ result: 'success', challenge: fields.geetest_challenge, validate: fields.geetest_validate })
      }
      case '/verify': {
        const passes = (await clicked(query('captcha_id'))) || query('done') === '1'
        if (!passes) return respond({ result: 'continue' })
        return respond({ result: 'success', seccode: answer4(query('captcha_id'), query('lot_number'), query('host')) })
      }
      case '/validate.php':
        return respond(validate3(await readForm(request)))
      case '/validate':
        return respond(validate4(await readForm(request), query('captcha_id')))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  async function clicked(sitekey: string): Promise<boolean> {
    const { passes = false } = await server.nextBehavior(sitekey)
    return passes
  }

  function register(gt: string): string {
    const challenge = randomBytes(16).toString('hex')
    challenges.set(challenge, { gt, at: clock.now(), used: false })
    if (challenges.size > MAX_CHALLENGES) {
      const [oldest] = challenges.keys()
      if (oldest !== undefined) challenges.delete(oldest)
    }
    return challenge
  }

  /** Marks a challenge as used: a widget has loaded it. */
  function load(gt: string, challenge: string): Record<string, string> {
    const known = challenges.get(challenge)
    if (!known || known.gt !== gt || known.used || clock.now() - known.at > TTL_MS) {
      return { status: 'error', error: 'old challenge' }
    }
    known.used = behaviors.get(gt)?.challengesLast !== true
    return { status: 'success' }
  }

  function answer3(sitekey: string, challenge: string, hostname: string): Record<string, string> {
    const validate = createHash('md5').update(randomBytes(16)).digest('hex')
    const fields = {
      // The vendor appends two characters to the challenge.
      geetest_challenge: `${challenge}${randomBytes(1).toString('hex')}`,
      geetest_validate: validate,
      geetest_seccode: `${validate}|jordan`,
    }
    tokens.issue({ sitekey, hostname, token: `${fields.geetest_challenge}/${fields.geetest_seccode}` })
    return fields
  }

  function answer4(sitekey: string, lot: string, hostname: string): Record<string, string> {
    const fields = {
      captcha_id: sitekey,
      lot_number: lot,
      pass_token: randomBytes(32).toString('hex'),
      gen_time: String(Math.floor(clock.now() / 1000)),
      captcha_output: randomBytes(90).toString('base64'),
    }
    const { pass_token, gen_time, captcha_output } = fields
    tokens.issue({ sitekey, hostname, token: [lot, pass_token, gen_time, captcha_output].join('/') })
    return fields
  }

  function validate3(form: URLSearchParams | undefined): object {
    const token = `${form?.get('challenge')}/${form?.get('seccode')}`
    const issued = tokens.list().find((one) => one.token === token)
    const { success } = tokens.verify(issued ? tokens.secretFor(issued.sitekey) : null, token)
    return { seccode: success ? createHash('md5').update(token).digest('hex') : 'false' }
  }

  function validate4(form: URLSearchParams | undefined, captchaId: string): object {
    const part = (name: string) => form?.get(name) ?? ''
    const token = ['lot_number', 'pass_token', 'gen_time', 'captcha_output'].map(part).join('/')
    const secret = tokens.secretFor(captchaId)
    const signed = createHmac('sha256', secret).update(part('lot_number')).digest('hex') === part('sign_token')
    const { success, 'error-codes': codes } = tokens.verify(signed ? secret : 'unsigned', token)
    return { status: 'success', result: success ? 'success' : 'fail', reason: success ? '' : (codes?.[0] ?? '') }
  }

  function issue({ sitekey, challenge, hostname = '127.0.0.1' }: GeetestDetails): Answer {
    if (challenge === undefined) {
      const fields = answer4(sitekey, randomBytes(16).toString('hex'), hostname)
      return { token: fields.pass_token ?? '', fields }
    }
    const { error } = load(sitekey, challenge)
    if (error) throw new Error(`GeeTest: ${error}`)
    const fields = answer3(sitekey, challenge, hostname)
    return { token: fields.geetest_validate ?? '', fields }
  }

  return server.standIn('/validate', {
    vendorAddresses: VENDOR_ADDRESSES.geetest,
    register,
    issue,
  })
}

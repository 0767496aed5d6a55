import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from '../../../base/challenge.js'
import { readForm, reply, requestedOrigin } from '../../shared/http.js'
import { type StandIn, type StandInOptions, startStandIn } from '../../shared/stand-in.js'
import { callScript } from '../../shared/text.js'
import type { TokenRules } from '../../shared/tokens.js'
import type { VendorStandIn } from '../route.js'
import { loader, mainPart3, mainPart4 } from './script.js'

/** What a GeeTest of a `gt` or `captcha_id` does. */
export interface GeetestBehavior {
  /** Whether a click, or the page's opening it, passes by itself; otherwise its challenge opens. Default: false. */
  readonly passes?: boolean | undefined
  /** How long it takes to do so, ms. Default: 0. */
  readonly afterMs?: number | undefined
  /** Whether a v3 `challenge` can be used after a widget has loaded it. Default: false, as with the real one. */
  readonly challengesLast?: boolean | undefined
}

/** What an answer is given out for. */
export interface GeetestDetails {
  /** `gt` of v3, `captcha_id` of v4. */
  readonly sitekey: string
  /** Of v3: makes it an answer of v3. */
  readonly challenge?: string | undefined
  readonly hostname?: string | undefined
}

/**
 * A stand-in for GeeTest v3 and v4: their loaders, at `${url}/static/tools/gt.js` and `${url}/v4/gt4.js`, main parts, and what sites'
 * servers ask. `verifyUrl` is v4's; v3's is `${url}/validate.php`. Answers are good once, for ten minutes; `issue` throws for a v3
 * challenge that is unknown or used up.
 */
export interface StandInGeetest extends StandIn<GeetestBehavior, GeetestDetails, Answer>, VendorStandIn {
  /** A `challenge` for a v3 widget, as a site's server asks for at `${url}/register.php?gt=…`: good for one use within ten minutes. */
  register(gt: string): string
}

const TTL_MS = 600_000
const MAX_CHALLENGES = 100_000

const RULES: TokenRules = { prefix: '', ttlMs: TTL_MS, testSecrets: {}, verifyTest: () => undefined }

/**
 * Starts a stand-in GeeTest on loopback. Pages load its loaders as they would the real ones.
 *
 * @example
 * const geetest = await startGeetest()
 * const site = await startSite({ geetest }) // its pages are below /geetest
 */
export async function startGeetest(options: StandInOptions = {}): Promise<StandInGeetest> {
  const challenges = new Map<string, { readonly gt: string; readonly at: number; used: boolean }>()
  const workings = await startStandIn<GeetestBehavior>(RULES, options, handle)
  const { behaviors, clock, tokens, url } = workings

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const asked = (name: string) => searchParams.get(name) ?? ''
    /** Replies are scripts that call the page's function. */
    const say = (said: object) => {
      const callback = asked('callback')
      if (!/^\w{1,60}$/.test(callback)) return reply(response, 'json', JSON.stringify(said))
      reply(response, 'javascript', `${callback}(${JSON.stringify(said)})`)
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
        return say({ challenge: register(asked('gt')) })
      case '/gettype.php':
        return say({ status: 'success', data: { type: 'fullpage', js: '/static/js/fullpage.js' } })
      case '/get.php':
        return say(load(asked('gt'), asked('challenge')))
      case '/load': {
        const lot = randomBytes(16).toString('hex')
        return say({ status: 'success', data: { js: '/v4/static/gcaptcha4.js', lot_number: lot } })
      }
      case '/ajax.php': {
        const passes = (await clicked(asked('gt'))) || asked('slid') === '1'
        if (!passes) return say({ result: 'slide' })
        const fields = answer3(asked('gt'), asked('challenge'), asked('host'))
        return say({ result: 'success', challenge: fields.geetest_challenge, validate: fields.geetest_validate })
      }
      case '/verify': {
        const passes = (await clicked(asked('captcha_id'))) || asked('done') === '1'
        if (!passes) return say({ result: 'continue' })
        return say({ result: 'success', seccode: answer4(asked('captcha_id'), asked('lot_number'), asked('host')) })
      }
      case '/validate.php':
        return say(validate3(await readForm(request)))
      case '/validate':
        return say(validate4(await readForm(request), asked('captcha_id')))
      default:
        return reply(response, 'html', '', { status: 404 })
    }
  }

  async function clicked(sitekey: string): Promise<boolean> {
    const { passes = false } = await workings.nextBehavior(sitekey)
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

  /** A widget has loaded a challenge: from then on it is good for nothing else. */
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
      // The vendor's own has two signs more than the one that it is for.
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

  return workings.standIn('/validate', {
    vendorAddresses: ['static.geetest.com/', 'api.geetest.com/', 'gcaptcha4.geetest.com/'],
    register,
    issue,
  })
}

import { createHash, createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../../../base/clock.js'
import { readForm, reply, serve } from '../../shared/http.js'
import { refuse, type Verification } from '../../shared/tokens.js'

/** Options of the stand-in ALTCHA. */
export interface AltchaOptions {
  /**
   * The clock that challenges expire by.
   *
   * @default the machine's clock
   */
  readonly clock?: Clock | undefined
  /**
   * The port on loopback.
   *
   * @default any free port
   */
  readonly port?: number | undefined
  /**
   * How many hashes a challenge takes at most (`maxnumber`).
   *
   * @default 1000 // a browser needs about 10 ms
   */
  readonly hardest?: number | undefined
}

/** The server half of ALTCHA: challenges for `<altcha-widget>`, and the verification of its answers. */
export interface StandInAltcha extends AsyncDisposable {
  /** Its origin. */
  readonly url: string
  /** For the widget's `challenge` attribute (`challengeurl` before version 3). */
  readonly challengeUrl: string
  /** Verifies an answer: POST a form with `secret` and `response`, as with other vendors. */
  readonly verifyUrl: string
  /** The HMAC key that challenges are signed with. */
  secretFor(sitekey?: string): string
  /** How many challenges it has issued. */
  readonly challenges: number
  /** Sets its behavior from now on. With `fails`, it replies with an error instead of a challenge. */
  setBehavior(behavior: { /** Default: false. */ readonly fails?: boolean | undefined }): void
  /** Closes all connections and frees the port. */
  close(): Promise<void>
}

const ALGORITHM = 'SHA-256'
const CHALLENGE_TTL_MS = 1_200_000
const ANY_ORIGIN = { 'access-control-allow-origin': '*' }
const MAX_USED = 10_000

/**
 * Starts the server half of ALTCHA on loopback. Its challenges are of the protocol's first version (SHA-256), which
 * every version of the widget supports. The widget is the package `altcha`.
 *
 * @example
 * const altcha = await startAltcha()
 * const html = `<altcha-widget challenge="${altcha.challengeUrl}"></altcha-widget>`
 */
export async function startAltcha(options: AltchaOptions = {}): Promise<StandInAltcha> {
  const { clock = systemClock, hardest = 1_000 } = options
  const key = randomBytes(24).toString('hex')
  const used = new Set<string>()
  let fails = false
  let challenges = 0
  const server = await serve(handle, options.port)

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = (request.url ?? '').split('?')
    if (path === '/challenge') {
      if (fails) return reply(response, 'json', '{"error":"out of order"}', { status: 500, headers: ANY_ORIGIN })
      challenges++
      return reply(response, 'json', JSON.stringify(challenge()), { headers: ANY_ORIGIN })
    }
    if (path === '/verify' && request.method === 'POST') {
      const form = await readForm(request)
      return reply(response, 'json', JSON.stringify(verify(form?.get('secret'), form?.get('response'))))
    }
    reply(response, 'html', '', { status: 404 })
  }

  function challenge(): object {
    const expires = Math.floor((clock.now() + CHALLENGE_TTL_MS) / 1000)
    const salt = `${randomBytes(12).toString('hex')}?expires=${expires}&`
    const wanted = hash(salt, randomInt(hardest))
    return { algorithm: ALGORITHM, challenge: wanted, maxnumber: hardest, salt, signature: sign(wanted) }
  }

  function verify(secret: string | null | undefined, response: string | null | undefined): Verification {
    if (secret !== key) return refuse('invalid-input-secret')
    const answer = readPayload(response)
    if (!answer || hash(answer.salt, answer.number) !== answer.challenge) return refuse('invalid-input-response')
    if (!isEqual(sign(answer.challenge), answer.signature)) return refuse('invalid-input-response')
    const expires = Number(/[?&]expires=(\d{1,12})(?:&|$)/.exec(answer.salt)?.[1])
    if (!(expires * 1000 > clock.now()) || used.has(answer.challenge)) return refuse('timeout-or-duplicate')
    if (used.size >= MAX_USED) used.clear()
    used.add(answer.challenge)
    return { success: true }
  }

  function sign(text: string): string {
    return createHmac('sha256', key).update(text).digest('hex')
  }

  const url = `http://localhost:${server.port}`
  return {
    url,
    challengeUrl: `${url}/challenge`,
    verifyUrl: `http://127.0.0.1:${server.port}/verify`,
    secretFor: () => key,
    get challenges() {
      return challenges
    },
    setBehavior(behavior) {
      fails = behavior.fails === true
    },
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

interface Payload {
  readonly challenge: string
  readonly number: number
  readonly salt: string
  readonly signature: string
}

/** Reads the widget's answer: JSON in base64. */
function readPayload(response: string | null | undefined): Payload | undefined {
  try {
    const payload = JSON.parse(Buffer.from(response ?? '', 'base64').toString()) as Partial<Payload> | null
    if (!payload || typeof payload.salt !== 'string' || !Number.isInteger(payload.number)) return undefined
    if (typeof payload.challenge !== 'string' || typeof payload.signature !== 'string') return undefined
    return payload as Payload
  } catch {
    return undefined
  }
}

function hash(salt: string, number: number): string {
  return createHash('sha256').update(`${salt}${number}`).digest('hex')
}

function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}

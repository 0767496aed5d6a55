import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../../../base/clock.js'
import { readRequestText, reply, serve } from '../../shared/http.js'
import { type IssuedToken, Tokens } from '../../shared/tokens.js'

/** Options of the stand-in Cap. */
export interface CapOptions {
  /**
   * The clock that challenges and tokens expire by.
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
   * How much work a challenge is.
   *
   * @default { puzzles: 5, digits: 1 }
   */
  readonly work?:
    | {
        /** How many puzzles a challenge has. */
        readonly puzzles: number
        /** How many hexadecimal digits of a hash each puzzle fixes: one more means 16 times the work. */
        readonly digits: number
      }
    | undefined
}

/** How the server behaves to the widgets of a sitekey. */
export interface CapBehavior {
  /**
   * `challenge`: it replies with an error instead of a challenge. `redeem`: it rejects every solution.
   *
   * @default neither
   */
  readonly fails?: 'challenge' | 'redeem' | undefined
}

/** The server half of Cap: challenges for `<cap-widget>`, tokens for its solutions, and their verification. */
export interface StandInCap extends AsyncDisposable {
  /** Its origin. */
  readonly url: string
  /** For the widget's `data-cap-api-endpoint`. */
  endpointFor(sitekey: string): string
  /** Verifies a token: POST `secret` and `response`, as JSON or as a form. */
  readonly verifyUrl: string
  /** The secret that a site's server has to show there. */
  secretFor(sitekey: string): string
  /** All issued tokens, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** Sets how it behaves to a sitekey's widgets from now on. */
  setBehavior(sitekey: string, behavior: CapBehavior): void
  /** Closes all connections and frees the port. */
  close(): Promise<void>
}

interface Challenge {
  readonly sitekey: string
  readonly expires: number
}

const CHALLENGE_TTL_MS = 600_000
const TOKEN_TTL_MS = 1_200_000
const SALT_LENGTH = 32
const MAX_CHALLENGES = 10_000
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'content-type',
  'access-control-allow-methods': 'POST',
}

/**
 * Starts the server half of Cap on loopback. As with Cap's standalone server, each site has a path. The widget is the
 * package `@cap.js/widget`.
 *
 * @example
 * const cap = await startCap()
 * const html = `<cap-widget data-cap-api-endpoint="${cap.endpointFor('a-sitekey')}"></cap-widget>`
 */
export async function startCap(options: CapOptions = {}): Promise<StandInCap> {
  const { clock = systemClock, work = { puzzles: 5, digits: 1 } } = options
  const tokens = new Tokens(clock, {
    prefix: 'cap_',
    ttlMs: TOKEN_TTL_MS,
    testSecrets: {},
    verifyTest: () => undefined,
  })
  const behaviors = new Map<string, CapBehavior>()
  const challenges = new Map<string, Challenge>()
  const server = await serve(handle, options.port)
  const url = `http://localhost:${server.port}`

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [sitekey = '', what = ''] = (request.url ?? '').split('/').slice(-2)
    if (request.method === 'OPTIONS') return reply(response, 'json', '', { status: 204, headers: CORS })
    if (request.method !== 'POST') return reply(response, 'html', '', { status: 404 })
    const body = (await readRequestText(request)) ?? ''
    const json = (object: object) => reply(response, 'json', JSON.stringify(object), { headers: CORS })
    if (what === 'challenge') return json(issueChallenge(sitekey))
    if (what === 'redeem') return json(redeem(sitekey, parse(body)))
    if (what === 'siteverify') {
      const form = parse(body) ?? Object.fromEntries(new URLSearchParams(body))
      const { success } = tokens.verify(String(form.secret ?? ''), String(form.response ?? ''))
      return json(success ? { success } : { success, error: 'Token not found' })
    }
    reply(response, 'html', '', { status: 404 })
  }

  function issueChallenge(sitekey: string): object {
    if (behaviors.get(sitekey)?.fails === 'challenge') return { error: 'Invalid site key' }
    const token = randomBytes(25).toString('hex')
    const expires = clock.now() + CHALLENGE_TTL_MS
    if (challenges.size >= MAX_CHALLENGES) challenges.clear()
    challenges.set(token, { sitekey, expires })
    return { challenge: { c: work.puzzles, s: SALT_LENGTH, d: work.digits }, token, expires }
  }

  function redeem(sitekey: string, sent: Record<string, unknown> | undefined): object {
    const token = typeof sent?.token === 'string' ? sent.token : ''
    const challenge = challenges.get(token)
    challenges.delete(token)
    const solutions = Array.isArray(sent?.solutions) ? (sent.solutions as unknown[]) : []
    const valid =
      challenge?.sitekey === sitekey &&
      challenge.expires > clock.now() &&
      behaviors.get(sitekey)?.fails !== 'redeem' &&
      solutions.length === work.puzzles &&
      solutions.every((nonce, index) => solves(token, index + 1, nonce))
    if (!valid) return { success: false, error: 'Invalid solution' }
    return { success: true, token: tokens.issue({ sitekey }), expires: clock.now() + TOKEN_TTL_MS }
  }

  /** Puzzles are derived from the challenge's token. The hash of salt and nonce has to begin with the target. */
  function solves(token: string, index: number, nonce: unknown): boolean {
    if (typeof nonce !== 'number') return false
    const salt = digits(`${token}${index}`, SALT_LENGTH)
    const target = digits(`${token}${index}d`, work.digits)
    return createHash('sha256').update(`${salt}${nonce}`).digest('hex').startsWith(target)
  }

  return {
    url,
    endpointFor: (sitekey) => `${url}/${sitekey}/`,
    verifyUrl: `http://127.0.0.1:${server.port}/any/siteverify`,
    secretFor: (sitekey) => tokens.secretFor(sitekey),
    get issued() {
      return tokens.list()
    },
    setBehavior: (sitekey, behavior) => void behaviors.set(sitekey, behavior),
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  }
}

/** Hexadecimal digits that both sides derive from a seed: xorshift, started with the seed's FNV-1a hash. */
function digits(seed: string, length: number): string {
  let state = 0x811c9dc5
  for (const sign of seed) state = Math.imul(state ^ sign.charCodeAt(0), 0x01000193)
  let text = ''
  while (text.length < length) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    text += (state >>> 0).toString(16).padStart(8, '0')
  }
  return text.slice(0, length)
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const read: unknown = JSON.parse(body)
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

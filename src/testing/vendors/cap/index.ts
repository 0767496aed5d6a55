import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../../../base/clock.js'
import { readText, reply, serve } from '../../shared/http.js'
import { type IssuedToken, Tokens } from '../../shared/tokens.js'

/** How the stand-in is started. */
export interface CapOptions {
  /** What challenges and tokens expire by. */
  readonly clock?: Clock | undefined
  /** Default: any free port. */
  readonly port?: number | undefined
  /** How much work a challenge is: so many puzzles, each of so many hexadecimal digits. Default: 5 of 1. */
  readonly work?: { readonly puzzles: number; readonly digits: number } | undefined
}

/** What the server does with the widgets of a sitekey. */
export interface CapBehavior {
  /** Answers with an error instead of a challenge, or takes no solution. Default: neither. */
  readonly fails?: 'challenge' | 'redeem' | undefined
}

/** The server's half of Cap: challenges for `<cap-widget>`, tokens for its solutions, and what verifies those. */
export interface StandInCap extends AsyncDisposable {
  readonly url: string
  /** For the widget's `data-cap-api-endpoint`. */
  endpointFor(sitekey: string): string
  /** Verifies a token: a POST of `secret` and `response`, as JSON or as a form. */
  readonly verifyUrl: string
  secretFor(sitekey: string): string
  /** All tokens given out, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** What it does for a sitekey from now on. */
  setBehavior(sitekey: string, behavior: CapBehavior): void
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
 * Starts the server's half of Cap on loopback, as its standalone server has it: a path for each site. The widget itself is the
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
    const body = (await readText(request)) ?? ''
    const answer = (object: object) => reply(response, 'json', JSON.stringify(object), { headers: CORS })
    if (what === 'challenge') return answer(give(sitekey))
    if (what === 'redeem') return answer(redeem(sitekey, parse(body)))
    if (what === 'siteverify') {
      const form = parse(body) ?? Object.fromEntries(new URLSearchParams(body))
      const { success } = tokens.verify(String(form.secret ?? ''), String(form.response ?? ''))
      return answer(success ? { success } : { success, error: 'Token not found' })
    }
    reply(response, 'html', '', { status: 404 })
  }

  function give(sitekey: string): object {
    if (behaviors.get(sitekey)?.fails === 'challenge') return { error: 'Invalid site key' }
    const token = randomBytes(25).toString('hex')
    const expires = clock.now() + CHALLENGE_TTL_MS
    if (challenges.size >= MAX_CHALLENGES) challenges.clear()
    challenges.set(token, { sitekey, expires })
    return { challenge: { c: work.puzzles, s: SALT_LENGTH, d: work.digits }, token, expires }
  }

  function redeem(sitekey: string, given: Record<string, unknown> | undefined): object {
    const token = typeof given?.token === 'string' ? given.token : ''
    const challenge = challenges.get(token)
    challenges.delete(token)
    const solutions = Array.isArray(given?.solutions) ? (given.solutions as unknown[]) : []
    const sound =
      challenge?.sitekey === sitekey &&
      challenge.expires > clock.now() &&
      behaviors.get(sitekey)?.fails !== 'redeem' &&
      solutions.length === work.puzzles &&
      solutions.every((nonce, index) => solves(token, index + 1, nonce))
    if (!sound) return { success: false, error: 'Invalid solution' }
    return { success: true, token: tokens.issue({ sitekey }), expires: clock.now() + TOKEN_TTL_MS }
  }

  /** The puzzles follow from the challenge's token: the hash of salt and nonce has to begin with the target. */
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

/** Hexadecimal digits that both sides draw from one seed: xorshift, begun with the seed's FNV-1a hash. */
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

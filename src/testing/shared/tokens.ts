import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.js'

/** A token, and what `siteverify` knows of it. */
export interface IssuedToken {
  readonly token: string
  readonly sitekey: string
  readonly action: string | undefined
  readonly score: number | undefined
  readonly cdata: string | undefined
  readonly hostname: string
  readonly at: number
  used: boolean
}

/** What `siteverify` answers. */
export interface Verification {
  readonly success: boolean
  readonly 'error-codes'?: readonly string[]
  readonly challenge_ts?: string
  readonly hostname?: string
  readonly action?: string
  readonly score?: number
  readonly cdata?: string
}

/** What a token is given out for. */
export interface TokenDetails {
  readonly sitekey: string
  /** A token of one's own is registered as it is. */
  readonly token?: string | undefined
  readonly action?: string | undefined
  readonly score?: number | undefined
  readonly cdata?: string | undefined
  readonly hostname?: string | undefined
}

/** What one vendor's tokens are like. */
export interface TokenRules {
  /** How tokens begin. */
  readonly prefix: string
  readonly ttlMs: number
  /** Whether a token is good for more than one use. Default: false. */
  readonly reusable?: boolean | undefined
  /** The published secrets, by the sitekeys that they are published with. */
  readonly testSecrets: Readonly<Record<string, string>>
  /** What a published secret makes of a token; undefined for any other secret. */
  readonly verifyTest: (secret: string, response: string, now: string) => Verification | undefined
}

const MAX_TOKENS = 100_000

/** A vendor's side of tokens: given out, good for one use within a time, for one site. */
export class Tokens {
  readonly #clock: Clock
  readonly #rules: TokenRules
  readonly #issued = new Map<string, IssuedToken>()

  constructor(clock: Clock, rules: TokenRules) {
    this.#clock = clock
    this.#rules = rules
  }

  /** The secret that goes with a sitekey. */
  secretFor(sitekey: string): string {
    const { testSecrets } = this.#rules
    return (Object.hasOwn(testSecrets, sitekey) ? testSecrets[sitekey] : undefined) ?? `secret-of-${sitekey}`
  }

  issue(details: TokenDetails): string {
    const { sitekey, action, score, cdata, hostname = '127.0.0.1' } = details
    const token = details.token ?? `${this.#rules.prefix}${randomBytes(60).toString('base64url')}`
    this.#issued.set(token, { token, sitekey, action, score, cdata, hostname, at: this.#clock.now(), used: false })
    if (this.#issued.size > MAX_TOKENS) {
      const [oldest] = this.#issued.keys()
      if (oldest !== undefined) this.#issued.delete(oldest)
    }
    return token
  }

  list(): IssuedToken[] {
    return [...this.#issued.values()]
  }

  verify(secret: string | null, response: string | null): Verification {
    if (!secret) return refuse('missing-input-secret')
    if (!response) return refuse('missing-input-response')
    const test = this.#rules.verifyTest(secret, response, this.#time())
    if (test) return test
    if (!secret.startsWith('secret-of-')) return refuse('invalid-input-secret')
    const issued = this.#issued.get(response)
    if (!issued || this.secretFor(issued.sitekey) !== secret) return refuse('invalid-input-response')
    if ((issued.used && !this.#rules.reusable) || this.#clock.now() - issued.at > this.#rules.ttlMs)
      return refuse('timeout-or-duplicate')
    issued.used = true
    const { hostname, action, score, cdata, at } = issued
    return {
      success: true,
      challenge_ts: this.#time(at),
      hostname,
      ...(action !== undefined && { action }),
      ...(score !== undefined && { score }),
      ...(cdata !== undefined && { cdata }),
    }
  }

  #time(at = this.#clock.now()): string {
    return new Date(at).toISOString()
  }
}

export function refuse(code: string): Verification {
  return { success: false, 'error-codes': [code] }
}

import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.js'

/** A token, and what `siteverify` knows about it. */
export interface IssuedToken {
  /** Its text. */
  readonly token: string
  /** The sitekey that it is valid for. */
  readonly sitekey: string
  /** The page's action; absent if the page named none. */
  readonly action: string | undefined
  /** From 0 (a bot) to 1; absent for widgets without scores. */
  readonly score: number | undefined
  /** Turnstile's customer data; absent if the page gave none. */
  readonly cdata: string | undefined
  /** The host of the page. */
  readonly hostname: string
  /** When it was issued: wall time, ms since 1970. */
  readonly at: number
  /** Whether it was verified once. */
  used: boolean
}

/** The reply of `siteverify`, with the vendors' own names. */
export interface Verification {
  /** Whether the token is valid. */
  readonly success: boolean
  /** Why it is not. Absent if it is. */
  readonly 'error-codes'?: readonly string[]
  /** When the token was issued, in ISO 8601. */
  readonly challenge_ts?: string
  /** The host of the page. */
  readonly hostname?: string
  /** The page's action. */
  readonly action?: string
  /** From 0 (a bot) to 1. */
  readonly score?: number
  /** Turnstile's customer data. */
  readonly cdata?: string
}

/** What a token is issued for. */
export interface TokenDetails {
  /** The sitekey that it is valid for. */
  readonly sitekey: string
  /**
   * Issues this text as a token: one that a solver service has made, say. Default: a random one in the vendor's format.
   */
  readonly token?: string | undefined
  /** The page's action. */
  readonly action?: string | undefined
  /** From 0 (a bot) to 1. */
  readonly score?: number | undefined
  /** Turnstile's customer data. */
  readonly cdata?: string | undefined
  /** The host of the page. Default: 127.0.0.1. */
  readonly hostname?: string | undefined
}

/** The tokens of one vendor. */
export interface TokenRules {
  /** What tokens begin with. */
  readonly prefix: string
  /** How long a token is valid, ms. */
  readonly ttlMs: number
  /** Whether a token can be verified more than once. Default: false. */
  readonly reusable?: boolean | undefined
  /** The secrets that the vendor publishes for tests, by sitekey. */
  readonly testSecrets: Readonly<Record<string, string>>
  /** The verification of a token with a published secret; undefined for any other secret. */
  readonly verifyTest: (secret: string, response: string, now: string) => Verification | undefined
}

const MAX_TOKENS = 100_000

/** A vendor's tokens: each is valid for one verification, within its time, with its sitekey's secret. */
export class Tokens {
  readonly #clock: Clock
  readonly #rules: TokenRules
  readonly #issued = new Map<string, IssuedToken>()

  constructor(clock: Clock, rules: TokenRules) {
    this.#clock = clock
    this.#rules = rules
  }

  /** The secret of a sitekey. */
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

/** A verification that failed. */
export function refuse(code: string): Verification {
  return { success: false, 'error-codes': [code] }
}

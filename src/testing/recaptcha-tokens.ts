import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.js'

/** A token, and what `siteverify` knows of it. */
export interface IssuedToken {
  readonly token: string
  readonly sitekey: string
  readonly action: string | undefined
  readonly score: number | undefined
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
}

/** The key pair that the vendor publishes for tests: every verification passes. */
export const TEST_SITEKEY = '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'
const TEST_SECRET = '6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe'

const LIVES_MS = 120_000
const MOST_TOKENS = 100_000

/** The vendor's side of tokens: given out, good for one use within two minutes, for one site. */
export class Tokens {
  readonly #clock: Clock
  readonly #issued = new Map<string, IssuedToken>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The secret that goes with a sitekey. */
  secretFor(sitekey: string): string {
    return sitekey === TEST_SITEKEY ? TEST_SECRET : `secret-of-${sitekey}`
  }

  issue(details: {
    sitekey: string
    token?: string | undefined
    action?: string | undefined
    score?: number | undefined
    hostname?: string | undefined
  }): string {
    const { sitekey, action, score, hostname = '127.0.0.1' } = details
    const token = details.token ?? `03A${randomBytes(60).toString('base64url')}`
    this.#issued.set(token, { token, sitekey, action, score, hostname, at: this.#clock.now(), used: false })
    if (this.#issued.size > MOST_TOKENS) {
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
    if (secret === TEST_SECRET) return { success: true, challenge_ts: this.#time(), hostname: 'testkey.google.com' }
    if (!secret.startsWith('secret-of-')) return refuse('invalid-input-secret')
    const issued = this.#issued.get(response)
    if (!issued || this.secretFor(issued.sitekey) !== secret) return refuse('invalid-input-response')
    if (issued.used || this.#clock.now() - issued.at > LIVES_MS) return refuse('timeout-or-duplicate')
    issued.used = true
    const { hostname, action, score } = issued
    const base = { success: true, challenge_ts: this.#time(issued.at), hostname }
    return { ...base, ...(action !== undefined && { action }), ...(score !== undefined && { score }) }
  }

  #time(at = this.#clock.now()): string {
    return new Date(at).toISOString()
  }
}

function refuse(code: string): Verification {
  return { success: false, 'error-codes': [code] }
}

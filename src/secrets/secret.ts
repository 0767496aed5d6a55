import { createHash, createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { type KeyProblem, problemInKey } from './key-text.js'

/**
 * A key that is never printed: as text, JSON and in `util.inspect` it is `[secret ab12…]`, the start of its
 * fingerprint. Only `egress/` may call `reveal()`; a lint rule keeps it out of every other folder.
 *
 * @example
 * new Secret('0123456789abcdef').toString() // '[secret …]'
 */
export class Secret {
  readonly #value: string
  /** 16 hex digits that identify this key without revealing it; the same in every process. */
  readonly fingerprint: string

  constructor(value: string) {
    this.#value = value
    this.fingerprint = createHash('sha256')
      .update('solveguard key fingerprint\0')
      .update(value)
      .digest('hex')
      .slice(0, 16)
  }

  /** The key itself. */
  reveal(): string {
    return this.#value
  }

  /** Whether `text` contains the key: for tests, and for checks of text that is about to be written. */
  isIn(text: string): boolean {
    return text.includes(this.#value)
  }

  /** Whether the whole key has a form. */
  matches(pattern: RegExp): boolean {
    return pattern.test(this.#value)
  }

  /** The HMAC-SHA256 of `data` by this secret, hex. */
  hmac(data: string | Buffer): string {
    return createHmac('sha256', this.#value).update(data).digest('hex')
  }

  /** Why this cannot be a key: it looks like JSON, PEM, `NAME=value` and the like. Never with a part of it. */
  problem(): KeyProblem | undefined {
    return problemInKey(this.#value)
  }

  /** `[secret ab12…]`. */
  toString(): string {
    return `[secret ${this.fingerprint.slice(0, 4)}…]`
  }

  /** `[secret ab12…]`. */
  toJSON(): string {
    return this.toString()
  }

  /** What `util.inspect` and `console.log` print. */
  [inspect.custom](): string {
    return this.toString()
  }
}

import { createHash } from 'node:crypto'
import { inspect } from 'node:util'

/**
 * A key that never shows itself: it prints, serialises and inspects as `[secret ab12…]`, a short fingerprint.
 * Only `egress/` may call `reveal()`; a lint rule keeps it out of every other folder.
 */
export class Secret {
  readonly #value: string
  /** 16 hex digits that name this key without giving it away; the same for the same key, everywhere. */
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

  /** Whether `text` holds the key: for tests and for checks on what we are about to write. */
  isIn(text: string): boolean {
    return text.includes(this.#value)
  }

  toString(): string {
    return `[secret ${this.fingerprint.slice(0, 4)}…]`
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

import { inspect } from 'node:util'
import type { IssuedToken } from '../types.js'

/** A token that does not show itself, nor its handle, when it is printed or serialized. */
export class RedactedToken implements IssuedToken {
  readonly #token: string
  readonly #handle: string | undefined
  readonly id: string
  readonly expiresAt: Date

  constructor(token: string, handle: string | undefined, id: string, expiresAt: number) {
    this.#token = token
    this.#handle = handle
    this.id = id
    this.expiresAt = new Date(expiresAt)
  }

  get token(): string {
    return this.#token
  }

  get handle(): string | undefined {
    return this.#handle
  }

  toJSON(): Record<string, unknown> {
    const { id, expiresAt } = this
    return { token: '[token]', ...(this.#handle !== undefined && { handle: '[handle]' }), id, expiresAt }
  }

  [inspect.custom](): string {
    return `IssuedToken ${inspect(this.toJSON())}`
  }
}

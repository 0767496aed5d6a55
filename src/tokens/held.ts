import type { NarrowingInput } from '../policy/schema.js'
import { Secret } from '../secrets/secret.js'
import { readClaims, splitToken, type TokenClaims } from './claims.js'
import { addLink, type NewLink } from './narrow.js'

/** A token in the process of its holder. Printed or serialized it does not show its text. */
export class HeldToken {
  readonly #text: string
  /** The text, for the transport. */
  readonly secret: Secret
  /** What it states. Only the guard that issued it can check whether that is true. */
  readonly claims: TokenClaims

  /** @throws DeniedError `TOKEN_INVALID` */
  constructor(text: string) {
    this.claims = readClaims(splitToken(text))
    this.#text = text
    this.secret = new Secret(text)
    Object.freeze(this)
  }

  /** For the caller that asked for a token to pass on. */
  get text(): string {
    return this.#text
  }

  /** @throws as `narrowToken` */
  narrow(policy: NarrowingInput, link: NewLink): HeldToken {
    return new HeldToken(addLink(this.#text, policy, link))
  }
}

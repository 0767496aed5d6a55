import type { ServiceName } from '../wires/services.js'
import { expiryOf, readClaims, splitToken, wireOf } from './claims.js'

/** What a token states of itself. Only the guard that issued it can check whether that is true. */
export interface TokenDescription {
  /** The name of the guard that it is for. */
  readonly guard: string
  /** When it expires. */
  readonly expiresAt: Date
  /** The service whose dialect its clients speak at a broker, where it states one. */
  readonly wire?: ServiceName | undefined
  /** Its links, the one that was issued first. Each is a budget of its own, and can be revoked by its id. */
  readonly links: readonly {
    /** The id. */
    readonly id: string
    /** Whom the link is for. */
    readonly subject?: string | undefined
  }[]
}

/**
 * Reads what a token states, offline and without a check of its signature: its ids, for `guard.revokeToken`, and when
 * it expires.
 *
 * @throws DeniedError `TOKEN_INVALID`
 * @example
 * const { links } = describeToken(narrower)
 * await guard.revokeToken(links.at(-1)!.id)
 */
export function describeToken(token: string): TokenDescription {
  const { audience, links } = readClaims(splitToken(token))
  return {
    guard: audience,
    expiresAt: new Date(expiryOf(links)),
    wire: wireOf(links),
    links: links.map(({ id, subject }) => ({ id, subject })),
  }
}

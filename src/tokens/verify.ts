import { timingSafeEqual } from 'node:crypto'
import { DeniedError, printable } from '../base/errors.js'
import { tokenSignature } from '../egress/token-signature.js'
import { narrow } from '../policy/narrow.js'
import { widenedField } from '../policy/widened.js'
import { readClaims, splitToken, type TokenClaims } from './claims.js'
import type { SigningKeys } from './keys.js'
import { expired, isOtherWire, tagOf, widened } from './narrow.js'

/** By how much the clock of the machine that issued a token may be ahead of ours, ms. */
const MAX_SKEW_MS = 60_000

/** A token whose signature is right. */
export interface VerifiedToken extends TokenClaims {
  /** Which key has signed it. */
  readonly kid: string
  /** When the first of its links expires, wall-clock ms. */
  readonly expiresAt: number
}

/** The times by which a token is judged, both wall-clock ms. */
export interface TokenTimes {
  /** What the clock shows. */
  readonly now: number
  /** The same, but never back: a clock that is set back makes no token younger. */
  readonly keyTime: number
}

/**
 * Verifies a token: its signature, its audience and its links. Not its times, for which there is `checkTimes`, and not
 * whether it is revoked, which is in the ledger.
 *
 * @throws DeniedError `TOKEN_INVALID`, `TOKEN_KEY_UNKNOWN`, `TOKEN_ALTERED`, `TOKEN_AUDIENCE`, `TOKEN_WIDENED`; another
 *   of the secret layer, where the store does not give the keys
 */
export async function verifyToken(
  token: string,
  audience: string,
  keys: Pick<SigningKeys, 'find'>,
): Promise<VerifiedToken> {
  const parts = splitToken(token)
  const { kid, value } = await keys.find(parts.kid)
  let tag = tokenSignature(parts.root, value)
  for (const link of parts.added) tag = tagOf(tag, link)
  if (!timingSafeEqual(tag, parts.tag)) {
    throw new DeniedError(
      'TOKEN_ALTERED',
      'The signature of the token does not belong to it: it was altered, or links of it were cut off, added or put ' +
        'into another order. Pass on the whole token, unchanged.',
    )
  }
  const claims = readClaims(parts)
  if (claims.audience !== audience) {
    throw new DeniedError(
      'TOKEN_AUDIENCE',
      `The token is for the guard '${printable(claims.audience, 64)}', and this one is '${audience}'.`,
    )
  }
  return { ...claims, kid, expiresAt: checkLinks(claims.links) }
}

/**
 * Each link may only take something away from those before it.
 * @returns when the first of them expires, wall-clock ms
 */
function checkLinks([root, ...added]: TokenClaims['links']): number {
  let { expiresAt = Number.POSITIVE_INFINITY, policy } = root
  for (const [index, link] of added.entries()) {
    const both = narrow(policy, link.policy)
    const field = widenedField(policy, link.policy, both)
    if (field !== undefined) throw widened(`policy.${field} of the link ${link.id}`)
    if (isOtherWire([root, ...added.slice(0, index)], link.wire)) throw widened(`wire of the link ${link.id}`)
    if (link.expiresAt !== undefined && link.expiresAt > expiresAt) throw widened(`exp of the link ${link.id}`)
    expiresAt = Math.min(expiresAt, link.expiresAt ?? expiresAt)
    policy = both
  }
  return expiresAt
}

/** @throws DeniedError `TOKEN_NOT_YET_VALID`, `TOKEN_EXPIRED` */
export function checkTimes(
  { notBefore, expiresAt }: Pick<VerifiedToken, 'notBefore' | 'expiresAt'>,
  { now, keyTime }: TokenTimes,
): void {
  if (keyTime >= expiresAt) throw expired(expiresAt)
  if (now >= notBefore - MAX_SKEW_MS) return
  throw new DeniedError(
    'TOKEN_NOT_YET_VALID',
    `The token is valid from ${new Date(notBefore).toISOString()} on, and the clock of this machine shows ` +
      `${new Date(now).toISOString()}: set the clock that is wrong.`,
    { retryAt: new Date(notBefore) },
  )
}

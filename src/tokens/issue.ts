import { randomBytes } from 'node:crypto'
import { SolveguardError } from '../base/errors.js'
import { tokenSignature } from '../egress/token-signature.js'
import type { NarrowingInput } from '../policy/schema.js'
import type { ServiceName } from '../wires/services.js'
import { encodePart, headerOf, MAX_TOKEN_LENGTH, type RootClaims } from './claims.js'
import type { SigningKey } from './keys.js'

/** What a new token states. */
export interface NewToken {
  readonly audience: string
  readonly subject?: string | undefined
  readonly wire?: ServiceName | undefined
  /** Wall-clock ms. */
  readonly now: number
  readonly ttlMs: number
  /** As `tokenPolicy` returned it. */
  readonly policy: NarrowingInput
}

/** A token, and the parts of it that its issuer keeps. */
export interface SignedToken {
  readonly token: string
  readonly id: string
  /** Wall-clock ms, in whole seconds. */
  readonly expiresAt: number
}

/** A random id: 96 bits. */
export function newId(): string {
  return randomBytes(12).toString('base64url')
}

/**
 * Signs a new token: a compact JWS (RFC 7515).
 * @throws SolveguardError `CONFIG_INVALID` for a policy that is too long for a token
 */
export function signNewToken({ audience, subject, wire, now, ttlMs, policy }: NewToken, key: SigningKey): SignedToken {
  const exp = Math.ceil((now + ttlMs) / 1000)
  const claims: RootClaims = {
    aud: audience,
    jti: newId(),
    sub: subject,
    wire,
    nbf: Math.floor(now / 1000),
    exp,
    pol: policy,
  }
  const input = `${headerOf(key.kid)}.${encodePart(claims)}`
  const token = `${input}.${tokenSignature(input, key.value).toString('base64url')}`
  checkLength(token)
  return { token, id: claims.jti, expiresAt: exp * 1000 }
}

/** @throws SolveguardError `CONFIG_INVALID` */
export function checkLength(token: string): void {
  if (token.length <= MAX_TOKEN_LENGTH) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    `policy: the token would have ${token.length} characters, and ${MAX_TOKEN_LENGTH} are allowed; name fewer origins.`,
  )
}

import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { type Clock, systemClock } from '../base/clock.js'
import { DeniedError, SolveguardError } from '../base/errors.js'
import type { Duration } from '../policy/duration.js'
import { narrow } from '../policy/narrow.js'
import { check, type NarrowingInput, zoneOf } from '../policy/schema.js'
import { duration } from '../policy/shapes.js'
import { widenedField } from '../policy/widened.js'
import type { ServiceName } from '../wires/services.js'
import {
  encodePart,
  expiryOf,
  type LinkClaims,
  MAX_LINKS,
  readClaims,
  splitToken,
  subjectShape,
  type TokenLink,
  wireOf,
  wireShape,
} from './claims.js'
import { checkLength, newId } from './issue.js'
import { tokenPolicy } from './policy.js'

/** Options of `narrowToken`. */
export interface NarrowTokenOptions {
  /**
   * How long the narrower token is valid from now on, from `1s`; never longer than the token itself.
   * @default as long as the token
   */
  ttl?: Duration | undefined
  /**
   * Whom the narrower token is for: up to 100 printable characters. It is on the record of each solve, after the
   * subjects of the links before.
   * @default none
   */
  subject?: string | undefined
  /**
   * The service whose dialect the narrower token's clients speak at a broker, such as `capsolver`. A token that states
   * one cannot be given another.
   * @default as the token, else by the request
   */
  wire?: ServiceName | undefined
  /**
   * The time now.
   * @default systemClock
   */
  clock?: Clock | undefined
}

const optionsShape = z.strictObject({
  ttl: duration.refine((ms) => ms >= 1000, 'expected at least 1s').optional(),
  subject: subjectShape.optional(),
  wire: wireShape.optional(),
  clock: z
    .custom<Clock>((value) => typeof (value as Partial<Clock> | null)?.now === 'function', 'expected a clock')
    .optional(),
})

/**
 * Makes a token that allows at most what `token` and `policy` both allow, with a budget of its own. Nothing is sent:
 * it works offline, and `token` cannot be got back from the result.
 *
 * @throws DeniedError `TOKEN_INVALID` for a text that is no token; `TOKEN_EXPIRED`; `TOKEN_WIDENED` for a policy that
 *   states more than the token allows
 * @throws SolveguardError `CONFIG_INVALID` that names the field
 * @example
 * const narrower = await narrowToken(token, { budget: { perDay: usd(0.01) } }, { subject: 'sign-in', ttl: '5m' })
 */
export async function narrowToken(
  token: string,
  policy: NarrowingInput,
  options: NarrowTokenOptions = {},
): Promise<string> {
  const { ttl: ttlMs, subject, wire, clock = systemClock } = check(optionsShape, options, 'narrowToken')
  return addLink(token, policy, { ttlMs, subject, wire, now: clock.now() })
}

/** A link to add. */
export interface NewLink {
  /** How long it is valid, in ms; absent: as long as the token. */
  readonly ttlMs?: number | undefined
  readonly subject?: string | undefined
  readonly wire?: ServiceName | undefined
  /** Links of one name, below one token, have one id, and so one budget. @default a random id */
  readonly name?: string | undefined
  /** Wall-clock ms. */
  readonly now: number
}

/** As `narrowToken`, with options that were checked. */
export function addLink(token: string, policy: NarrowingInput, { ttlMs, subject, wire, name, now }: NewLink): string {
  const parts = splitToken(token)
  const { links } = readClaims(parts)
  if (links.length >= MAX_LINKS) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `The token has ${MAX_LINKS} links, the most that are possible: narrow an earlier one of them.`,
    )
  }
  const before = links.map((link) => link.policy).reduce(narrow)
  const narrowing = tokenPolicy(policy, 'holder', zoneOf(before))
  const field = widenedField(before, narrowing.policy)
  if (field !== undefined) throw widened(`policy.${field}`)
  if (isOtherWire(links, wire)) throw widened('wire')
  const expiresAt = expiryOf(links)
  if (now >= expiresAt) throw expired(expiresAt)
  const exp = ttlMs === undefined ? undefined : Math.ceil((now + ttlMs) / 1000)
  const claims: LinkClaims = {
    jti: name === undefined ? newId() : idOfName(parts.tag, name),
    sub: subject,
    wire,
    exp: exp !== undefined && exp * 1000 < expiresAt ? exp : undefined,
    pol: narrowing.input,
  }
  const link = encodePart(claims)
  const narrower = [parts.root, ...parts.added, link, tagOf(parts.tag, link).toString('base64url')].join('.')
  checkLength(narrower)
  return narrower
}

/** Whether a link would state another dialect than those before it. */
export function isOtherWire(before: readonly Pick<TokenLink, 'wire'>[], wire: ServiceName | undefined): boolean {
  const stated = wireOf(before)
  return wire !== undefined && stated !== undefined && wire !== stated
}

/** The same for a name in every process that has the token. No link has the text that this is computed from. */
function idOfName(before: Buffer, name: string): string {
  return createHmac('sha256', before).update(`name\0${name}`).digest().subarray(0, 12).toString('base64url')
}

/** The tag of a link. @param before the tag of the link before, or the signature of the root */
export function tagOf(before: Buffer, link: string): Buffer {
  return createHmac('sha256', before).update(link).digest()
}

/** The error for a link that states more than those before it. @param field such as `policy.budget.perDay` */
export function widened(field: string): DeniedError {
  return new DeniedError('TOKEN_WIDENED', `${field} states more than the token allows: state less, or leave it out.`, {
    details: { field },
  })
}

/** The error for a token that is not valid any more. */
export function expired(expiresAt: number): DeniedError {
  const at = new Date(expiresAt).toISOString()
  return new DeniedError('TOKEN_EXPIRED', `The token expired at ${at}: have a new one issued.`)
}

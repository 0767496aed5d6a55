import { z } from 'zod'
import { DeniedError, printable } from '../base/errors.js'
import { type NarrowingInput, type Policy, parseNarrowing } from '../policy/schema.js'
import { SERVICE_NAMES, type ServiceName } from '../wires/services.js'
import { checkTokenPolicy } from './policy.js'

/*
 * A token is a compact JWS whose signature a holder may trade for a narrower one:
 *
 *   header.payload.signature                      as issued: signature = HMAC(key, header.payload)
 *   header.payload.link.tag                       narrowed once: tag = HMAC(signature, link)
 *   header.payload.link.link.tag                  narrowed twice: tag = HMAC(the tag before, link)
 *
 * So each link's tag is the key of the next link, and is no longer in the text: no link can be cut off, changed, or put
 * elsewhere. Each part has exactly one form (base64url without padding, JSON as `JSON.stringify` writes it), so that no
 * two parsers can read different claims.
 */

/** The longest token, in characters. */
export const MAX_TOKEN_LENGTH = 4096
/** The most links of a token, the one that was issued included. */
export const MAX_LINKS = 8
/** The longest subject, in characters. */
const MAX_SUBJECT_LENGTH = 100
/** Times are seconds since 1970 (RFC 7519, NumericDate), up to the year 9999. */
const MAX_SECONDS = 253_402_300_799

const FORM = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2,}$/
/**
 * The one form that a header has: no other algorithm, no `crit`, nothing twice. Its type (RFC 8725, 3.11) distinguishes
 * a token from every other JWS of the same key.
 */
const HEADER = /^\{"alg":"HS256","kid":"([0-9a-f]{8})","typ":"sg\+jwt"\}$/
const TAG_BYTES = 32

/** The form of a link's id. */
export const LINK_ID = /^[A-Za-z0-9_-]{16}$/
const id = z.string().regex(LINK_ID)
const seconds = z.int().min(0).max(MAX_SECONDS)

/** Whom a token is for, as a claim. */
export const subjectShape = z
  .string({ error: 'expected a text' })
  .min(1, 'expected a text that is not empty')
  .max(MAX_SUBJECT_LENGTH, `expected at most ${MAX_SUBJECT_LENGTH} characters`)
  .refine((text) => printable(text, MAX_SUBJECT_LENGTH) === text && !/\p{Cs}/u.test(text), 'expected printable text')

/** The service whose dialect a token's clients speak, as a claim. */
export const wireShape = z.enum(SERVICE_NAMES, {
  error: `expected one of ${SERVICE_NAMES.join(', ')}`,
})

const linkShape = z.strictObject({
  jti: id,
  sub: subjectShape.optional(),
  wire: wireShape.optional(),
  exp: seconds.optional(),
  pol: z.looseObject({}).transform((value) => value as NarrowingInput),
})
const rootShape = linkShape.extend({ aud: z.string().min(1).max(64), nbf: seconds, exp: seconds })

/** The claims of the link that was issued. */
export type RootClaims = z.output<typeof rootShape>
/** The claims of a link that a holder added. */
export type LinkClaims = z.output<typeof linkShape>

/** The encoded header of a token. */
export function headerOf(kid: string): string {
  return Buffer.from(`{"alg":"HS256","kid":"${kid}","typ":"sg+jwt"}`).toString('base64url')
}

/** The parts of a token's text. Nothing in it is verified, and only the header is read. */
export interface TokenParts {
  /** Which key has signed it. */
  readonly kid: string
  /** The encoded header and payload, with a dot between them. */
  readonly root: string
  /** The encoded links that holders added. */
  readonly added: readonly string[]
  /** The last tag, 32 bytes: the signature of a token that was not narrowed. */
  readonly tag: Buffer
}

/** One link of a token. */
export interface TokenLink {
  /** Random: its budget and its revocation are under this id. */
  readonly id: string
  /** Whom this link is for. */
  readonly subject?: string | undefined
  /** The service whose dialect its clients speak, where it states one. */
  readonly wire?: ServiceName | undefined
  /** When it expires, wall-clock ms; absent where it has no expiry of its own. */
  readonly expiresAt?: number | undefined
  /** What it allows. */
  readonly policy: Policy
}

/** What a token states. Whether that is true depends on its signature. */
export interface TokenClaims {
  /** The guard that it is for. */
  readonly audience: string
  /** From when on it is valid, wall-clock ms. */
  readonly notBefore: number
  /** The link that was issued, then those that were added. */
  readonly links: readonly [TokenLink, ...TokenLink[]]
}

/**
 * Takes a token's text apart.
 * @throws DeniedError `TOKEN_INVALID`
 */
export function splitToken(token: string): TokenParts {
  if (typeof token !== 'string' || token === '') throw invalid('expected a text such as issueToken returns')
  if (token.length > MAX_TOKEN_LENGTH) throw invalid(`it has more than ${MAX_TOKEN_LENGTH} characters`)
  if (!FORM.test(token)) throw invalid('it does not consist of parts in base64url with dots between them')
  const [header = '', payload = '', ...rest] = token.split('.')
  const tag = Buffer.from(rest.pop() ?? '', 'base64url')
  if (rest.length >= MAX_LINKS) throw invalid(`it has more than ${MAX_LINKS} links`)
  const [, kid] = HEADER.exec(textOf(header)) ?? []
  if (kid === undefined) throw invalid('its header is not that of a token')
  if (tag.length !== TAG_BYTES || !token.endsWith(`.${tag.toString('base64url')}`)) throw invalid('its end is missing')
  return { kid, root: `${header}.${payload}`, added: rest, tag }
}

/**
 * Reads what the parts of a token state.
 * @throws DeniedError `TOKEN_INVALID`
 */
export function readClaims({ root, added }: Pick<TokenParts, 'root' | 'added'>): TokenClaims {
  const claims = parsePart(root.slice(root.indexOf('.') + 1), rootShape)
  const links: TokenClaims['links'] = [
    linkOf(claims, 0),
    ...added.map((part, index) => linkOf(parsePart(part, linkShape), index + 1)),
  ]
  const ids = new Set(links.map((link) => link.id))
  if (ids.size < links.length) throw invalid('two of its links have the same id')
  return { audience: claims.aud, notBefore: claims.nbf * 1000, links }
}

function linkOf({ jti, sub, wire, exp, pol }: LinkClaims, index: number): TokenLink {
  let policy: Policy
  try {
    checkTokenPolicy(pol, index === 0 ? 'issuer' : 'holder')
    // The time zone is in the token, wherever a policy has one.
    policy = parseNarrowing(pol, 'UTC')
  } catch {
    throw invalid(`the policy of its link ${jti} is not valid`)
  }
  return { id: jti, subject: sub, wire, expiresAt: exp === undefined ? undefined : exp * 1000, policy }
}

/** When the first of the links expires, wall-clock ms. */
export function expiryOf(links: readonly Pick<TokenLink, 'expiresAt'>[]): number {
  return Math.min(...links.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY))
}

/** The service whose dialect a token's clients speak: the links that state one all state the same. */
export function wireOf(links: readonly Pick<TokenLink, 'wire'>[]): ServiceName | undefined {
  return links.find(({ wire }) => wire !== undefined)?.wire
}

/** A part of a token, as the JSON of these claims. */
export function encodePart(claims: RootClaims | LinkClaims): string {
  return Buffer.from(JSON.stringify(claims)).toString('base64url')
}

function parsePart<T extends z.ZodType>(part: string, shape: T): z.output<T> {
  const text = textOf(part)
  let value: unknown
  try {
    value = JSON.parse(text)
    // A copy of such an object would inherit what it states, unseen by a check of its own fields.
    if (text.includes('"__proto__":')) throw new TypeError('it has a prototype')
  } catch {
    throw invalid('one of its parts is not JSON')
  }
  // Nothing twice, no escapes that are not needed, no white space: what is read is what the text shows.
  if (JSON.stringify(value) !== text) throw invalid('one of its parts is not in the one form that it may have')
  const claims = shape.safeParse(value)
  if (!claims.success) throw invalid('one of its parts does not have the claims of a token')
  return claims.data
}

/** The text of a part. Two texts of a token may not stand for the same bytes. */
function textOf(part: string): string {
  const bytes = Buffer.from(part, 'base64url')
  const text = bytes.toString('utf8')
  if (Buffer.from(text).toString('base64url') === part) return text
  throw invalid('one of its parts is not in base64url, or is not UTF-8')
}

/** The error for a text that is no token. It never has a part of the text. */
export function invalid(why: string): DeniedError {
  return new DeniedError('TOKEN_INVALID', `The text is not a token: ${why}. Pass on the whole token, unchanged.`)
}

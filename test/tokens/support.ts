import { createHmac } from 'node:crypto'
import { systemClock } from '../../src/base/clock.js'
import type { NarrowingInput } from '../../src/policy/schema.js'
import type { SecretProvider } from '../../src/secrets/provider.js'
import { Secret } from '../../src/secrets/secret.js'
import { signNewToken } from '../../src/tokens/issue.js'
import { SigningKeys } from '../../src/tokens/keys.js'
import { checkTimes, verifyToken } from '../../src/tokens/verify.js'

export const NOON = Date.UTC(2026, 10, 25, 12)
export const KEY = '0123456789abcdef'.repeat(4)
export const GUARD = 'tests'

export function keysOf(current: string, previous?: string): SigningKeys {
  const version = (text: string) => ({ value: new Secret(text), version: text.slice(0, 4) })
  const provider: SecretProvider = {
    kind: 'test',
    place: 'the test',
    fetch: () => ({ current: version(current), previous: previous === undefined ? undefined : version(previous) }),
  }
  return new SigningKeys(provider, systemClock)
}

const keys = keysOf(KEY)

/** A token that allows what the policy does, valid for 15 minutes from `NOON` on. */
export async function issue(policy: NarrowingInput = {}, more: { ttlMs?: number; subject?: string } = {}) {
  const { ttlMs = 900_000, subject } = more
  return signNewToken({ audience: GUARD, subject, now: NOON, ttlMs, policy }, await keys.current())
}

export async function verify(token: string, { now = NOON, guard = GUARD, by = keys } = {}) {
  const verified = await verifyToken(token, guard, by)
  checkTimes(verified, { now, keyTime: now })
  return verified
}

/** The code of a verification: undefined where the token is accepted. */
export async function codeOf(token: string, more: Parameters<typeof verify>[1] = {}): Promise<string | undefined> {
  try {
    await verify(token, more)
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}

export const encode = (text: string) => Buffer.from(text).toString('base64url')

/** What a holder can do by hand: add any text as a link, with the tag that belongs to it. */
export function append(token: string, part: string): string {
  const parts = token.split('.')
  const tag = createHmac('sha256', Buffer.from(parts.pop() ?? '', 'base64url'))
    .update(part)
    .digest('base64url')
  return [...parts, part, tag].join('.')
}

/** What a holder of the signing key can do: sign any header and payload. */
export function sign(header: string, payload: string, key = KEY): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}

import { systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { createSecretCache } from '../secrets/cache.js'
import type { SecretProvider } from '../secrets/provider.js'
import { Secret } from '../secrets/secret.js'

/** The key of an audit log's chain: its text, a `Secret`, or the provider that has it. */
export type AuditKey = string | Secret | SecretProvider

/** A shorter key could be found by trying. */
const LONG_ENOUGH = /^.{32,}$/s

/**
 * A key whose value need not be fetched. Undefined for a provider.
 * @throws SolveguardError `CONFIG_INVALID`, which names the field and does not repeat the key
 */
export function secretAtHand(key: AuditKey, field: string): Secret | undefined {
  const secret = typeof key === 'string' ? new Secret(key) : key
  if (secret instanceof Secret) return checkLength(secret, field)
  if (typeof (secret as Partial<SecretProvider> | null)?.fetch === 'function') return undefined
  throw new SolveguardError(
    'CONFIG_INVALID',
    `${field}: expected a text, or a secret provider such as envSecret(…), from 'solveguard/secrets'.`,
  )
}

/**
 * The current key, then the previous one where the store has it.
 * @throws SolveguardError `CONFIG_INVALID`
 * @throws DeniedError of the secret layer, where the store does not give the key
 */
export async function secretsOf(key: AuditKey, field: string): Promise<readonly [Secret, ...Secret[]]> {
  const atHand = secretAtHand(key, field)
  if (atHand) return [atHand]
  const { current, previous } = await createSecretCache(key as SecretProvider, { clock: systemClock }).get()
  checkLength(current.value, field)
  return previous ? [current.value, previous.value] : [current.value]
}

function checkLength(secret: Secret, field: string): Secret {
  if (secret.matches(LONG_ENOUGH)) return secret
  throw new SolveguardError(
    'CONFIG_INVALID',
    `${field}: expected at least 32 characters, such as the output of \`openssl rand -base64 32\`.`,
  )
}

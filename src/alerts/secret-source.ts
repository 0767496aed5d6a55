import { createHash } from 'node:crypto'
import { systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { createSecretCache } from '../secrets/cache.js'
import type { SecretProvider } from '../secrets/provider.js'
import { Secret } from '../secrets/secret.js'

/** Something secret that a channel needs: itself, or where it is kept. */
export type SecretSource = string | Secret | SecretProvider

/** The same, ready to be asked for. */
export interface ResolvedSecret {
  /** Names it without giving it away; the same in every process. */
  readonly fingerprint: string
  /** The secret at hand, where it need not be fetched. */
  readonly value: Secret | undefined
  /** The one in use, and the one before where its store has that. */
  get(signal: AbortSignal): Promise<readonly [Secret, ...Secret[]]>
}

/** @throws SolveguardError `CONFIG_INVALID`, which names the field */
export function resolveSecret(given: SecretSource, field: string): ResolvedSecret {
  const secret = typeof given === 'string' && given !== '' ? new Secret(given) : given
  if (secret instanceof Secret) return { fingerprint: secret.fingerprint, value: secret, get: async () => [secret] }
  if (typeof (secret as Partial<SecretProvider> | null)?.fetch !== 'function') {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `${field}: expected a text, or a secret provider such as envSecret(…), from 'solveguard/secrets'.`,
    )
  }
  const provider = secret as SecretProvider
  const cache = createSecretCache(provider, { clock: systemClock })
  return {
    fingerprint: fingerprintOf([provider.kind, provider.place]),
    value: undefined,
    async get(signal) {
      const { current, previous } = await cache.get(signal)
      return previous ? [current.value, previous.value] : [current.value]
    },
  }
}

/** A short name for what is made of these words. */
export function fingerprintOf(words: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 16)
}

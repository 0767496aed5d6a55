import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { createSecretCache, type SecretCache } from '../secrets/cache.js'
import type { SecretProvider } from '../secrets/provider.js'
import { Secret } from '../secrets/secret.js'
import type { DeliveryContext } from './channel.js'

/** A secret that a channel needs: its text, a `Secret`, or the provider that has it. */
export type SecretSource = string | Secret | SecretProvider

/** A `SecretSource` that was checked. */
export interface ResolvedSecret {
  /** Identifies the secret without revealing it; the same in every process. */
  readonly fingerprint: string
  /** The secret, where it does not have to be fetched. */
  readonly value: Secret | undefined
  /** The current secret, then the previous one where the store has it. */
  get(context: DeliveryContext): Promise<readonly [Secret, ...Secret[]]>
}

/** @throws SolveguardError `CONFIG_INVALID`, which names the field */
export function resolveSecret(source: SecretSource, field: string): ResolvedSecret {
  const secret = typeof source === 'string' && source !== '' ? new Secret(source) : source
  if (secret instanceof Secret) return { fingerprint: secret.fingerprint, value: secret, get: async () => [secret] }
  if (typeof (secret as Partial<SecretProvider> | null)?.fetch !== 'function') {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `${field}: expected a text, or a secret provider such as envSecret(…), from 'solveguard/secrets'.`,
    )
  }
  const provider = secret as SecretProvider
  // A channel learns the guard's clock with each delivery. Guards that share the channel may have different clocks.
  const caches = new WeakMap<Clock, SecretCache>()
  return {
    fingerprint: fingerprintOf([provider.kind, provider.place]),
    value: undefined,
    async get({ clock, signal }) {
      const cache = caches.get(clock) ?? createSecretCache(provider, { clock })
      caches.set(clock, cache)
      const { current, previous } = await cache.get(signal)
      return previous ? [current.value, previous.value] : [current.value]
    },
  }
}

/** A short hash of some parts, for a channel's id. */
export function fingerprintOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

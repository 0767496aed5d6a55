import type { MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import type { Secret } from './secret.js'

/** One version of a key in a store. */
export interface SecretVersion {
  /** The key. */
  readonly value: Secret
  /** The store's name for this version; without one, the key's fingerprint. */
  readonly version: string
  /** When the key was created, in wall-clock ms; undefined where the store does not know. */
  readonly createdAt?: number | undefined
  /** When the key expires, in wall-clock ms; undefined where the store does not know. */
  readonly expiresAt?: number | undefined
}

/** The versions of one key in a store. */
export interface SecretVersions {
  /** The version in use. */
  readonly current: SecretVersion
  /** The version before it, where the store keeps it. */
  readonly previous?: SecretVersion | undefined
}

/**
 * Where a key comes from. Each provider is one file; `test/secrets/contract.ts` holds every provider to this interface.
 */
export interface SecretProvider {
  /** The kind of provider, for messages: `env`, `file`. */
  readonly kind: string
  /** Where the key is stored, for messages: a variable's or a file's name, never the key. */
  readonly place: string
  /** The environment that the key is for; set by `secretFor`. */
  readonly environment?: string | undefined
  /** The environments that may have the same key; set by `secretFor`. */
  readonly sharedWith?: readonly string[] | undefined
  /**
   * Reads the key. It is never called while another call is under way; a call whose signal was aborted counts as ended.
   * @throws DeniedError `SECRET_MISSING`, `SECRET_UNSAFE`, `SECRET_INVALID`, `SECRET_DENIED` or `SECRET_UNAVAILABLE`,
   *   with a message that names what to do
   */
  fetch(signal?: AbortSignal): MaybePromise<SecretVersions>
  /**
   * For providers that detect changes, keep a login alive or need the guard's clock. Each guard calls it when it
   * starts; the function that it returns stops it. Must not keep the process from ending.
   */
  start?(context: ProviderContext): () => void
}

/** What a guard passes to a provider when it starts to use it. */
export interface ProviderContext {
  /** The guard's clock. */
  readonly clock: Clock
  /** Makes the guard fetch the key again. */
  changed(): void
}

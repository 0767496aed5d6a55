import type { MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import type { Secret } from './secret.js'

/** One version of a key, as a store keeps it. */
export interface SecretVersion {
  readonly value: Secret
  /** What the store calls this version; where it has no name for it, the key's fingerprint. */
  readonly version: string
  /** Wall-clock ms, where the store knows. */
  readonly createdAt?: number | undefined
  readonly expiresAt?: number | undefined
}

/** What a store holds for one name: the version in use and, where it keeps it, the one before. */
export interface SecretVersions {
  readonly current: SecretVersion
  readonly previous?: SecretVersion | undefined
}

/**
 * Where a key comes from. One file each; `test/secrets/contract.ts` holds every provider to this interface.
 * `fetch` throws a `DeniedError` of the secret layer (`SECRET_MISSING`, `SECRET_UNSAFE`, `SECRET_INVALID`,
 * `SECRET_DENIED`, `SECRET_UNAVAILABLE`) that says what to do. It is never called twice at a time, where a call whose signal was aborted
 * counts as over.
 */
export interface SecretProvider {
  /** What kind it is, for messages: `env`, `file`. */
  readonly kind: string
  /** Where the key is kept, for messages: a variable's or a file's name, never the key. */
  readonly place: string
  /** Which environment the key is for, and which others may have the same: `secretFor` says so. */
  readonly environment?: string | undefined
  readonly sharedWith?: readonly string[] | undefined
  fetch(signal?: AbortSignal): MaybePromise<SecretVersions>
  /**
   * For providers that hear of changes, or have something to keep alive: called by each guard when it begins, returns
   * what ends it. Must not keep the process from ending.
   */
  start?(use: ProviderContext): () => void
}

/** What a guard hands to a provider when it begins to use it. */
export interface ProviderContext {
  readonly clock: Clock
  /** Has the key fetched anew. */
  changed(): void
}

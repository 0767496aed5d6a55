import type { Clock } from '../base/clock.js'
import { DeniedError } from '../base/errors.js'
import { createSecretCache, type SecretCache } from '../secrets/cache.js'
import type { SecretProvider, SecretVersions } from '../secrets/provider.js'
import type { Secret } from '../secrets/secret.js'

/** A shorter key could be found by trying, with one token at hand. */
const LONG_ENOUGH = /^.{32,}$/s
/** How often an unknown `kid` makes this process ask the store again, ms: a client can make one up. */
const REFRESH_EVERY_MS = 10_000

/** A key, and the name by which tokens state it. */
export interface SigningKey {
  readonly kid: string
  readonly value: Secret
}

/**
 * The keys that sign tokens: the current one signs, and the one before still verifies. So a rotation has no gap, and
 * tokens of the old key end with it.
 */
export class SigningKeys {
  readonly #cache: SecretCache
  readonly #place: string
  readonly #clock: Clock
  #refreshedAt = Number.NEGATIVE_INFINITY

  constructor(provider: SecretProvider, clock: Clock) {
    this.#cache = createSecretCache(provider, { clock })
    this.#place = provider.place
    this.#clock = clock
  }

  /** Starts the provider, where it reports changes. */
  open(): void {
    this.#cache.open()
  }

  close(): void {
    this.#cache.close()
  }

  /**
   * The key that signs.
   * @throws DeniedError of the secret layer
   */
  async current(): Promise<SigningKey> {
    return this.#checked((await this.#cache.get()).current.value)
  }

  /**
   * The key of that name.
   * @throws DeniedError `TOKEN_KEY_UNKNOWN`; another of the secret layer, where the store does not give the keys
   */
  async find(kid: string): Promise<SigningKey> {
    const known = this.#in(await this.#cache.get(), kid) ?? (await this.#afterRotation(kid))
    if (known) return known
    throw new DeniedError(
      'TOKEN_KEY_UNKNOWN',
      `The token was signed with the key ${kid}, which is not (any more) in ${this.#place}: give all processes of the ` +
        'guard the same tokens.keys, or have a new token issued.',
      { details: { kid } },
    )
  }

  /** Whether a key of that name is there, as far as is known without asking the store. */
  isFresh(kid: string): boolean {
    const versions = this.#cache.peek(this.#clock.now())
    return versions !== undefined && this.#in(versions, kid) !== undefined
  }

  /** Another process may have the next key already. */
  async #afterRotation(kid: string): Promise<SigningKey | undefined> {
    if (this.#clock.monotonic() < this.#refreshedAt + REFRESH_EVERY_MS) return undefined
    this.#refreshedAt = this.#clock.monotonic()
    return this.#in(await this.#cache.refresh(), kid)
  }

  #in({ current, previous }: SecretVersions, kid: string): SigningKey | undefined {
    const version = [current, previous].find((each) => each !== undefined && kidOf(each.value) === kid)
    return version && this.#checked(version.value)
  }

  #checked(value: Secret): SigningKey {
    if (value.matches(LONG_ENOUGH)) return { kid: kidOf(value), value }
    throw new DeniedError(
      'SECRET_INVALID',
      `The key in ${this.#place} is too short to sign tokens: store at least 32 random characters there, such as the ` +
        'output of `openssl rand -hex 32`.',
    )
  }
}

/** Eight digits of its fingerprint: the same in every process, and a store need not name its versions. */
function kidOf(value: Secret): string {
  return value.fingerprint.slice(0, 8)
}

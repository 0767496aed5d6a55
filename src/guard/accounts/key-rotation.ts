import type { SecretVersion, SecretVersions } from '../../secrets/provider.js'

/** The part of the secret cache that key rotation needs. */
export interface KeySource {
  /** Fetches the versions from the store. Concurrent calls share one fetch. */
  refresh(): Promise<SecretVersions>
}

/** How long a refused key is not sent again: a service bans an address that repeats a wrong key. */
const REFUSED_FOR_MS = 5 * 60_000

/** How often the key had been fetched again, because the service refused one, when a call was sent. */
export type KeyEpoch = number

/**
 * Chooses the version of the key to use. When the service refuses a version, the key is fetched again once, then the
 * other valid version is tried once. After that no version is left, and the guard pauses the account.
 */
export class KeyRotation {
  readonly #source: KeySource
  /** Fingerprints of refused keys, and until when (monotonic ms). */
  readonly #refused = new Map<string, number>()
  #epoch: KeyEpoch = 0
  #fetched: Promise<SecretVersions> | undefined

  constructor(source: KeySource) {
    this.#source = source
  }

  /** The caller keeps it with each call to the service and passes it to `nextVersion`. */
  get epoch(): KeyEpoch {
    return this.#epoch
  }

  /** The version to start with: the current one, or the previous one while the current one is refused. */
  choose(versions: SecretVersions, monotonic: number): SecretVersion {
    if (this.#refused.size === 0) return versions.current
    return this.#candidates(versions).find((version) => !this.#isRefused(version, monotonic)) ?? versions.current
  }

  /**
   * The version to try after `refused` were refused, or undefined when none is left.
   * @param sentInEpoch the epoch in which the refused call was sent. When many calls are refused together, only the
   *   first one fetches the key; for the others the epoch has changed, and they share that fetch.
   * @throws DeniedError of the secret layer when the store does not answer
   */
  async nextVersion(
    refused: readonly SecretVersion[],
    sentInEpoch: KeyEpoch,
    monotonic: number,
  ): Promise<SecretVersion | undefined> {
    for (const version of refused) this.#refused.set(version.value.fingerprint, monotonic + REFUSED_FOR_MS)
    if (this.#fetched === undefined || sentInEpoch === this.#epoch) {
      this.#epoch++
      this.#fetched = this.#source.refresh()
    }
    const versions = await this.#fetched
    return this.#candidates(versions).find((version) => !this.#isRefused(version, monotonic))
  }

  /** The version that submitted a task, to poll it with; the current one if the store has that version no longer. */
  version(versions: SecretVersions, name: string): SecretVersion {
    return this.#candidates(versions).find(({ version }) => version === name) ?? versions.current
  }

  /** Called after a resume: refused keys may be tried again. */
  forgetRefusals(): void {
    this.#refused.clear()
  }

  #candidates({ current, previous }: SecretVersions): readonly SecretVersion[] {
    return previous ? [current, previous] : [current]
  }

  #isRefused({ value }: SecretVersion, monotonic: number): boolean {
    const until = this.#refused.get(value.fingerprint)
    return until !== undefined && monotonic < until
  }
}

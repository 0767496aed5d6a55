import type { SecretVersion, SecretVersions } from '../../secrets/provider.js'

/** The part of the secret cache that choosing a key needs. */
export interface KeySource {
  /** Fetches afresh, once at a time. */
  refresh(): Promise<SecretVersions>
}

/** For how long a key that the service refused is not offered again: asking over and over gets an address banned. */
const REFUSED_FOR_MS = 5 * 60_000

/** A moment, by what is known of the key: how often it had been fetched anew because the service refused one. */
export type KeyEpoch = number

/**
 * Which version of the key to use. When the service refuses one: fetch afresh once, then try the other valid version
 * once, then there is none left and the guard pauses.
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

  /** To be kept with each call to the service, for `another`. */
  get epoch(): KeyEpoch {
    return this.#epoch
  }

  /** The version to start with: the current one, or the one before while the current one is known to be refused. */
  choose(versions: SecretVersions, monotonic: number): SecretVersion {
    if (this.#refused.size === 0) return versions.current
    return (
      this.#candidates(versions).find((versionNamed) => !this.#isRefused(versionNamed, monotonic)) ?? versions.current
    )
  }

  /**
   * The version to try after `refused` were refused, or undefined when none is left.
   * @param sentInEpoch the round in which the refused call was sent: when the key was fetched anew since, as it is for all but the first of many
   *   calls that are refused together, it is not fetched again
   * @throws DeniedError of the secret layer when the store cannot be asked
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

  /** The version that submitted a task, for polling it; the current one where the store no longer has it. */
  version(versions: SecretVersions, name: string): SecretVersion {
    return this.#candidates(versions).find(({ version }) => version === name) ?? versions.current
  }

  /** Someone says that the cause was mended. */
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

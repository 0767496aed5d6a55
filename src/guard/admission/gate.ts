import type { ChallengeFacts } from '../../base/challenge.js'
import type { DeniedError } from '../../base/errors.js'
import { freezeClass, frozenCopy } from '../../base/frozen.js'
import { formatMs } from '../../policy/duration.js'
import { formatTime } from '../../policy/format-time.js'
import { matchesOrigin, type OriginOf, originOf } from '../../policy/origin.js'
import { type ScheduleState, scheduleState } from '../../policy/schedule.js'
import { type Policy, zoneOf } from '../../policy/schema.js'
import type { SecretVersion } from '../../secrets/provider.js'
import { expired } from '../../tokens/narrow.js'
import { denied } from '../errors.js'

/** What the free checks return for the layers after them. */
export interface AdmittedPage {
  /** The page's origin. */
  readonly origin: string
  /** The page's and the frame's address in the form that audit records may hold. */
  readonly page: string
  readonly frame: string | undefined
}

/** When a token expires, and the time by which that is judged. */
export interface TokenExpiry {
  /** Wall-clock ms. */
  readonly at: number
  /** Never goes back: a clock that is set back makes no token younger. */
  keyTime(): number
}

/** How far ahead of this machine's clock a key's creation time may be. Beyond it the local clock counts as wrong. */
const MAX_CLOCK_SKEW_MS = 3_600_000

/**
 * The free layers of the gate, in their order: origin, then time. They are synchronous.
 * The layers that need the key, the network, the ledger and the audit log follow, in `solve/pipeline.ts`.
 */
export class Gate {
  readonly #policy: Policy
  /** The zone in which messages have times of the schedule, beside UTC. */
  readonly #timeZone: string
  /** The next opening as text, which takes longer than a denial. */
  #opening: { readonly at: number; readonly text: string } | undefined
  readonly #expiry: TokenExpiry | undefined
  #schedule: (ScheduleState & { readonly from: number }) | undefined

  static {
    freezeClass(Gate)
  }

  /** @param expiry of the token that the grant stands for */
  constructor(policy: Policy, expiry?: TokenExpiry) {
    this.#policy = policy
    this.#timeZone = zoneOf(policy)
    this.#expiry = expiry
    Object.freeze(this)
  }

  /** @throws DeniedError of the origin or time layer */
  admit(challenge: ChallengeFacts, now: number): AdmittedPage {
    const page = this.#requireNamed('page', challenge.pageUrl)
    const frame = challenge.frameUrl === undefined ? undefined : this.#requireNamed('frame', challenge.frameUrl)
    const { open, changesAt } = this.schedule(now)
    // The same as `admitTime`, inlined: the error's stack has one frame less.
    if (!open) throw denied('OUTSIDE_SCHEDULE', this.#outside(changesAt, now), changesAt)
    if (this.#expiry !== undefined) checkExpiry(this.#expiry, now)
    return { origin: page.origin, page: page.record, frame: frame?.record }
  }

  /**
   * The origin layer alone: what was submitted in time is followed to its end, whatever the time is then.
   * @throws DeniedError of the origin layer
   */
  admitPage({ pageUrl, frameUrl }: ChallengeFacts): AdmittedPage {
    const { origin, record } = this.#requireNamed('page', pageUrl)
    const frame = frameUrl === undefined ? undefined : this.#requireNamed('frame', frameUrl).record
    return { origin, page: record, frame }
  }

  /**
   * Called again at each reservation, because the solve may have been queued since `admit`.
   * @throws DeniedError of the time layer
   */
  admitTime(now: number): void {
    const { open, changesAt } = this.schedule(now)
    if (!open) throw denied('OUTSIDE_SCHEDULE', this.#outside(changesAt, now), changesAt)
    if (this.#expiry !== undefined) checkExpiry(this.#expiry, now)
  }

  /** @throws DeniedError when the key is older than the policy allows */
  admitKey(key: SecretVersion, now: number): void {
    const { expireAfterMs } = this.#policy.key
    if (key.expiresAt !== undefined && now >= key.expiresAt) {
      throw denied('KEY_TOO_OLD', `The key (version ${key.version}) expired at ${iso(key.expiresAt)}. Rotate it.`)
    }
    if (expireAfterMs === undefined) return
    if (key.createdAt === undefined) {
      throw denied(
        'KEY_TOO_OLD',
        'policy.key.expireAfter is set, but the secrets store does not report when the key was created. ' +
          'Use a store that does, such as fileSecret, or remove expireAfter.',
      )
    }
    if (key.createdAt > now + MAX_CLOCK_SKEW_MS) {
      throw denied(
        'KEY_TOO_OLD',
        `The key (version ${key.version}) was created at ${iso(key.createdAt)}, which is in the future ` +
          "by this machine's clock, so its age is unknown. Correct the clock.",
      )
    }
    if (now - key.createdAt > expireAfterMs) {
      throw denied(
        'KEY_TOO_OLD',
        `The key (version ${key.version}) was created at ${iso(key.createdAt)} and is older than the ` +
          `${formatMs(expireAfterMs)} allowed. Rotate it.`,
      )
    }
  }

  #outside(changesAt: number | undefined, now: number): string {
    if (changesAt === undefined) return 'It is outside the working hours, and no opening is scheduled.'
    if (this.#opening?.at !== changesAt) {
      this.#opening = { at: changesAt, text: formatTime(changesAt, this.#timeZone) }
    }
    return `It is outside the working hours; they start at ${this.#opening.text}, in ${formatMs(changesAt - now)}.`
  }

  /** The schedule's state. Recomputed only when it may have changed or the clock was set back. */
  schedule(now: number): ScheduleState {
    if (!this.#schedule || now >= this.#schedule.validUntil || now < this.#schedule.from) {
      this.#schedule = frozenCopy({ ...scheduleState(this.#policy.schedules, now), from: now })
    }
    return this.#schedule
  }

  /** The denial of the origin layer for a page or frame of this address; undefined if the policy names its origin. */
  originDenial(what: 'page' | 'frame', address: string): DeniedError | undefined {
    const parsed = originOf(address)
    return this.#isNamed(parsed) ? undefined : unnamed(what, parsed)
  }

  #requireNamed(what: 'page' | 'frame', address: string): { origin: string; record: string } {
    const parsed = originOf(address)
    if (this.#isNamed(parsed)) return parsed
    throw unnamed(what, parsed)
  }

  #isNamed(parsed: OriginOf): parsed is OriginOf & { readonly ok: true } {
    if (!parsed.ok) return false
    for (const pattern of this.#policy.origins ?? []) if (matchesOrigin(pattern, parsed.origin)) return true
    return false
  }
}

/** @throws DeniedError `TOKEN_EXPIRED` */
function checkExpiry(expiry: TokenExpiry, now: number): void {
  // `now` is later where a solve of the future is explained.
  if (Math.max(expiry.keyTime(), now) >= expiry.at) throw expired(expiry.at)
}

function unnamed(what: 'page' | 'frame', parsed: OriginOf): DeniedError {
  if (!parsed.ok) return denied('ORIGIN_OPAQUE', `The ${what} has no origin that a policy can name: ${parsed.reason}.`)
  return denied(
    'ORIGIN_NOT_NAMED',
    `The ${what}'s origin ${parsed.origin} is not named in policy.origins. ` +
      'Add it if you own that site or may automate it.',
  )
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

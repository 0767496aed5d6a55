import type { ChallengeFacts } from '../../base/challenge.js'
import { formatMs } from '../../policy/duration.js'
import { matchesOrigin, originOf } from '../../policy/origin.js'
import { type ScheduleState, scheduleState } from '../../policy/schedule.js'
import type { Policy } from '../../policy/schema.js'
import type { SecretVersion } from '../../secrets/provider.js'
import { denied } from '../errors.js'

/** What the free checks found out on their way. */
export interface AdmittedPage {
  /** The page's origin. */
  readonly origin: string
  /** The page's and the frame's address as they may stand in a record. */
  readonly page: string
  readonly frame: string | undefined
}

/** How far ahead a store's clock may be before ours is taken for wrong. */
const MAX_CLOCK_SKEW_MS = 3_600_000

/**
 * The free layers of the gate, in their order: origin, then time. They wait for nothing.
 * Those that need the key, the network, the ledger and the audit log come after them, in `solve/pipeline.ts`.
 */
export class Gate {
  readonly #policy: Policy
  #schedule: (ScheduleState & { readonly from: number }) | undefined

  constructor(policy: Policy) {
    this.#policy = policy
  }

  /** @throws DeniedError of the origin or time layer */
  admit(challenge: ChallengeFacts, now: number): AdmittedPage {
    const page = this.#named('page', challenge.pageUrl)
    const frame = challenge.frameUrl === undefined ? undefined : this.#named('frame', challenge.frameUrl)
    const { open, changesAt } = this.schedule(now)
    // As `admitTime` has it, without another frame on the stack that the error tells.
    if (!open) throw denied('OUTSIDE_SCHEDULE', outside(changesAt, now), changesAt)
    return {
      origin: page.origin,
      page: page.record,
      frame: frame?.record,
    }
  }

  /** To be asked again at each reservation: a solve may have waited since it came. @throws DeniedError of the time layer */
  admitTime(now: number): void {
    const { open, changesAt } = this.schedule(now)
    if (!open) throw denied('OUTSIDE_SCHEDULE', outside(changesAt, now), changesAt)
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
        'policy.key.expireAfter is set, but the secrets store does not say how old the key is. ' +
          'Use a store that does, such as fileSecret, or leave expireAfter out.',
      )
    }
    if (key.createdAt > now + MAX_CLOCK_SKEW_MS) {
      throw denied(
        'KEY_TOO_OLD',
        `The key (version ${key.version}) is from ${iso(key.createdAt)}, which is yet to come by this machine's clock, so its age is not known. Set the clock right.`,
      )
    }
    if (now - key.createdAt > expireAfterMs) {
      throw denied(
        'KEY_TOO_OLD',
        `The key (version ${key.version}) is from ${iso(key.createdAt)}, older than the ${formatMs(expireAfterMs)} allowed. Rotate it.`,
      )
    }
  }

  /** The schedule's state, computed anew only when it may have changed (or the clock was set back). */
  schedule(now: number): ScheduleState {
    if (!this.#schedule || now >= this.#schedule.validUntil || now < this.#schedule.from) {
      this.#schedule = { ...scheduleState(this.#policy.schedules, now), from: now }
    }
    return this.#schedule
  }

  #named(what: 'page' | 'frame', address: string): { origin: string; record: string } {
    const parsed = originOf(address)
    if (!parsed.ok) throw denied('ORIGIN_OPAQUE', `The ${what} has no origin that could be named: ${parsed.reason}.`)
    for (const pattern of this.#policy.origins ?? []) {
      if (matchesOrigin(pattern, parsed.origin)) return parsed
    }
    throw denied(
      'ORIGIN_NOT_NAMED',
      `The ${what}'s origin ${parsed.origin} is not named in policy.origins. Add it if you own that site or may automate it.`,
    )
  }
}

function outside(changesAt: number | undefined, now: number): string {
  const opening =
    changesAt === undefined
      ? ', and none are coming up'
      : `; they begin at ${iso(changesAt)} (in ${formatMs(changesAt - now)})`
  return `It is outside the working hours${opening}.`
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

import type { ClocksDiffer } from './ledger.js'
import { DAY } from './windows.js'

/** Clocks that differ by more than this cannot both be right. */
export const TOLERANCE_MS = 5 * 60_000
/** For how much of the caller's time a witness is believed, before it is asked again. */
const CHECK_EVERY_MS = 10_000

/** The time of a ledger, as all its processes know it. */
export interface TimeOfLedger {
  /** The latest, as far as this process knows. It never goes back. */
  readonly now: number
  /** The latest that was recorded, for all processes. */
  readonly recorded: number
  /** How far it is ahead of the clocks, ms: they were set back, and it was not. */
  readonly ahead: number
  /**
   * What is in doubt: what was counted though one of two clocks showed a later time. Undefined while the clocks agree.
   */
  readonly doubt: Doubt | undefined
}

/** Amounts that may have been spent later than they were counted. */
export interface Doubt {
  /** When the first of them was counted. */
  readonly since: number
  /**
   * The earliest of the later times that clocks showed, in the ledger's time. If it turns out to be later than any true
   * time, the amounts were counted rightly.
   */
  readonly later: number
}

/** A change of the ledger's time that is more than the passing of time. */
export interface TimeCorrection extends Pick<TimeOfLedger, 'ahead' | 'doubt'> {
  readonly at: number
}

/**
 * What time it is for a ledger. One clock alone moves nothing: it may be wrong by years. Two clocks that agree, the
 * caller's and a witness, move the ledger's time forward to theirs. Where they differ, as much time has passed as both
 * of them say at least; and what is counted meanwhile is counted anew when they agree.
 */
export class LedgerTime {
  readonly #witness: (() => number | undefined) | undefined
  /** Both clocks and the ledger's time, when they were last compared. */
  #reading = Number.NaN
  #witnessed = Number.NaN
  #at = 0
  /** How far the caller's clock is ahead of the ledger's time, while the clocks agree. */
  #lead: number | undefined
  /** What has to be recorded before anything that is decided at the time that `at` returned. */
  correction: TimeCorrection | undefined
  /** What has to be recorded before anything that is counted at that time: one of the clocks shows a later time. */
  doubt: TimeCorrection | undefined
  /** The clocks, while they differ. */
  clocks: ClocksDiffer | undefined

  /**
   * @param witness what a clock shows that is independent of the callers' clocks; undefined if it cannot be read. Where
   *   there is no witness, the caller's clock is believed.
   */
  constructor(witness?: () => number | undefined) {
    this.#witness = witness
  }

  /** Whether the clocks are compared at this reading of the caller's: the ledger has to be up to date for that. */
  compares(now: number): boolean {
    return this.#lead === undefined || Math.abs(now - this.#reading) > CHECK_EVERY_MS
  }

  /** The ledger's time when the caller's clock shows `now`; the latest until a `correction` is recorded. */
  at(now: number, ledger: TimeOfLedger): number {
    if (this.#lead !== undefined && !this.compares(now)) return now - this.#lead
    return this.#compare(now, this.#witness === undefined ? now : this.#witness(), ledger)
  }

  #compare(now: number, witnessed: number | undefined, ledger: TimeOfLedger): number {
    const agree = witnessed !== undefined && Math.abs(now - witnessed) <= TOLERANCE_MS
    const found = agree ? agreed(Math.min(now, witnessed), ledger) : this.#doubted(now, witnessed, ledger)
    // What was read, and is not recorded yet, counts too: a clock that is set back a little frees nothing early.
    const read = agree && this.#at <= found.at + TOLERANCE_MS ? this.#at : 0
    const at = Math.max(found.at, ledger.now, read)
    // Time that this process has read and not recorded: what others counted in doubt meanwhile is not older for it.
    const leaps = at > ledger.recorded + 2 * TOLERANCE_MS
    const known = leaps && found.doubt !== undefined ? { ...found.doubt, since: at } : found.doubt
    // No process may be far ahead of what is recorded: what others record meanwhile would be over before it counts.
    const changes = found.ahead !== ledger.ahead || known !== ledger.doubt || at > ledger.recorded + TOLERANCE_MS
    this.correction = changes ? { ahead: found.ahead, doubt: known, at } : undefined
    const later = agree
      ? Infinity
      : earliestAfter(at + TOLERANCE_MS, now + found.ahead, (witnessed ?? now) + found.ahead)
    const isEarlier = later < (ledger.doubt?.later ?? Infinity)
    this.doubt = isEarlier ? { ahead: found.ahead, at, doubt: { since: known?.since ?? at, later } } : undefined
    this.#lead = agree && !changes ? now - found.at : undefined
    this.#reading = now
    this.#witnessed = witnessed ?? Number.NaN
    this.#at = at
    this.clocks = agree || witnessed === undefined ? undefined : { caller: now, ledger: witnessed }
    return changes ? ledger.now : at
  }

  /** The clocks differ: as much time has passed as both of them say, if that is not much. */
  #doubted(now: number, witnessed: number | undefined, { now: latest, ahead, doubt }: TimeOfLedger): TimeCorrection {
    const here = now - this.#reading
    const there = witnessed === undefined ? 0 : witnessed - this.#witnessed
    const least = witnessed === undefined ? here : Math.min(here, there)
    const most = Math.max(here, there)
    const passed = least > 0 && most <= TOLERANCE_MS ? least : 0
    // A ledger that has recorded nothing begins at the later time: what is counted then does not end early.
    const at = latest === 0 ? Math.max(now, witnessed ?? now) : Math.max(latest, this.#at + passed)
    return { at, ahead, doubt }
  }
}

function earliestAfter(at: number, ...times: readonly number[]): number {
  return Math.min(...times.filter((time) => time > at))
}

/** The clocks agree. @param wall what both of them show at least */
function agreed(wall: number, { now: latest, ahead }: TimeOfLedger): TimeCorrection {
  if (wall >= latest - TOLERANCE_MS) return { at: wall, ahead: 0, doubt: undefined }
  if (wall + ahead >= latest - TOLERANCE_MS) return { at: wall + ahead, ahead, doubt: undefined }
  // Whole slots, so that a midnight of the clocks stays the beginning of a slot.
  const slots = Math.floor((latest - wall) / DAY.slotMs)
  return { at: latest, ahead: slots * DAY.slotMs, doubt: undefined }
}

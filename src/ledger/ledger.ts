import type { MaybePromise } from '../base/async.js'
import type { ChainHead } from '../base/chain.js'
import type { Money } from '../policy/money.js'

/**
 * The ledger: who has spent what. It is the one place where money, rate and slots are counted, shared by every process
 * that uses a guard's name. These are its promises; `test/ledger/contract.ts` holds every ledger to them.
 *
 * 1. For each budget, `reserved + spent` in any 24 hours is never above its `perDay`, at any instant, in any process,
 *    after any crash. A reservation counts from the moment it is made; a spent amount counts from when it was settled
 *    until 24 hours later, rounded up to the end of its five-minute slot.
 *    Likewise in any day of each calendar of `perCalendarDay`: what was settled in it and what is reserved. A reservation that
 *    is open at midnight so counts for both days, for the one it was made in and for the one it ends in.
 * 2. At most `perMinute` reservations are made in any 60 s (rounded up to whole seconds), at most `concurrent` are
 *    under way.
 * 3. A reserve takes from every budget of its path, or from none.
 * 4. Settling is exactly-once: the first to settle a reservation wins; later ones change nothing and are told so.
 * 5. A reservation whose owner never settled it lapses at its deadline: its slot is free again and its amount counts as
 *    spent, until somebody settles it after all. Then the amount is corrected to what it did cost.
 * 6. Of limits that several live owners declared for one budget, the tighter of each holds.
 *
 * Times are wall-clock milliseconds, handed in by the caller. A time before one that the ledger has already booked is
 * taken for that one: a clock that is set back frees nothing early, and a reservation lapses as long after it was made as
 * its deadline was after the caller's `now`. An implementation may answer at once or with a promise;
 * callers await only promises, so that a ledger in memory costs no turn of the event loop.
 */
export interface Ledger {
  /** What kind it is, for messages: `memory`, `file`. */
  readonly kind: string
  /** Where it lies, for messages (a path), without credentials. */
  readonly place?: string | undefined

  /** Makes the ledger ready (creates files, connects). Called once, before anything else. */
  open(): MaybePromise<void>

  /**
   * Makes an owner known, with the limits it has for its budgets, and says whether other live owners have others.
   * An owner that does not `beat` is taken for dead once `now + leaseMs` has passed.
   */
  register(owner: Owner, now: number): MaybePromise<RegisterResult>
  /** Says that the owner still lives: its lease is `owner.leaseMs` from `now` again. */
  heartbeat(ownerId: string, now: number): MaybePromise<void>
  /** The owner has gone: its declared limits no longer hold, its noted tasks may be claimed at once. */
  unregister(ownerId: string, now: number): MaybePromise<void>

  /** Checks and takes from all budgets of the path, or from none. One atomic operation. */
  reserve(request: ReserveRequest, now: number): MaybePromise<ReserveResult>
  /** Writes down which task at the service the reservation is for. May be written behind, but in order with `settle`. */
  attachTask(reservationId: string, task: AttachedTask): MaybePromise<void>
  /** Ends a reservation at what it cost (`0` gives all back). Exactly-once. */
  settle(settlement: Settlement, now: number): MaybePromise<SettleResult>

  /**
   * Takes over up to `limit` noted tasks of one solver, under one budget, whose owner is dead, has left, or whose
   * reservation has lapsed, and that nobody else claimed within the last minute.
   */
  claim(request: ClaimRequest, now: number): MaybePromise<readonly ClaimedTask[]>

  /**
   * Pauses everything under a budget until `resume`; the first reason is kept. Seen by every process at its next reserve.
   * @returns whether it was not paused before: whoever paused it is the one to say so
   */
  pause(budgetId: string, reason: PauseReason): MaybePromise<boolean>
  resume(budgetId: string): MaybePromise<void>

  /**
   * How a budget stands now. Unknown budgets stand at nothing.
   * @param days for which calendar days besides those that live owners declared
   */
  usage(budgetId: string, now: number, days?: readonly CalendarCap[]): MaybePromise<Usage>

  /**
   * Keeps a small fact for every process, for as long as it says. It takes the place of one by its name; with `ifAbsent` one that is
   * still kept stays what it is, and is kept for at least as long.
   * @returns the value that stands under the name now
   */
  setFact(fact: NewFact, now: number): MaybePromise<string>
  /** What is kept under a scope. */
  listFacts(scope: string, now: number): MaybePromise<readonly Fact[]>

  /** Keeps the latest head of an audit file, so that a cut-off tail is seen. A head never goes back. */
  saveHead(head: ChainHead): MaybePromise<void>
  /** The heads of all audit files known, for 400 days at least. */
  heads(): MaybePromise<readonly ChainHead[]>

  /** Writes what is pending and lets go of files and connections. The ledger cannot be used afterwards. */
  close(): MaybePromise<void>
}

/**
 * An amount for each day of a calendar. Only callers know time zones: whoever names the cap says which day it is there by its own
 * clock. Where that day is over by the ledger's time, or has not begun, it is counted against the spender.
 */
export interface CalendarCap {
  /** Which calendar, for the ledger only a name: `Europe/Berlin`. */
  readonly timeZone: string
  readonly amount: Money
  /** When the caller's day began and when it ends, wall-clock ms; at most 27 hours. */
  readonly start: number
  readonly end: number
}

/** What one budget allows. Absent means: no limit of this kind from here. */
export interface Limits {
  readonly perDay?: Money | undefined
  /** At most one for each time zone; all of them hold. */
  readonly perCalendarDay?: readonly CalendarCap[] | undefined
  readonly perMinute?: number | undefined
  readonly concurrent?: number | undefined
}

/** One process's (or guard's) presence in the ledger. */
export interface Owner {
  /** Unique for each guard instance. */
  readonly id: string
  readonly leaseMs: number
  /** The limits that hold for these budgets for as long as the owner lives. */
  readonly declares: readonly { readonly budgetId: string; readonly limits: Limits }[]
}

/** What an owner is told when it joins. */
export interface RegisterResult {
  /** For each declared budget on which live owners differ: the limits that hold for all of them. */
  readonly differing: readonly { readonly budgetId: string; readonly effective: Limits }[]
}

/** One budget on the path of a solve, and what the caller's grant allows of it. */
export interface BudgetClaim {
  readonly id: string
  readonly limits: Limits
  /**
   * Fractions of each daily amount in ascending order (0.5 for half). Each is reported by the first reservation that brings
   * `reserved + spent` to it or finds it there, and then not again for 24 hours, or until midnight of the calendar that it is
   * about, whatever is given back meanwhile.
   */
  readonly alertsAt?: readonly number[] | undefined
}

/** What a solve wants to take, and from which budgets. */
export interface ReserveRequest {
  /** Unique, chosen by the caller. */
  readonly id: string
  readonly ownerId: string
  /** The path, widest budget first. */
  readonly path: readonly BudgetClaim[]
  /** The most that the solve may cost. */
  readonly amount: Money
  /** When the reservation lapses, wall-clock ms. */
  readonly deadline: number
}

/** Taken from every budget of the path; or from none, and why. */
export type ReserveResult =
  | { readonly ok: true; readonly alerts: readonly ThresholdAlert[] }
  | {
      readonly ok: false
      /** The first budget of the path that is in the way, and why. */
      readonly budgetId: string
      readonly reason: 'paused' | 'perDay' | 'perMinute' | 'concurrent'
      /**
       * When it is worth trying again, wall-clock ms: the first moment at which nothing on the whole path is in the way
       * any more, if nothing else happens. Where that hangs on the amounts of solves under way, their first deadline: by
       * then it is known what that one cost. Absent where time alone changes nothing (a pause, an amount above the cap).
       */
      readonly retryAt?: number | undefined
      /** The limit that holds (the tighter of all declared), and what counts against it now. */
      readonly limit?: number | undefined
      readonly used?: number | undefined
      /** Whose calendar day it is that has no room, with `perDay`; absent for the sliding one. */
      readonly timeZone?: string | undefined
      readonly pause?: PauseReason | undefined
    }

/** A threshold crossed by `reserved + spent`. Reported to one caller only, once for each budget, threshold and window. */
export interface ThresholdAlert {
  readonly budgetId: string
  readonly threshold: number
  readonly used: Money
  readonly limit: Money
  /** Which calendar's day it is about; absent for the sliding one. */
  readonly timeZone?: string | undefined
}

/** What another process needs to pick a task up. Holds no key and no solution. */
export interface AttachedTask {
  readonly solver: string
  readonly taskId: string
  /** Which version of the key submitted it: a task is polled with the key that submitted it. */
  readonly keyVersion: string
  readonly family: string
  /** Names the way out by which it was handed in, where that is another than its guard's: it is asked for by that one. */
  readonly egressRoute?: string | undefined
}

/** Which tasks of the dead a process would take over. */
export interface ClaimRequest {
  /** Who takes over. */
  readonly ownerId: string
  readonly solver: string
  /** The budget that has to be on the path (a guard's root). */
  readonly budgetId: string
  readonly limit: number
  /** Which other ways out than its guard's own it has. */
  readonly egressRoutes?: readonly string[] | undefined
}

/** A task that was taken over, with the reservation that it stands under. */
export interface ClaimedTask extends AttachedTask {
  readonly reservationId: string
  readonly amount: Money
  readonly deadline: number
  /** The ids of the path's budgets. */
  readonly path: readonly string[]
}

/** How a reservation ends. */
export interface Settlement {
  readonly reservationId: string
  /** What it cost, or is held to have cost. */
  readonly cost: Money
  /** Whether nobody knows if, and when, the service takes that: no reply came, say. */
  readonly unsure?: boolean | undefined
  /** The audit file's head, saved in the same operation. */
  readonly head?: ChainHead | undefined
}

/** What settling changed. */
export interface SettleResult {
  /** False when it was settled before (or was never made): nothing was changed. */
  readonly settled: boolean
  /** True when the reservation had lapsed, and what counted as spent was corrected. */
  readonly late?: boolean | undefined
}

/** Why a guard is paused. */
export interface PauseReason {
  /** A code of the error family, or `MANUAL`. */
  readonly code: string
  readonly message: string
  /** When, wall-clock ms. */
  readonly at: number
}

/** A small thing that all processes of a ledger know, e.g. that a key is in use. Holds no key and no solution. */
export interface Fact {
  /** Unique in its scope, up to 200 characters. */
  readonly name: string
  /** Up to 2,000 characters. */
  readonly value: string
  /** When it was last remembered, also where that left its value as it was; wall-clock ms, by the ledger's time. */
  readonly at: number
}

/** A fact to be kept. */
export interface NewFact extends Omit<Fact, 'at'> {
  /** What it is about, up to 200 characters. Facts of different scopes know nothing of each other. */
  readonly scope: string
  /** For how long from now on; 0 forgets it. */
  readonly ttlMs: number
  /** Whether one by that name that is still kept stays what it is. */
  readonly ifAbsent?: boolean | undefined
}

/** How a budget stands in a calendar's day: the cap that holds, on the day that it is by the ledger's time. */
export interface CalendarUsage extends CalendarCap {
  /** What was settled, or lapsed, on that day. What is reserved counts besides. */
  readonly spent: Money
}

/** How a budget stands. */
export interface Usage {
  readonly spent: Money
  readonly reserved: Money
  /** Reservations made in the last 60 s. */
  readonly lastMinute: number
  /** Reservations under way. */
  readonly active: number
  /** The tightest limits that live owners declared. */
  readonly declared: Limits
  /** For each calendar that was asked for or that live owners declared. */
  readonly days?: readonly CalendarUsage[] | undefined
  readonly paused?: PauseReason | undefined
  /** When the first of what was spent in 24 hours will no longer count; absent where nothing was. */
  readonly moreAt?: number | undefined
  readonly totals: Totals
}

/**
 * What a budget has ever come to, whatever window it was in. It only grows, and begins anew when nothing was to be said of the budget for a
 * day and nobody who declared limits for it lives.
 */
export interface Totals {
  /** Settled at what it did cost. */
  readonly settled: Money
  /** Settled without knowing whether it did, or lapsed: also where it was settled after all. */
  readonly unsure: Money
  /** How many reservations ended that cost something, or may have. */
  readonly solves: number
}

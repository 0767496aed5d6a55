import type { MaybePromise } from '../base/async.js'
import type { ChainHead } from '../base/chain.js'
import type { Money } from '../policy/money.js'

/** How a ledger is opened. */
export interface OpenOptions {
  /**
   * Whether a ledger is created where there is none. Otherwise `open` changes nothing, and throws.
   * @default true
   */
  readonly create?: boolean | undefined
}

/**
 * The ledger: who has spent what. It is the one place where money, rate and slots are counted, shared by every process
 * that uses a guard's name. These are its promises; `test/ledger/contract.ts` tests every ledger for them.
 *
 * 1. For each budget, `reserved + spent` in any 24 hours is never above its `perDay`, at any instant, in any process,
 *    after any crash. A reservation counts from the moment it is made. A spent amount counts from when it was settled
 *    until 24 hours later, rounded up to the end of its five-minute slot.
 *    The same holds for each day of each calendar in `perCalendarDay`: what was settled in it plus what is reserved.
 *    A reservation that is open at midnight therefore counts for both days: the one it was made in and the one it ends
 *    in.
 * 2. At most `perMinute` reservations are made in any 60 s (rounded up to whole seconds), and at most `concurrent` are
 *    open at a time.
 * 3. A reserve takes from every budget of its path, or from none.
 * 4. Settling is exactly-once: the first settlement of a reservation wins; later ones change nothing and return
 *    `settled: false`.
 * 5. A reservation that its owner does not settle expires at its deadline: its slot is free again and its amount counts
 *    as spent. A later settlement corrects that amount to the real cost.
 * 6. Where several live owners declared limits for one budget, the tighter of each limit holds.
 *
 * Times are wall-clock ms, passed in by the caller, whose clock may be wrong by years. The ledger has a time of its
 * own, which never goes back, and which no single clock moves by more than a few minutes: it takes a second clock that
 * agrees (the file system's, the Redis server's). Where the two differ, as much time passes as both of them say. A
 * reservation expires as long after it was made as its deadline was after the caller's `now`. Times in results are by
 * the clocks that agree.
 *
 * A method may return its result or a promise of it. Callers await only promises, so that a ledger in memory costs no
 * turn of the event loop. Every method throws (or rejects with) `DeniedError` `LEDGER_UNAVAILABLE` when the ledger
 * cannot be read or written.
 */
export interface Ledger {
  /** The kind of ledger, for messages: `memory`, `file`, `redis`. */
  readonly kind: string
  /** Where it is, for messages: a path or an address, without credentials. */
  readonly place?: string | undefined

  /** Whether `open` created it, so that it knows of nothing that was spent before. */
  readonly isNew?: boolean | undefined

  /**
   * Prepares the ledger: creates files, connects. Called once, before any other method.
   *
   * @param options by default a ledger is created where there is none
   */
  open(options?: OpenOptions): MaybePromise<void>

  /**
   * Registers an owner with the limits of its budgets, and returns where other live owners declared other limits. An
   * owner that sends no `heartbeat` counts as dead once `now + leaseMs` has passed.
   */
  register(owner: Owner, now: number): MaybePromise<RegisterResult>
  /**
   * Renews the owner's lease: `owner.leaseMs` from `now`.
   * @param head the audit file's head, saved in the same operation, for an owner that is not registered too
   */
  heartbeat(ownerId: string, now: number, head?: ChainHead): MaybePromise<void>
  /** Ends the owner: its declared limits no longer hold, and its attached tasks may be claimed at once. */
  unregister(ownerId: string, now: number): MaybePromise<void>

  /**
   * Checks all budgets of the path, and the facts that forbid it, and takes from all budgets, or from none. One atomic
   * operation.
   */
  reserve(request: ReserveRequest, now: number): MaybePromise<ReserveResult>
  /** What `reserve` would return now, without the alerts. Takes nothing, and records nothing. */
  preview(request: PreviewRequest, now: number): MaybePromise<ReserveResult>
  /**
   * Records which task at the service belongs to the reservation. May be written later than the call returns, but never
   * after a `settle` that was called later.
   * @returns whether another open reservation, of whatever process, has the same task of the same account: the service
   *   gave one id twice
   */
  attachTask(reservationId: string, task: AttachedTask): MaybePromise<boolean>
  /** Ends a reservation at what it cost (`0` gives everything back). Exactly-once. */
  settle(settlement: Settlement, now: number): MaybePromise<SettleResult>

  /**
   * Takes over up to `limit` attached tasks of one solver, under one budget. A task can be claimed when its owner is
   * dead or has unregistered, or when its reservation has expired; and only if no process claimed it within the last
   * minute.
   */
  claim(request: ClaimRequest, now: number): MaybePromise<readonly ClaimedTask[]>

  /**
   * Pauses everything under a budget until `resume`; the first reason is kept. Every process sees it at its next
   * reserve.
   * @returns whether the budget was not paused before: the process that paused it also reports it
   */
  pause(budgetId: string, reason: PauseReason): MaybePromise<boolean>
  /** Ends a pause. Does nothing where there is none. */
  resume(budgetId: string): MaybePromise<void>

  /**
   * What counts in a budget now. An unknown budget has used nothing.
   * @param days for which calendar days, in addition to those that live owners declared
   */
  usage(budgetId: string, now: number, days?: readonly CalendarCap[]): MaybePromise<Usage>

  /**
   * Stores a small fact for every process, for `ttlMs`. It replaces one of the same name. With `ifAbsent`, one that has
   * not expired keeps its value, and is kept at least as long as the new one would be.
   * @returns the value that is stored under the name now
   */
  setFact(fact: NewFact, now: number): MaybePromise<string>
  /** The facts of a scope that have not expired. */
  listFacts(scope: string, now: number): MaybePromise<readonly Fact[]>

  /**
   * Stores the latest head of an audit file, so that a cut-off tail is detected. A head never goes back, and one that
   * is the end of its file stays that.
   */
  saveHead(head: ChainHead): MaybePromise<void>
  /** The heads of all known audit files. They are kept for at least 400 days. */
  heads(): MaybePromise<readonly ChainHead[]>

  /** Writes what is pending and releases files and connections. The ledger cannot be used afterwards. */
  close(): MaybePromise<void>
}

/**
 * An amount for each day of a calendar. Only callers know time zones: the caller that states the cap also states, by
 * its own clock, when the day there begins and ends. Where that day is over by the ledger's time, or has not begun, the
 * ledger counts against the spender.
 */
export interface CalendarCap {
  /** The calendar's time zone, `Europe/Berlin`. Only a name to the ledger. */
  readonly timeZone: string
  /** Micro-dollars. */
  readonly amount: Money
  /** When the caller's day began, wall-clock ms. */
  readonly start: number
  /** When the caller's day ends, wall-clock ms; at most 27 hours after `start`. */
  readonly end: number
}

/** What one budget allows. An absent limit allows everything. */
export interface Limits {
  /** In any 24 hours, micro-dollars. */
  readonly perDay?: Money | undefined
  /** At most one for each time zone; all of them hold. */
  readonly perCalendarDay?: readonly CalendarCap[] | undefined
  /** Reservations in any 60 s. */
  readonly perMinute?: number | undefined
  /** Open reservations at a time. */
  readonly concurrent?: number | undefined
}

/** One process's (or guard's) presence in the ledger. */
export interface Owner {
  /** Unique for each guard instance. */
  readonly id: string
  /** How long the owner counts as alive after its last `register` or `heartbeat`, ms. */
  readonly leaseMs: number
  /** The limits that hold for these budgets for as long as the owner lives. */
  readonly declares: readonly { readonly budgetId: string; readonly limits: Limits }[]
}

/** The clocks of a ledger's caller and of the ledger, where they differ by more than five minutes: one is wrong. */
export interface ClocksDiffer {
  /** What the caller's clock shows, wall-clock ms. */
  readonly caller: number
  /** What the ledger's shows, of the file system or of the server; wall-clock ms. */
  readonly ledger: number
}

/** What `register` returns. */
export interface RegisterResult {
  /** The clocks, where they differ. */
  readonly clocks?: ClocksDiffer | undefined
  /**
   * For each declared budget whose limits differ between live owners: the limits that hold for all of them, and an
   * owner that declared others than the registering one; of several, the last to end.
   */
  readonly differing: readonly {
    readonly budgetId: string
    readonly effective: Limits
    readonly declaredBy: Declarer
  }[]
}

/** One budget on the path of a solve, and what the caller's grant allows of it. */
export interface BudgetClaim {
  /** The budget's id. */
  readonly id: string
  /** What the grant allows of it. */
  readonly limits: Limits
  /**
   * Fractions of each daily amount in ascending order (0.5 for half). Each is reported by the first reservation at
   * which `reserved + spent` reaches it. It is then not reported again for 24 hours (for a calendar's day: until its
   * midnight), whatever is given back meanwhile.
   * @default no thresholds
   */
  readonly alertsAt?: readonly number[] | undefined
}

/** What a solve wants to take, and from which budgets. */
export interface ReserveRequest {
  /** Unique, chosen by the caller. */
  readonly id: string
  /** The owner that makes the reservation. */
  readonly ownerId: string
  /** The path, widest budget first. */
  readonly path: readonly BudgetClaim[]
  /** The most that the solve may cost, micro-dollars. */
  readonly amount: Money
  /** When the reservation expires, wall-clock ms. */
  readonly deadline: number
  /**
   * The facts that forbid it: it is refused while there is one of them.
   * @default none
   */
  readonly unless?: readonly FactName[] | undefined
  /** The audit file's head, saved in the same operation where the request is granted. */
  readonly head?: ChainHead | undefined
}

/** What a solve would take, and from which budgets. */
export type PreviewRequest = Pick<ReserveRequest, 'path' | 'amount' | 'unless'>

/** Either taken from every budget of the path; or from none, and why. */
export type ReserveResult =
  | {
      /** True: taken from every budget. */
      readonly ok: true
      /** The thresholds that this reservation reached. */
      readonly alerts: readonly ThresholdAlert[]
    }
  | {
      /** False: taken from none. */
      readonly ok: false
      /** The first budget of the path that refuses, and why. With `fact`: the first of the path. */
      readonly budgetId: string
      /**
       * Which of its limits refuses: a pause, the amount of a day, the rate, or the concurrency. `fact`: a fact that
       * forbids it, whatever capacity there is.
       */
      readonly reason: 'fact' | 'paused' | 'perDay' | 'perMinute' | 'concurrent'
      /** With `fact`: the first one of `unless` that is there. */
      readonly fact?: (FactName & Pick<Fact, 'value'>) | undefined
      /**
       * When a retry can succeed, wall-clock ms: the first moment at which no budget of the path refuses any more, if
       * nothing else happens. Where that depends on the amounts of open reservations, their first deadline: by then the
       * cost of that one is known. Absent where time alone changes nothing (a pause, an amount above the cap).
       */
      readonly retryAt?: number | undefined
      /** The limit that holds (the tighter of all declared). Micro-dollars with `perDay`, else a count. */
      readonly limit?: number | undefined
      /** What counts against `limit` now, in the same unit. */
      readonly used?: number | undefined
      /** With `perDay`: which calendar's day is used up; absent for the sliding 24 hours. */
      readonly timeZone?: string | undefined
      /** With `paused`: why. */
      readonly pause?: PauseReason | undefined
      /** Where `limit` is tighter than the caller's own: the owner that declared it; of several, the last to end. */
      readonly declaredBy?: Declarer | undefined
    }

/** An owner that declared a limit. The limit holds until the owner unregisters, or its lease ends. */
export interface Declarer {
  /** The owner's id. */
  readonly ownerId: string
  /** For how long it has not renewed its lease, ms. A process that was killed renews it no more. */
  readonly silentMs: number
  /** In how long its lease ends, if it does not renew it, ms. */
  readonly endsInMs: number
}

/**
 * A threshold that `reserved + spent` reached. Reported to one caller only, once for each budget, threshold and window.
 */
export interface ThresholdAlert {
  /** The budget's id. */
  readonly budgetId: string
  /** The fraction of `limit`. */
  readonly threshold: number
  /** Micro-dollars. */
  readonly used: Money
  /** Micro-dollars. */
  readonly limit: Money
  /** Which calendar's day it is about; absent for the sliding 24 hours. */
  readonly timeZone?: string | undefined
}

/** What another process needs to take a task over. Contains no key and no solution. */
export interface AttachedTask {
  /** The account that has the task. */
  readonly solver: string
  /** The service's id of the task. */
  readonly taskId: string
  /** Which version of the key submitted it: a task is polled with the key that submitted it. */
  readonly keyVersion: string
  /** The challenge's family. */
  readonly family: string
  /**
   * The route by which the task was submitted, where it is not its guard's own: the task is polled by the same route.
   */
  readonly egressRoute?: string | undefined
}

/** Which orphaned tasks a process would take over. */
export interface ClaimRequest {
  /** The owner that takes over. */
  readonly ownerId: string
  /** The account whose tasks are claimed. */
  readonly solver: string
  /** The budget that has to be on the path (a guard's root). */
  readonly budgetId: string
  /** The most tasks to take over. */
  readonly limit: number
  /**
   * The routes that this process has in addition to its guard's own.
   * @default none
   */
  readonly egressRoutes?: readonly string[] | undefined
}

/** A task that was taken over, with its reservation. */
export interface ClaimedTask extends AttachedTask {
  /** The id of its reservation. */
  readonly reservationId: string
  /** What is reserved, micro-dollars. */
  readonly amount: Money
  /** When the reservation expires, wall-clock ms. */
  readonly deadline: number
  /** The ids of the path's budgets. */
  readonly path: readonly string[]
}

/** How a reservation ends. */
export interface Settlement {
  /** Which reservation ends. */
  readonly reservationId: string
  /** What it cost, or is assumed to have cost. Micro-dollars. */
  readonly cost: Money
  /**
   * Whether it is unknown if, and when, the service charges that: for example because no reply was received.
   * @default false
   */
  readonly unsure?: boolean | undefined
  /** The audit file's head, saved in the same operation. */
  readonly head?: ChainHead | undefined
}

/** What settling changed. */
export interface SettleResult {
  /** False when it was settled before (or was never made): nothing was changed. */
  readonly settled: boolean
  /** True when the reservation had expired: the amount that counted as spent was corrected. */
  readonly late?: boolean | undefined
}

/** Why a guard is paused. */
export interface PauseReason {
  /** An error code of `src/base/errors.ts`, or `MANUAL`. */
  readonly code: string
  /** The reason as a sentence. */
  readonly message: string
  /** When, wall-clock ms. */
  readonly at: number
}

/** A small fact that all processes of a ledger share, e.g. that a key is in use. Contains no key and no solution. */
export interface Fact {
  /** Unique in its scope, up to 200 characters. */
  readonly name: string
  /** Up to 2,000 characters. */
  readonly value: string
  /** When `setFact` was last called for it, even if its value did not change; wall-clock ms, by the ledger's time. */
  readonly at: number
}

/** Which fact. */
export interface FactName extends Pick<Fact, 'name'> {
  /** What it is about, up to 200 characters. Facts of different scopes are independent of each other. */
  readonly scope: string
}

/** A fact to be stored. */
export interface NewFact extends FactName, Pick<Fact, 'value'> {
  /** How long it is kept from now on, ms; 0 deletes it. */
  readonly ttlMs: number
  /**
   * Whether a fact of that name that has not expired keeps its value.
   * @default false
   */
  readonly ifAbsent?: boolean | undefined
}

/** What counts in a budget on a calendar's day: the cap that holds, on the current day by the ledger's time. */
export interface CalendarUsage extends CalendarCap {
  /** What was settled, or expired, on that day, micro-dollars. What is reserved counts in addition. */
  readonly spent: Money
}

/** What counts in a budget. */
export interface Usage {
  /** In the last 24 hours, micro-dollars. */
  readonly spent: Money
  /** By open reservations, micro-dollars. */
  readonly reserved: Money
  /** Reservations made in the last 60 s. */
  readonly lastMinute: number
  /** Open reservations. */
  readonly active: number
  /** The tightest limits that live owners declared. */
  readonly declared: Limits
  /** For each calendar that was asked for or that live owners declared. */
  readonly days?: readonly CalendarUsage[] | undefined
  /** Why the budget is paused; absent while it is not. */
  readonly paused?: PauseReason | undefined
  /** When the first part of `spent` stops counting, wall-clock ms; absent where nothing was spent. */
  readonly moreAt?: number | undefined
  /** All that the budget has ever spent. */
  readonly totals: Totals
  /** The clocks, where they differ: then less may be free than the figures show, and nothing more. */
  readonly clocks?: ClocksDiffer | undefined
}

/**
 * All that a budget has ever spent, whatever window it was in. The sums only grow. They begin anew when the budget is
 * forgotten: nothing counted in it for a day, and no live owner declares limits for it.
 */
export interface Totals {
  /** Settled at its real cost, micro-dollars. */
  readonly settled: Money
  /** Settled as `unsure`, or expired (even if it was settled afterwards). Micro-dollars. */
  readonly unsure: Money
  /** How many reservations ended that cost something, or may have. */
  readonly solves: number
}

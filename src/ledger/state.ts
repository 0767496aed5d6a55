import type { ChainHead } from '../base/chain.js'
import type { Money } from '../policy/money.js'
import { BudgetState, NO_LIMITS, type TakenAlert } from './account.js'
import { checkRequest, usedTwice } from './checks.js'
import { Facts, type FactsState } from './facts.js'
import type {
  AttachedTask,
  CalendarCap,
  ClaimedTask,
  ClaimRequest,
  Owner,
  PauseReason,
  RegisterResult,
  ReserveRequest,
  ReserveResult,
  SettleResult,
  ThresholdAlert,
  Usage,
} from './ledger.js'
import { DAY, MINUTE, SlidingSum, sameLimits, slotEnds, slotOf, tightest } from './windows.js'

/** How long a claimed task is its claimer's alone. */
const CLAIM_MS = 60_000
/** How long an owner is remembered after its lease ended, so that a late beat brings it back with its limits. */
const OWNER_KEPT_MS = DAY.spanMs
const SWEEP_MS = 5 * 60_000
const NO_ALERTS: readonly ThresholdAlert[] = []
/** Of a budget that nobody has used yet. Nothing is ever booked in it. */
const UNUSED = new BudgetState()

interface Reservation {
  ownerId: string
  readonly amount: number
  readonly deadline: number
  readonly path: readonly string[]
  task: AttachedTask | undefined
  claimedAt: number
}

interface OwnerState {
  readonly leaseMs: number
  readonly declares: Owner['declares']
  until: number
}

/** What the books hold, as one JSON value: to be written down and read again. */
export interface BooksState {
  readonly seen: number
  readonly accounts: readonly {
    readonly id: string
    readonly spent: [number, number][]
    readonly made: [number, number][]
    readonly paused?: PauseReason | undefined
    readonly alerted?: [number | string, number][] | undefined
    readonly ever?: readonly [settled: number, unsure: number, solves: number] | undefined
  }[]
  readonly owners: readonly {
    readonly id: string
    readonly leaseMs: number
    readonly declares: Owner['declares']
    readonly until: number
  }[]
  readonly reservations: readonly (Reservation & { readonly id: string; readonly lapsed: boolean })[]
  readonly facts?: FactsState | undefined
}

/**
 * The books: all that a ledger knows and every rule of it, with no I/O. Methods that decide (`reserve`, `claimable`, …)
 * change nothing that others could see; methods that book (`take`, `note`, `settle`, …) carry out what was decided.
 *
 * Several processes may each keep the same books, as long as all book the same entries in the same order. What time
 * does by itself (an amount that leaves its window, a reservation that lapses) is not an entry: any process may carry
 * it out at any moment, because each entry says when it was made and what it does depends on that alone. Whoever makes
 * an entry stamps it with what `advance` returns, which never goes back.
 */
export class LedgerState {
  #seen: number
  readonly #accounts = new Map<string, BudgetState>()
  readonly #owners = new Map<string, OwnerState>()
  /** Under way. */
  readonly #open = new Map<string, Reservation>()
  /** Lapsed and not settled. Kept for as long as their amount counts, so that it can be corrected. */
  readonly #lapsed = new Map<string, Reservation>()
  readonly #heads = new Map<string, ChainHead>()
  readonly facts: Facts
  /** Nothing happens by itself before this moment: a lower bound, so that most calls look at nothing else. */
  #due = Number.POSITIVE_INFINITY
  #sweepAt = 0
  /** Those that a reservation gives, while it is looked at: most give none. */
  readonly #alerts: ThresholdAlert[] = []

  constructor(state?: BooksState) {
    this.#seen = state?.seen ?? 0
    this.facts = new Facts(state?.facts)
    if (state === undefined) return
    for (const kept of state.accounts) {
      const account = new BudgetState(new SlidingSum(DAY, kept.spent), new SlidingSum(MINUTE, kept.made))
      account.paused = kept.paused
      ;[account.settled, account.unsure, account.solves] = kept.ever ?? [0, 0, 0]
      if (kept.alerted !== undefined) account.alerted = new Map(kept.alerted)
      this.#accounts.set(kept.id, account)
    }
    for (const { id, ...owner } of state.owners) this.#owners.set(id, owner)
    for (const { id, lapsed, ...kept } of state.reservations) {
      const reservation = { ...kept, task: kept.task }
      if (lapsed) this.#lapsed.set(id, reservation)
      else this.#enter(id, reservation)
    }
    this.#redeclare()
    this.#due = 0
  }

  /** The state as of now, for the constructor. Leaves out budgets of which there is nothing to say, and the heads. */
  state(): BooksState {
    const accounts: BooksState['accounts'][number][] = []
    for (const [id, account] of this.#accounts) {
      if (account.isIdle(this.#seen)) continue
      accounts.push({
        id,
        spent: account.spent.slots(),
        made: account.made.slots(),
        paused: account.paused,
        alerted: account.alerted && [...account.alerted],
        ever: [account.settled, account.unsure, account.solves],
      })
    }
    const reservations: BooksState['reservations'][number][] = []
    for (const [id, kept] of this.#open) reservations.push({ id, lapsed: false, ...kept })
    for (const [id, kept] of this.#lapsed) reservations.push({ id, lapsed: true, ...kept })
    const owners = [...this.#owners].map(([id, owner]) => ({ id, ...owner }))
    return { seen: this.#seen, accounts, owners, reservations, facts: this.facts.state(this.#seen) }
  }

  /** How many entries' worth of state there is, roughly: what writing it down costs. */
  get size(): number {
    return this.#open.size + this.#lapsed.size + this.#accounts.size + this.#owners.size + this.facts.size
  }

  /**
   * Lets time pass, and says what time it is: `now`, or the latest that was ever named if that is later. A clock that
   * is set back frees nothing early.
   */
  advance(now: number): number {
    if (now > this.#seen) this.#seen = now
    if (this.#seen >= this.#due) this.#pass(this.#seen)
    return this.#seen
  }

  #pass(at: number): void {
    let due = Number.POSITIVE_INFINITY
    for (const [id, reservation] of this.#open) {
      if (reservation.deadline > at) {
        due = Math.min(due, reservation.deadline)
        continue
      }
      this.#open.delete(id)
      this.#lapsed.set(id, reservation)
      for (const budgetId of reservation.path) {
        const account = this.#account(budgetId)
        account.reserved -= reservation.amount
        account.active--
        account.spent.add(reservation.deadline, reservation.amount)
        account.unsure += reservation.amount
        account.solves++
      }
    }
    for (const [id, { deadline }] of this.#lapsed) {
      const until = lapsedUntil(deadline)
      if (until > at) due = Math.min(due, until)
      else this.#lapsed.delete(id)
    }
    for (const [id, owner] of this.#owners) {
      if (owner.until > at) due = Math.min(due, owner.until)
      else if (owner.until + OWNER_KEPT_MS <= at) this.#owners.delete(id)
    }
    this.#redeclare()
    if (at >= this.#sweepAt) {
      this.#sweepAt = at + SWEEP_MS
      for (const [id, account] of this.#accounts) if (account.isIdle(this.#seen)) this.#accounts.delete(id)
      this.facts.sweep(at)
    }
    this.#due = due
  }

  // ── Decisions: nothing is booked ────────────────────────────────────────────────────────────────────────────────

  /** Whether the request may be taken at `at`, and which thresholds it would cross. */
  reserve(request: ReserveRequest, at: number): ReserveResult {
    checkRequest(request)
    if (this.#open.has(request.id) || this.#lapsed.has(request.id)) {
      throw usedTwice()
    }
    const alerts = this.#alerts
    alerts.length = 0
    for (const claim of request.path) {
      const account = this.#accounts.get(claim.id) ?? UNUSED
      const obstacle = account.obstacle(claim, request.amount, at, alerts)
      if (obstacle === undefined) continue
      const retryAt = obstacle.reason === 'paused' ? undefined : this.#roomAt(request, at)
      return { ok: false, budgetId: claim.id, ...obstacle, retryAt }
    }
    return { ok: true, alerts: alerts.length === 0 ? NO_ALERTS : alerts.splice(0) }
  }

  /**
   * When all that is in the way will be gone. Exact where windows and slots are: that moment is enough and none before
   * it is. Where only the amounts of solves under way are, it is the first deadline among them: by then that solve has
   * been settled, probably for less. Undefined where time alone changes nothing.
   */
  #roomAt(request: ReserveRequest, at: number): number | undefined {
    let room = at
    for (const { id, limits } of request.path) {
      const account = this.#accounts.get(id) ?? UNUSED
      const here = account.roomAt(limits, request.amount, at, (n) => this.#deadline(id, n))
      if (here === undefined) return undefined
      room = Math.max(room, here)
    }
    return room
  }

  /** The n-th deadline, from the earliest, among what is under way in a budget. */
  #deadline(budgetId: string, n: number): number {
    const deadlines: number[] = []
    for (const { path, deadline } of this.#open.values()) if (path.includes(budgetId)) deadlines.push(deadline)
    if (n === 1) return deadlines.reduce((a, b) => Math.min(a, b), Infinity)
    return deadlines.sort((a, b) => a - b)[n - 1] ?? Infinity
  }

  /** The reservations whose noted task may be taken over at `at`. */
  claimable({ solver, budgetId, limit, egressRoutes = [] }: ClaimRequest, at: number): ClaimedTask[] {
    const found: ClaimedTask[] = []
    for (const [reservations, lapsed] of [
      [this.#open, false],
      [this.#lapsed, true],
    ] as const) {
      for (const [id, { task, ownerId, claimedAt, amount, deadline, path }] of reservations) {
        if (found.length >= limit) return found
        if (task?.solver !== solver || claimedAt + CLAIM_MS > at || !path.includes(budgetId)) continue
        if (task.egressRoute !== undefined && !egressRoutes.includes(task.egressRoute)) continue
        if (lapsed || !this.isLive(ownerId, at))
          found.push({ ...task, reservationId: id, amount: amount as Money, deadline, path })
      }
    }
    return found
  }

  /** Whether a reservation is there to be settled, and whether that would be late. */
  settleable(id: string, at: number): SettleResult {
    const reservation = this.#open.get(id) ?? this.#lapsed.get(id)
    if (reservation === undefined) return { settled: false }
    return at >= reservation.deadline ? { settled: true, late: true } : { settled: true }
  }

  /** Where live owners differ on what one of them declared. */
  differing(owner: Owner, at: number): RegisterResult {
    const differing = owner.declares.filter(({ budgetId, limits }) => {
      for (const other of this.#owners.values()) {
        if (other.until <= at) continue
        const theirs = other.declares.find((declared) => declared.budgetId === budgetId)
        if (theirs !== undefined && !sameLimits(theirs.limits, limits)) return true
      }
      return false
    })
    return { differing: differing.map(({ budgetId }) => ({ budgetId, effective: this.#account(budgetId).declared })) }
  }

  /** Whether the owner is known and within its lease. */
  isLive(ownerId: string, at: number): boolean {
    return (this.#owners.get(ownerId)?.until ?? Number.NEGATIVE_INFINITY) > at
  }

  isPaused(budgetId: string): boolean {
    return this.#accounts.get(budgetId)?.paused !== undefined
  }

  usage(budgetId: string, at: number, days?: readonly CalendarCap[]): Usage {
    return (this.#accounts.get(budgetId) ?? UNUSED).usage(at, days)
  }

  heads(): ChainHead[] {
    return [...this.#heads.values()]
  }

  // ── Booking: what was decided ───────────────────────────────────────────────────────────────────────────────────

  /** Books a reservation and the alerts it gave. */
  take(
    id: string,
    ownerId: string,
    amount: number,
    deadline: number,
    path: readonly string[],
    alerts: readonly TakenAlert[],
    at: number,
  ): void {
    for (const budgetId of path) this.#account(budgetId).made.add(at, 1)
    this.#enter(id, { ownerId, amount, deadline, path, task: undefined, claimedAt: 0 })
    for (const alert of alerts) this.#account(alert[0]).alert(alert, at)
  }

  #enter(id: string, reservation: Reservation): void {
    this.#open.set(id, reservation)
    if (reservation.deadline < this.#due) this.#due = reservation.deadline
    for (const budgetId of reservation.path) {
      const account = this.#account(budgetId)
      account.reserved += reservation.amount
      account.active++
    }
  }

  note(id: string, task: AttachedTask): void {
    const reservation = this.#open.get(id) ?? this.#lapsed.get(id)
    if (reservation !== undefined) reservation.task = task
  }

  /** Ends a reservation. In time its cost counts from `at`; later, from its deadline, where its amount has counted since. */
  settle(id: string, cost: number, at: number, unsure = false): void {
    const open = this.#open.get(id)
    const reservation = open ?? this.#lapsed.get(id)
    if (reservation === undefined) return
    const { amount, deadline, path } = reservation
    const countsFrom = Math.min(at, deadline)
    for (const budgetId of path) {
      const account = this.#account(budgetId)
      if (open !== undefined) {
        account.reserved -= amount
        account.active--
        account.spent.add(countsFrom, cost)
      } else if (slotOf(DAY, countsFrom) === slotOf(DAY, deadline)) {
        account.spent.add(deadline, cost - amount)
      } else {
        // This process had let the reservation lapse ahead of whoever settled it in time.
        account.spent.add(deadline, -amount)
        account.spent.add(countsFrom, cost)
      }
      if (open === undefined && at < deadline) {
        account.unsure -= amount
        account.solves--
      }
      // One that had lapsed by anybody's time is among the unsure already.
      if (at < deadline) {
        if (cost > 0) account.solves++
        if (unsure) account.unsure += cost
      }
      if (!unsure) account.settled += cost
    }
    if (open !== undefined) this.#open.delete(id)
    else this.#lapsed.delete(id)
  }

  claim(ownerId: string, ids: readonly string[], at: number): void {
    for (const id of ids) {
      const reservation = this.#open.get(id) ?? this.#lapsed.get(id)
      if (reservation === undefined) continue
      reservation.ownerId = ownerId
      reservation.claimedAt = at
    }
  }

  join(owner: Owner, at: number): void {
    this.#owners.set(owner.id, { leaseMs: owner.leaseMs, declares: owner.declares, until: at + owner.leaseMs })
    this.#due = Math.min(this.#due, at + owner.leaseMs)
    this.#redeclare()
  }

  beat(ownerId: string, at: number): void {
    const owner = this.#owners.get(ownerId)
    if (owner === undefined) return
    const wasDead = owner.until <= this.#seen
    owner.until = Math.max(owner.until, at + owner.leaseMs)
    this.#due = Math.min(this.#due, owner.until)
    if (wasDead) this.#redeclare()
  }

  leave(ownerId: string): void {
    if (this.#owners.delete(ownerId)) this.#redeclare()
  }

  pause(budgetId: string, reason: PauseReason): void {
    this.#account(budgetId).paused ??= reason
  }

  resume(budgetId: string): void {
    const account = this.#accounts.get(budgetId)
    if (account !== undefined) account.paused = undefined
  }

  saveHead(head: ChainHead): void {
    const before = this.#heads.get(head.file)
    if (before === undefined || before.seq < head.seq) this.#heads.set(head.file, head)
  }

  /** Forgets heads that were written down elsewhere. */
  forgetHeads(): void {
    this.#heads.clear()
  }

  // ── Small parts ─────────────────────────────────────────────────────────────────────────────────────────────────

  #account(id: string): BudgetState {
    let account = this.#accounts.get(id)
    if (account === undefined) {
      account = new BudgetState()
      this.#accounts.set(id, account)
    }
    return account
  }

  /** Works out anew what live owners declare. Called when one comes or goes, so it need not be quick. */
  #redeclare(): void {
    for (const account of this.#accounts.values()) account.declared = NO_LIMITS
    for (const owner of this.#owners.values()) {
      if (owner.until <= this.#seen) continue
      for (const { budgetId, limits } of owner.declares) {
        const account = this.#account(budgetId)
        account.declared = tightest(account.declared, limits)
      }
    }
  }
}

/** A lapsed reservation is kept until its amount no longer counts in any process's books. */
function lapsedUntil(deadline: number): number {
  return slotEnds(DAY, slotOf(DAY, deadline))
}

import type { ChainHead } from '../base/chain.js'
import { SolveguardError } from '../base/errors.js'
import type { Money } from '../policy/money.js'
import { Facts, type FactsState } from './facts.js'
import type {
  CalendarCap,
  ClaimedTask,
  ClaimRequest,
  JoinResult,
  Limits,
  NotedTask,
  Owner,
  PauseReason,
  ReserveRequest,
  ReserveResult,
  Settlement,
  SettleResult,
  ThresholdAlert,
  Usage,
} from './ledger.js'
import {
  countsFrom,
  DAY,
  LONGEST_DAY_MS,
  MINUTE,
  resetsAt,
  SlidingSum,
  sameLimits,
  slotEnds,
  slotOf,
  tightest,
} from './windows.js'

/** How long a claimed task is its claimer's alone. */
const CLAIM_MS = 60_000
/** How long an owner is remembered after its lease ended, so that a late beat brings it back with its limits. */
const OWNER_KEPT_MS = DAY.spanMs
const SWEEP_MS = 5 * 60_000
const NO_LIMITS: Limits = {}
const NO_ALERTS: readonly ThresholdAlert[] = []
const NO_THRESHOLDS: readonly number[] = []
const NO_CAPS: readonly CalendarCap[] = []

/** An alert that a reservation gave, as it is booked. */
export type TakenAlert = readonly [budgetId: string, threshold: number, timeZone?: string]

const NONE_TAKEN: readonly TakenAlert[] = []

/** The alerts of a reservation, to be booked. */
export function takenAlerts(alerts: readonly ThresholdAlert[]): readonly TakenAlert[] {
  if (alerts.length === 0) return NONE_TAKEN
  return alerts.map(({ budgetId, threshold, timeZone }) =>
    timeZone === undefined ? [budgetId, threshold] : [budgetId, threshold, timeZone],
  )
}

/** One budget's account. */
interface Account {
  readonly spent: SlidingSum
  readonly made: SlidingSum
  reserved: number
  active: number
  paused: PauseReason | undefined
  /** When each threshold's alert was last given; those of a calendar's day by `alertName`. */
  alerted: Map<number | string, number> | undefined
  /** The tightest that live owners declared. */
  declared: Limits
  settled: number
  unsure: number
  solves: number
}

interface Reservation {
  ownerId: string
  readonly amount: number
  readonly deadline: number
  readonly path: readonly string[]
  task: NotedTask | undefined
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
export class Books {
  #seen: number
  readonly #accounts = new Map<string, Account>()
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

  constructor(state?: BooksState) {
    this.#seen = state?.seen ?? 0
    this.facts = new Facts(state?.facts)
    if (state === undefined) return
    for (const kept of state.accounts) {
      const account = newAccount(new SlidingSum(DAY, kept.spent), new SlidingSum(MINUTE, kept.made))
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
      if (this.#isIdle(account)) continue
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
      for (const [id, account] of this.#accounts) if (this.#isIdle(account)) this.#accounts.delete(id)
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
    let alerts = NO_ALERTS as ThresholdAlert[]
    for (const { id, limits, alertsAt } of request.path) {
      const account = this.#accounts.get(id)
      if (account?.paused !== undefined) return { ok: false, budgetId: id, reason: 'paused', pause: account.paused }
      const { perDay, perCalendarDay, perMinute, concurrent } =
        account === undefined ? limits : tightest(limits, account.declared)
      const used = account === undefined ? 0 : account.spent.at(at) + account.reserved
      if (perDay !== undefined && used + request.amount > perDay)
        return this.#denied(request, at, id, 'perDay', perDay, used)
      if (perDay !== undefined && alertsAt !== undefined) {
        for (const threshold of alertsAt) {
          if (!reaches(used + request.amount, threshold, perDay)) break
          const last = account?.alerted?.get(threshold)
          if (last !== undefined && at < last + DAY.spanMs) continue
          if (alerts === NO_ALERTS) alerts = []
          alerts.push({ budgetId: id, threshold, used: (used + request.amount) as Money, limit: perDay })
        }
      }
      if (perCalendarDay !== undefined) {
        for (const cap of perCalendarDay) {
          const { amount: limit, timeZone } = cap
          const that = account === undefined ? 0 : account.spent.since(countsFrom(cap, at)) + account.reserved
          if (that + request.amount > limit) return this.#denied(request, at, id, 'perDay', limit, that, timeZone)
          for (const threshold of alertsAt ?? NO_THRESHOLDS) {
            if (!reaches(that + request.amount, threshold, limit)) break
            const last = account?.alerted?.get(alertName(threshold, timeZone))
            if (last !== undefined && last >= countsFrom(cap, at)) continue
            if (alerts === NO_ALERTS) alerts = []
            alerts.push({ budgetId: id, threshold, used: (that + request.amount) as Money, limit, timeZone })
          }
        }
      }
      const made = account === undefined ? 0 : account.made.at(at)
      const active = account?.active ?? 0
      if (perMinute !== undefined && made >= perMinute)
        return this.#denied(request, at, id, 'perMinute', perMinute, made)
      if (concurrent !== undefined && active >= concurrent)
        return this.#denied(request, at, id, 'concurrent', concurrent, active)
    }
    return { ok: true, alerts }
  }

  #denied(
    request: ReserveRequest,
    at: number,
    budgetId: string,
    reason: 'perDay' | 'perMinute' | 'concurrent',
    limit: number,
    used: number,
    timeZone?: string,
  ): ReserveResult {
    return { ok: false, budgetId, reason, limit, used, timeZone, retryAt: this.#roomAt(request, at) }
  }

  /**
   * When all that is in the way will be gone. Exact where windows and slots are: that moment is enough and none before
   * it is. Where only the amounts of solves under way are, it is the first deadline among them: by then that solve has
   * been settled, probably for less. Undefined where time alone changes nothing.
   */
  #roomAt(request: ReserveRequest, at: number): number | undefined {
    let room = at
    for (const { id, limits } of request.path) {
      const account = this.#accounts.get(id)
      const { perDay, perCalendarDay, perMinute, concurrent } =
        account === undefined ? limits : tightest(limits, account.declared)
      if ((perDay ?? Infinity) < request.amount || (perMinute ?? 1) < 1 || (concurrent ?? 1) < 1) return undefined
      if (perCalendarDay?.some((cap) => cap.amount < request.amount)) return undefined
      if (account === undefined) continue
      if (account.paused !== undefined) return undefined
      const excess = perDay === undefined ? 0 : account.spent.at(at) + account.reserved + request.amount - perDay
      if (excess > 0) room = Math.max(room, account.spent.goneAt(excess) ?? this.#deadline(id, 1))
      for (const cap of perCalendarDay ?? NO_CAPS) {
        const spent = account.spent.since(countsFrom(cap, at))
        const over = spent + account.reserved + request.amount - cap.amount
        if (over > 0) room = Math.max(room, spent >= over ? resetsAt(cap, at) : this.#deadline(id, 1))
      }
      const tooMany = perMinute === undefined ? 0 : account.made.at(at) + 1 - perMinute
      if (tooMany > 0) room = Math.max(room, account.made.goneAt(tooMany) ?? at)
      const tooBusy = concurrent === undefined ? 0 : account.active + 1 - concurrent
      if (tooBusy > 0) room = Math.max(room, this.#deadline(id, tooBusy))
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
  claimable({ solver, budgetId, limit }: ClaimRequest, at: number): ClaimedTask[] {
    const found: ClaimedTask[] = []
    for (const [reservations, lapsed] of [
      [this.#open, false],
      [this.#lapsed, true],
    ] as const) {
      for (const [id, { task, ownerId, claimedAt, amount, deadline, path }] of reservations) {
        if (found.length >= limit) return found
        if (task?.solver !== solver || claimedAt + CLAIM_MS > at || !path.includes(budgetId)) continue
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
  differing(owner: Owner, at: number): JoinResult {
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
    const account = this.#accounts.get(budgetId)
    const spent = (account?.spent.at(at) ?? 0) as Money
    const { perCalendarDay } = tightest({ perCalendarDay: days }, account?.declared ?? NO_LIMITS)
    return {
      spent,
      reserved: (account?.reserved ?? 0) as Money,
      lastMinute: account?.made.at(at) ?? 0,
      active: account?.active ?? 0,
      declared: account?.declared ?? NO_LIMITS,
      days: perCalendarDay?.map((cap) => {
        const start = countsFrom(cap, at)
        return { ...cap, start, end: resetsAt(cap, at), spent: (account?.spent.since(start) ?? 0) as Money }
      }),
      paused: account?.paused,
      ever: {
        settled: (account?.settled ?? 0) as Money,
        unsure: (account?.unsure ?? 0) as Money,
        solves: account?.solves ?? 0,
      },
    }
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
    for (const [budgetId, threshold, timeZone] of alerts) {
      const account = this.#account(budgetId)
      account.alerted ??= new Map()
      account.alerted.set(timeZone === undefined ? threshold : alertName(threshold, timeZone), at)
    }
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

  note(id: string, task: NotedTask): void {
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

  #account(id: string): Account {
    let account = this.#accounts.get(id)
    if (account === undefined) {
      account = newAccount(new SlidingSum(DAY), new SlidingSum(MINUTE))
      this.#accounts.set(id, account)
    }
    return account
  }

  #isIdle(account: Account): boolean {
    const at = this.#seen
    if (account.active > 0 || account.paused !== undefined || account.declared !== NO_LIMITS) return false
    if (account.spent.at(at) > 0 || !account.spent.isEmpty || account.made.at(at) > 0) return false
    for (const alerted of account.alerted?.values() ?? []) if (at < alerted + LONGEST_DAY_MS) return false
    return true
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

function newAccount(spent: SlidingSum, made: SlidingSum): Account {
  return {
    spent,
    made,
    reserved: 0,
    active: 0,
    paused: undefined,
    alerted: undefined,
    declared: NO_LIMITS,
    settled: 0,
    unsure: 0,
    solves: 0,
  }
}

function alertName(threshold: number, timeZone: string): string {
  return `${threshold} ${timeZone}`
}

/** Whether an amount is at a threshold. It is a fraction that a person wrote: what is a millionth of a cent away from it is on it. */
function reaches(used: number, threshold: number, limit: number): boolean {
  return used + 1e-6 >= threshold * limit
}

/** A lapsed reservation is kept until its amount no longer counts in any process's books. */
function lapsedUntil(deadline: number): number {
  return slotEnds(DAY, slotOf(DAY, deadline))
}

/** Refuses a request that would falsify the sums. */
export function checkRequest({ amount, deadline, path }: ReserveRequest): void {
  checkAmount(amount)
  if (!Number.isFinite(deadline)) throw new SolveguardError('CONFIG_INVALID', 'A reservation needs a deadline.')
  if (path.length > 1 && path.some(({ id }, i) => path.findIndex((other) => other.id === id) !== i)) {
    throw new SolveguardError('CONFIG_INVALID', 'A budget stands twice on the path of one reservation.')
  }
  for (const { limits } of path) if (limits.perCalendarDay !== undefined) limits.perCalendarDay.forEach(checkDay)
}

function checkDay({ timeZone, start, end }: CalendarCap): void {
  if (end > start && end - start <= LONGEST_DAY_MS) return
  throw new SolveguardError('CONFIG_INVALID', `A calendar day in ${timeZone} is at most 27 hours.`)
}

function checkAmount(amount: number): void {
  if (!Number.isSafeInteger(amount) || amount < 0) {
    throw new SolveguardError('CONFIG_INVALID', `An amount must be a whole number of micro-dollars, not ${amount}.`)
  }
}

/**
 * When a request's reservation lapses by the books' time. As long after it was made as the caller meant: on a clock that
 * was set back, the deadline itself may be in the books' past.
 */
export function deadlineOf({ deadline }: ReserveRequest, now: number, at: number): number {
  return deadline + Math.max(0, at - now)
}

/** What an id means that stands for another reservation already. */
export function usedTwice(): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', 'A reservation id was used twice; each reservation needs its own.')
}

/** Refuses a settlement that would falsify the sums. */
export function checkSettlement({ cost }: Settlement): void {
  checkAmount(cost)
}

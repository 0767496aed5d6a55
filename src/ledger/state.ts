import { type ChainHead, isNewerHead } from '../base/chain.js'
import type { Money } from '../policy/money.js'
import { type BookedAlert, BudgetState, NO_LIMITS, type Obstacle } from './budget-state.js'
import { checkRequest, duplicateReservation } from './checks.js'
import { Facts, type SavedFacts } from './facts.js'
import type {
  AttachedTask,
  BudgetClaim,
  CalendarCap,
  ClaimedTask,
  ClaimRequest,
  Declarer,
  Fact,
  Limits,
  Owner,
  PauseReason,
  PreviewRequest,
  RegisterResult,
  ReserveRequest,
  ReserveResult,
  SettleResult,
  ThresholdAlert,
  Usage,
} from './ledger.js'
import { type Doubt, type TimeCorrection, type TimeOfLedger, TOLERANCE_MS } from './time.js'
import { DAY, MINUTE, SlidingSum, type SlotAmount, sameLimits, slotExpiresAt, slotOf, tightest } from './windows.js'

/** How long a claimed task belongs to its claimer alone. */
const CLAIM_MS = 60_000
/** How long an owner is kept after its lease ended, so that a late heartbeat restores it with its limits. */
const OWNER_KEPT_MS = DAY.spanMs
const SWEEP_MS = 5 * 60_000
const NO_ALERTS: readonly ThresholdAlert[] = []
/** Stands for a budget that was never used. Nothing is ever added to it. */
const UNUSED_BUDGET = new BudgetState()

interface Reservation {
  ownerId: string
  readonly amount: number
  deadline: number
  readonly path: readonly string[]
  task: AttachedTask | undefined
  claimedAt: number
}

interface OwnerState {
  readonly leaseMs: number
  readonly declares: Owner['declares']
  until: number
}

/** A whole state as one JSON value: to be stored and read again. A change of its meaning is another schema. */
export interface SavedState {
  readonly now: number
  readonly budgets: readonly {
    readonly id: string
    readonly spent: readonly SlotAmount[]
    readonly made: readonly SlotAmount[]
    readonly marked?: SlotAmount | undefined
    readonly paused?: PauseReason | undefined
    readonly alertedAt?: [number | string, number][] | undefined
    readonly totals: readonly [settled: number, unsure: number, solves: number]
  }[]
  readonly owners: readonly (OwnerState & { readonly id: string })[]
  readonly reservations: readonly (Reservation & { readonly id: string; readonly expired: boolean })[]
  readonly facts?: SavedFacts | undefined
  readonly ahead?: number | undefined
  readonly doubt?: Doubt | undefined
}

/**
 * All that a ledger knows and every rule of it, with no I/O. Methods that decide (`reserve`, `claimable`, `settleable`,
 * …) change nothing that is visible outside; methods that apply (`addReservation`, `attachTask`, `settle`, …) carry out
 * what was decided.
 *
 * Several processes may each keep the same state, as long as all apply the same entries in the same order. What time
 * alone does (an amount leaves its window, a reservation expires) is not an entry: any process may carry it out at any
 * moment, because each entry has its own time and its effect depends on that alone. The process that makes an entry
 * stamps it with what `advance` returns, which never goes back.
 */
export class LedgerState implements TimeOfLedger {
  #now: number
  #recorded: number
  #ahead: number
  #doubt: Doubt | undefined
  readonly #budgets = new Map<string, BudgetState>()
  readonly #owners = new Map<string, OwnerState>()
  /** Neither settled nor expired. */
  readonly #open = new Map<string, Reservation>()
  /** By account and task: the open reservation to which the task was attached first. */
  readonly #taskOwners = new Map<string, Map<string, string>>()
  /** Expired and not settled. Kept for as long as their amount counts, so that it can be corrected. */
  readonly #expired = new Map<string, Reservation>()
  readonly #heads = new Map<string, ChainHead>()
  readonly facts: Facts
  /** Time alone changes nothing before this moment: a lower bound, so that most calls look at nothing else. */
  #dueAt = Number.POSITIVE_INFINITY
  #sweepAt = 0
  /** The alerts of the reservation that is being decided. One list for all: most reservations give none. */
  readonly #alerts: ThresholdAlert[] = []

  constructor(saved?: SavedState) {
    this.#now = saved?.now ?? 0
    this.#recorded = this.#now
    this.#ahead = saved?.ahead ?? 0
    this.#doubt = saved?.doubt
    this.facts = new Facts(saved?.facts)
    if (saved === undefined) return
    for (const { id, spent, made, marked, paused, alertedAt, totals } of saved.budgets) {
      const budget = new BudgetState(new SlidingSum(DAY, spent), new SlidingSum(MINUTE, made), marked)
      budget.paused = paused
      ;[budget.settled, budget.unsure, budget.solves] = totals
      if (alertedAt !== undefined) budget.alertedAt = new Map(alertedAt)
      this.#budgets.set(id, budget)
    }
    for (const { id, ...owner } of saved.owners) this.#owners.set(id, owner)
    for (const { id, expired, ...rest } of saved.reservations) {
      const reservation = { ...rest, task: rest.task }
      if (expired) this.#expired.set(id, reservation)
      else this.#addOpen(id, reservation)
    }
    this.#redeclare()
    this.#dueAt = 0
  }

  /** The state as of now, for the constructor. Leaves out idle budgets, and the heads. */
  state(): SavedState {
    const budgets: SavedState['budgets'][number][] = []
    for (const [id, budget] of this.#budgets) {
      if (budget.isIdle(this.#now)) continue
      budgets.push({
        id,
        spent: budget.spent.slots(),
        made: budget.made.slots(),
        marked: budget.marked,
        paused: budget.paused,
        alertedAt: budget.alertedAt && [...budget.alertedAt],
        totals: [budget.settled, budget.unsure, budget.solves],
      })
    }
    const reservations: SavedState['reservations'][number][] = []
    for (const [id, reservation] of this.#open) reservations.push({ id, expired: false, ...reservation })
    for (const [id, reservation] of this.#expired) reservations.push({ id, expired: true, ...reservation })
    const owners = [...this.#owners].map(([id, owner]) => ({ id, ...owner }))
    const [now, ahead, doubt] = [this.#now, this.#ahead, this.#doubt]
    return { now, budgets, owners, reservations, facts: this.facts.state(now), ahead, doubt }
  }

  get now(): number {
    return this.#now
  }

  get recorded(): number {
    return this.#recorded
  }

  get ahead(): number {
    return this.#ahead
  }

  get doubt(): Doubt | undefined {
    return this.#doubt
  }

  /** Roughly how many entries' worth of state there is: what storing it costs. */
  get size(): number {
    return this.#open.size + this.#expired.size + this.#budgets.size + this.#owners.size + this.facts.size
  }

  /**
   * Carries out what time alone does, and returns the time that counts: `now`, or the latest that was ever passed in if
   * that is later. A clock that is set back frees nothing early.
   */
  advance(now: number): number {
    if (now > this.#now) this.#now = now
    if (this.#now >= this.#dueAt) this.#passTime(this.#now)
    return this.#now
  }

  /** Like `advance`, for the time of an entry. */
  record(at: number): number {
    if (at > this.#recorded) this.#recorded = at
    return this.advance(at)
  }

  /** Carries out what the clocks say of each other: an entry, unlike the passing of time. */
  correct({ at, ahead, doubt }: TimeCorrection): void {
    const before = this.#doubt
    if (before !== undefined) {
      if (doubt === undefined) this.#endDoubt(before, at)
      else if (doubt.since > before.since) this.#moveDoubt(before.since, doubt.since)
    }
    this.record(at)
    this.#ahead = ahead
    this.#doubt = doubt
    if (doubt !== undefined && before === undefined) {
      for (const budget of this.#budgets.values()) budget.beginDoubt(doubt.since)
    }
  }

  /** The clocks agree. If that is on a later time, what was counted or expired in doubt counts as of then. */
  #endDoubt({ since, later }: Doubt, to: number): void {
    if (to > this.#recorded + TOLERANCE_MS && later <= to + TOLERANCE_MS) this.#moveDoubt(since, to)
    else for (const budget of this.#budgets.values()) budget.endDoubt()
  }

  /** What was counted or expired in doubt counts as of a later time. */
  #moveDoubt(since: number, to: number): void {
    // A process carries out as much time as is recorded, and up to the tolerance more.
    const now = this.#recorded + TOLERANCE_MS
    for (const budget of this.#budgets.values()) budget.moveDoubt(since, to, now)
    for (const [id, { deadline }] of this.#expired) if (countsUntil(deadline) <= now) this.#expired.delete(id)
    for (const reservations of [this.#open, this.#expired]) {
      for (const reservation of reservations.values()) {
        // What expired when the doubt began had been counted before it.
        if (reservation.deadline > since && reservation.deadline < to) reservation.deadline = to
      }
    }
    this.#dueAt = 0
  }

  #passTime(at: number): void {
    let dueAt = Number.POSITIVE_INFINITY
    for (const [id, reservation] of this.#open) {
      if (reservation.deadline > at) {
        dueAt = Math.min(dueAt, reservation.deadline)
        continue
      }
      this.#open.delete(id)
      this.#releaseTask(id, reservation)
      this.#expired.set(id, reservation)
      for (const budgetId of reservation.path) {
        const budget = this.#budget(budgetId)
        budget.reserved -= reservation.amount
        budget.active--
        budget.spent.add(reservation.deadline, reservation.amount)
        budget.unsure += reservation.amount
        budget.solves++
      }
    }
    for (const [id, { deadline }] of this.#expired) {
      const until = countsUntil(deadline)
      if (until > at) dueAt = Math.min(dueAt, until)
      else this.#expired.delete(id)
    }
    for (const [id, owner] of this.#owners) {
      if (owner.until > at) dueAt = Math.min(dueAt, owner.until)
      else if (owner.until + OWNER_KEPT_MS <= at) this.#owners.delete(id)
    }
    this.#redeclare()
    if (at >= this.#sweepAt) {
      this.#sweepAt = at + SWEEP_MS
      for (const [id, budget] of this.#budgets) if (budget.isIdle(this.#now)) this.#budgets.delete(id)
      this.facts.sweep(at)
    }
    this.#dueAt = dueAt
  }

  // ── Decisions: nothing is changed ───────────────────────────────────────────────────────────────────────────────

  /** Whether the request is granted at `at`, and which thresholds it would reach. */
  reserve(request: ReserveRequest, at: number): ReserveResult {
    checkRequest(request)
    if (this.#open.has(request.id) || this.#expired.has(request.id)) throw duplicateReservation()
    return this.#check(request, at)
  }

  /** What `reserve` would return, without the alerts. */
  preview(request: PreviewRequest, at: number): ReserveResult {
    checkRequest({ ...request, deadline: at })
    const result = this.#check(request, at)
    return result.ok ? { ok: true, alerts: NO_ALERTS } : result
  }

  #check(request: PreviewRequest, at: number): ReserveResult {
    const fact = request.unless && this.facts.first(request.unless, at)
    if (fact !== undefined) return { ok: false, budgetId: request.path[0]?.id ?? '', reason: 'fact', fact }
    const alerts = this.#alerts
    alerts.length = 0
    for (const claim of request.path) {
      const budget = this.#budgets.get(claim.id) ?? UNUSED_BUDGET
      const obstacle = budget.obstacle(claim, request.amount, at, this.#ahead, alerts)
      if (obstacle === undefined) continue
      const declaredBy = this.#declarer(claim, obstacle, at)
      const retryAt = this.#capacityAt(request, at)
      return { ok: false, budgetId: claim.id, ...obstacle, retryAt, ...(declaredBy && { declaredBy }) }
    }
    return { ok: true, alerts: alerts.length === 0 ? NO_ALERTS : alerts.splice(0) }
  }

  /** Who declared the limit that refuses, where it is tighter than the claim's own. */
  #declarer({ id, limits }: BudgetClaim, { reason, limit, timeZone }: Obstacle, at: number): Declarer | undefined {
    if (limit === undefined || reason === 'paused' || (limitOf(limits, reason, timeZone) ?? Infinity) <= limit) return
    return this.#lastDeclarer(id, at, (declared) => limitOf(declared, reason, timeZone) === limit)
  }

  /**
   * When no budget of the path refuses any more. Exact where windows and slots refuse: the request is granted at that
   * moment and not before. Where only the amounts of open reservations do, it is the first deadline among them: by then
   * that one has been settled, probably for less. Undefined where time alone changes nothing.
   */
  #capacityAt(request: PreviewRequest, at: number): number | undefined {
    let freeAt = at
    for (const { id, limits } of request.path) {
      const budget = this.#budgets.get(id) ?? UNUSED_BUDGET
      const here = budget.capacityAt(limits, request.amount, at, this.#ahead, (n) => this.#nthDeadline(id, n))
      if (here === undefined) return undefined
      freeAt = Math.max(freeAt, here)
    }
    return freeAt - this.#ahead
  }

  /** The n-th deadline, from the earliest, among the open reservations of a budget. */
  #nthDeadline(budgetId: string, n: number): number {
    const deadlines: number[] = []
    for (const { path, deadline } of this.#open.values()) if (path.includes(budgetId)) deadlines.push(deadline)
    if (n === 1) return deadlines.reduce((a, b) => Math.min(a, b), Infinity)
    return deadlines.sort((a, b) => a - b)[n - 1] ?? Infinity
  }

  /** The reservations whose attached task may be taken over at `at`. */
  claimable({ solver, budgetId, limit, egressRoutes = [] }: ClaimRequest, at: number): ClaimedTask[] {
    const found: ClaimedTask[] = []
    for (const [reservations, expired] of [
      [this.#open, false],
      [this.#expired, true],
    ] as const) {
      for (const [id, { task, ownerId, claimedAt, amount, deadline, path }] of reservations) {
        if (found.length >= limit) return found
        if (task?.solver !== solver || claimedAt + CLAIM_MS > at || !path.includes(budgetId)) continue
        if (task.egressRoute !== undefined && !egressRoutes.includes(task.egressRoute)) continue
        if (expired || !this.isLive(ownerId, at))
          found.push({ ...task, reservationId: id, amount: amount as Money, deadline: deadline - this.#ahead, path })
      }
    }
    return found
  }

  /** Whether a reservation is open, and another open one had its task before. */
  hasRepeatedTask(id: string): boolean {
    const task = this.#open.get(id)?.task
    if (task === undefined) return false
    return (this.#taskOwners.get(task.solver)?.get(task.taskId) ?? id) !== id
  }

  /** Whether a reservation exists and can be settled, and whether that would be late. */
  settleable(id: string, at: number): SettleResult {
    const reservation = this.#open.get(id) ?? this.#expired.get(id)
    if (reservation === undefined) return { settled: false }
    return at >= reservation.deadline ? { settled: true, late: true } : { settled: true }
  }

  /** The budgets of an owner for which live owners declared different limits. */
  differing(owner: Owner, at: number): RegisterResult {
    const differing = owner.declares.flatMap(({ budgetId, limits }) => {
      const declaredBy = this.#lastDeclarer(budgetId, at, (theirs) => !sameLimits(theirs, limits))
      return declaredBy ? [{ budgetId, effective: this.#budget(budgetId).declared, declaredBy }] : []
    })
    return { differing }
  }

  /** The live owner that declared such limits for a budget; of several, the last to end. */
  #lastDeclarer(budgetId: string, at: number, isSuch: (limits: Limits) => boolean): Declarer | undefined {
    let last: Declarer | undefined
    for (const [ownerId, { leaseMs, declares, until }] of this.#owners) {
      const endsInMs = until - at
      if (endsInMs <= (last?.endsInMs ?? 0)) continue
      const declared = declares.find((each) => each.budgetId === budgetId)
      if (declared && isSuch(declared.limits)) last = { ownerId, silentMs: leaseMs - endsInMs, endsInMs }
    }
    return last
  }

  /** Whether the owner is known and within its lease. */
  isLive(ownerId: string, at: number): boolean {
    return (this.#owners.get(ownerId)?.until ?? Number.NEGATIVE_INFINITY) > at
  }

  isPaused(budgetId: string): boolean {
    return this.#budgets.get(budgetId)?.paused !== undefined
  }

  usage(budgetId: string, at: number, days?: readonly CalendarCap[]): Usage {
    return (this.#budgets.get(budgetId) ?? UNUSED_BUDGET).usage(at, this.#ahead, days)
  }

  listFacts(scope: string, at: number): Fact[] {
    const facts = this.facts.list(scope, at)
    return this.#ahead === 0 ? facts : facts.map((fact) => ({ ...fact, at: fact.at - this.#ahead }))
  }

  heads(): ChainHead[] {
    return [...this.#heads.values()]
  }

  // ── Applying what was decided ───────────────────────────────────────────────────────────────────────────────────

  /** Adds a reservation that was granted, and records the alerts that it gave. */
  addReservation(
    id: string,
    ownerId: string,
    amount: number,
    deadline: number,
    path: readonly string[],
    alerts: readonly BookedAlert[],
    at: number,
  ): void {
    for (const budgetId of path) this.#budget(budgetId).made.add(at, 1)
    this.#addOpen(id, { ownerId, amount, deadline, path, task: undefined, claimedAt: 0 })
    for (const alert of alerts) this.#budget(alert[0]).recordAlert(alert, at)
  }

  #addOpen(id: string, reservation: Reservation): void {
    this.#open.set(id, reservation)
    if (reservation.task !== undefined) this.#ownTask(id, reservation.task)
    if (reservation.deadline < this.#dueAt) this.#dueAt = reservation.deadline
    for (const budgetId of reservation.path) {
      const budget = this.#budget(budgetId)
      budget.reserved += reservation.amount
      budget.active++
    }
  }

  /** @returns what `hasRepeatedTask` would return */
  attachTask(id: string, task: AttachedTask): boolean {
    const open = this.#open.get(id)
    const reservation = open ?? this.#expired.get(id)
    if (reservation !== undefined) reservation.task = task
    return open !== undefined && this.#ownTask(id, task)
  }

  /** @returns whether another reservation owns the task */
  #ownTask(id: string, { solver, taskId }: AttachedTask): boolean {
    let owners = this.#taskOwners.get(solver)
    if (owners === undefined) {
      owners = new Map()
      this.#taskOwners.set(solver, owners)
    }
    const owner = owners.get(taskId)
    if (owner === undefined) owners.set(taskId, id)
    return owner !== undefined && owner !== id
  }

  #releaseTask(id: string, { task }: Reservation): void {
    if (task === undefined) return
    const owners = this.#taskOwners.get(task.solver)
    if (owners?.get(task.taskId) === id) owners.delete(task.taskId)
  }

  /**
   * Ends a reservation. Before its deadline the cost counts from `at`; after it, from the deadline, from which its
   * amount has counted since.
   */
  settle(id: string, cost: number, at: number, unsure = false): void {
    const open = this.#open.get(id)
    const reservation = open ?? this.#expired.get(id)
    if (reservation === undefined) return
    const { amount, deadline, path } = reservation
    const countsFrom = Math.min(at, deadline)
    for (const budgetId of path) {
      const budget = this.#budget(budgetId)
      if (open !== undefined) {
        budget.reserved -= amount
        budget.active--
        budget.spent.add(countsFrom, cost)
      } else if (slotOf(DAY, countsFrom) === slotOf(DAY, deadline)) {
        budget.spent.add(deadline, cost - amount)
      } else {
        // This process let the reservation expire before it read the entry of the process that settled it in time.
        budget.spent.add(deadline, -amount)
        budget.spent.add(countsFrom, cost)
      }
      if (open === undefined && at < deadline) {
        budget.unsure -= amount
        budget.solves--
      }
      // An expired reservation is counted among `unsure` and `solves` already.
      if (at < deadline) {
        if (cost > 0) budget.solves++
        if (unsure) budget.unsure += cost
      }
      if (!unsure) budget.settled += cost
    }
    if (open !== undefined) {
      this.#open.delete(id)
      this.#releaseTask(id, open)
    } else this.#expired.delete(id)
  }

  claim(ownerId: string, ids: readonly string[], at: number): void {
    for (const id of ids) {
      const reservation = this.#open.get(id) ?? this.#expired.get(id)
      if (reservation === undefined) continue
      reservation.ownerId = ownerId
      reservation.claimedAt = at
    }
  }

  register(owner: Owner, at: number): void {
    this.#owners.set(owner.id, { leaseMs: owner.leaseMs, declares: owner.declares, until: at + owner.leaseMs })
    this.#dueAt = Math.min(this.#dueAt, at + owner.leaseMs)
    this.#redeclare()
  }

  heartbeat(ownerId: string, at: number): void {
    const owner = this.#owners.get(ownerId)
    if (owner === undefined) return
    const wasDead = owner.until <= this.#now
    owner.until = Math.max(owner.until, at + owner.leaseMs)
    this.#dueAt = Math.min(this.#dueAt, owner.until)
    if (wasDead) this.#redeclare()
  }

  unregister(ownerId: string): void {
    if (this.#owners.delete(ownerId)) this.#redeclare()
  }

  pause(budgetId: string, reason: PauseReason): void {
    this.#budget(budgetId).paused ??= reason
  }

  resume(budgetId: string): void {
    const budget = this.#budgets.get(budgetId)
    if (budget !== undefined) budget.paused = undefined
  }

  saveHead(head: ChainHead): void {
    if (isNewerHead(head, this.#heads.get(head.file))) this.#heads.set(head.file, head)
  }

  // ── Small parts ─────────────────────────────────────────────────────────────────────────────────────────────────

  #budget(id: string): BudgetState {
    let budget = this.#budgets.get(id)
    if (budget === undefined) {
      budget = new BudgetState()
      this.#budgets.set(id, budget)
    }
    return budget
  }

  /** Recomputes what live owners declare. Called when an owner registers or ends, so it need not be fast. */
  #redeclare(): void {
    for (const budget of this.#budgets.values()) budget.declared = NO_LIMITS
    for (const owner of this.#owners.values()) {
      if (owner.until <= this.#now) continue
      for (const { budgetId, limits } of owner.declares) {
        const budget = this.#budget(budgetId)
        budget.declared = tightest(budget.declared, limits, this.#now - this.#ahead)
      }
    }
  }
}

/** An expired reservation is kept until its amount no longer counts, whichever process expired it. */
function countsUntil(deadline: number): number {
  return slotExpiresAt(DAY, slotOf(DAY, deadline))
}

function limitOf(limits: Limits, reason: Exclude<Obstacle['reason'], 'paused'>, timeZone?: string): number | undefined {
  if (timeZone === undefined) return limits[reason]
  return limits.perCalendarDay?.find((cap) => cap.timeZone === timeZone)?.amount
}

import type { Clock } from '../../base/clock.js'
import type { ReserveResult } from '../../ledger/ledger.js'

/** A ledger's refusal of a reservation. */
export type Refusal = Extract<ReserveResult, { ok: false }>

/** A queued solve. It is `active` from wake-up until its reserve call has been answered. */
export class Waiter {
  /** Earlier solves of this process have smaller tickets. */
  readonly ticket: number
  /** The budgets that it draws on. */
  readonly path: readonly string[]
  /** Why it waits: the named budget has no capacity for it, or an earlier solve waits there. */
  refusal: Refusal
  readonly #clock: Clock
  readonly #active: Set<Waiter>
  readonly #onIdle: (() => void)[] = []
  #endSleep: (() => void) | undefined
  #woken = false

  constructor(ticket: number, path: readonly string[], refusal: Refusal, clock: Clock, active: Set<Waiter>) {
    this.ticket = ticket
    this.path = path
    this.refusal = refusal
    this.#clock = clock
    this.#active = active.add(this)
  }

  /** Called before it reserves: a wake-up from now on is not lost. */
  beginAttempt(): void {
    this.#woken = false
  }

  /** Wakes it, because there may be capacity now. */
  wake(): void {
    this.#woken = true
    this.#endSleep?.()
  }

  /** Waits `ms`, or until it is woken; returns at once if it was woken since its last attempt began. */
  sleep(ms: number): Promise<void> {
    if (this.#woken) return Promise.resolve()
    this.markIdle()
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#endSleep = undefined
        this.#active.add(this)
        resolve()
      }
      const cancel = this.#clock.after(ms, end)
      this.#endSleep = end
    })
  }

  /** Its attempt has been answered. */
  markIdle(): void {
    this.#active.delete(this)
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  /** Resolves when its attempt has been answered. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }
}

/**
 * Solves of this process that wait for capacity, in the order of their tickets. Each one waits in the queue of the
 * budget that refuses it; when another budget refuses it, it changes queues and keeps its ticket. A solve does not
 * reserve while an earlier solve waits for a budget that both draw on; a solve that does not draw on that budget is not
 * held up. Only the head of each queue asks the ledger, so a long queue costs no more than a short one.
 */
export class WaitQueue {
  readonly #clock: Clock
  /** By budget, each in order of tickets. A queue in this map is not empty. */
  readonly #queues = new Map<string, Waiter[]>()
  readonly #active = new Set<Waiter>()
  #tickets = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The ticket of a new solve. */
  takeTicket(): number {
    return ++this.#tickets
  }

  /** The number of waiting solves, the heads of queues included. */
  get waiting(): number {
    let waiting = 0
    for (const queue of this.#queues.values()) waiting += queue.length
    return waiting
  }

  /** Whether no solve waits. */
  get isEmpty(): boolean {
    return this.#queues.size === 0
  }

  /** Whether no solve waits for a budget. */
  isEmptyAt(budgetId: string): boolean {
    return !this.#queues.has(budgetId)
  }

  /** The first earlier solve that waits for a budget of the path: a solve must not overtake it. */
  blockedBy(path: readonly string[], ticket: number): Waiter | undefined {
    for (const id of path) {
      const first = this.#queues.get(id)?.[0]
      if (first && first.ticket < ticket) return first
    }
    return undefined
  }

  /** An earlier solve on one of the same budgets whose attempt has not been answered yet. */
  settling({ path, ticket }: Waiter): Waiter | undefined {
    for (const other of this.#active) {
      if (other.ticket < ticket && other.path.some((id) => path.includes(id))) return other
    }
    return undefined
  }

  /** Queues a solve for the budget that a refusal names. It must `leave` in the end. */
  enter(ticket: number, path: readonly string[], refusal: Refusal): Waiter {
    const waiter = new Waiter(ticket, path, refusal, this.#clock, this.#active)
    this.#insert(waiter)
    return waiter
  }

  /** Refused again: it moves to the queue of the budget that refused it now, and keeps its ticket. */
  requeue(waiter: Waiter, refusal: Refusal): void {
    const moves = waiter.refusal.budgetId !== refusal.budgetId
    if (moves) this.#remove(waiter)
    waiter.refusal = refusal
    if (moves) this.#insert(waiter)
  }

  leave(waiter: Waiter): void {
    this.#remove(waiter)
    waiter.markIdle()
  }

  #remove(waiter: Waiter): void {
    const { budgetId } = waiter.refusal
    const queue = this.#queues.get(budgetId) ?? []
    const at = queue.indexOf(waiter)
    if (at < 0) return
    queue.splice(at, 1)
    if (queue.length === 0) this.#queues.delete(budgetId)
    else if (at === 0) queue[0]?.wake()
  }

  /** A budget may have capacity: the head of each queue tries again, in order of tickets. */
  wakeHeads(): void {
    const heads = [...this.#queues.values()].flatMap(([head]) => head ?? [])
    for (const head of heads.sort((a, b) => a.ticket - b.ticket)) head.wake()
  }

  #insert(waiter: Waiter): void {
    const { budgetId } = waiter.refusal
    const queue = this.#queues.get(budgetId) ?? []
    let at = queue.length
    while (at > 0 && (queue[at - 1] as Waiter).ticket > waiter.ticket) at--
    queue.splice(at, 0, waiter)
    this.#queues.set(budgetId, queue)
  }
}

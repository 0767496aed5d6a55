import type { Clock } from '../../base/clock.js'
import type { ReserveResult } from '../../ledger/ledger.js'

/** Why there was no room. */
export type Refusal = Extract<ReserveResult, { ok: false }>

/** One who waits for room. It is restless from when it is woken until it has asked, and so knows where it stands. */
export class Waiter {
  /** Its turn: whoever came before has a smaller one. */
  readonly ticket: number
  /** The budgets that it draws on. */
  readonly path: readonly string[]
  /** Why it waits: the budget that is named has no room for it, or somebody before it waits there. */
  refusal: Refusal
  readonly #clock: Clock
  readonly #active: Set<Waiter>
  readonly #onIdle: (() => void)[] = []
  #endSleep: (() => void) | undefined
  #woken = false

  constructor(turn: number, path: readonly string[], refusal: Refusal, clock: Clock, restless: Set<Waiter>) {
    this.ticket = turn
    this.path = path
    this.refusal = refusal
    this.#clock = clock
    this.#active = restless.add(this)
  }

  /** It asks: from here on it counts that it is woken. */
  beginAttempt(): void {
    this.#woken = false
  }

  /** It may be worth asking again. */
  wake(): void {
    this.#woken = true
    this.#endSleep?.()
  }

  /** Waits `ms`, or until it is woken; not at all if it was since it asked. */
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

  /** It has asked all that there was to ask. */
  markIdle(): void {
    this.#active.delete(this)
    for (const tell of this.#onIdle.splice(0)) tell()
  }

  whenIdle(): Promise<void> {
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }
}

/**
 * Solves that wait for room in this process, in the order in which they came. Each stands in the line of the one budget that is in
 * its way; when another one is, it changes lines and keeps its turn. Nobody asks the ledger while somebody who came before stands
 * in line for a budget that it draws on too; whom such a budget does not concern is not held up. Of each line only the first asks, so a long
 * line costs no more than a short one.
 */
export class WaitQueue {
  readonly #clock: Clock
  /** By budget, each in order of turns. A line that is there is not empty. */
  readonly #queues = new Map<string, Waiter[]>()
  readonly #active = new Set<Waiter>()
  #tickets = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The turn of whoever comes now. */
  takeTicket(): number {
    return ++this.#tickets
  }

  /** How many wait, those whose turn it is among them. */
  get waiting(): number {
    let waiting = 0
    for (const line of this.#queues.values()) waiting += line.length
    return waiting
  }

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#queues.size === 0
  }

  /** Whether nobody stands in line for a budget. */
  isEmptyAt(budgetId: string): boolean {
    return !this.#queues.has(budgetId)
  }

  /** Whom somebody must not overtake: the first one who came before and stands in line for a budget of its path. */
  blockedBy(path: readonly string[], turn: number): Waiter | undefined {
    for (const id of path) {
      const first = this.#queues.get(id)?.[0]
      if (first && first.ticket < turn) return first
    }
    return undefined
  }

  /** One who came before, draws on one of the same budgets, and is about to ask, or to be answered. */
  settling({ path, ticket: turn }: Waiter): Waiter | undefined {
    for (const other of this.#active) {
      if (other.ticket < turn && other.path.some((id) => path.includes(id))) return other
    }
    return undefined
  }

  /** Stands in line for the budget that a refusal names. To be left with `leave`. */
  enter(turn: number, path: readonly string[], refusal: Refusal): Waiter {
    const waiter = new Waiter(turn, path, refusal, this.#clock, this.#active)
    this.#insert(waiter)
    return waiter
  }

  /** It has no room yet: it stands where that is the case now, and keeps its turn. */
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
    const line = this.#queues.get(budgetId) ?? []
    const at = line.indexOf(waiter)
    if (at < 0) return
    line.splice(at, 1)
    if (line.length === 0) this.#queues.delete(budgetId)
    else if (at === 0) line[0]?.wake()
  }

  /** Something was given back: the first of each line may ask again, whoever came first before the others. */
  wakeHeads(): void {
    const first = [...this.#queues.values()].flatMap(([one]) => one ?? [])
    for (const one of first.sort((a, b) => a.ticket - b.ticket)) one.wake()
  }

  #insert(waiter: Waiter): void {
    const { budgetId } = waiter.refusal
    const line = this.#queues.get(budgetId) ?? []
    let at = line.length
    while (at > 0 && (line[at - 1] as Waiter).ticket > waiter.ticket) at--
    line.splice(at, 0, waiter)
    this.#queues.set(budgetId, line)
  }
}

import type { Clock } from '../../base/clock.js'
import type { ReserveResult } from '../../ledger/ledger.js'

/** Why there was no room. */
export type Refusal = Extract<ReserveResult, { ok: false }>

/** One who waits for room. It is restless from when it is woken until it has asked, and so knows where it stands. */
export class Waiter {
  /** Its turn: whoever came before has a smaller one. */
  readonly turn: number
  /** The budgets that it draws on. */
  readonly path: readonly string[]
  /** Why it waits: the budget that is named has no room for it, or somebody before it waits there. */
  refusal: Refusal
  readonly #clock: Clock
  readonly #restless: Set<Waiter>
  readonly #onRest: (() => void)[] = []
  #end: (() => void) | undefined
  #woken = false

  constructor(turn: number, path: readonly string[], refusal: Refusal, clock: Clock, restless: Set<Waiter>) {
    this.turn = turn
    this.path = path
    this.refusal = refusal
    this.#clock = clock
    this.#restless = restless.add(this)
  }

  /** It asks: from here on it counts that it is woken. */
  asks(): void {
    this.#woken = false
  }

  /** It may be worth asking again. */
  wake(): void {
    this.#woken = true
    this.#end?.()
  }

  /** Waits `ms`, or until it is woken; not at all if it was since it asked. */
  pause(ms: number): Promise<void> {
    if (this.#woken) return Promise.resolve()
    this.rests()
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#end = undefined
        this.#restless.add(this)
        resolve()
      }
      const cancel = this.#clock.after(ms, end)
      this.#end = end
    })
  }

  /** It has asked all that there was to ask. */
  rests(): void {
    this.#restless.delete(this)
    for (const tell of this.#onRest.splice(0)) tell()
  }

  untilItRests(): Promise<void> {
    return new Promise((resolve) => this.#onRest.push(resolve))
  }
}

/**
 * Solves that wait for room in this process, in the order in which they came. Each stands in the line of the one budget that is in
 * its way; when another one is, it changes lines and keeps its turn. Nobody asks the ledger while somebody who came before stands
 * in line for a budget that it draws on too; whom such a budget does not concern is not held up. Of each line only the first asks, so a long
 * line costs no more than a short one.
 */
export class Turnstile {
  readonly #clock: Clock
  /** By budget, each in order of turns. A line that is there is not empty. */
  readonly #lines = new Map<string, Waiter[]>()
  readonly #restless = new Set<Waiter>()
  #turns = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The turn of whoever comes now. */
  come(): number {
    return ++this.#turns
  }

  /** How many wait, those whose turn it is among them. */
  get waiting(): number {
    let waiting = 0
    for (const line of this.#lines.values()) waiting += line.length
    return waiting
  }

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  /** Whether nobody stands in line for a budget. */
  isEmptyAt(budgetId: string): boolean {
    return !this.#lines.has(budgetId)
  }

  /** Whom somebody must not overtake: the first one who came before and stands in line for a budget of its path. */
  ahead(path: readonly string[], turn: number): Waiter | undefined {
    for (const id of path) {
      const first = this.#lines.get(id)?.[0]
      if (first && first.turn < turn) return first
    }
    return undefined
  }

  /** One who came before, draws on one of the same budgets, and is about to ask, or to be answered. */
  pending({ path, turn }: Waiter): Waiter | undefined {
    for (const other of this.#restless) {
      if (other.turn < turn && other.path.some((id) => path.includes(id))) return other
    }
    return undefined
  }

  /** Stands in line for the budget that a refusal names. To be left with `leave`. */
  enter(turn: number, path: readonly string[], refusal: Refusal): Waiter {
    const waiter = new Waiter(turn, path, refusal, this.#clock, this.#restless)
    this.#stand(waiter)
    return waiter
  }

  /** It has no room yet: it stands where that is the case now, and keeps its turn. */
  refused(waiter: Waiter, refusal: Refusal): void {
    const moves = waiter.refusal.budgetId !== refusal.budgetId
    if (moves) this.#goFrom(waiter)
    waiter.refusal = refusal
    if (moves) this.#stand(waiter)
  }

  leave(waiter: Waiter): void {
    this.#goFrom(waiter)
    waiter.rests()
  }

  #goFrom(waiter: Waiter): void {
    const { budgetId } = waiter.refusal
    const line = this.#lines.get(budgetId) ?? []
    const at = line.indexOf(waiter)
    if (at < 0) return
    line.splice(at, 1)
    if (line.length === 0) this.#lines.delete(budgetId)
    else if (at === 0) line[0]?.wake()
  }

  /** Something was given back: the first of each line may ask again, whoever came first before the others. */
  released(): void {
    const first = [...this.#lines.values()].flatMap(([one]) => one ?? [])
    for (const one of first.sort((a, b) => a.turn - b.turn)) one.wake()
  }

  #stand(waiter: Waiter): void {
    const { budgetId } = waiter.refusal
    const line = this.#lines.get(budgetId) ?? []
    let at = line.length
    while (at > 0 && (line[at - 1] as Waiter).turn > waiter.turn) at--
    line.splice(at, 0, waiter)
    this.#lines.set(budgetId, line)
  }
}

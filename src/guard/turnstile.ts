import type { Clock } from '../base/clock.js'

/**
 * Solves that wait for room, in the order in which they came: one line for each budget that is in the way. Only the
 * first of a line asks the ledger again, so a long line costs no more than a short one.
 */
export class Turnstile {
  readonly #clock: Clock
  readonly #lines = new Map<string, (() => void)[]>()
  readonly #wakers = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether somebody waits for this budget already, so that a newcomer has to stand behind. */
  busy(budgetId: string): boolean {
    return this.#lines.has(budgetId)
  }

  /** How many wait, those whose turn it is among them. */
  get waiting(): number {
    let waiting = 0
    for (const line of this.#lines.values()) waiting += 1 + line.length
    return waiting
  }

  /**
   * Stands in line for a budget until it is this caller's turn, or `ms` have passed.
   * @returns a function that leaves the line, or undefined when the time was up before
   */
  enter(budgetId: string, ms: number): Promise<(() => void) | undefined> {
    const line = this.#lines.get(budgetId)
    const leave = () => this.#next(budgetId)
    if (!line) {
      this.#lines.set(budgetId, [])
      return Promise.resolve(leave)
    }
    return new Promise((resolve) => {
      const turn = () => {
        cancel()
        resolve(leave)
      }
      const cancel = this.#clock.after(ms, () => {
        const at = line.indexOf(turn)
        if (at >= 0) line.splice(at, 1)
        resolve(undefined)
      })
      line.push(turn)
    })
  }

  /** Waits `ms`, or until something was given back in this process. */
  room(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        this.#wakers.delete(done)
        resolve()
      }
      const cancel = this.#clock.after(ms, done)
      this.#wakers.add(done)
    })
  }

  /** Something was given back: whoever waits for room may look again. */
  released(): void {
    for (const wake of [...this.#wakers]) wake()
  }

  #next(budgetId: string): void {
    const next = this.#lines.get(budgetId)?.shift()
    if (next) next()
    else this.#lines.delete(budgetId)
  }
}

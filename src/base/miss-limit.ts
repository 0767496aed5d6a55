import type { Clock } from './clock.js'

/**
 * Bounds how often a store is asked in vain within a second. Names that are made up are asked for all at once, so
 * questions that are not answered yet count too: where each of them could still be in vain, the next one waits.
 */
export class MissLimit {
  readonly #clock: Clock
  readonly #max: number
  readonly #asking = new Set<Promise<unknown>>()
  #misses = { second: 0, count: 0 }

  /** @param max how many questions may be in vain within a second */
  constructor(clock: Clock, max: number) {
    this.#clock = clock
    this.#max = max
  }

  /** Whether it could be dropped: nothing is asked, and nothing was in vain within this second. */
  get idle(): boolean {
    return this.#asking.size === 0 && this.#now().count === 0
  }

  /**
   * Asks, unless the limit is reached. One that waits for others fails as they do: a store that does not answer is not
   * asked by all of them in turn.
   *
   * @param ask what asks the store; undefined where that was in vain
   * @param refuse is called in place of it
   */
  async ask<T>(ask: () => Promise<T | undefined>, refuse: () => undefined): Promise<T | undefined> {
    while (this.#now().count + this.#asking.size >= this.#max) {
      if (this.#asking.size === 0) return refuse()
      await Promise.race(this.#asking)
    }
    const asked = ask()
    this.#asking.add(asked)
    try {
      const found = await asked
      if (found === undefined) this.#now().count++
      return found
    } finally {
      this.#asking.delete(asked)
    }
  }

  #now(): { count: number } {
    const second = Math.floor(this.#clock.monotonic() / 1_000)
    if (this.#misses.second !== second) this.#misses = { second, count: 0 }
    return this.#misses
  }
}

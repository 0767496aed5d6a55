import { randomInt } from 'node:crypto'

/** Where a cost was counted. */
export interface Counted {
  readonly cost: number
  /** The index of what it was counted for. */
  readonly account: number
  /** When, wall-clock ms. */
  readonly at: number
}

const EMPTY = -1

/**
 * Tasks whose end was read, with what was counted for them: another process may have recorded the end too. A table of
 * numbers, because a log of a million records would need more memory for their texts than for all else.
 */
export class EndedTasks {
  #size = 0
  #mask = 1023
  #high = new Uint32Array(this.#mask + 1)
  #low = new Uint32Array(this.#mask + 1)
  #accounts = new Int32Array(this.#mask + 1).fill(EMPTY)
  #times = new Float64Array(this.#mask + 1)
  #costs = new Float64Array(this.#mask + 1)
  /** No writer of a log knows it: two tasks cannot be made to look like one. */
  static readonly #seed = randomInt(2 ** 32)

  get(task: string): Counted | undefined {
    const slot = this.#slotOf(...hashOf(task, EndedTasks.#seed))
    const account = this.#accounts[slot] ?? EMPTY
    if (account === EMPTY) return undefined
    return { cost: this.#costs[slot] ?? 0, account, at: this.#times[slot] ?? 0 }
  }

  set(task: string, counted: Counted): void {
    if (2 * this.#size > this.#mask) this.#grow()
    const [high, low] = hashOf(task, EndedTasks.#seed)
    if (this.#put(high, low, counted.account, counted.at, counted.cost)) this.#size++
  }

  /** @returns whether it is new */
  #put(high: number, low: number, account: number, at: number, cost: number): boolean {
    const slot = this.#slotOf(high, low)
    const isNew = this.#accounts[slot] === EMPTY
    this.#high[slot] = high
    this.#low[slot] = low
    this.#accounts[slot] = account
    this.#times[slot] = at
    this.#costs[slot] = cost
    return isNew
  }

  /** The slot of a hash, or the empty one in which it would be. */
  #slotOf(high: number, low: number): number {
    let slot = low & this.#mask
    while (this.#accounts[slot] !== EMPTY && (this.#low[slot] !== low || this.#high[slot] !== high)) {
      slot = (slot + 1) & this.#mask
    }
    return slot
  }

  #grow(): void {
    const [highs, lows, accounts, times, costs] = [this.#high, this.#low, this.#accounts, this.#times, this.#costs]
    const size = 2 * accounts.length
    this.#mask = size - 1
    this.#high = new Uint32Array(size)
    this.#low = new Uint32Array(size)
    this.#accounts = new Int32Array(size).fill(EMPTY)
    this.#times = new Float64Array(size)
    this.#costs = new Float64Array(size)
    for (let slot = 0; slot < accounts.length; slot++) {
      const account = accounts[slot] ?? EMPTY
      if (account === EMPTY) continue
      this.#put(highs[slot] ?? 0, lows[slot] ?? 0, account, times[slot] ?? 0, costs[slot] ?? 0)
    }
  }
}

/** Sixty-four bits of a text: FNV-1a with two bases, mixed. */
function hashOf(text: string, seed: number): [high: number, low: number] {
  let high = 0x811c9dc5 ^ seed
  let low = 0x9e3779b9 ^ ~seed
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ code, 0x5bd1e995)
    low ^= low >>> 15
  }
  high ^= high >>> 16
  high = Math.imul(high, 0x85ebca6b)
  high ^= high >>> 13
  return [high >>> 0, low >>> 0]
}

import type { Limits } from './ledger.js'

/**
 * The arithmetic that every ledger shares. Amounts are counted in slots of time, so that a window's sum costs the same
 * whatever happened in it, and always rounded against the spender: an amount counts until the END of its slot, plus the
 * window's length.
 */

/** How a window is kept: in slots of `slotMs`, each of which counts for `spanMs` after its end. */
export interface WindowKind {
  readonly slotMs: number
  readonly spanMs: number
}

/** Money: any 24 hours, in slots of five minutes. */
export const DAY: WindowKind = { slotMs: 5 * 60_000, spanMs: 24 * 3_600_000 }
/** Rate: any 60 seconds, in slots of one second. */
export const MINUTE: WindowKind = { slotMs: 1_000, spanMs: 60_000 }

/** The slot that a moment falls into. */
export function slotOf(kind: WindowKind, at: number): number {
  return Math.floor(at / kind.slotMs)
}

/** The first moment at which a slot no longer counts. */
export function slotEnds(kind: WindowKind, slot: number): number {
  return (slot + 1) * kind.slotMs + kind.spanMs
}

/** A sum over a sliding window. At most `spanMs / slotMs + 1` slots are held, oldest first. */
export class SlidingSum {
  readonly #kind: WindowKind
  readonly #slots: number[] = []
  readonly #amounts: number[] = []
  #sum = 0

  constructor(kind: WindowKind, kept: readonly (readonly [slot: number, amount: number])[] = []) {
    this.#kind = kind
    for (const [slot, amount] of kept) this.#addTo(slot, amount)
  }

  /**
   * Counts `amount` (negative to correct) as of the moment `at`. A slot never falls below zero; one that no longer
   * counts is dropped again by the next look at the sum.
   */
  add(at: number, amount: number): void {
    this.#addTo(slotOf(this.#kind, at), amount)
  }

  #addTo(slot: number, amount: number): void {
    const slots = this.#slots
    let i = slots.length - 1
    while (i >= 0 && (slots[i] as number) > slot) i--
    if (i >= 0 && slots[i] === slot) {
      const before = this.#amounts[i] as number
      const after = Math.max(0, before + amount)
      this.#amounts[i] = after
      this.#sum += after - before
    } else if (amount > 0) {
      slots.splice(i + 1, 0, slot)
      this.#amounts.splice(i + 1, 0, amount)
      this.#sum += amount
    }
  }

  /** What counts at `now`. Must not be asked about the past once it was asked about the present. */
  at(now: number): number {
    let gone = 0
    while (gone < this.#slots.length && slotEnds(this.#kind, this.#slots[gone] as number) <= now) {
      this.#sum -= this.#amounts[gone] as number
      gone++
    }
    if (gone > 0) {
      this.#slots.splice(0, gone)
      this.#amounts.splice(0, gone)
    }
    return this.#sum
  }

  /** After `at`: when at least `excess` of the sum will no longer count, if nothing is added; undefined if the sum is less. */
  goneAt(excess: number): number | undefined {
    let gone = 0
    for (let i = 0; i < this.#slots.length; i++) {
      gone += this.#amounts[i] as number
      if (gone >= excess) return slotEnds(this.#kind, this.#slots[i] as number)
    }
    return undefined
  }

  /** The slots, oldest first, to be kept and handed to the constructor again. */
  slots(): [slot: number, amount: number][] {
    return this.#slots.map((slot, i) => [slot, this.#amounts[i] as number])
  }
}

function tighter<T extends number>(a: T | undefined, b: T | undefined): T | undefined {
  if (a === undefined) return b
  return b === undefined || a <= b ? a : b
}

/** Of each limit the tighter. */
export function tightest(a: Limits, b: Limits): Limits {
  return {
    perDay: tighter(a.perDay, b.perDay),
    perMinute: tighter(a.perMinute, b.perMinute),
    concurrent: tighter(a.concurrent, b.concurrent),
  }
}

/** Whether two declarations say the same. */
export function sameLimits(a: Limits, b: Limits): boolean {
  return a.perDay === b.perDay && a.perMinute === b.perMinute && a.concurrent === b.concurrent
}

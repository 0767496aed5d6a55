import type { CalendarCap, Limits } from './ledger.js'

/**
 * The arithmetic that every ledger shares. Amounts are counted in slots of time, so that a window's sum costs the same
 * whatever happened in it, and always rounded against the spender: an amount counts until the END of its slot, plus the
 * window's length.
 */

/** How a window is kept: in slots of `slotMs`, each of which counts for `spanMs` after its end, and is known for `keptMs` more. */
export interface WindowKind {
  readonly slotMs: number
  readonly spanMs: number
  readonly keptMs: number
}

/** Money: any 24 hours, in slots of five minutes. A calendar day may be longer: its slots are known to its end. */
export const DAY: WindowKind = { slotMs: 5 * 60_000, spanMs: 24 * 3_600_000, keptMs: 3 * 3_600_000 }
/** Rate: any 60 seconds, in slots of one second. */
export const MINUTE: WindowKind = { slotMs: 1_000, spanMs: 60_000, keptMs: 0 }
/** No calendar day is longer: on its last one with daylight saving, Antarctica/Troll has one of 26 hours. */
export const LONGEST_DAY_MS = DAY.spanMs + DAY.keptMs

/** The slot that a moment falls into. */
export function slotOf(kind: WindowKind, at: number): number {
  return Math.floor(at / kind.slotMs)
}

/** The first moment at which a slot no longer counts. */
export function slotEnds(kind: WindowKind, slot: number): number {
  return (slot + 1) * kind.slotMs + kind.spanMs
}

/** How many beginnings a sum is kept at hand for: a budget has a calendar or two. */
const MOST_BEGINNINGS = 4

/** A sum over a sliding window. At most `(spanMs + keptMs) / slotMs + 1` slots are held, oldest first. */
export class SlidingSum {
  readonly #kind: WindowKind
  readonly #slots: number[] = []
  readonly #amounts: number[] = []
  /** The first slot that still counts; those before are only known. */
  #first = 0
  #sum = 0
  /** Sums from a slot on, so that they need not be added up at every look. */
  #beginnings: { readonly slot: number; sum: number }[] = []

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
    let change = amount
    if (i >= 0 && slots[i] === slot) {
      const before = this.#amounts[i] as number
      change = Math.max(-before, amount)
      this.#amounts[i] = before + change
    } else if (amount > 0) {
      i++
      slots.splice(i, 0, slot)
      this.#amounts.splice(i, 0, amount)
      if (i < this.#first) this.#first++
    } else return
    if (i >= this.#first) this.#sum += change
    if (this.#beginnings.length > 0) {
      for (const known of this.#beginnings) if (slot >= known.slot) known.sum += change
    }
  }

  /** What counts at `now`. Must not be asked about the past once it was asked about the present. */
  at(now: number): number {
    const slots = this.#slots
    while (this.#first < slots.length && slotEnds(this.#kind, slots[this.#first] as number) <= now) {
      this.#sum -= this.#amounts[this.#first] as number
      this.#first++
    }
    if (this.#first > 0) this.#forget(now)
    return this.#sum
  }

  /** Forgets the slots that are not even to be known any more. */
  #forget(now: number): void {
    let gone = 0
    while (gone < this.#first && slotEnds(this.#kind, this.#slots[gone] as number) + this.#kind.keptMs <= now) gone++
    if (gone === 0) return
    this.#slots.splice(0, gone)
    this.#amounts.splice(0, gone)
    this.#first -= gone
    this.#beginnings = []
  }

  /** What was counted in the slot of the moment `from` and after it, as far back as slots are known. */
  since(from: number): number {
    const slot = slotOf(this.#kind, from)
    for (const known of this.#beginnings) if (known.slot === slot) return known.sum
    let sum = 0
    for (let i = this.#slots.length - 1; i >= 0 && (this.#slots[i] as number) >= slot; i--) {
      sum += this.#amounts[i] as number
    }
    if (this.#beginnings.length === MOST_BEGINNINGS) this.#beginnings.shift()
    this.#beginnings.push({ slot, sum })
    return sum
  }

  /** After `at`: when at least `excess` of the sum will no longer count, if nothing is added; undefined if the sum is less. */
  goneAt(excess: number): number | undefined {
    let gone = 0
    for (let i = this.#first; i < this.#slots.length; i++) {
      gone += this.#amounts[i] as number
      if (gone >= excess) return slotEnds(this.#kind, this.#slots[i] as number)
    }
    return undefined
  }

  /** After `at`: whether no amount is known any more. */
  get isEmpty(): boolean {
    return this.#sum === 0 && !this.#amounts.some((amount) => amount > 0)
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
    perCalendarDay:
      a.perCalendarDay === undefined || b.perCalendarDay === undefined
        ? (a.perCalendarDay ?? b.perCalendarDay)
        : tighterDays(a.perCalendarDay, b.perCalendarDay),
    perMinute: tighter(a.perMinute, b.perMinute),
    concurrent: tighter(a.concurrent, b.concurrent),
  }
}

/** Of each calendar the tighter amount, on the later of two days: who named the other has not noticed midnight yet. */
function tighterDays(a: readonly CalendarCap[], b: readonly CalendarCap[]): readonly CalendarCap[] {
  const caps: CalendarCap[] = [...a]
  for (const cap of b) {
    const at = caps.findIndex(({ timeZone }) => timeZone === cap.timeZone)
    const same = caps[at]
    if (same === undefined) caps.push(cap)
    else if (same.amount !== cap.amount || same.end !== cap.end) {
      const later = same.end >= cap.end ? same : cap
      caps[at] = { ...later, amount: same.amount <= cap.amount ? same.amount : cap.amount }
    }
  }
  return caps
}

/** Whether two declarations say the same, whatever day it is. */
export function sameLimits(a: Limits, b: Limits): boolean {
  return (
    a.perDay === b.perDay &&
    a.perMinute === b.perMinute &&
    a.concurrent === b.concurrent &&
    amounts(a.perCalendarDay) === amounts(b.perCalendarDay)
  )
}

function amounts(caps: Limits['perCalendarDay']): string {
  return (caps ?? [])
    .map(({ timeZone, amount }) => `${timeZone} ${amount}`)
    .sort()
    .join()
}

/**
 * From when on a calendar cap counts at a moment. The day that its claimant named may be over by the books' time: then the next one
 * has begun where it ended. It may also not have begun yet: then all that is known counts, which is at least that day.
 */
export function countsFrom({ start, end }: CalendarCap, at: number): number {
  if (at >= end) return Math.max(end, at - LONGEST_DAY_MS)
  return at >= start ? start : at - LONGEST_DAY_MS
}

/** When the day ends that a calendar cap counts for at a moment: its midnight, or what is nearest to it where that is not known. */
export function resetsAt({ start, end }: CalendarCap, at: number): number {
  if (at < start) return start
  return at < end ? end : Math.max(end + DAY.spanMs, at)
}

import type { CalendarCap, Limits } from './ledger.js'

/**
 * The arithmetic that every ledger shares. Amounts are counted in slots of time, so that a window's sum costs the same
 * whatever happened in it. They are always rounded against the spender: an amount counts until the END of its slot,
 * plus the window's length.
 */

/**
 * How a window is stored: in slots of `slotMs`. Each counts for `spanMs` after its end, and is kept for `keptMs` more.
 */
export interface WindowKind {
  readonly slotMs: number
  readonly spanMs: number
  readonly keptMs: number
}

/** Money: any 24 hours, in slots of five minutes. A calendar day may be longer: its slots are kept to its end. */
export const DAY: WindowKind = { slotMs: 5 * 60_000, spanMs: 24 * 3_600_000, keptMs: 3 * 3_600_000 }
/** Rate: any 60 seconds, in slots of one second. */
export const MINUTE: WindowKind = { slotMs: 1_000, spanMs: 60_000, keptMs: 0 }
/** No calendar day is longer. Antarctica/Troll has one of 26 hours, when its daylight saving time ends. */
export const MAX_DAY_MS = DAY.spanMs + DAY.keptMs

/** The slot that a moment falls into. */
export function slotOf(kind: WindowKind, at: number): number {
  return Math.floor(at / kind.slotMs)
}

/** The first moment at which a slot no longer counts. */
export function slotExpiresAt(kind: WindowKind, slot: number): number {
  return (slot + 1) * kind.slotMs + kind.spanMs
}

/** A slot, and what is counted in it. */
export type SlotAmount = readonly [slot: number, amount: number]

/** For how many first slots a sum is cached: a budget has a calendar or two. */
const MAX_CACHED_SUMS = 4

/** A sum over a sliding window. At most `(spanMs + keptMs) / slotMs + 1` slots are held, oldest first. */
export class SlidingSum {
  readonly #kind: WindowKind
  readonly #slots: number[] = []
  readonly #amounts: number[] = []
  /** The index of the first slot that still counts; the ones before it are only kept. */
  #first = 0
  #sum = 0
  /** Sums from a slot on, so that they need not be added up at every call. */
  #sumsSince: { readonly slot: number; sum: number }[] = []

  constructor(kind: WindowKind, kept: readonly SlotAmount[] = []) {
    this.#kind = kind
    for (const [slot, amount] of kept) this.#addTo(slot, amount)
  }

  /**
   * Counts `amount` (negative to correct) as of the moment `at`. A slot never falls below zero; one that no longer
   * counts is dropped when the sum is next read.
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
    if (this.#sumsSince.length > 0) {
      for (const cached of this.#sumsSince) if (slot >= cached.slot) cached.sum += change
    }
  }

  /** What counts at `now`. Successive calls must not go back in time. */
  at(now: number): number {
    const slots = this.#slots
    while (this.#first < slots.length && slotExpiresAt(this.#kind, slots[this.#first] as number) <= now) {
      this.#sum -= this.#amounts[this.#first] as number
      this.#first++
    }
    if (this.#first > 0) this.#forget(now)
    return this.#sum
  }

  /** Drops the slots that need not be kept any more. */
  #forget(now: number): void {
    let gone = 0
    const { keptMs } = this.#kind
    while (gone < this.#first && slotExpiresAt(this.#kind, this.#slots[gone] as number) + keptMs <= now) gone++
    if (gone === 0) return
    this.#slots.splice(0, gone)
    this.#amounts.splice(0, gone)
    this.#first -= gone
    this.#sumsSince = []
  }

  /** What is counted in the slot of a moment, and where: all that is counted later differs from it. */
  mark(at: number): SlotAmount {
    const slot = slotOf(this.#kind, at)
    return [slot, this.#amounts[this.#slots.lastIndexOf(slot)] ?? 0]
  }

  /**
   * Counts what was counted after a mark as of the moment `to` instead.
   * @param now slots that need not be kept at this moment are not moved: other copies of the sum have dropped them
   */
  move([slot, before]: SlotAmount, to: number, now: number): void {
    let moved = 0
    const isKept = (one: number): boolean => slotExpiresAt(this.#kind, one) + this.#kind.keptMs > now
    while ((this.#slots.at(-1) ?? Number.NEGATIVE_INFINITY) >= slot) {
      const last = this.#slots.pop() as number
      const amount = this.#amounts.pop() as number
      if (isKept(last)) moved += last === slot ? Math.max(0, amount - before) : amount
      if (this.#slots.length < this.#first) this.#first--
      else this.#sum -= amount
      if (last === slot) this.#addTo(slot, Math.min(amount, before))
      if (last === slot) break
    }
    this.#sumsSince = []
    this.add(to, moved)
  }

  /** What was counted in the slot of the moment `from` and after it, as far back as slots are kept. */
  since(from: number): number {
    const slot = slotOf(this.#kind, from)
    for (const cached of this.#sumsSince) if (cached.slot === slot) return cached.sum
    let sum = 0
    for (let i = this.#slots.length - 1; i >= 0 && (this.#slots[i] as number) >= slot; i--) {
      sum += this.#amounts[i] as number
    }
    if (this.#sumsSince.length === MAX_CACHED_SUMS) this.#sumsSince.shift()
    this.#sumsSince.push({ slot, sum })
    return sum
  }

  /**
   * When at least `excess` of the sum no longer counts, if nothing is added; undefined if the sum is less. Call `at`
   * first.
   */
  goneAt(excess: number): number | undefined {
    let gone = 0
    for (let i = this.#first; i < this.#slots.length; i++) {
      gone += this.#amounts[i] as number
      if (gone >= excess) return slotExpiresAt(this.#kind, this.#slots[i] as number)
    }
    return undefined
  }

  /** Whether no amount is kept any more. Call `at` first. */
  get isEmpty(): boolean {
    return !this.#amounts.some((amount) => amount > 0)
  }

  /** The slots, oldest first, to be stored and passed to the constructor again. */
  slots(): SlotAmount[] {
    return this.#slots.map((slot, i) => [slot, this.#amounts[i] as number])
  }
}

function tighter<T extends number>(a: T | undefined, b: T | undefined): T | undefined {
  if (a === undefined) return b
  return b === undefined || a <= b ? a : b
}

/** The tighter of each limit. @param wall what the clocks show: of two calendar days, the one of that moment counts */
export function tightest(a: Limits, b: Limits, wall: number): Limits {
  return {
    perDay: tighter(a.perDay, b.perDay),
    perCalendarDay:
      a.perCalendarDay === undefined || b.perCalendarDay === undefined
        ? (a.perCalendarDay ?? b.perCalendarDay)
        : tighterDays(a.perCalendarDay, b.perCalendarDay, wall),
    perMinute: tighter(a.perMinute, b.perMinute),
    concurrent: tighter(a.concurrent, b.concurrent),
  }
}

/**
 * The tighter amount of each calendar, on the later of two days that have begun: the other caller has not noticed
 * midnight yet. A day that has not begun is that of a clock that is ahead.
 */
function tighterDays(a: readonly CalendarCap[], b: readonly CalendarCap[], wall: number): readonly CalendarCap[] {
  const caps: CalendarCap[] = [...a]
  for (const cap of b) {
    const at = caps.findIndex(({ timeZone }) => timeZone === cap.timeZone)
    const same = caps[at]
    if (same === undefined) caps.push(cap)
    else if (same.amount !== cap.amount || same.end !== cap.end) {
      const later = same.end >= cap.end ? same : cap
      const day = later.start <= wall ? later : later === same ? cap : same
      caps[at] = { ...day, amount: same.amount <= cap.amount ? same.amount : cap.amount }
    }
  }
  return caps
}

/** Whether two declarations are equal, whatever day they state. */
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
 * From when on amounts count for a calendar cap, at a moment. The day that the caller stated may be over by the
 * ledger's time: then the next one has begun where it ended. It may also not have begun yet: then all that is kept
 * counts, which is at least that day.
 */
export function dayStart({ start, end }: CalendarCap, at: number): number {
  if (at >= end) return Math.max(end, at - MAX_DAY_MS)
  return at >= start ? start : at - MAX_DAY_MS
}

/** When the day ends that a calendar cap counts for, at a moment: its midnight, or the nearest that is known. */
export function dayEnd({ start, end }: CalendarCap, at: number): number {
  if (at < start) return start
  return at < end ? end : Math.max(end + DAY.spanMs, at)
}

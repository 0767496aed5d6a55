import { SolveguardError } from '../base/errors.js'
import type { Fact, NewFact } from './ledger.js'

const LONGEST_NAME = 200
const LONGEST_VALUE = 2_000

/** What is kept, by scope and name: to be written down and read again. */
export type FactsState = readonly (readonly [scope: string, name: string, value: string, until: number, at: number])[]

interface Kept {
  readonly value: string
  readonly until: number
  readonly at: number
}

/** The part of the books that is not about money: small facts, each kept for a while. */
export class Facts {
  readonly #scopes = new Map<string, Map<string, Kept>>()

  constructor(state: FactsState = []) {
    for (const [scope, name, value, until, at] of state) this.book(scope, name, value, until, at)
  }

  state(now: number): FactsState {
    const state: [string, string, string, number, number][] = []
    for (const [scope, facts] of this.#scopes) {
      for (const [name, { value, until, at }] of facts) if (until > now) state.push([scope, name, value, until, at])
    }
    return state
  }

  get size(): number {
    let size = 0
    for (const facts of this.#scopes.values()) size += facts.size
    return size
  }

  /** What will stand under the fact's name, and until when. Nothing is booked. */
  decide(fact: NewFact, at: number): Kept {
    checkFact(fact)
    const { scope, name, value, ttlMs, ifAbsent = false } = fact
    const until = at + ttlMs
    const before = ifAbsent ? this.#scopes.get(scope)?.get(name) : undefined
    if (!before || before.until <= at) return { value, until, at }
    return { value: before.value, until: Math.max(before.until, until), at }
  }

  recall(scope: string, now: number): Fact[] {
    const facts: Fact[] = []
    for (const [name, { value, until, at }] of this.#scopes.get(scope) ?? []) {
      if (until > now) facts.push({ name, value, at })
    }
    return facts
  }

  /** Books a fact as it was decided. */
  book(scope: string, name: string, value: string, until: number, at: number): void {
    const facts = this.#scopes.get(scope) ?? new Map<string, Kept>()
    this.#scopes.set(scope, facts)
    facts.set(name, { value, until, at })
  }

  /** Lets go of what is over: nobody can tell. */
  sweep(at: number): void {
    for (const [scope, facts] of this.#scopes) {
      for (const [name, { until }] of facts) if (until <= at) facts.delete(name)
      if (facts.size === 0) this.#scopes.delete(scope)
    }
  }
}

/** Refuses a fact that is not small. */
export function checkFact({ scope, name, value, ttlMs }: NewFact): void {
  if (
    [scope, name].some((text) => text.length === 0 || text.length > LONGEST_NAME) ||
    value.length > LONGEST_VALUE ||
    !(ttlMs >= 0 && Number.isFinite(ttlMs))
  ) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `A fact has a scope and a name of 1 to ${LONGEST_NAME} characters, a value of up to ${LONGEST_VALUE}, and a time to be kept for.`,
    )
  }
}

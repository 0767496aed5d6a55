import { SolveguardError } from '../base/errors.js'
import type { Fact, FactName, NewFact } from './ledger.js'

const MAX_NAME_LENGTH = 200
/** The longest value of a fact, in characters. */
export const MAX_FACT_LENGTH = 2_000

/** All facts, as stored. */
export type SavedFacts = readonly (readonly [scope: string, name: string, value: string, until: number, at: number])[]

interface StoredFact {
  readonly value: string
  readonly until: number
  readonly at: number
}

/** The part of the ledger's state that is not about money: small facts, each kept for a while. */
export class Facts {
  readonly #scopes = new Map<string, Map<string, StoredFact>>()

  constructor(state: SavedFacts = []) {
    for (const [scope, name, value, until, at] of state) this.set(scope, name, value, until, at)
  }

  state(now: number): SavedFacts {
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

  /** What will be stored under the fact's name, and until when. Changes nothing. */
  decide(fact: NewFact, at: number): StoredFact {
    checkFact(fact)
    const { scope, name, value, ttlMs, ifAbsent = false } = fact
    const until = at + ttlMs
    const before = ifAbsent ? this.#scopes.get(scope)?.get(name) : undefined
    if (!before || before.until <= at) return { value, until, at }
    return { value: before.value, until: Math.max(before.until, until), at }
  }

  list(scope: string, now: number): Fact[] {
    const facts: Fact[] = []
    for (const [name, { value, until, at }] of this.#scopes.get(scope) ?? []) {
      if (until > now) facts.push({ name, value, at })
    }
    return facts
  }

  /** The first of these facts that has not expired. */
  first(names: readonly FactName[], at: number): (FactName & Pick<Fact, 'value'>) | undefined {
    for (const { scope, name } of names) {
      const fact = this.#scopes.get(scope)?.get(name)
      if (fact !== undefined && fact.until > at) return { scope, name, value: fact.value }
    }
    return undefined
  }

  /** Stores a fact as it was decided. */
  set(scope: string, name: string, value: string, until: number, at: number): void {
    const facts = this.#scopes.get(scope) ?? new Map<string, StoredFact>()
    this.#scopes.set(scope, facts)
    facts.set(name, { value, until, at })
  }

  /** Drops expired facts, which no call returns any more. */
  sweep(at: number): void {
    for (const [scope, facts] of this.#scopes) {
      for (const [name, { until }] of facts) if (until <= at) facts.delete(name)
      if (facts.size === 0) this.#scopes.delete(scope)
    }
  }
}

/**
 * Rejects a fact that is not small.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function checkFact({ scope, name, value, ttlMs }: NewFact): void {
  if (
    [scope, name].some((text) => text.length === 0 || text.length > MAX_NAME_LENGTH) ||
    value.length > MAX_FACT_LENGTH ||
    !(ttlMs >= 0 && Number.isFinite(ttlMs))
  ) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `A fact has a scope and a name of 1 to ${MAX_NAME_LENGTH} characters, a value of up to ${MAX_FACT_LENGTH}, ` +
        'and a ttlMs of 0 or more.',
    )
  }
}

import { printable } from '../base/errors.js'

/** Adds up without exceeding what a number can count exactly, whatever a log says. */
export function plus(sum: number, amount: number): number {
  return Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, sum + amount))
}

/** What is added up: in all, and for each group. Amounts in micro-dollars. */
export interface Sums {
  /** The costs on record, imputed ones too. */
  readonly spent: number
  /** The part of `spent` that is imputed: of a service that charges by thread. */
  readonly imputed: number
  /** Solves that succeeded. */
  readonly solved: number
  /** Attempts that failed. */
  readonly failed: number
  /** Solves that were denied. */
  readonly denied: number
  /** Solves that the log has no end of: under way, or of a process that died. */
  readonly open: number
  /** What those may have cost at most. */
  readonly openReserved: number
}

/** Sums that are being added up. */
export type MutableSums = { -readonly [K in keyof Sums]: Sums[K] }

export function noSums(): MutableSums {
  return { spent: 0, imputed: 0, solved: 0, failed: 0, denied: 0, open: 0, openReserved: 0 }
}

/** What has one name in one respect: one subject, one origin. */
export interface Group extends Sums {
  /** Printable; empty for what has none. */
  readonly name: string
  /** Whether it stands for names that are not counted one by one. */
  readonly isRest: boolean
}

/** Of one dimension, how many names are counted one by one. */
export const MAX_GROUPS = 4_000

/** The groups of one dimension, of which so many are counted one by one, whatever a log says. */
export class Groups {
  readonly #byName = new Map<string, MutableSums & { readonly name: string; readonly isRest: boolean }>()
  #rest: (MutableSums & { readonly name: string; readonly isRest: boolean }) | undefined

  group(name: string): MutableSums {
    let group = this.#byName.get(name)
    if (group !== undefined) return group
    if (this.#byName.size >= MAX_GROUPS) {
      this.#rest ??= { name: '', isRest: true, ...noSums() }
      return this.#rest
    }
    group = { name: printable(name, 201), isRest: false, ...noSums() }
    this.#byName.set(name, group)
    return group
  }

  /** Those that have spent most first; the rest last. */
  list(): Group[] {
    const sorted = [...this.#byName.values()].sort(byWeight)
    return this.#rest === undefined ? sorted : [...sorted, this.#rest]
  }
}

function byWeight(a: Group, b: Group): number {
  return (
    b.spent - a.spent ||
    b.openReserved - a.openReserved ||
    b.solved + b.failed - (a.solved + a.failed) ||
    b.denied - a.denied ||
    (a.name < b.name ? -1 : 1)
  )
}

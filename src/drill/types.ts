import type { Layer } from '../base/errors.js'
import type { Money } from '../policy/money.js'

/** The scenarios of the defence matrix, by name. */
export const DRILL_ROWS = [
  'normal',
  'leaked-key',
  'full-speed',
  'old-key',
  'after-hours',
  'wrong-address',
  'stolen-token',
  'hostile-page',
  'secret-down',
  'ledger-down',
  'audit-down',
  'broker-stolen-token',
  'broker-widened-token',
  'broker-forged-callback',
  'round-register',
] as const

/** The name of a scenario. */
export type DrillRowId = (typeof DRILL_ROWS)[number]

/**
 * - `pass`: the layers answered as the matrix says.
 * - `open`: nothing answers, because the configuration leaves it open; `closes` has the line that changes that.
 * - `failed`: a layer that is configured did not answer, or not as it has to.
 * - `skipped`: it could not be run here; `detail` says why.
 */
export type DrillState = 'pass' | 'open' | 'failed' | 'skipped'

/** The answer of a layer. */
export interface DrillAnswer {
  /** The layer that denied; absent where the service or the broker's wire answered. */
  readonly layer?: Layer | undefined
  /** The code, such as `BUDGET_EXHAUSTED`. */
  readonly code: string
  /** The sentence. */
  readonly message: string
  /** When the same may be allowed again. */
  readonly retryAt?: Date | undefined
}

/** What an attacker could have taken at most, by the caps of the configuration. */
export interface AtMost {
  /** In micro-dollars; absent where no cap of this configuration applies: the account's whole balance. */
  readonly amount?: Money | undefined
  /** Until when, where the configuration sets an end. */
  readonly until?: Date | undefined
  /** The same for people: `$5.00 in any 24 h`. */
  readonly text: string
}

/** One scenario, and how it ended. */
export interface DrillRow {
  /** The name of the scenario. */
  readonly id: DrillRowId
  /** What happens in it. */
  readonly scenario: string
  /** What the matrix expects. */
  readonly expected: string
  /** How it ended. */
  readonly state: DrillState
  /** The answers of the layers, in order. */
  readonly answers: readonly DrillAnswer[]
  /** What the stand-in service charged in this scenario, in micro-dollars. */
  readonly cost: Money
  /** What an attacker could have taken at most. */
  readonly atMost: AtMost
  /** What was seen, as a sentence. */
  readonly detail: string
  /** For an open row: the line of the configuration that closes it. */
  readonly closes?: string | undefined
  /** How long it took, in ms. */
  readonly durationMs: number
}

/** The defence matrix, run against one configuration. */
export interface DrillReport {
  /** The guard's name. */
  readonly guard: string
  /** The services, by the names of their accounts. */
  readonly solvers: readonly string[]
  /** The kind of ledger that was drilled. */
  readonly ledger: string
  /** The kinds of audit sinks that were drilled. */
  readonly audit: readonly string[]
  /** Which parts of the configuration were replaced for the drill, and why. */
  readonly notes: readonly string[]
  /** The moment that the clock of the drill began at. */
  readonly at: Date
  /** How long the drill took, in ms. */
  readonly durationMs: number
  /** The rows, in the order of the matrix. */
  readonly rows: readonly DrillRow[]
  /** How many rows ended in each way. */
  readonly counts: Readonly<Record<DrillState, number>>
}

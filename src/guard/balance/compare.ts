import { type Money, micros, usd } from '../../policy/money.js'

/*
 * Compares a service's balance with the ledger. Pure, with no I/O. All amounts are micro-dollars.
 *
 * Between two readings the balance may drop by at most what the ledger settled plus what was under way at either
 * reading: a service may charge a task when it is submitted or when it is done, and may report its balance late. Unsure
 * solves (a reply that never arrived, a process that died) may have been charged too, some minutes after the ledger
 * counted them. A larger drop, by more than a tolerance, was spent by another user of the key.
 */

/** The ledger's totals of an account and the service's balance, read at about the same time. */
export interface BalanceReading {
  /** Wall-clock ms. */
  readonly at: number
  readonly balance: Money
  /** Settled before the balance query: certainly deducted from the balance. */
  readonly settledBefore: number
  /** Settled by the time that the service had answered. */
  readonly settledAfter: number
  /** Reserved for solves under way: the larger of the values before and after the query. */
  readonly reserved: number
  /** Total of unsure solves, by the time that the service had answered. */
  readonly unsure: number
  /** The ids of the budgets whose spending was added up. */
  readonly budgets: string
  /** Number of solves that have ended. */
  readonly solves: number
}

/** A reading that later ones are compared with. */
interface Baseline {
  readonly at: number
  readonly balance: number
  readonly settled: number
  readonly reserved: number
  /** The unsure total some minutes before: later unsure solves may not have been charged yet. */
  readonly unsure: number
}

/** Missing money, added up over several readings. */
export interface Missing {
  readonly since: number
  readonly dropped: number
  readonly ours: number
  readonly missing: number
  /** When money was last found missing, and the amount at the last alert. */
  readonly foundAt: number
  readonly reported: number
}

/** The state that is kept between readings, as a fact of the ledger. */
export interface BalanceState {
  readonly last: Baseline & { readonly unsureNow: number; readonly solves: number; readonly budgets: string }
  /** The most conclusive reading within a day. Comparing with it finds a theft of small amounts at a time. */
  readonly anchor: Baseline
  /** The unsure total some minutes ago, and the one that will replace it. */
  readonly lag: { readonly unsure: number; readonly next: number; readonly nextAt: number }
  readonly found?: Missing | undefined
}

/** The result of a comparison. */
export interface Finding {
  readonly state: BalanceState
  /** The drop beyond what this ledger may have spent. An amount within the tolerance raises no alert. */
  readonly missing: Money
  /** Set if an alert must be raised now: the missing amount is new, or has doubled since the last alert. */
  readonly leak?: { readonly since: number; readonly dropped: Money; readonly ours: Money; readonly missing: Money }
}

const DAY_MS = 24 * 3_600_000
/** How long after the ledger counted an unsure solve the service may charge it. */
const LATE_MS = 3 * 60_000
/** Some services report balances in whole cents. */
const MIN_TOLERANCE = usd(0.01)
/** Actual charges differ slightly from the services' list prices. */
const TOLERANCE = 0.05

/**
 * Compares a reading with earlier ones.
 * @param before the kept state; undefined for the first reading
 * @param dearest the highest price of a single solve
 */
export function compareBalance(before: BalanceState | undefined, reading: BalanceReading, dearest: number): Finding {
  if (!before || mustRestart(before, reading)) return { state: restart(before, reading), missing: micros(0) }
  const lag = lagAt(before.lag, reading)
  const now = baselineOf(reading, lag.unsure)
  const compared = [before.anchor, before.last].map((since) => compare(since, reading, dearest))
  const worst = compared.reduce((a, b) => (b.missing - b.tolerance > a.missing - a.tolerance ? b : a))
  const last = { ...now, unsureNow: reading.unsure, solves: reading.solves, budgets: reading.budgets }
  const stale = reading.at - before.anchor.at > DAY_MS
  const found = before.found && reading.at - before.found.foundAt < DAY_MS ? before.found : undefined
  if (worst.missing <= worst.tolerance) {
    const anchor = stale || isBetterBaseline(now, before.anchor) ? now : before.anchor
    return { state: { last, anchor, lag, found }, missing: micros(Math.max(worst.missing, 0)) }
  }
  // The same drop must not be found twice: later readings are compared with this one.
  const sum: Missing = {
    since: found?.since ?? worst.since,
    dropped: (found?.dropped ?? 0) + worst.dropped,
    ours: (found?.ours ?? 0) + worst.ours,
    missing: (found?.missing ?? 0) + worst.missing,
    foundAt: reading.at,
    reported: found?.reported ?? 0,
  }
  const isNews = sum.missing >= 2 * sum.reported
  const state = { last, anchor: now, lag, found: isNews ? { ...sum, reported: sum.missing } : sum }
  const { since, dropped, ours, missing } = sum
  const leak = { since, dropped: micros(dropped), ours: micros(ours), missing: micros(missing) }
  return { state, missing: micros(missing), ...(isNews && { leak }) }
}

interface Compared {
  readonly since: number
  readonly dropped: number
  readonly ours: number
  readonly missing: number
  readonly tolerance: number
}

function compare(since: Baseline, reading: BalanceReading, dearest: number): Compared {
  const dropped = Math.max(since.balance - reading.balance, 0)
  const settled = reading.settledAfter - since.settled
  const ours = settled + since.reserved + reading.reserved + Math.max(reading.unsure - since.unsure, 0)
  const tolerance = Math.max(2 * dearest, MIN_TOLERANCE, TOLERANCE * settled)
  return { since: since.at, dropped, ours, missing: dropped - ours, tolerance }
}

/** The balance was topped up or refunded, or other budgets are counted than before: no comparison is possible. */
function mustRestart({ last }: BalanceState, reading: BalanceReading): boolean {
  return (
    reading.balance > last.balance ||
    reading.budgets !== last.budgets ||
    reading.settledBefore < last.settled ||
    reading.unsure < last.unsureNow ||
    reading.at < last.at
  )
}

function restart(before: BalanceState | undefined, reading: BalanceReading): BalanceState {
  const same = before?.last.budgets === reading.budgets && reading.unsure >= before.last.unsureNow
  const lag = same ? lagAt(before.lag, reading) : { unsure: 0, next: reading.unsure, nextAt: reading.at }
  const now = baselineOf(reading, lag.unsure)
  const last = { ...now, unsureNow: reading.unsure, solves: reading.solves, budgets: reading.budgets }
  return { last, anchor: now, lag, found: before?.found }
}

function baselineOf(reading: BalanceReading, unsure: number): Baseline {
  const { at, balance, settledBefore, reserved } = reading
  return { at, balance, settled: settledBefore, reserved, unsure }
}

function lagAt(lag: BalanceState['lag'], reading: BalanceReading): BalanceState['lag'] {
  if (reading.at - lag.nextAt < LATE_MS) return lag
  return { unsure: lag.next, next: reading.unsure, nextAt: reading.at }
}

/** Whether fewer charges are still open at one reading than at the other. */
function isBetterBaseline(one: Baseline, other: Baseline): boolean {
  const score = ({ balance, settled, reserved, unsure }: Baseline) => balance + settled - reserved + unsure
  return score(one) >= score(other)
}

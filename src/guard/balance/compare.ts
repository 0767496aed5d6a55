import { type Money, micros, usd } from '../../policy/money.js'

/*
 * What a service's balance says, beside what the ledger says: pure, with no I/O. All amounts are micro-dollars.
 *
 * Between two looks the balance may have dropped by at most what we settled, and what was under way at either: a task may be charged when it
 * is handed in or when it is done, and a service may tell its balance a little late. What nobody is sure of (a reply that never
 * came, a process that died) may have been charged too, some minutes after it counted here. What dropped beyond that, by more
 * than a tolerance, was spent by somebody else.
 */

/** What the ledger said of an account, and the service of its balance, at about the same time. */
export interface BalanceReading {
  /** Wall-clock ms. */
  readonly at: number
  readonly balance: Money
  /** Settled before the service was asked: certainly in its balance. */
  readonly settledBefore: number
  /** Settled by the time that it had answered. */
  readonly settledAfter: number
  /** Under way: the more of before and after. */
  readonly reserved: number
  /** Unsure, by the time that it had answered. */
  readonly unsure: number
  /** Whose spending was added up. */
  readonly budgets: string
  /** How many solves have ended. */
  readonly solves: number
}

/** A reading that later ones are compared with. */
interface Baseline {
  readonly at: number
  readonly balance: number
  readonly settled: number
  readonly reserved: number
  /** What nobody was sure of some minutes before: of what came after that, it may not have been charged yet. */
  readonly unsure: number
}

/** Money that went missing, added up over several looks. */
export interface Missing {
  readonly since: number
  readonly dropped: number
  readonly ours: number
  readonly missing: number
  /** When it was last found, and how much was missing when it was last told. */
  readonly foundAt: number
  readonly reported: number
}

/** What is kept between looks, as a fact of the ledger. */
export interface BalanceState {
  readonly last: Baseline & { readonly unsureNow: number; readonly solves: number; readonly budgets: string }
  /** The reading within a day that says most: a thief who takes little at a time is seen from there. */
  readonly anchor: Baseline
  /** What nobody was sure of, some minutes ago and later. */
  readonly lag: { readonly unsure: number; readonly next: number; readonly nextAt: number }
  readonly found?: Missing | undefined
}

/** What a reading has found. */
export interface Finding {
  readonly state: BalanceState
  /** What is missing beyond what we may have spent; nothing within the tolerance is told. */
  readonly missing: Money
  /** To be told now: it is new, or has doubled since it was told. */
  readonly leak?: { readonly since: number; readonly dropped: Money; readonly ours: Money; readonly missing: Money }
}

const DAY_MS = 24 * 3_600_000
/** How long after it counted here a solve that nobody was sure of may be charged. */
const LATE_MS = 3 * 60_000
/** Balances are told in cents by some. */
const MIN_TOLERANCE = usd(0.01)
/** What services charge is not to the last part what their lists say. */
const TOLERANCE = 0.05

/**
 * Compares a reading with those before it.
 * @param before what was kept; undefined for the first reading
 * @param dearest the dearest single solve
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
  // What was found is not found again: later looks begin here.
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

/** It was topped up, refunded, or is counted otherwise than before: nothing can be compared. */
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

/** Whether less is left open from one reading on than from another. */
function isBetterBaseline(one: Baseline, other: Baseline): boolean {
  const score = ({ balance, settled, reserved, unsure }: Baseline) => balance + settled - reserved + unsure
  return score(one) >= score(other)
}

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
export interface Look {
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

/** A look that later ones are compared with. */
interface Since {
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
  readonly told: number
}

/** What is kept between looks, as a fact of the ledger. */
export interface BalanceState {
  readonly last: Since & { readonly unsureNow: number; readonly solves: number; readonly budgets: string }
  /** The look within a day that says most: a thief who takes little at a time is seen from there. */
  readonly anchor: Since
  /** What nobody was sure of, some minutes ago and later. */
  readonly lag: { readonly unsure: number; readonly next: number; readonly nextAt: number }
  readonly found?: Missing | undefined
}

/** What a look has found. */
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
const LEAST_TOLERANCE = usd(0.01)
/** What services charge is not to the last part what their lists say. */
const TOLERANCE = 0.05

/**
 * Compares a look with those before it.
 * @param before what was kept; undefined for the first look
 * @param dearest the dearest single solve
 */
export function weighBalance(before: BalanceState | undefined, look: Look, dearest: number): Finding {
  if (!before || beginsAnew(before, look)) return { state: begin(before, look), missing: micros(0) }
  const lag = lagAt(before.lag, look)
  const now = sinceOf(look, lag.unsure)
  const compared = [before.anchor, before.last].map((since) => compare(since, look, dearest))
  const worst = compared.reduce((a, b) => (b.missing - b.tolerance > a.missing - a.tolerance ? b : a))
  const last = { ...now, unsureNow: look.unsure, solves: look.solves, budgets: look.budgets }
  const stale = look.at - before.anchor.at > DAY_MS
  const found = before.found && look.at - before.found.foundAt < DAY_MS ? before.found : undefined
  if (worst.missing <= worst.tolerance) {
    const anchor = stale || saysMore(now, before.anchor) ? now : before.anchor
    return { state: { last, anchor, lag, found }, missing: micros(Math.max(worst.missing, 0)) }
  }
  // What was found is not found again: later looks begin here.
  const sum: Missing = {
    since: found?.since ?? worst.since,
    dropped: (found?.dropped ?? 0) + worst.dropped,
    ours: (found?.ours ?? 0) + worst.ours,
    missing: (found?.missing ?? 0) + worst.missing,
    foundAt: look.at,
    told: found?.told ?? 0,
  }
  const isNews = sum.missing >= 2 * sum.told
  const state = { last, anchor: now, lag, found: isNews ? { ...sum, told: sum.missing } : sum }
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

function compare(since: Since, look: Look, dearest: number): Compared {
  const dropped = Math.max(since.balance - look.balance, 0)
  const settled = look.settledAfter - since.settled
  const ours = settled + since.reserved + look.reserved + Math.max(look.unsure - since.unsure, 0)
  const tolerance = Math.max(2 * dearest, LEAST_TOLERANCE, TOLERANCE * settled)
  return { since: since.at, dropped, ours, missing: dropped - ours, tolerance }
}

/** It was topped up, refunded, or is counted otherwise than before: nothing can be compared. */
function beginsAnew({ last }: BalanceState, look: Look): boolean {
  return (
    look.balance > last.balance ||
    look.budgets !== last.budgets ||
    look.settledBefore < last.settled ||
    look.unsure < last.unsureNow ||
    look.at < last.at
  )
}

function begin(before: BalanceState | undefined, look: Look): BalanceState {
  const same = before?.last.budgets === look.budgets && look.unsure >= before.last.unsureNow
  const lag = same ? lagAt(before.lag, look) : { unsure: 0, next: look.unsure, nextAt: look.at }
  const now = sinceOf(look, lag.unsure)
  const last = { ...now, unsureNow: look.unsure, solves: look.solves, budgets: look.budgets }
  return { last, anchor: now, lag, found: before?.found }
}

function sinceOf(look: Look, unsure: number): Since {
  const { at, balance, settledBefore, reserved } = look
  return { at, balance, settled: settledBefore, reserved, unsure }
}

function lagAt(lag: BalanceState['lag'], look: Look): BalanceState['lag'] {
  if (look.at - lag.nextAt < LATE_MS) return lag
  return { unsure: lag.next, next: look.unsure, nextAt: look.at }
}

/** Whether less is left open from one look on than from another. */
function saysMore(one: Since, other: Since): boolean {
  const score = ({ balance, settled, reserved, unsure }: Since) => balance + settled - reserved + unsure
  return score(one) >= score(other)
}

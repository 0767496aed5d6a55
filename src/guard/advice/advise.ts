import { counted } from '../../base/counted.js'
import { formatMs } from '../../policy/duration.js'
import { formatUsd, type Money } from '../../policy/money.js'
import type { Advice, AdviceReason } from '../types.js'

/** One account that may solve. An absent field means no limit, or an unknown value. */
export interface AdvisedAccount {
  readonly name: string
  readonly price: Money
  readonly concurrent?: number | undefined
  readonly perMinute?: number | undefined
  /** Micro-dollars left in the account's own budget. */
  readonly left?: Money | undefined
  /** How many concurrent tasks the account's plan pays for. */
  readonly threads?: number | undefined
  readonly balance?: Money | undefined
}

/** The input of `advise`. */
export interface Situation {
  /** Queued solves, of this process and the others. */
  readonly queued: number
  readonly underWay: number
  /** Mean ms that a solve occupies a worker. */
  readonly solveMs: number
  /** Why no solve may start: a sentence, and the time at which solves may start again, if it is known. */
  readonly stopped?:
    | { readonly code: 'paused' | 'schedule'; readonly message: string; readonly retryAt?: Date | undefined }
    | undefined
  /** When the working hours end, and ms from now until then. */
  readonly closesAt?: Date | undefined
  readonly closesInMs?: number | undefined
  /** Micro-dollars left in the day's budget, and when it has more. */
  readonly left: Money
  readonly refilledAt?: Date | undefined
  readonly concurrent?: number | undefined
  readonly perMinute?: number | undefined
  /** The accounts that are not paused; at least one. */
  readonly accounts: readonly AdvisedAccount[]
}

const MINUTE_MS = 60_000

/** How many workers are useful, and why: the smallest of all limits. It does not matter which process runs them. */
export function advise(situation: Situation): Advice {
  const { queued, underWay, solveMs, stopped, closesAt, closesInMs } = situation
  const limits: Limit[] = stopped
    ? [{ ...stopped, limit: 0 }]
    : [...limitsOf(situation)].sort((a, b) => a.limit - b.limit)
  const [first] = limits as [Limit]
  const workers = first.limit
  const solvesPerMinute = Math.min((workers * MINUTE_MS) / solveMs, rateOf(situation))
  const threads = threadsOf(situation, limits)
  return {
    workers,
    ...(threads && { threads }),
    reasons: limits.map(({ code, limit, message }) => ({ code, limit, message })),
    retryAt: workers === 0 ? first.retryAt : undefined,
    queued,
    underWay,
    solveMs,
    solvesPerMinute,
    budgetLastsMs: workers === 0 ? undefined : (affordable(situation) / solvesPerMinute) * MINUTE_MS,
    closesAt,
    leftOver:
      closesInMs === undefined
        ? undefined
        : Math.max(0, queued - Math.floor((solvesPerMinute * closesInMs) / MINUTE_MS)),
  }
}

type Limit = AdviceReason & { readonly retryAt?: Date | undefined }

function* limitsOf(situation: Situation): Generator<Limit> {
  const { queued, underWay, solveMs, left, refilledAt, concurrent, accounts } = situation
  yield {
    code: 'queue',
    limit: queued + underWay,
    message: `${counted(queued, 'solve')} queued and ${underWay} under way: more workers would be idle.`,
  }
  const afford = affordable(situation)
  const maxPrice = dearest(accounts)
  yield {
    code: 'budget',
    // If no solve may start any more, no worker is needed: solves under way end by themselves.
    limit: afford === 0 ? 0 : underWay + afford,
    message:
      `${formatUsd(left)} of the day's budget is left, ` +
      `for ${counted(afford, 'solve')} at up to ${formatUsd(maxPrice)} each.`,
    ...(afford === 0 && refilledAt && { retryAt: refilledAt }),
  }
  if (concurrent !== undefined) {
    yield {
      code: 'concurrent',
      limit: concurrent,
      message: `policy.budget.concurrent allows ${counted(concurrent, 'solve')} at a time.`,
    }
  }
  const slots = sum(accounts, (one) => one.concurrent)
  if (slots !== undefined) {
    yield {
      code: 'concurrent',
      limit: slots,
      message: `The budgets of ${names(accounts)} allow ${counted(slots, 'solve')} at a time.`,
    }
  }
  const threads = sum(accounts, (one) => one.threads)
  if (threads !== undefined) {
    yield {
      code: 'threads',
      limit: threads,
      message: `The paid threads at ${names(accounts)} allow ${counted(threads, 'solve')} at a time.`,
    }
  }
  const rate = rateOf(situation)
  if (rate !== Number.POSITIVE_INFINITY) {
    const limit = Math.max(1, Math.ceil((rate * solveMs) / MINUTE_MS))
    const each = formatMs(Math.round(solveMs))
    const message = `${counted(rate, 'solve')} a minute, at ${each} each, keep ${limit} workers busy.`
    yield { code: 'rate', limit, message }
  }
  const balance = sum(accounts, ({ balance: amount, price }) =>
    amount === undefined ? undefined : atMost(amount, price),
  )
  if (balance !== undefined) {
    yield {
      code: 'balance',
      limit: balance,
      message: `The balance at ${names(accounts)} is enough for ${counted(balance, 'solve')}.`,
    }
  }
}

/** How many threads are useful: the number of workers if the plan were no limit. */
function threadsOf({ accounts }: Situation, limits: readonly Limit[]): Advice['threads'] {
  const paidFor = sum(accounts, (one) => one.threads)
  if (paidFor === undefined) return undefined
  return { has: paidFor, worth: limits.find(({ code }) => code !== 'threads')?.limit ?? 0 }
}

function rateOf({ perMinute = Number.POSITIVE_INFINITY, accounts }: Situation): number {
  return Math.min(perMinute, sum(accounts, (one) => one.perMinute) ?? Number.POSITIVE_INFINITY)
}

/** How many more solves the budgets can pay for today. */
function affordable({ left, accounts }: Situation): number {
  const own = sum(accounts, ({ left: amount, price }) => (amount === undefined ? undefined : atMost(amount, price)))
  return Math.min(atMost(left, dearest(accounts)), own ?? Number.POSITIVE_INFINITY)
}

function dearest(accounts: readonly AdvisedAccount[]): Money {
  return accounts.reduce(
    (maxPrice, { price }) => (price > maxPrice ? price : maxPrice),
    (accounts[0] as AdvisedAccount).price,
  )
}

/** How many times the amount covers the price. A price of zero is no limit. */
function atMost(amount: Money, price: Money): number {
  return price === 0 ? Number.MAX_SAFE_INTEGER : Math.floor(amount / price)
}

/** The sum over all accounts; undefined if one of them has no such limit. */
function sum(
  accounts: readonly AdvisedAccount[],
  of: (account: AdvisedAccount) => number | undefined,
): number | undefined {
  let total = 0
  for (const account of accounts) {
    const one = of(account)
    if (one === undefined) return undefined
    total = Math.min(total + one, Number.MAX_SAFE_INTEGER)
  }
  return total
}

function names(accounts: readonly AdvisedAccount[]): string {
  return accounts.map(({ name }) => name).join(' and ')
}

import { formatMs } from '../../policy/duration.js'
import { formatUsd, type Money } from '../../policy/money.js'
import type { Advice, AdviceReason } from '../types.js'

/** One account that could be asked, as far as it is known. What is absent limits nothing, or is not known. */
export interface AdvisedAccount {
  readonly name: string
  readonly price: Money
  readonly concurrent?: number | undefined
  readonly perMinute?: number | undefined
  /** What its own budget has left. */
  readonly left?: Money | undefined
  /** How many tasks at a time its plan pays for. */
  readonly threads?: number | undefined
  readonly balance?: Money | undefined
}

/** All that advice is made of. */
export interface Situation {
  /** Solves that wait, here and elsewhere. */
  readonly queued: number
  readonly underWay: number
  /** How long a solve takes up a worker, on average. */
  readonly solveMs: number
  /** Why nothing may begin: a sentence, and when that is over, if it is known. */
  readonly stopped?:
    | { readonly code: 'paused' | 'schedule'; readonly message: string; readonly retryAt?: Date | undefined }
    | undefined
  /** When the working hours end, and how long that is from now. */
  readonly closesAt?: Date | undefined
  readonly closesInMs?: number | undefined
  /** What the day's budget has left, and when it has more. */
  readonly left: Money
  readonly refilledAt?: Date | undefined
  readonly concurrent?: number | undefined
  readonly perMinute?: number | undefined
  /** Those that are not paused; at least one. */
  readonly accounts: readonly AdvisedAccount[]
}

const MINUTE_MS = 60_000

/** How many workers are worth having, and why: the least of what each thing in the way allows. Says nothing of who they are. */
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
    message: `${solves(queued)} wait and ${underWay} are under way: more workers would find nothing to do.`,
  }
  const afford = affordable(situation)
  const maxPrice = dearest(accounts)
  yield {
    code: 'budget',
    // Nothing that could still begin is nothing to have workers for; what is under way ends by itself.
    limit: afford === 0 ? 0 : underWay + afford,
    message: `${formatUsd(left)} of the day's budget is left, for ${solves(afford)} at up to ${formatUsd(maxPrice)} each.`,
    ...(afford === 0 && refilledAt && { retryAt: refilledAt }),
  }
  if (concurrent !== undefined) {
    yield {
      code: 'concurrent',
      limit: concurrent,
      message: `policy.budget.concurrent allows ${solves(concurrent)} at a time.`,
    }
  }
  const slots = sum(accounts, (one) => one.concurrent)
  if (slots !== undefined) {
    yield {
      code: 'concurrent',
      limit: slots,
      message: `The budgets of ${names(accounts)} allow ${solves(slots)} at a time.`,
    }
  }
  const threads = sum(accounts, (one) => one.threads)
  if (threads !== undefined) {
    yield {
      code: 'threads',
      limit: threads,
      message: `${names(accounts)} solves as many at a time as was paid for: ${threads}.`,
    }
  }
  const rate = rateOf(situation)
  if (rate !== Number.POSITIVE_INFINITY) {
    const limit = Math.max(1, Math.ceil((rate * solveMs) / MINUTE_MS))
    const message = `${solves(rate)} a minute, at ${formatMs(Math.round(solveMs))} each, keep ${limit} workers busy.`
    yield { code: 'rate', limit, message }
  }
  const balance = sum(accounts, ({ balance: amount, price }) =>
    amount === undefined ? undefined : atMost(amount, price),
  )
  if (balance !== undefined) {
    yield {
      code: 'balance',
      limit: balance,
      message: `The balance at ${names(accounts)} is enough for ${solves(balance)}.`,
    }
  }
}

/** How many threads are worth having: as many as there would be workers if the plan were no limit. */
function threadsOf({ accounts }: Situation, limits: readonly Limit[]): Advice['threads'] {
  const has = sum(accounts, (one) => one.threads)
  if (has === undefined) return undefined
  return { has, worth: limits.find(({ code }) => code !== 'threads')?.limit ?? 0 }
}

function rateOf({ perMinute = Number.POSITIVE_INFINITY, accounts }: Situation): number {
  return Math.min(perMinute, sum(accounts, (one) => one.perMinute) ?? Number.POSITIVE_INFINITY)
}

/** How many more solves the budgets allow today. */
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

/** A price of nothing limits nothing. */
function atMost(amount: Money, price: Money): number {
  return price === 0 ? Number.MAX_SAFE_INTEGER : Math.floor(amount / price)
}

/** Of all accounts together; undefined where one of them has no such limit. */
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

function solves(count: number): string {
  return count === 1 ? '1 solve' : `${count} solves`
}

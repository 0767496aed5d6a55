import type { Answer, AnyChallenge, Family, Variant } from '../base/challenge.js'
import type { Call, Reply } from '../base/wire.js'
import type { Money } from '../policy/money.js'
import type { PageProxy } from '../policy/page-proxy.js'

/**
 * A service that solves, as pure wire mapping: a request becomes a call, a reply becomes an outcome. A solver does no
 * I/O and has no key and no clock. Its `read…` functions never throw. `test/solvers/contract.ts` tests every solver.
 *
 * @example
 * const solver: Solver = captchaAI()
 * solver.poll('74238956102')
 * // { path: '/res.php', encoding: 'form', keyField: 'key', fields: { action: 'get', id: '74238956102', json: '1' } }
 */
export interface Solver {
  /** The service's name in messages, records and the ledger, e.g. `captchaai`. */
  readonly name: string
  /** Where the service is, without a trailing slash. `https:`, or `http:` on a loopback address. */
  readonly baseUrl: string
  /** How often a task of this challenge may be polled; the same object for all that are polled alike. */
  readonly polling: (challenge: Pick<AnyChallenge, 'family'> & { readonly variant?: Variant | undefined }) => Polling
  /** What about this challenge the service cannot solve (`the family …`); undefined if it can solve it. */
  readonly unsupported: (challenge: AnyChallenge) => string | undefined
  /**
   * Why the service cannot solve this challenge through such a proxy (`solve turnstile through a proxy`), or without
   * one; undefined if it can, or if the challenge needs no proxy.
   */
  readonly proxyUnsupported: (challenge: AnyChallenge, proxy: PageProxy | undefined) => string | undefined
  /** The most that a solve of this challenge may cost. */
  readonly price: (challenge: Pick<AnyChallenge, 'family' | 'variant'>) => Price
  /**
   * Whether a reported cost is booked however low it is.
   * @default false: a solve counts as at least half of its price
   */
  readonly trustCost?: boolean | undefined
  /** How many tasks at a time are paid for, if the service charges by thread. */
  readonly threads?: number | undefined
  /** The limit of tasks at a time: `threads`, if the user stated it and it is not only the list's. */
  readonly maxConcurrent?: number | undefined
  /**
   * The call that submits a challenge.
   * @param proxy the proxy through which the page is browsed: the service solves through it too
   */
  readonly submit: (challenge: AnyChallenge, proxy?: PageProxy) => Call
  /**
   * The field of a submit, at the top level of the body, with the address that the service calls when the task is done.
   * @default none: the service does not call back
   */
  readonly callbackField?: 'pingback' | 'callbackUrl' | undefined
  /**
   * Reads the reply to a submit.
   * @param family of the challenge: by it an answer is read that some services give at once
   */
  readonly readSubmit: (reply: Reply, family?: Family) => Submitted | Failure
  /** The call that asks for a task's answer. */
  readonly poll: (taskId: string) => Call
  /**
   * Reads the reply to a poll.
   * @param family of the task's challenge: by it the answer is read
   */
  readonly readPoll: (reply: Reply, family: Family) => Ready | Pending | Failure
  /** Polls several tasks in one call, if the service can. */
  readonly batchPoll?: BatchPoll | undefined
  /**
   * Asks how many threads the account has and how many are busy, if the service sells threads: by that an ended plan
   * is distinguished from threads that are all busy.
   */
  readonly threadsInfo?: ThreadsInfo | undefined
  /** The call that asks for the account's balance. */
  readonly balance: () => Call
  /** The amount is in micro-dollars. */
  readonly readBalance: (reply: Reply) => { readonly kind: 'balance'; readonly amount: Money } | Failure
  /** The call that reports whether the site accepted an answer; undefined where the service has no such call. */
  readonly report: (taskId: string, good: boolean, family: Family) => Call | undefined
  /** Where to allow an address in the service's settings, for messages. */
  readonly addressHelp: string
  /** What the service's keys look like, where it publishes that: another one causes the alert `KEY_UNUSUAL`. */
  readonly keyFormat?: KeyFormat | undefined
}

/** What the keys of a service look like. */
export interface KeyFormat {
  /** Matches every key of the service. */
  readonly pattern: RegExp
  /** In words, as the object of a sentence: `32 characters`. */
  readonly description: string
}

/** Asks for the threads of an account. */
export interface ThreadsInfo {
  /** The call. */
  readonly call: () => Call
  /** What its reply says. */
  readonly read: (reply: Reply) => Threads | Failure
  /** What to say about a plan that has ended. */
  readonly endedMessage: string
}

/** The threads of an account. */
export interface Threads {
  /** Distinguishes it from a `Failure`. */
  readonly kind: 'threads'
  /** How many the plan has. */
  readonly total: number
  /** How many are in use. */
  readonly busy: number
}

/** Polls several tasks in one call. */
export interface BatchPoll {
  /** The most tasks in one call. */
  readonly max: number
  /** The families whose answers can be separated in such a reply. */
  readonly families: readonly Family[]
  /** The call for these tasks. */
  readonly poll: (taskIds: readonly string[]) => Call
  /**
   * What its reply says of each task.
   *
   * @param families those of the tasks, in the order of the poll
   */
  readonly read: (reply: Reply, families: readonly Family[]) => BatchPollResult | Failure
}

/** The results of a batch, in the order of the poll. */
export interface BatchPollResult {
  /** Distinguishes it from a `Failure`. */
  readonly kind: 'batch'
  /** One for each task. */
  readonly results: readonly (Ready | Pending | Failure)[]
}

/** How often a task may be polled, by the service's own rules. */
export interface Polling {
  /** From the submit to the first poll, at least, ms. */
  readonly firstPollMs: number
  /** From one poll of a task to the next, at least, ms. */
  readonly everyMs: number
  /**
   * How long tasks take. With it the schedule adapts to the times that are measured; without it polls are exactly at
   * the times above.
   */
  readonly usual?: UsualTimes | undefined
}

/** How long a service's tasks take, before any was measured. */
export interface UsualTimes {
  /** ms. */
  readonly medianMs: number
  /** The standard deviation of the logarithm: 0.4 means that half of the tasks take within a quarter of the median. */
  readonly spread: number
  /** How long an answer may wait at the service before it is polled, on average, ms. */
  readonly idleMs: number
}

/** What one solve may cost. */
export interface Price {
  /** Micro-dollars. */
  readonly amount: Money
  /** True where the service charges by thread, and the amount is only what the user counts a solve as. */
  readonly imputed: boolean
}

/** The service accepted the challenge as a task. */
export interface Submitted {
  /** Distinguishes it from a `Failure`. */
  readonly kind: 'submitted'
  /** The service's id of the task. */
  readonly taskId: string
  /** The answer, if the service gives it at once. */
  readonly ready?: Ready | undefined
}

/** The task is done. */
export interface Ready {
  /** Distinguishes it from `Pending` and `Failure`. */
  readonly kind: 'ready'
  /** The answer, checked against bounds. */
  readonly answer: Answer
  /** What it cost, if the service reports that. Micro-dollars. The guard bounds it. */
  readonly cost?: Money | undefined
  /** How long the service worked on it, if the service reports that, ms. */
  readonly tookMs?: number | undefined
}

/** The task is not done yet: poll again. */
export interface Pending {
  /** Distinguishes it from `Ready` and `Failure`. */
  readonly kind: 'pending'
}

/** What to do about a failure. Each code in the table of errors has one. */
export type FailureClass =
  | 'busy' // wait and retry, same reservation
  | 'unsolvable' // this task failed
  | 'request' // the request is wrong: never retried
  | 'unsupported' // the service does not solve this kind of task (any more): another one may
  | 'proxy' // the service could not use the proxy through which the page is browsed
  | 'key' // the key is wrong
  | 'address' // the address we leave from is wrong
  | 'balance' // no money in the account
  | 'invalid' // the reply could not be read
  | 'unknown' // an error that is not in the table

/** An error reply, or one that cannot be read: what it means, and what it means for the money. */
export interface Failure {
  /** Distinguishes it from the other results. */
  readonly kind: 'failure'
  /** What to do about it. */
  readonly class: FailureClass
  /** The service's own code, bounded and printable; or one of this package (`HTML`, `EMPTY`, `HTTP_503`). */
  readonly code: string
  /** One sentence, printable, without secrets. */
  readonly message: string
  /** Whether it may mean that the account's plan has ended: `threadsInfo` decides. @default false */
  readonly maybeEnded?: boolean | undefined
  /** How long to wait before a retry, if the service's rules state that, ms. */
  readonly retryAfterMs?: number | undefined
  /** Whether the service charges for it. */
  readonly charged: boolean
  /**
   * Whether the call may have had an effect all the same (for example a submit whose reply was cut off): then its money
   * counts as spent.
   */
  readonly ambiguous: boolean
}

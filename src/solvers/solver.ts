import type { Answer, AnyChallenge, Family } from '../base/challenge.js'
import type { Call, Reply } from '../base/wire.js'
import type { Money } from '../policy/money.js'
import type { PageProxy } from '../policy/page-proxy.js'

/**
 * A solver is a service that solves, as pure wire mapping: a request becomes a call, a reply becomes an outcome. It does
 * no I/O, knows no key and no clock. `test/solvers/contract.ts` holds every solver to this interface.
 */
export interface Solver {
  /** How it is called in messages, records and the ledger, e.g. `captchaai`. */
  readonly name: string
  /** Where the service is, without a trailing slash. `https:`, or `http:` on a loopback address. */
  readonly baseUrl: string
  readonly polling: (challenge: Pick<AnyChallenge, 'family'>) => Polling
  /** What of this challenge the solver cannot do (`the family …`), or undefined if it can do it. */
  readonly unsupported: (challenge: AnyChallenge) => string | undefined
  /** Why the service cannot solve this challenge through such a proxy (`a reCAPTCHA through …`); undefined if it can, or needs none. */
  readonly proxyUnsupported: (challenge: AnyChallenge, proxy: PageProxy) => string | undefined
  /** The most that a solve of this challenge may cost. */
  readonly price: (challenge: Pick<AnyChallenge, 'family' | 'variant'>) => Price
  /** How many tasks at a time were paid for, where the service charges by thread. */
  readonly threads?: number | undefined
  /** The same, where that is the user's own word and not only the list's: then no more are under way at a time. */
  readonly maxConcurrent?: number | undefined
  /** @param proxy what the page is browsed through: the service is told to solve through it too */
  readonly submit: (challenge: AnyChallenge, proxy?: PageProxy) => Call
  /** @param family of the challenge: some services answer it at once, and it says where the answer stands */
  readonly readSubmit: (reply: Reply, family?: Family) => Submitted | Failure
  readonly poll: (taskId: string) => Call
  /** @param family of the challenge that the task is for: it says where the answer stands */
  readonly readPoll: (reply: Reply, family: Family) => Ready | Pending | Failure
  /** Where the service can be asked for several tasks in one call. */
  readonly batchPoll?: BatchPoll | undefined
  readonly balance: () => Call
  readonly readBalance: (reply: Reply) => { readonly kind: 'balance'; readonly amount: Money } | Failure
  /** Tells the service how an answer did; undefined where the service has no such call. */
  readonly report: (taskId: string, good: boolean, family: Family) => Call | undefined
  /** Where to white-list an address in the service's settings, for messages. */
  readonly addressHelp: string
}

/** Polls for several tasks in one call. */
export interface BatchPoll {
  /** How many at most. */
  readonly max: number
  /** The families whose answers can be told apart in such a reply. */
  readonly families: readonly Family[]
  readonly poll: (taskIds: readonly string[]) => Call
  /** @param families those of the tasks, in the order in which they were asked for */
  readonly read: (reply: Reply, families: readonly Family[]) => BatchPollResult | Failure
}

/** What a call for several tasks says of them, in the order in which they were asked for. */
export interface BatchPollResult {
  readonly kind: 'batch'
  readonly results: readonly (Ready | Pending | Failure)[]
}

/** How long to wait, by the service's own manners. Milliseconds. */
export interface Polling {
  /** From handing a task in to asking for it first, at least. */
  readonly firstPollMs: number
  /** From one poll of a task to its next, at least. */
  readonly everyMs: number
  /** What is known of how long tasks take. With it the times are learnt; without, they are exactly those above. */
  readonly usual?: UsualTimes | undefined
}

/** How long a service's tasks take, to begin with: what is seen of them counts for more. */
export interface UsualTimes {
  readonly medianMs: number
  /** How much they differ: the standard deviation of the logarithm, 0.4 for "half of them within a quarter of the median". */
  readonly spread: number
  /** How long an answer may lie at the service before it is asked for, on average. */
  readonly idleMs: number
}

/** What one solve may cost. */
export interface Price {
  readonly amount: Money
  /** True where the service charges by thread, and the amount is only what the user says a solve is worth. */
  readonly imputed: boolean
}

/** The service took the challenge as a task. */
export interface Submitted {
  readonly kind: 'submitted'
  readonly taskId: string
  /** The answer, where the service gives it at once. */
  readonly ready?: Ready | undefined
}

/** The task is done. */
export interface Ready {
  readonly kind: 'ready'
  readonly answer: Answer
  /** What the service says it cost, if it says so. */
  readonly cost?: Money | undefined
  /** How long the service says that it took over it, in milliseconds, if it says so. */
  readonly tookMs?: number | undefined
}

/** The task is not done yet: ask again, by the service's manners. */
export interface Pending {
  readonly kind: 'pending'
}

/** What to do about a failure: the rows of the table of errors. */
export type FailureClass =
  | 'busy' // wait and retry, same reservation
  | 'unsolvable' // this task failed
  | 'request' // the request is wrong: never retried
  | 'unsupported' // the service does not do this kind of task (any more): another one may
  | 'proxy' // the service could not use the proxy that the page is browsed through
  | 'key' // the key is wrong
  | 'address' // the address we leave from is wrong
  | 'balance' // no money in the account
  | 'invalid' // the reply could not be read
  | 'unknown' // an error that is not in the table

/** A reply that says no, or says nothing that can be read: what it means, and what it means for the money. */
export interface Failure {
  readonly kind: 'failure'
  readonly class: FailureClass
  /** The service's code as it came, bounded and printable; or a word of ours (`HTML`, `EMPTY`, `HTTP_503`). */
  readonly code: string
  /** One sentence, printable, without anything secret. */
  readonly message: string
  /** How long to wait before trying again, where the service's manners say so. */
  readonly retryAfterMs?: number | undefined
  /** Whether the service charges for it. */
  readonly charged: boolean
  /**
   * Whether the call may have had an effect all the same (a submit whose reply was cut off, say): then its money
   * counts as spent.
   */
  readonly ambiguous: boolean
}

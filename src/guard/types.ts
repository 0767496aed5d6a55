import type { Answer, AnyChallenge, ChallengeFacts, Family } from '../base/challenge.js'
import type { Code, Layer, SolveguardError } from '../base/errors.js'
import type { PauseReason, Usage } from '../ledger/ledger.js'
import type { Duration } from '../policy/duration.js'
import type { Money } from '../policy/money.js'
import type { NarrowingInput, Policy } from '../policy/schema.js'

/** What a solve gives. Prints and serialises without its token: read `token` where you put it into a page. */
export interface Solution {
  /**
   * What goes into the page: a token; the text of a picture; for a grid a JSON list of its cells from 1, such as `[1,4,7]`. Empty
   * where the browser worked it out and the widget keeps it to itself (in a cookie, say).
   */
  readonly token: string
  /** Further values that some families have. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** What it cost. */
  readonly cost: Money
  /** True where the service charges by thread and the cost is only what the user says a solve is worth. */
  readonly imputed: boolean
  /** The service's name for the task. Empty where no service was asked: a test key's answer, or the browser's own. */
  readonly taskId: string
  /** When the token can no longer be used, by the vendor's rules; for pictures, ten minutes from now. */
  readonly expiresAt: Date
  /** Tells the service, and the record, that the site took the answer. */
  reportGood(): Promise<void>
  /** Tells the service, and the record, that the site refused the answer. */
  reportBad(): Promise<void>
}

/** What a caller may say about one solve. */
export interface SolveOptions {
  /** Aborts the solve. What was already submitted is still followed to its end and accounted for. */
  signal?: AbortSignal | undefined
  /**
   * Which load of a page it is for: any object, the same one for all solves of that load. `policy.budget.perPage` counts by it; a solve
   * that names none is the only one of a load of its own. Adapters name it.
   */
  pageLoad?: object | undefined
  /**
   * For adapters: does the work of a challenge that no solver is needed for (`altcha`, `cap`), in its page. It is called once the
   * layers have allowed it and it is on the record, and must end with its signal. Of no effect for other challenges.
   */
  runProofOfWork?: ((signal: AbortSignal) => Promise<Answer>) | undefined
}

/** How a stream goes about its challenges. */
export interface StreamOptions {
  /** `arrival`: each result as it ends (default). `input`: in the order of the challenges; one that is slow holds the others up. */
  order?: 'arrival' | 'input' | undefined
  /** How many are solved at a time, up to `policy.budget.concurrent`. Default: that, or 10. */
  concurrency?: number | undefined
  /** Ends it: no further challenge is taken, what is under way is aborted, and accounted for. */
  signal?: AbortSignal | undefined
  /**
   * Names the batch, so that another process can take it up where this one was killed: by a name alone, or with more. The ledger then keeps
   * of each item whether it was solved, and which task the service has for it; never a solution. Names: 1 to 64 letters, digits and `. _ -`.
   */
  batch?: string | BatchOptions | undefined
}

/** A batch that can be taken up again. */
export interface BatchOptions {
  name: string
  /**
   * What each item goes by, the same each time: up to 128 printable characters, kept as they are. Default: what the challenge is, as a
   * digest; of several alike the first, the second and so on.
   */
  key?: ((challenge: AnyChallenge, index: number) => string) | undefined
  /** For how long the items are remembered. Default: `1d`. */
  keepFor?: Duration | undefined
}

/** One challenge of a `stream`, and how it ended. */
export type StreamResult = StreamItem &
  ({ readonly ok: true; readonly solution: Solution } | { readonly ok: false; readonly error: SolveguardError })

/** Which challenge of a stream. */
export interface StreamItem {
  readonly challenge: AnyChallenge
  /** Its place among the challenges, from 0. */
  readonly index: number
  /** What it goes by in its batch, if there is one. */
  readonly key?: string | undefined
}

/** What a stream came to. */
export interface StreamSummary {
  readonly solved: number
  readonly failed: number
  /** Items of the batch that were solved by a process before this one: they were passed over. */
  readonly alreadySolved: number
  /** What it cost. */
  readonly cost: Money
}

/**
 * Results, one by one: to be iterated once, or given to a callback. Nothing is solved before that begins, and a challenge is taken only when
 * there is room for it: whoever is slow to take results holds the source back. Whoever ends the iteration early aborts what is under way.
 */
export interface SolveStream extends AsyncIterable<StreamResult> {
  /**
   * Calls back with each result, waits for what the callback returns, and gives the sum of it all. What the callback throws ends the stream.
   */
  forEach(callback: (result: StreamResult) => unknown): Promise<StreamSummary>
}

/** An item of a batch, as the ledger knows it. Items that were not begun it does not know. */
export interface BatchItem {
  readonly key: string
  /** `submitted`: the service has its task, and nobody has taken its answer yet. */
  readonly state: 'solved' | 'failed' | 'submitted'
  readonly cost?: Money | undefined
  /** Why it failed. */
  readonly code?: Code | undefined
  /** When it was last heard of. */
  readonly at: Date
}

/**
 * What may solve under a policy: the guard itself, or a narrowed grant of it. A grant is a policy and the path of budgets that it draws
 * on; a browser context is handed one.
 */
export interface Grant {
  /** The effective policy. */
  readonly policy: Policy
  /** The ids of the budgets it draws on, widest first. */
  readonly path: readonly string[]
  /** Solves one challenge, or throws: `DeniedError` where a layer says no, `SolveguardError` for all else. */
  solve(challenge: AnyChallenge, options?: SolveOptions): Promise<Solution>
  /**
   * Solves many, and gives each result. Ends when all have ended; a failure is a result, not a throw.
   *
   * @throws SolveguardError `CONFIG_INVALID` for options that are none; while it is iterated, `BATCH_UNDER_WAY` where another process
   *   is at the batch
   * @example
   * for await (const { index, ...result } of guard.stream(challenges, { order: 'input', batch: 'nightly-2026-11-24' })) { … }
   * const { solved, failed, cost } = await guard.stream(challenges).forEach(async (result) => { … })
   */
  stream(challenges: Iterable<AnyChallenge> | AsyncIterable<AnyChallenge>, options?: StreamOptions): SolveStream
  /** A grant that allows at most what this one and `narrowing` both allow. */
  narrow(narrowing: NarrowingInput, options?: NarrowOptions): Grant
  /** How the budgets stand. */
  status(): Promise<Status>
  /** For adapters: writes down what became of a solution in its page. */
  injected(
    solution: Solution,
    outcome: { readonly ok: true } | { readonly ok: false; readonly error: SolveguardError },
  ): void
}

/** How a narrowed grant is called, and whom it is for. */
export interface NarrowOptions {
  /** Names the grant's budget; the same name in another process is the same budget. Default: a name of its own. */
  name?: string | undefined
  /** Whom it is for, on the record. */
  subject?: string | undefined
}

/** A key that is in use, or was lately, and whether it may be revoked at the service. */
export interface KnownKey {
  /** What the store calls it. */
  readonly version: string
  readonly fingerprint: string
  /** By any process that shares the ledger; to within some seconds. */
  readonly lastUsedAt?: Date | undefined
  /** How many processes would use it now. */
  readonly heldBy: number
  /** How many tasks are under way with it. */
  readonly underWay: number
  /** Whether nobody needs it any more: unused for 24 hours, nothing under way, every process on another one. */
  readonly revocable: boolean
  /** When it may be revoked, if nothing else happens; absent while it is in use. */
  readonly revocableAt?: Date | undefined
  /** Why it may be revoked, or not, for a person. */
  readonly reason: string
}

/** A key as it may be shown: where it is kept and which one it is, never the key. */
export interface KeyStatus {
  readonly place: string
  /** Absent until it was first fetched. */
  readonly version?: string | undefined
  readonly fingerprint?: string | undefined
  readonly createdAt?: Date | undefined
  /** When it ends, by the store's own word. */
  readonly expiresAt?: Date | undefined
  /** When it is due for rotation, by `policy.key.rotateEvery`. */
  readonly dueAt?: Date | undefined
  /** Every key that was used in the last 90 days, the one in use first: which ones may be revoked at the service, and why. */
  readonly known: readonly KnownKey[]
}

/** What a day's budget has left, by the amount that leaves the least. */
export interface DayStatus {
  readonly cap: Money
  readonly spent: Money
  readonly reserved: Money
  readonly left: Money
  /**
   * For an amount in any 24 hours: when the first of what was spent no longer counts. A budget of which nothing is left is paused until then, and
   * goes on by itself.
   */
  readonly moreAt?: Date | undefined
  /** The midnight at which it begins anew, and where that is; absent for an amount in any 24 hours. */
  readonly resetsAt?: Date | undefined
  readonly timeZone?: string | undefined
}

/** What was seen of an account's balance, for `status`. */
export interface BalanceStatus {
  readonly amount: Money
  /** When it was looked at last, by whichever process. */
  readonly at: Date
  /** What went missing lately, beyond what was ours and a tolerance. */
  readonly missing: Money
}

/** How one of a guard's accounts stands. */
export interface SolverStatus {
  readonly name: string
  readonly key: KeyStatus
  /** What the service said that is left, when it was last looked at; absent until then, and where nobody looks. */
  readonly balance?: BalanceStatus | undefined
  /** Why nothing is taken to it now. */
  readonly paused?: PauseReason | undefined
  /** What was spent and is reserved with it in its day, and what its own budget allows; only where there are several. */
  readonly day?:
    | (Omit<DayStatus, 'cap' | 'left'> & { readonly cap?: Money | undefined; readonly left?: Money | undefined })
    | undefined
  readonly minute?: { readonly cap?: number | undefined; readonly used: number } | undefined
  readonly slots?: { readonly cap?: number | undefined; readonly used: number } | undefined
  /**
   * Where you said in `pricing` that it is paid by the thread: how many threads there are, and how many are in use, by all guards with the
   * same key. Amounts are imputed there.
   */
  readonly threads?: { readonly has: number; readonly used: number } | undefined
}

/** How an alert channel stands. */
export interface ChannelStatus {
  readonly kind: string
  /** A host or a program; never an address that lets anybody in. */
  readonly place: string
  /** How many alerts it is still owed, by all processes together. */
  readonly pending: number
  /** What is wrong with it, as far as this process knows. */
  readonly problem?: string | undefined
}

/** Where records go, and whether they get there. */
export interface AuditStatus {
  readonly kind: string
  readonly place?: string | undefined
  /** The last record of this process's chain: its file, and its number in there. Absent for sinks without one. */
  readonly head?: { readonly file: string; readonly seq: number } | undefined
  /** How many records, of what has happened or was denied, are still to be written. */
  readonly pending: number
  /** Why nothing can be written, and since when. Nothing is solved then. */
  readonly lastError?: { readonly message: string; readonly since: Date } | undefined
}

/** What one process has in hand, for the guard and all grants of it. */
export interface ProcessStatus {
  /** Solves that have not ended, those that wait for room among them. */
  readonly solving: number
  /** Solves that wait for room in a budget. */
  readonly waiting: number
  /** Tasks of processes that died, which this one follows to their end. */
  readonly recovering: number
  /** How many solves were denied since the guard was made, by code. */
  readonly denied: Readonly<Partial<Record<Code, number>>>
}

/** How a guard or grant stands: its budgets, its key (never the key itself), its schedule, and what it is made of. */
export interface Status {
  readonly name: string
  readonly day: DayStatus
  readonly minute: { readonly cap?: number | undefined; readonly used: number }
  readonly slots: { readonly cap?: number | undefined; readonly used: number }
  readonly paused?: PauseReason | undefined
  readonly key: KeyStatus
  readonly schedule: { readonly open: boolean; readonly changesAt?: Date | undefined }
  /** How calls leave: `direct`, or the proxy's address without its password. */
  readonly egress: string
  /** The address that calls were last seen to leave from, where `policy.egress.expectIp` has that looked at. */
  readonly egressAddress?: string | undefined
  /** The account that is asked first; `key` is its. */
  readonly solver: string
  /** Every account, in the order in which they are asked. */
  readonly solvers: readonly SolverStatus[]
  readonly ledger: { readonly kind: string; readonly place?: string | undefined }
  readonly audit: AuditStatus
  /** Where alerts go, and what is not delivered yet. */
  readonly alerts: readonly ChannelStatus[]
  readonly process: ProcessStatus
  /** The file of the wire log, where there is one. */
  readonly trace?: string | undefined
}

/** How a budget stands. */
export interface BudgetStatus extends Pick<Status, 'day' | 'minute' | 'slots'> {
  readonly usage: Usage
}

/** What advice is asked for. */
export interface AdviceOptions {
  /** How many wait in a queue of your own, besides those that wait here. Default: 0. */
  queued?: number | undefined
  /** What is to be solved: it has its price and its time. Default: what was solved most of late, or reCAPTCHA. */
  family?: Family | undefined
}

/** One thing that is in the way of more workers. */
export interface AdviceReason {
  /**
   * `queue`: nothing more waits. `concurrent`, `rate`, `budget`: what policies allow. `threads`, `balance`: what was paid to the service.
   * `paused`, `schedule`: nothing may begin now.
   */
  readonly code: 'queue' | 'concurrent' | 'rate' | 'budget' | 'threads' | 'balance' | 'paused' | 'schedule'
  /** So many workers it allows. */
  readonly limit: number
  /** The same as a sentence, with its numbers. */
  readonly message: string
}

/** How many workers are worth having now, in all processes together, and why. A worker is whatever solves one challenge at a time. */
export interface Advice {
  readonly workers: number
  /** Where the service is paid by the thread: how many there are, and how many would be worth having. */
  readonly threads?: { readonly has: number; readonly worth: number } | undefined
  /** What is in the way, the nearest first. */
  readonly reasons: readonly AdviceReason[]
  /** With no workers: when it is worth asking again, if that is known. */
  readonly retryAt?: Date | undefined
  /** Solves that wait: in your queue, in lines and streams here, and as far as the ledger knows in other processes. */
  readonly queued: number
  /** Solves under way, in all processes. */
  readonly underWay: number
  /** How long one takes up a worker, on average: as learnt, until then as the service says. */
  readonly solveMs: number
  /** What so many workers get done. */
  readonly solvesPerMinute: number
  /** For how long the day's budget is enough for that. */
  readonly budgetLastsMs?: number | undefined
  /** When the working hours end. */
  readonly closesAt?: Date | undefined
  /** How many of those that wait would not have begun by then. */
  readonly leftOver?: number | undefined
}

interface SolveEvent {
  readonly solveId: string
  /** The account that it is taken to; `browser` where that works it out; absent where nobody was asked. */
  readonly solver?: string | undefined
  /** Without its pictures, if it had some. */
  readonly challenge: ChallengeFacts
  readonly at: Date
}

/** What `guard.on` tells, by name. No event holds a key, a token or a solution. */
export interface GuardEvents {
  authorized: SolveEvent & { readonly reserved: Money }
  submitted: SolveEvent & { readonly taskId: string }
  /** The service was busy, or not to be reached or understood: it is asked again in `inMs`. */
  retrying: {
    readonly solveId: string
    readonly code: Code
    readonly message: string
    readonly inMs: number
    readonly at: Date
  }
  solved: SolveEvent & { readonly taskId: string; readonly cost: Money; readonly durationMs: number }
  failed: SolveEvent & {
    readonly code: Code
    readonly message: string
    readonly cost: Money
    readonly durationMs: number
  }
  denied: Omit<SolveEvent, 'solveId'> & {
    readonly code: Code
    readonly layer: Layer
    readonly message: string
    readonly retryAt?: Date | undefined
  }
  /** One account could not take the solve, and took nothing: it is taken to another. */
  fallback: SolveEvent & {
    readonly from: string
    readonly to: string
    readonly code: Code
    readonly message: string
  }
  abandoned: SolveEvent & { readonly taskId: string }
  /** A task whose process had died was followed to its end by this one. */
  recovered: {
    readonly taskId: string
    readonly family?: string | undefined
    readonly solver: string
    readonly cost: Money
    readonly at: Date
  }
  injected: SolveEvent & { readonly ok: boolean; readonly code?: Code | undefined }
  accepted: SolveEvent
  rejected: SolveEvent
  /** An item of a stream is over; `already-solved` is one that an earlier process had solved. */
  item: {
    readonly batch?: string | undefined
    readonly index: number
    readonly key?: string | undefined
    readonly outcome: 'solved' | 'failed' | 'already-solved'
    readonly code?: Code | undefined
    readonly cost?: Money | undefined
    readonly at: Date
  }
  /**
   * `solver` alone is paused where there are others; else everything under the guard's name. Heard in every process: at once where a solve
   * is denied for it, and else within ten seconds of it, as `resumed` is.
   */
  paused: { readonly reason: PauseReason; readonly solver: string; readonly at: Date }
  resumed: { readonly at: Date }
  alert: {
    readonly code: Code
    readonly message: string
    readonly at: Date
    readonly details?: Readonly<Record<string, string | number | boolean>> | undefined
  }
}

/** The guarded core. Made by `createGuard`. */
export interface Guard extends Grant, AsyncDisposable {
  readonly name: string
  /** Calls back for each event of that name; returns a function that stops it. A callback that throws disturbs nothing. */
  on<K extends keyof GuardEvents>(event: K, callback: (event: GuardEvents[K]) => void): () => void
  /**
   * How many workers, or threads of the service, are worth having now, and why. Asks the service for its balance, which costs nothing, where
   * that is not known already; no more than once a minute.
   *
   * @throws SolveguardError `CONFIG_INVALID`, `GUARD_CLOSED`; `DeniedError` `LEDGER_UNAVAILABLE`
   * @example
   * const { workers, reasons } = await guard.recommendConcurrency({ queued: await queue.count() })
   * pool.resize(workers) // reasons[0].message says why not more
   */
  recommendConcurrency(options?: AdviceOptions): Promise<Advice>
  /** What the ledger knows of the items of a batch, in the order in which they were last heard of; none, if it knows of no such batch. */
  batch(name: string): Promise<readonly BatchItem[]>
  /** Lifts a pause, for every process of this name. */
  resume(): Promise<void>
  /** Ends what is under way in this process (tasks at the service are left to the next one), writes what is pending. */
  close(): Promise<void>
}

export type { NarrowingInput }

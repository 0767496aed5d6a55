import type { Answer, AnyChallenge, ChallengeFacts, ChallengeInput, Family } from '../base/challenge.js'
import type { Code, DeniedError, Layer, SolveguardError } from '../base/errors.js'
import type { PauseReason, Usage } from '../ledger/ledger.js'
import type { Duration } from '../policy/duration.js'
import type { Money } from '../policy/money.js'
import type { NarrowingInput, Policy } from '../policy/schema.js'
import type { NotifyFailure } from '../widgets/notify-failure.js'
import type { ServiceName } from '../wires/services.js'

/**
 * The result of a solve. Printing or serializing it leaves the token out: read `token` where you put it into a page.
 *
 * @example
 * const { token, cost, expiresAt } = await guard.solve(challenge)
 * console.log(formatUsd(cost), expiresAt) // $0.001 2026-11-24T10:02:00.000Z
 */
export interface Solution {
  /**
   * The value for the page: a token; for a picture its text; for a grid a JSON list of its cells from 1, such as
   * `[1,4,7]`. Empty where the browser did the work and the widget keeps the result itself (in a cookie, for example).
   */
  readonly token: string
  /** Further values, for families that need more than a token: GeeTest's `lot_number`, `pass_token` and so on. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  /**
   * The cost of the solve in micro-dollars (1,000,000 are one US dollar): what the service reports, but at
   * least half of its price (see `trustCost`) and at most $100; else its price. 0 where no service was asked.
   */
  readonly cost: Money
  /** True where the service charges by thread. The cost is then the value that the user set for one solve. */
  readonly imputed: boolean
  /** The service's id of the task. Empty where no service was asked: a test key, or work done by the browser. */
  readonly taskId: string
  /** When the token expires by the vendor's rules. For pictures: ten minutes after the solve. */
  readonly expiresAt: Date
  /**
   * Records that the site accepted the answer, and reports it to the service where the service takes reports. A report
   * that does not arrive changes nothing and rejects nothing. Only the first report of a solution, good or bad, has an
   * effect.
   */
  reportGood(): Promise<void>
  /**
   * Records that the site rejected the answer, and reports it to the service where the service takes reports. A report
   * that does not arrive changes nothing and rejects nothing. Only the first report of a solution, good or bad, has an
   * effect.
   */
  reportBad(): Promise<void>
}

/** Options of one solve. */
export interface SolveOptions {
  /**
   * Aborts the solve. A task that the service took already is followed to its end and settled.
   *
   * @default never aborted, up to `policy.deadline`
   */
  signal?: AbortSignal | undefined
  /**
   * Identifies the load of a page: any object, the same one for all solves of that load. `policy.budget.perPage` counts
   * by it. Adapters set it.
   *
   * @default a page load that has only this solve
   */
  pageLoad?: object | undefined
  /**
   * For adapters: computes a proof of work in the page, for the families that need no service (`altcha`, `cap`). The
   * guard calls it after all layers allowed the solve and the audit log has it. It must end when its signal aborts.
   * Ignored for all other families.
   *
   * @default none: such a challenge then fails with `FAMILY_UNSUPPORTED`
   */
  runProofOfWork?: ((signal: AbortSignal) => Promise<Answer>) | undefined
}

/** Options of a stream. */
export interface StreamOptions {
  /**
   * `arrival`: each result as soon as it is there. `input`: in the order of the challenges; a slow one delays the
   * others.
   *
   * @default 'arrival'
   */
  order?: 'arrival' | 'input' | undefined
  /**
   * How many challenges are solved at a time, at most `policy.budget.concurrent`.
   *
   * @default `policy.budget.concurrent`, or 10 where the policy has none
   */
  concurrency?: number | undefined
  /**
   * Ends the stream: no further challenge is taken, and solves under way are aborted and settled.
   *
   * @default never aborted
   */
  signal?: AbortSignal | undefined
  /**
   * Names the batch, so that another process can continue it after this one was killed. The ledger keeps for each item
   * whether it was solved and which task the service has for it, never a solution. A name: 1 to 64 letters, digits and
   * `. _ -`.
   *
   * @default no batch: nothing is kept of the items
   */
  batch?: string | BatchOptions | undefined
}

/** A batch that another process can continue. */
export interface BatchOptions {
  /** The batch's name: 1 to 64 letters, digits and `. _ -`. */
  name: string
  /**
   * Identifies each item, the same in every run: up to 128 printable characters. The ledger stores it as it is. An item
   * under the key of another challenge ends the stream with `BATCH_ITEMS_DIFFER`.
   *
   * @default a digest of the challenge; equal challenges are numbered
   */
  key?: ((challenge: AnyChallenge, index: number) => string) | undefined
  /**
   * How long the ledger keeps the items.
   *
   * @default '1d'
   */
  keepFor?: Duration | undefined
}

/** One challenge of a stream, with its solution or its error. */
export type StreamResult = StreamItem &
  (
    | {
        /** True: solved. */
        readonly ok: true
        /** The solution. */
        readonly solution: Solution
      }
    | {
        /** False: denied or failed. */
        readonly ok: false
        /** The error; a `DeniedError` where a layer denied the solve. */
        readonly error: SolveguardError
      }
  )

/** Which challenge of a stream a result belongs to. */
export interface StreamItem {
  /** The challenge, as the caller passed it. */
  readonly challenge: AnyChallenge
  /** Its position among the challenges, from 0. */
  readonly index: number
  /** Its key in the batch, where there is a batch. */
  readonly key?: string | undefined
}

/** The totals of a stream. */
export interface StreamSummary {
  /** Challenges that were solved. */
  readonly solved: number
  /** Challenges that were denied or failed. */
  readonly failed: number
  /** Items of the batch that an earlier process solved. The stream skips them. */
  readonly alreadySolved: number
  /** The cost of all solves in micro-dollars. */
  readonly cost: Money
}

/**
 * The results of many solves. Iterate it once, or pass a callback to `forEach`. No solve starts before that. The stream
 * takes a challenge from the source only when a slot for it is free, so a slow consumer slows the source down. Solves
 * under way are aborted when the consumer leaves the iteration early.
 */
export interface SolveStream extends AsyncIterable<StreamResult> {
  /**
   * Calls back with each result, waits for what the callback returns, and resolves with the totals. An error that the
   * callback throws ends the stream and rejects the promise.
   *
   * @throws SolveguardError `BATCH_UNDER_WAY`, `BATCH_ITEMS_DIFFER`, `LEDGER_UNAVAILABLE`, `GUARD_CLOSED`
   * @example
   * const { solved, failed, cost } = await guard.stream(challenges).forEach(async (result) => save(result))
   */
  forEach(callback: (result: StreamResult) => unknown): Promise<StreamSummary>
}

/** An item of a batch, as the ledger has it. The ledger does not know items that were never started. */
export interface BatchItem {
  /** The item's key in the batch. */
  readonly key: string
  /** `submitted`: the service has the task, and no process has received its answer yet. */
  readonly state: 'solved' | 'failed' | 'submitted'
  /** The cost in micro-dollars; absent until the item ended. */
  readonly cost?: Money | undefined
  /** Why the item failed. */
  readonly code?: Code | undefined
  /** When the item last changed. */
  readonly at: Date
}

/**
 * A policy and the path of budgets that it draws on: the guard itself, or a narrowed grant of it. Each browser context
 * gets one.
 */
export interface Grant {
  /** The effective policy. */
  readonly policy: Policy
  /** The ids of the budgets that a solve draws on, widest first. */
  readonly path: readonly string[]
  /**
   * Solves one challenge. Takes as long as the service does: usually 10 to 60 s, at most `policy.deadline`.
   *
   * The layers are asked in the order origin, time, secret, network, spending, audit. A denied solve costs nothing. A
   * solve that fails after the service took the task may have cost something; the ledger counts it.
   *
   * @throws DeniedError a layer denied the solve: `ORIGIN_NOT_NAMED`, `ORIGIN_OPAQUE` (origin); `OUTSIDE_SCHEDULE`,
   *   `KEY_TOO_OLD`, `TOKEN_EXPIRED`, `TOKEN_REVOKED` (time); `SECRET_MISSING`, `SECRET_UNSAFE`, `SECRET_INVALID`,
   *   `SECRET_DENIED`, `SECRET_UNAVAILABLE`, `KEY_OF_ANOTHER_ENVIRONMENT` (secret); `EGRESS_CONFLICT`,
   *   `EGRESS_ADDRESS`, `EGRESS_UNVERIFIED`, `PAGE_PROXY_CONFLICT` (network); `BUDGET_EXHAUSTED`, `RATE_EXCEEDED`,
   *   `SLOTS_FULL`, `PAGE_LIMIT_REACHED`, `PRICE_TOO_HIGH`, `GUARD_PAUSED`, `LEDGER_UNAVAILABLE`, `LEDGER_UNSAFE`
   *   (spending); `AUDIT_UNAVAILABLE` (audit)
   * @throws SolveguardError anything else: `CHALLENGE_INVALID`, `TEST_KEY_BLOCKS`, `FAMILY_UNSUPPORTED`,
   *   `PAGE_PROXY_UNSUPPORTED`, `PAGE_PROXY_FAILED`, `SOLVE_ABORTED`, `SOLVE_TIMEOUT`, `CAPTCHA_UNSOLVABLE`,
   *   `SOLVER_BUSY`, `SOLVER_UNREACHABLE`, `SOLVER_REPLY_INVALID`, `SOLVER_REFUSED`, `SOLVER_ERROR`, `KEY_REFUSED`,
   *   `ADDRESS_REFUSED`, `BALANCE_EMPTY`, `GUARD_CLOSED`
   * @example
   * const { token } = await guard.solve({
   *   family: 'recaptcha',
   *   variant: 'v2-checkbox',
   *   sitekey: '6Lc…',
   *   pageUrl: 'https://staging.example.com/login',
   * })
   */
  solve(challenge: ChallengeInput, options?: SolveOptions): Promise<Solution>
  /**
   * Solves many challenges and yields each result. Ends when all have ended. A solve that fails is a result and throws
   * nothing.
   *
   * @throws SolveguardError `CONFIG_INVALID` for invalid options; during the iteration `BATCH_UNDER_WAY` where another
   *   process works on the batch, `BATCH_ITEMS_DIFFER` where an earlier run had another item under a key
   * @example
   * for await (const { index, ...result } of guard.stream(challenges, { batch: 'nightly-2026-11-24' })) { … }
   */
  stream(challenges: Iterable<ChallengeInput> | AsyncIterable<ChallengeInput>, options?: StreamOptions): SolveStream
  /**
   * Creates a grant that allows at most what both this one and `narrowing` allow. Its solves draw on its own budget and
   * on all budgets above it.
   *
   * @throws SolveguardError `CONFIG_INVALID` that names the field
   * @example
   * const perTest = guard.narrow({ budget: { perDay: usd(0.2) } }, { name: 'sign-in', subject: 'ci-4711' })
   */
  narrow(narrowing: NarrowingInput, options?: NarrowOptions): Grant
  /**
   * What each layer would say to a solve, now or at another time. Judges with the code that `solve` uses, and changes
   * nothing: no key is fetched, no service is called, nothing is reserved or recorded. What cannot be known without
   * that has `checked: false`, and counts as allowed. Solves for one load of a page (`policy.budget.perPage`) and the
   * wait queue are not looked at.
   *
   * At a later time, budgets are judged as they are now, less what no longer counts by then; at an earlier time they
   * are not known.
   *
   * @param challengeOrUrl a challenge; or the URL of a page, which stands for a reCAPTCHA v2 checkbox there
   * @throws SolveguardError `CHALLENGE_INVALID`, `GUARD_CLOSED`; nothing else, whatever `solve` would throw
   * @example
   * const { allowed, layers } = await guard.explain('https://staging.example.com/login', {
   *   at: new Date('2026-12-24T10:00Z'),
   * })
   * console.log(allowed, layers.find(({ ok }) => !ok)?.message)
   */
  explain(challengeOrUrl: ChallengeInput | string, options?: ExplainOptions): Promise<Verdict>
  /**
   * Reads the state of the budgets, the key, the schedule, the ledger and the audit log.
   *
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   * @throws SolveguardError `GUARD_CLOSED`
   * @example
   * const { day } = await guard.status()
   * console.log(`${formatUsd(day.left)} of ${formatUsd(day.cap)} left`)
   */
  status(): Promise<Status>
  /**
   * For adapters: the denial of the origin layer that every widget in a page or frame of this address gets, before it
   * is known whether there is one. Nothing is asked or recorded.
   *
   * @param address the page's or frame's URL, without its fragment
   * @returns undefined if the policy names the origin
   */
  originDenial(what: 'page' | 'frame', address: string): DeniedError | undefined
  /**
   * For adapters: denies what a caller asked to solve in a page or frame whose origin the policy does not name, before
   * it is known what is in it. The denial is recorded, counted and emitted as that of any solve.
   *
   * @param pageUrl the page's URL, without its fragment
   * @param frameUrl the frame's URL, without its fragment; absent for the page itself
   * @returns undefined if the policy names both origins
   * @throws SolveguardError `GUARD_CLOSED`
   */
  denyUnnamed(pageUrl: string, frameUrl?: string): DeniedError | undefined
  /**
   * For adapters: records whether the solution was put into its page, and if the page's own code was not notified, why.
   */
  injected(
    solution: Solution,
    outcome:
      | { readonly ok: true; readonly notifyFailure?: NotifyFailure | undefined }
      | { readonly ok: false; readonly error: SolveguardError },
  ): void
}

/** Options of `explain`. */
export interface ExplainOptions {
  /**
   * The moment that the answer is about.
   *
   * @default now
   */
  at?: Date | undefined
  /**
   * The page load whose solves are counted for `policy.budget.perPage`: the object that `solve` was given.
   *
   * @default none: the solve would be the first of its load
   */
  pageLoad?: object | undefined
}

/** What one layer says to a solve. */
export interface LayerVerdict {
  /** The layer. */
  readonly layer: Layer
  /** False where the layer denies it. */
  readonly ok: boolean
  /**
   * False where the answer depends on what `explain` does not ask for: a key that was not fetched, an address that was
   * not checked, a record that was not written. `message` says what.
   */
  readonly checked: boolean
  /** Why the layer denies it. */
  readonly code?: Code | undefined
  /** The denial, or what the answer depends on, as a sentence. */
  readonly message?: string | undefined
  /** When the layer may allow it; absent where time alone changes nothing. */
  readonly retryAt?: Date | undefined
}

/** What `solve` would do, as far as that is known without a key, a call or a cent. */
export interface Verdict {
  /** Whether `solve` would ask the service, or answer for free. */
  readonly allowed: boolean
  /** The code of the error that `solve` would throw; absent where it is allowed. */
  readonly code?: Code | undefined
  /** The error's message. */
  readonly message?: string | undefined
  /** When a retry may succeed; absent where time alone changes nothing. */
  readonly retryAt?: Date | undefined
  /** Every layer, in the order in which they are asked: those after one that denies are asked too. */
  readonly layers: readonly LayerVerdict[]
}

/** Options of `issueToken`. */
export interface TokenOptions {
  /**
   * How long the token is valid: `1s` to `30d`.
   *
   * @default '15m'
   */
  ttl?: Duration | undefined
  /**
   * Whom the token is for: up to 100 printable characters. It is in the token, on the record of each solve and in
   * `status()`, and can be paused.
   *
   * @default none
   */
  subject?: string | undefined
  /**
   * The service whose dialect the token's clients speak at a broker, such as `capsolver`. For clients whose requests do
   * not show it.
   *
   * @default by the request
   */
  wire?: ServiceName | undefined
  /**
   * Whether there is a handle too: 32 characters that stand for the token, for clients that take no longer key, and for
   * keys in URLs. The ledger keeps it until the token expires.
   *
   * @default false
   */
  handle?: boolean | undefined
}

/**
 * A short-lived token. Printing or serializing it leaves the token and the handle out: read the properties where you
 * pass them on.
 */
export interface IssuedToken {
  /** The token: a signed, narrowed grant. Its policy can be read by who has it. */
  readonly token: string
  /** 32 characters that stand for the token; only where they were asked for. */
  readonly handle?: string | undefined
  /** The id of its link: its budget and its revocation are under this id. */
  readonly id: string
  /** When it expires. */
  readonly expiresAt: Date
}

/** What to pause or resume, in place of the whole guard. At most one of both. */
export interface PauseTarget {
  /** All solves of this subject, whichever token or grant it has. */
  subject?: string | undefined
  /** All solves of the token with this link, and of all that were narrowed from it: the `id` of `issueToken`. */
  token?: string | undefined
}

/** Options of `narrow`. */
export interface NarrowOptions {
  /**
   * Names the grant's budget: 1 to 64 letters, digits and `. _ -`. Grants of the same name, in any process, share it.
   * Together with the names of all grants above it, at most 700 characters.
   *
   * @default a random name: a budget that no other grant shares
   */
  name?: string | undefined
  /**
   * Who or what the grant is for, in the audit log.
   *
   * @default the subject of the grant above
   */
  subject?: string | undefined
}

/** A key that is or was in use, and whether it may be revoked at the service. */
export interface KnownKey {
  /** The store's name of the version. */
  readonly version: string
  /** A short hash of the key. Two keys with the same fingerprint are the same key. */
  readonly fingerprint: string
  /** When any process that shares the ledger last used it, to within some seconds. */
  readonly lastUsedAt?: Date | undefined
  /** How many processes would use it now. */
  readonly heldBy: number
  /** How many tasks under way were submitted with it. */
  readonly underWay: number
  /** True where the key is not needed any more: unused for 24 hours, no task under way, every process uses another. */
  readonly revocable: boolean
  /** When it becomes revocable if it is not used again; absent while it is in use. */
  readonly revocableAt?: Date | undefined
  /** Why it may be revoked, or why not, as a sentence. */
  readonly reason: string
}

/** What may be shown of a key: where it is stored and which one it is, never the key. */
export interface KeyStatus {
  /** Where the key is stored, without credentials: `env SOLVEGUARD_KEY`, the path of a secret. */
  readonly place: string
  /** The store's name of the version; absent until the first fetch. */
  readonly version?: string | undefined
  /** A short hash of the key; absent until the first fetch. */
  readonly fingerprint?: string | undefined
  /** When the key was created, where the store reports it. */
  readonly createdAt?: Date | undefined
  /** When the key expires, where the store reports it. */
  readonly expiresAt?: Date | undefined
  /** When the key is due for rotation, by `policy.key.rotateEvery`. */
  readonly dueAt?: Date | undefined
  /** Every key that was used in the last 90 days, the current one first, and whether it may be revoked. */
  readonly known: readonly KnownKey[]
}

/**
 * The state of a day's budget. Where several daily amounts apply, the one with the least left. In JSON each amount is
 * in US dollars too: `"spent": 1000, "spentUsd": 0.001`.
 */
export interface DayStatus {
  /** The daily amount, in micro-dollars. */
  readonly cap: Money
  /** What was settled in this window, in micro-dollars. */
  readonly spent: Money
  /** What solves under way have reserved, in micro-dollars. */
  readonly reserved: Money
  /** What may still be reserved, in micro-dollars: `cap - spent - reserved`, at least 0. */
  readonly left: Money
  /**
   * For an amount in any 24 hours: when the oldest amount that was spent leaves the window. A budget that is used up
   * denies until then and continues by itself.
   */
  readonly moreAt?: Date | undefined
  /** For an amount a calendar day: the midnight at which it starts again. Absent for an amount in any 24 hours. */
  readonly resetsAt?: Date | undefined
  /** The time zone of `resetsAt`. Absent for an amount in any 24 hours. */
  readonly timeZone?: string | undefined
}

/** The state of a rate: solves in the last 60 seconds. */
export interface MinuteStatus {
  /** Solves allowed in any 60 seconds; absent without a limit. */
  readonly cap?: number | undefined
  /** Solves that were reserved in the last 60 seconds. */
  readonly used: number
}

/** The state of a concurrency limit. */
export interface SlotStatus {
  /** Solves allowed at the same time; absent without a limit. */
  readonly cap?: number | undefined
  /** Solves under way now. */
  readonly used: number
}

/** The balance that the service reported for an account, as far as the guard watches it. */
export interface BalanceStatus {
  /** The balance in micro-dollars. */
  readonly amount: Money
  /** When a process last asked for it. */
  readonly at: Date
  /** What left the balance lately beyond this ledger's own spending and a tolerance, in micro-dollars. */
  readonly missing: Money
}

/** The state of one of a guard's accounts: one service with one key. */
export interface SolverStatus {
  /** The account's name. */
  readonly name: string
  /** Its key. */
  readonly key: KeyStatus
  /** The last balance; absent until the first look, and where the balance is not watched. */
  readonly balance?: BalanceStatus | undefined
  /** Why the account is paused; absent while it is not. */
  readonly paused?: PauseReason | undefined
  /**
   * What was spent and is reserved with this account in its day, and what its own budget allows. Only where the guard
   * has several accounts. `cap` and `left` are absent where the account has no daily amount of its own.
   */
  readonly day?:
    | (Omit<DayStatus, 'cap' | 'left'> & {
        /** The account's daily amount, in micro-dollars. */
        readonly cap?: Money | undefined
        /** What may still be reserved, in micro-dollars. */
        readonly left?: Money | undefined
      })
    | undefined
  /** Its rate. Only where the guard has several accounts. */
  readonly minute?: MinuteStatus | undefined
  /** Its concurrency. Only where the guard has several accounts. */
  readonly slots?: SlotStatus | undefined
  /** Where `pricing` is by the thread: the threads of the key, shared by all guards that use it. Costs are imputed. */
  readonly threads?:
    | {
        /** Threads that were paid for. */
        readonly has: number
        /** Threads in use now. */
        readonly used: number
      }
    | undefined
}

/** The state of an alert channel. */
export interface ChannelStatus {
  /** Its kind: `webhook`, `slack`, `command`. */
  readonly kind: string
  /** A host or the name of a program, never an address that grants access. */
  readonly place: string
  /** Alerts that are not delivered yet, of all processes. */
  readonly pending: number
  /** Why deliveries fail, as far as this process knows. */
  readonly problem?: string | undefined
}

/** Where audit records go, and whether they can be written. */
export interface AuditStatus {
  /** The kind of the sink: `jsonl`, `stdout`, `elasticsearch` … */
  readonly kind: string
  /** Where the records are, without credentials. */
  readonly place?: string | undefined
  /** The last record of this process's hash chain. Absent for sinks without a chain. */
  readonly head?:
    | {
        /** The file's name. */
        readonly file: string
        /** The record's number in the file, from 1. */
        readonly seq: number
      }
    | undefined
  /** Records of events and denials that are still to be written. */
  readonly pending: number
  /** Records of past events that were lost, because more could not be written than are kept. */
  readonly lost: number
  /** Why records cannot be written, and since when. Every solve is denied meanwhile. */
  readonly lastError?:
    | {
        /** The error's message. */
        readonly message: string
        /** When it began. */
        readonly since: Date
      }
    | undefined
}

/** What this process is doing for the guard and all its grants. */
export interface ProcessStatus {
  /** Solves that have not ended, including those that wait for capacity. */
  readonly solving: number
  /** Solves that wait for capacity in a budget. */
  readonly waiting: number
  /** Tasks of processes that died, which this process follows to their end. */
  readonly recovering: number
  /** Solves that this guard denied since it was created, by code. */
  readonly denied: Readonly<Partial<Record<Code, number>>>
}

/** A subject or a token that is paused by `guard.pause(reason, target)`. */
export interface HolderPause {
  /** The subject; absent where a token is paused. */
  readonly subject?: string | undefined
  /** The id of the token's link; absent where a subject is paused. */
  readonly token?: string | undefined
  /** Why, and since when. */
  readonly reason: PauseReason
}

/** One link of a token: what was spent with it, and what stops it. */
export interface TokenLinkStatus {
  /** The link's id. */
  readonly id: string
  /** Whom it is for. */
  readonly subject?: string | undefined
  /** When it expires. */
  readonly expiresAt: Date
  /** What was spent with it and all below it in the last 24 hours, in micro-dollars. */
  readonly spent: Money
  /** What its solves under way have reserved, in micro-dollars. */
  readonly reserved: Money
  /** Why it is revoked; absent while it is not. */
  readonly revoked?: PauseReason | undefined
  /** Why it, or its subject, is paused; absent while it is not. */
  readonly paused?: PauseReason | undefined
}

/**
 * The state of a guard or grant: its budgets, its key (never the key itself), its schedule and its parts. `console.log`
 * prints it in sentences, as `formatStatus` does.
 */
export interface Status {
  /** The id of its budget: the guard's name, or the path of a grant. */
  readonly name: string
  /** Whom the grant and the grants above it were given to, widest first; empty for a guard. */
  readonly subjects: readonly string[]
  /** The links of the token that the grant stands for, the one that was issued first; empty without a token. */
  readonly links: readonly TokenLinkStatus[]
  /** Of a guard: the subjects and tokens that are paused, besides `paused`; empty for any other grant. */
  readonly pauses: readonly HolderPause[]
  /** The day's budget; amounts in micro-dollars. */
  readonly day: DayStatus
  /** The rate: solves in the last 60 seconds. */
  readonly minute: MinuteStatus
  /** The concurrency: solves under way. */
  readonly slots: SlotStatus
  /** Why the guard is paused; absent while it is not. */
  readonly paused?: PauseReason | undefined
  /** The key of the first account. */
  readonly key: KeyStatus
  /** The working hours. */
  readonly schedule: {
    /** Whether solves are allowed now. */
    readonly open: boolean
    /** When that changes next; absent where it never does. */
    readonly changesAt?: Date | undefined
    /** The time zone of the working hours; absent where the policy has none. */
    readonly timeZone?: string | undefined
  }
  /** How calls leave: `direct`, or the proxy's address without its password. */
  readonly egress: string
  /** The address that calls left from at the last check, where `policy.egress.expectIp` is set. */
  readonly egressAddress?: string | undefined
  /** The account that is asked first. */
  readonly solver: string
  /** Every account, in the order in which they are asked. */
  readonly solvers: readonly SolverStatus[]
  /** The ledger. */
  readonly ledger: LedgerStatus
  /** The audit log. */
  readonly audit: AuditStatus
  /** The alert channels, and what is not delivered yet. */
  readonly alerts: readonly ChannelStatus[]
  /** What this process is doing. */
  readonly process: ProcessStatus
  /** The path of the wire log, where there is one. */
  readonly trace?: string | undefined
}

/** A ledger, and whether its time is in doubt. */
export interface LedgerStatus {
  /** Its kind: `memory`, `file`, `redis`. */
  readonly kind: string
  /** Where it is, without credentials. */
  readonly place?: string | undefined
  /**
   * Two clocks that differ by more than five minutes, if they do. Until they agree, a jump of either frees nothing that
   * was spent.
   */
  readonly clocks?:
    | {
        /** What the clock of this process shows. */
        readonly here: Date
        /** What the clock of the ledger shows: of the file system, or of the Redis server. */
        readonly ledger: Date
      }
    | undefined
}

/** The state of one budget, with the ledger's own figures. */
export interface BudgetStatus extends Pick<Status, 'day' | 'minute' | 'slots'> {
  /** The figures as the ledger returned them. */
  readonly usage: Usage
}

/** Options of `recommendConcurrency`. */
export interface AdviceOptions {
  /**
   * How many challenges wait in a queue of your own, besides those that wait in this guard.
   *
   * @default 0
   */
  queued?: number | undefined
  /**
   * Which family is to be solved: price and duration depend on it.
   *
   * @default the family that was solved most often of late, else `recaptcha`
   */
  family?: Family | undefined
}

/** One limit on the number of workers. */
export interface AdviceReason {
  /**
   * `queue`: nothing more waits. `concurrent`, `rate`, `budget`: limits of policies. `threads`, `balance`: what was
   * paid to the service. `paused`, `schedule`: no solve may start now.
   */
  readonly code: 'queue' | 'concurrent' | 'rate' | 'budget' | 'threads' | 'balance' | 'paused' | 'schedule'
  /** How many workers this limit allows. */
  readonly limit: number
  /** The limit as a sentence, with its numbers. */
  readonly message: string
}

/** How many workers are useful now, in all processes together, and why. A worker solves one challenge at a time. */
export interface Advice {
  /** The number of workers. */
  readonly workers: number
  /** Where the service charges by the thread. */
  readonly threads?:
    | {
        /** Threads that were paid for. */
        readonly has: number
        /** Threads that would be used. */
        readonly worth: number
      }
    | undefined
  /** What limits the number, the tightest limit first. */
  readonly reasons: readonly AdviceReason[]
  /** With no workers: when asking again is useful, if that is known. */
  readonly retryAt?: Date | undefined
  /** Solves that wait: in your queue, in this guard's queues and streams, and in those of other processes. */
  readonly queued: number
  /** Solves under way, in all processes. */
  readonly underWay: number
  /** How long a solve occupies a worker on average, in ms: as measured, until then as the service publishes it. */
  readonly solveMs: number
  /** How many solves that number of workers completes a minute. */
  readonly solvesPerMinute: number
  /** How long the day's budget lasts at that rate, in ms. */
  readonly budgetLastsMs?: number | undefined
  /** When the working hours end. */
  readonly closesAt?: Date | undefined
  /** How many of the waiting solves would not have started by then. */
  readonly leftOver?: number | undefined
}

/** What most events have. */
export interface SolveEvent {
  /** Identifies the solve, from its first event to its last. */
  readonly solveId: string
  /** The account; `browser` where the browser did the work; absent where no service was asked. */
  readonly solver?: string | undefined
  /** The challenge, without its pictures. */
  readonly challenge: ChallengeFacts
  /** When it happened. */
  readonly at: Date
}

/**
 * The events of a guard, by name. No event holds a key, a token or a solution.
 *
 * @example
 * guard.on('solved', ({ cost, durationMs }) => console.log(`${formatUsd(cost)} in ${durationMs} ms`))
 */
export interface GuardEvents {
  /** All layers allowed the solve, and the audit log has it. */
  authorized: SolveEvent & {
    /** What was reserved for the solve, in micro-dollars. */
    readonly reserved: Money
  }
  /** The service took the task. */
  submitted: SolveEvent & {
    /** The service's id of the task. */
    readonly taskId: string
  }
  /** The service was busy, unreachable, or its reply unreadable. The guard asks it again in `inMs`. */
  retrying: {
    /** Identifies the solve. */
    readonly solveId: string
    /** Why: `SOLVER_BUSY`, `SOLVER_UNREACHABLE`, `SOLVER_REPLY_INVALID` … */
    readonly code: Code
    /** The reason as a sentence. */
    readonly message: string
    /** The wait before the next call, in ms. */
    readonly inMs: number
    /** When it happened. */
    readonly at: Date
  }
  /** The challenge was solved. */
  solved: SolveEvent & {
    /** The service's id of the task; empty where no service was asked. */
    readonly taskId: string
    /** What the solve cost, in micro-dollars. */
    readonly cost: Money
    /** The duration from the call of `solve` to its end, in ms. */
    readonly durationMs: number
  }
  /** The solve failed. */
  failed: SolveEvent & {
    /** Why. */
    readonly code: Code
    /** The reason as a sentence. */
    readonly message: string
    /** What the solve cost, or may have cost, in micro-dollars. */
    readonly cost: Money
    /** The duration from the call of `solve` to its end, in ms. */
    readonly durationMs: number
  }
  /** A layer denied the solve. Nothing was spent. */
  denied: Omit<SolveEvent, 'solveId' | 'challenge'> & {
    /** The challenge, without its pictures; absent where the policy does not name the page: nothing was read in it. */
    readonly challenge?: ChallengeFacts | undefined
    /** The page's URL. */
    readonly pageUrl: string
    /** The frame's URL, if it is not the page itself. */
    readonly frameUrl?: string | undefined
    /** Why. */
    readonly code: Code
    /** The layer that denied it. */
    readonly layer: Layer
    /** The reason as a sentence. */
    readonly message: string
    /** When the same solve may be allowed; absent where time alone changes nothing. */
    readonly retryAt?: Date | undefined
  }
  /** An account took no task, and the solve continues with another account. */
  fallback: SolveEvent & {
    /** The account that took no task. */
    readonly from: string
    /** The next account. */
    readonly to: string
    /** Why the first one took no task. */
    readonly code: Code
    /** The reason as a sentence. */
    readonly message: string
  }
  /** The caller left or the time was over. The task is followed to its end and settled. */
  abandoned: SolveEvent & {
    /** The service's id of the task. */
    readonly taskId: string
  }
  /** A task of a process that died was followed to its end by this one. */
  recovered: {
    /** The service's id of the task. */
    readonly taskId: string
    /** The challenge's family. */
    readonly family?: string | undefined
    /** The account. */
    readonly solver: string
    /** What the task cost, or may have cost, in micro-dollars. */
    readonly cost: Money
    /** When it happened. */
    readonly at: Date
  }
  /** A solution was put into its page, or could not be. */
  injected: SolveEvent & {
    /** Whether it is in the page. */
    readonly ok: boolean
    /** Why not. */
    readonly code?: Code | undefined
  }
  /**
   * A solution is in its page, and the page's own code does not know of it. Without a listener and a logger, it is a
   * process warning.
   */
  notifyFailed: SolveEvent & {
    /** Why. */
    readonly reason: NotifyFailure
    /** The reason as a sentence, with what to do. */
    readonly message: string
  }
  /** The user reported that the site accepted the answer. */
  accepted: SolveEvent
  /** The user reported that the site rejected the answer. */
  rejected: SolveEvent
  /** An item of a stream ended. `already-solved`: an earlier process had solved it. */
  item: {
    /** The batch's name, where there is one. */
    readonly batch?: string | undefined
    /** The item's position among the challenges, from 0. */
    readonly index: number
    /** The item's key in the batch. */
    readonly key?: string | undefined
    /** How it ended. */
    readonly outcome: 'solved' | 'failed' | 'already-solved'
    /** Why it failed. */
    readonly code?: Code | undefined
    /** What it cost, in micro-dollars. */
    readonly cost?: Money | undefined
    /** When it ended. */
    readonly at: Date
  }
  /**
   * An account is paused, or, where there is only one, everything under the guard's name. Every process emits it: at
   * once where the pause denies a solve, else within ten seconds.
   */
  paused: {
    /** Why, and since when. */
    readonly reason: PauseReason
    /** The account. */
    readonly solver: string
    /** When this process learned of it. */
    readonly at: Date
  }
  /** A pause was lifted. Every process emits it within ten seconds. */
  resumed: {
    /** When this process learned of it. */
    readonly at: Date
  }
  /** Something that a person should know. The same alert goes to the alert channels. */
  alert: {
    /** What it is about: `BUDGET_THRESHOLD`, `KEY_LEAK_SUSPECTED`, `LEDGER_UNAVAILABLE` … */
    readonly code: Code
    /** The alert as a sentence. */
    readonly message: string
    /** When it was raised. */
    readonly at: Date
    /** Its numbers; amounts are in micro-dollars. */
    readonly details?: Readonly<Record<string, string | number | boolean>> | undefined
  }
}

/** The guarded core. Created by `createGuard`. */
export interface Guard extends Grant, AsyncDisposable {
  /** The name of its budget. */
  readonly name: string
  /**
   * Calls back for each event of a name, and returns a function that ends it. An error that the callback throws becomes
   * a process warning and does not affect the guard.
   *
   * @throws SolveguardError `CONFIG_INVALID` for a name that is no event
   * @example
   * const off = guard.on('denied', ({ code, message }) => console.warn(code, message))
   */
  on<K extends keyof GuardEvents>(event: K, callback: (event: GuardEvents[K]) => void): () => void
  /**
   * Computes how many workers, or threads of the service, are useful now, and what limits the number. Asks the service
   * for its balance where it is not known, at most once a minute; that costs nothing.
   *
   * @throws SolveguardError `CONFIG_INVALID`, `GUARD_CLOSED`
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   * @example
   * const { workers, reasons } = await guard.recommendConcurrency({ queued: await queue.count() })
   * pool.resize(workers) // reasons[0].message says why not more
   */
  recommendConcurrency(options?: AdviceOptions): Promise<Advice>
  /**
   * The items of a batch as the ledger has them, in the order in which they last changed. Empty for a batch that the
   * ledger does not know.
   *
   * @throws SolveguardError `CONFIG_INVALID` for a name that no batch can have; `GUARD_CLOSED`
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   * @example
   * const items = await guard.batch('nightly-2026-11-24')
   * console.log(items.filter(({ state }) => state === 'failed').map(({ key, code }) => `${key}: ${code}`))
   */
  batch(name: string): Promise<readonly BatchItem[]>
  /**
   * Issues a short-lived token, which stands for a narrowed grant of this guard. It holds no key. It works wherever a
   * key would: `verifyToken` takes it. Its holder can narrow it further, offline, with `narrowToken` of
   * `solveguard/tokens`.
   *
   * @param policy what the token allows, besides what the guard allows; without `egress`
   * @throws SolveguardError `CONFIG_INVALID` that names the field; `GUARD_CLOSED`
   * @throws DeniedError of the secret layer, where there is no signing key; `AUDIT_UNAVAILABLE`, `LEDGER_UNAVAILABLE`
   * @example
   * const { token, id } = await guard.issueToken({ budget: { perDay: usd(0.1) } }, { ttl: '15m', subject: 'ci-4711' })
   */
  issueToken(policy: NarrowingInput, options?: TokenOptions): Promise<IssuedToken>
  /**
   * Makes a handle for a token: 32 characters that stand for it, until it expires or is revoked. For a token that was
   * issued without one, or narrowed.
   *
   * @returns the token, with `handle`
   * @throws SolveguardError `CONFIG_INVALID` for a token that is too long for the ledger; `GUARD_CLOSED`
   * @throws DeniedError as `verifyToken`; `AUDIT_UNAVAILABLE`, `LEDGER_UNAVAILABLE`
   * @example
   * const { handle } = await guard.issueHandle(token)
   */
  issueHandle(token: string): Promise<IssuedToken>
  /**
   * Verifies a token or a handle, and returns the grant that it stands for. Each solve of the grant draws on a budget
   * for each link of the token, and is denied once one of them has expired or is revoked.
   *
   * @throws DeniedError `TOKEN_INVALID`, `TOKEN_KEY_UNKNOWN`, `TOKEN_ALTERED`, `TOKEN_AUDIENCE`, `TOKEN_WIDENED`,
   *   `HANDLE_UNKNOWN` and others of the secret layer; `TOKEN_NOT_YET_VALID`, `TOKEN_EXPIRED`, `TOKEN_REVOKED`;
   *   `LEDGER_UNAVAILABLE`, because the ledger has what is revoked
   * @throws SolveguardError `GUARD_CLOSED`
   * @example
   * const grant = await guard.verifyToken(token)
   * const solution = await grant.solve(challenge)
   */
  verifyToken(token: string): Promise<Grant>
  /**
   * Revokes a link of tokens: no process reserves for it from now on, nor for any token that was narrowed from it. A
   * guard without a key revokes its own token only.
   *
   * @param id the `id` of `issueToken`, or one of `describeToken`
   * @throws SolveguardError `CONFIG_INVALID`, `GUARD_CLOSED`, `GUARD_WITHOUT_KEY`, `SOLVER_UNREACHABLE`
   * @throws DeniedError `LEDGER_UNAVAILABLE`: it is not revoked
   */
  revokeToken(id: string): Promise<void>
  /**
   * Pauses the guard, a subject or a token: every process of this name denies from its next reservation on. What was
   * submitted before is followed to its end.
   *
   * @param reason a sentence for the denials and the record; up to 500 characters; default: that it was paused by hand
   * @param target default: the whole guard
   * @throws SolveguardError `CONFIG_INVALID`, `GUARD_CLOSED`
   * @throws DeniedError `LEDGER_UNAVAILABLE`: it is not paused
   * @example
   * await guard.pause('The bill is being investigated.')
   * await guard.pause('It loops.', { subject: 'ci-4711' })
   */
  pause(reason?: string, target?: PauseTarget): Promise<void>
  /**
   * Lifts a pause for every process of this name, and fetches the keys again.
   *
   * @param target what to resume; default: the guard and its accounts. A subject or a token is resumed only by name
   * @throws DeniedError `AUDIT_UNAVAILABLE`, `LEDGER_UNAVAILABLE`: the pause stays
   * @throws SolveguardError `GUARD_CLOSED`
   * @example
   * await guard.resume() // after the white-list, the key or the balance was corrected
   * await guard.resume({ subject: 'ci-4711' })
   */
  resume(target?: PauseTarget): Promise<void>
  /**
   * Ends the solves of this process, writes pending records and releases the ledger. Tasks that the service took are
   * left to the next process. Always resolves: what could not be written is one alert for each code
   * (`AUDIT_UNAVAILABLE`, `LEDGER_UNAVAILABLE`), to the listeners and the logger, else a process warning.
   */
  close(): Promise<void>
}

export type { NarrowingInput }

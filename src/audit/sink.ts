import type { MaybePromise } from '../base/async.js'
import type { ChainHead } from '../base/chain.js'
import type { Layer } from '../base/errors.js'
import type { Money } from '../policy/money.js'

/** What happened. One event becomes one record. */
export type AuditAction =
  | 'authorized'
  | 'denied'
  | 'submitted'
  | 'solved'
  | 'failed'
  | 'abandoned'
  | 'recovered'
  | 'injected'
  | 'accepted'
  | 'rejected'
  | 'paused'
  | 'resumed'
  | 'issued'
  | 'revoked'
  | 'alert'
  | 'opened'
  | 'closed'

/**
 * One event of a solve, as the guard reports it. Never contains a key, a token, a page's query string or a solution.
 * `record.ts` turns it into a record with Elastic Common Schema names.
 */
export interface AuditEvent {
  /** What happened. */
  readonly action: AuditAction
  /** Wall-clock ms. */
  readonly at: number
  /** The guard's name. */
  readonly guard: string
  /** The same for all records of one solve; absent for events that belong to no solve. */
  readonly solveId?: string | undefined
  /** The ids of the budgets on the grant's path, widest first. */
  readonly path?: readonly string[] | undefined
  /** Whom the grant was given to. */
  readonly subject?: string | undefined
  /** Whom the grant and each grant above it was given to, widest first; only where there are several. */
  readonly subjects?: readonly string[] | undefined
  /** The challenge's family. */
  readonly family?: string | undefined
  /** The challenge's variant. */
  readonly variant?: string | undefined
  /** The widget's sitekey. */
  readonly sitekey?: string | undefined
  /** The page's origin and path, without query and fragment. */
  readonly page?: string | undefined
  /** The same for the frame, where it is another. */
  readonly frame?: string | undefined
  /** The account; `browser` for a proof of work. */
  readonly solver?: string | undefined
  /** The service's id of the task. */
  readonly taskId?: string | undefined
  /** The key's version in its store. */
  readonly keyVersion?: string | undefined
  /** A short hash of the key. */
  readonly keyFingerprint?: string | undefined
  /** How the call left: `direct`, or the proxy's address without its password. */
  readonly egress?: string | undefined
  /** Micro-dollars. */
  readonly reserved?: Money | undefined
  /** Micro-dollars. */
  readonly cost?: Money | undefined
  /** True where the service charges by thread and amounts are imputed. */
  readonly imputed?: boolean | undefined
  /** How long the solve took, ms. */
  readonly durationMs?: number | undefined
  /** The error code. */
  readonly code?: string | undefined
  /** The layer that denied the solve. */
  readonly layer?: Layer | undefined
  /** The reason as a sentence. */
  readonly message?: string | undefined
  /** Wall-clock ms. */
  readonly retryAt?: number | undefined
  /** For many denials of one kind: how many this record stands for. */
  readonly count?: number | undefined
  /** When the first of them was, wall-clock ms. */
  readonly firstAt?: number | undefined
  /** When the last of them was, wall-clock ms. */
  readonly lastAt?: number | undefined
}

/**
 * Where records are written. If `write` throws or rejects, the guard denies: no record, no solve.
 * `test/audit/contract.ts` tests every sink.
 *
 * @example
 * const lines: AuditSink = {
 *   kind: 'lines',
 *   open() {},
 *   async write(events) {
 *     await database.insert(events)
 *   },
 *   close() {},
 * }
 */
export interface AuditSink {
  /** The kind of sink, for messages: `jsonl`. */
  readonly kind: string
  /** Where it writes, for messages. */
  readonly place?: string | undefined
  /**
   * The head of the chain, if the sink keeps one: after `open` and each `write` that succeeded. Once the sink is closed
   * it has an `end`. The ledger stores it.
   */
  readonly head?: ChainHead | undefined
  /**
   * Prepares the sink. Called once, before `write`.
   * @param guard the guard's name
   * @param now wall-clock ms
   * @throws DeniedError `AUDIT_UNAVAILABLE` where it cannot write
   */
  open(guard: string, now: number): MaybePromise<void>
  /**
   * Writes the events, in order, all or none. It has succeeded only when the operating system (or the server) has them.
   * @throws DeniedError `AUDIT_UNAVAILABLE`; the guard then denies the solve
   */
  write(events: readonly AuditEvent[]): MaybePromise<void>
  /** Releases files and connections. The sink may be opened again. */
  close(): MaybePromise<void>
  /** Called once, before `open`, with a function that reports errors which block no solve: a copy that is behind. */
  onError?(report: (message: string) => void): void
}

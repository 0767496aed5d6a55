import type { MaybePromise } from '../base/async.js'
import type { ChainHead } from '../base/chain.js'
import type { Layer } from '../base/errors.js'
import type { Money } from '../policy/money.js'

/** What is written down. One event becomes one record. */
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
  | 'alert'
  | 'opened'
  | 'closed'

/**
 * One event of a solve, as the guard tells it. Never holds a key, a token, a page's query string or a solution.
 * `record.ts` turns it into a record with Elastic Common Schema names.
 */
export interface AuditEvent {
  readonly action: AuditAction
  /** Wall-clock ms. */
  readonly at: number
  /** The guard's name. */
  readonly guard: string
  /** One solve from its first record to its last; absent for events that are not of one solve. */
  readonly solveId?: string | undefined
  /** The ids of the budgets on the grant's path, widest first. */
  readonly path?: readonly string[] | undefined
  /** Whom the grant was given to. */
  readonly subject?: string | undefined
  readonly family?: string | undefined
  readonly variant?: string | undefined
  readonly sitekey?: string | undefined
  /** The page's origin and path, without query and fragment. */
  readonly page?: string | undefined
  /** The same for the frame, where it is another. */
  readonly frame?: string | undefined
  readonly solver?: string | undefined
  readonly taskId?: string | undefined
  readonly keyVersion?: string | undefined
  readonly keyFingerprint?: string | undefined
  /** How the call left: `direct`, or the proxy's address without its password. */
  readonly egress?: string | undefined
  readonly reserved?: Money | undefined
  readonly cost?: Money | undefined
  /** True where the service charges by thread and amounts are imputed. */
  readonly imputed?: boolean | undefined
  readonly durationMs?: number | undefined
  readonly code?: string | undefined
  readonly layer?: Layer | undefined
  readonly message?: string | undefined
  readonly retryAt?: number | undefined
  /** For a flood of like denials: how many this record stands for, and when the first and the last were. */
  readonly count?: number | undefined
  readonly firstAt?: number | undefined
  readonly lastAt?: number | undefined
}

/** Where records go. A sink that throws (or rejects) from `write` makes the guard deny: no record, no solve. */
export interface AuditSink {
  /** What kind it is, for messages: `jsonl`. */
  readonly kind: string
  /** Where it writes, for messages. */
  readonly place?: string | undefined
  /** Made ready once, before anything else; throws where it cannot write. */
  open(guard: string, now: number): MaybePromise<void>
  /**
   * Writes the events, in order, all or none, and is done only when the operating system (or the server) has them.
   * Returns the new head of the chain, where the sink keeps one.
   */
  write(events: readonly AuditEvent[]): MaybePromise<ChainHead | undefined>
  close(): MaybePromise<void>
  /** Told once, before `open`, whom to tell of trouble that holds no solve up: a copy that is behind. */
  onError?(tell: (message: string) => void): void
}

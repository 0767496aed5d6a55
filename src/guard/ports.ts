import type { MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import type { Code } from '../base/errors.js'
import type { Ledger } from '../ledger/ledger.js'
import type { GuardEvents } from './types.js'

// The ports of the guard. Each part names the ports that it needs, and no part gets the whole guard.

/** The guard's name, clock and ledger. */
export interface GuardContext {
  readonly name: string
  /** The id of this process in the ledger. */
  readonly ownerId: string
  readonly clock: Clock
  readonly ledger: Ledger
  /** True once `close()` was called: no new work starts. */
  readonly closed: boolean
}

/** The presence of this process in the ledger. A process that only looks has none. */
export interface Registration {
  /**
   * Registers this process with the limits of its budgets, unless that was done. Called before each reservation: a
   * guard that never reserves declares no limits, and so restricts no other.
   */
  declareLimits(): MaybePromise<void>
  /** Registers this process without limits, unless it is registered: it follows tasks, and reserves nothing. */
  registerLease(): MaybePromise<void>
}

/** The time for the age of keys. */
export interface KeyClock {
  /**
   * Wall-clock ms that never go back: the larger of the clock and start time + monotonic time. A clock that is set back
   * makes no key younger.
   */
  keyTime(): number
}

/** Work that no caller waits for. The guard waits for it when it closes. */
export interface BackgroundTasks {
  /** Starts the work. A failure that repeats raises one alert only. */
  background(work: () => MaybePromise<unknown>, code: Code): void
}

/** How an alert is recognized as a repetition. */
export interface AlertOrigin {
  /** True if the caller raises it once only, by means of the ledger: no duplicate check is needed. */
  readonly once?: boolean | undefined
  /** The subject that duplicates share, where the message differs between processes. */
  readonly about?: string | undefined
}

/** Events and alerts. */
export interface Notifier {
  /** Raises an alert to the listeners, the audit log, the logger and the alert channels. Never throws. */
  alert(code: Code, message: string, details?: GuardEvents['alert']['details'], origin?: AlertOrigin): void
  /** Calls listeners and the logger. The event holds no key, token or solution by its type. */
  emit<K extends keyof GuardEvents>(name: K, event: GuardEvents[K], message: string): void
  /** Whether the event has a listener or a logger. Without one it need not be built. */
  isObserved(name: keyof GuardEvents): boolean
}

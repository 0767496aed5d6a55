import type { MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import type { Code } from '../base/errors.js'
import type { Ledger } from '../ledger/ledger.js'
import type { GuardEvents } from './types.js'

// What the parts of a guard get from it: each part names the ports that it needs, and no part sees the whole guard.

/** Which guard it is, its time, and its ledger. */
export interface GuardContext {
  readonly name: string
  /** This process, as the ledger knows it. */
  readonly ownerId: string
  readonly clock: Clock
  readonly ledger: Ledger
  /** True once `close()` was called: nothing new begins. */
  readonly closed: boolean
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
  /** Starts the work. A failure is one alert for as long as it repeats. */
  background(work: () => MaybePromise<unknown>, code: Code): void
}

/** How an alert is told apart from one that was raised before. */
export interface AlertOrigin {
  /** The caller raises it once only: the ledger has seen to that. */
  readonly once?: boolean | undefined
  /** What it is about, where its text differs from one process to another. */
  readonly about?: string | undefined
}

/** Events and alerts. */
export interface Notifier {
  /** Raises an alert: listeners, the audit log, the logger and the alert channels get it. Never throws. */
  alert(code: Code, message: string, details?: GuardEvents['alert']['details'], origin?: AlertOrigin): void
  /** Calls listeners and the logger. The event holds no key, token or solution by its type. */
  emit<K extends keyof GuardEvents>(name: K, event: GuardEvents[K], message: string): void
  /** Whether `emit` would reach a listener or a logger: if not, the event need not be built. */
  isObserved(name: keyof GuardEvents): boolean
}

import type { Clock } from '../base/clock.js'
import type { Code } from '../base/errors.js'

/** An alert on its way. Holds no key, no token and no solution. */
export interface Alert {
  /** The same at each try and from each process: a receiver may drop what it has had. Without a full stop. */
  readonly id: string
  readonly code: Code
  readonly message: string
  /** The guard's name. */
  readonly guard: string
  /** When it was raised. */
  readonly at: Date
  readonly details?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** What a guard hands to a channel along with an alert. */
export interface DeliveryContext {
  readonly clock: Clock
  /** Aborted when the guard closes and waits no longer. */
  readonly signal: AbortSignal
}

/**
 * Where alerts go. One file each; `test/alerts/contract.ts` holds every channel to this interface. Alerts are handed to it one at a
 * time, in order.
 */
export interface AlertChannel {
  /** What kind it is, for messages: `webhook`. */
  readonly kind: string
  /** Where it delivers to, for messages: a host, a program; never an address that lets anybody in. */
  readonly place: string
  /** Names the channel in the ledger, so that another process that has the same one can stand in. 1 to 64 characters. */
  readonly id: string
  /**
   * Delivers one alert, once.
   * @throws DeliveryError when it was not delivered, or nobody knows
   */
  deliver(alert: Alert, delivery: DeliveryContext): Promise<void>
}

/** An alert was not delivered. Its message may be shown: it holds no address that lets anybody in. */
export class DeliveryError extends Error {
  /** Whether another try may succeed. */
  readonly retryable: boolean
  /** How long to wait before that, where the other side says so. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, again: boolean, retryAfterMs?: number) {
    super(message)
    this.name = 'DeliveryError'
    this.retryable = again
    this.retryAfterMs = retryAfterMs
  }
}

import type { Clock } from '../base/clock.js'
import type { Code } from '../base/errors.js'

/** An alert to deliver. Holds no key, no token and no solution. */
export interface Alert {
  /** The same at each attempt and from each process, so that a receiver can drop a repeated one. Has no full stop. */
  readonly id: string
  /** The stable code, a key of `CODES`. */
  readonly code: Code
  /** One sentence for a person. */
  readonly message: string
  /** The guard's name. */
  readonly guard: string
  /** When it was raised. */
  readonly at: Date
  /** Further facts, safe to print. */
  readonly details?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** What a guard passes to a channel with each alert. */
export interface DeliveryContext {
  /** The guard's clock. */
  readonly clock: Clock
  /** Aborted when the guard closes and no longer waits for the delivery. */
  readonly signal: AbortSignal
}

/**
 * Where alerts are delivered. Each channel is one file; `test/alerts/contract.ts` holds every channel to this
 * interface. A guard delivers one alert at a time to a channel, in order.
 */
export interface AlertChannel {
  /** The kind of channel, for messages: `webhook`. */
  readonly kind: string
  /** Where it delivers to, for messages: a host or a program; never an address that grants access. */
  readonly place: string
  /**
   * Identifies the channel in the ledger, so that another process with the same channel can deliver in its place.
   * 1 to 64 characters.
   */
  readonly id: string
  /**
   * Delivers one alert, once.
   * @throws DeliveryError when the alert was not delivered, or may not have been
   */
  deliver(alert: Alert, context: DeliveryContext): Promise<void>
}

/** An alert was not delivered. The message is safe to print: it holds no address that grants access. */
export class DeliveryError extends Error {
  /** Whether another attempt may succeed. */
  readonly retryable: boolean
  /** How long to wait before the next attempt, in ms, where the receiver names a time. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, retryable: boolean, retryAfterMs?: number) {
    super(message)
    this.name = 'DeliveryError'
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
  }
}

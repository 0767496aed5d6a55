import { type Alert, type AlertChannel, DeliveryError } from '../../alerts/channel.js'
import { type MaybePromise, promised } from '../../base/async.js'
import type { Clock } from '../../base/clock.js'
import { messageOf } from '../../base/errors.js'
import { withTimeout } from '../../base/timeout.js'

/** An alert that is not yet delivered to one channel. */
export interface PendingAlert {
  readonly alert: Alert
  /** Wall-clock ms. After that time it is not tried any more. */
  readonly until: number
  /** The name of its ledger fact; absent if the ledger could not be written. */
  readonly name?: string | undefined
}

interface DeliveryQueueParts {
  readonly clock: Clock
  /** Whether this process still owns the delivery. */
  readonly isOwner: (pending: PendingAlert) => MaybePromise<boolean>
  /** Called when an alert was delivered or given up. */
  readonly onDone: (pending: PendingAlert) => void
  /** Raises an alert when the channel fails, and when it works again. */
  readonly alert: (message: string) => void
}

const MAX_PENDING = 100
const FIRST_WAIT_MS = 1_000
const MAX_WAIT_MS = 10 * 60_000
const MAX_RETRY_AFTER_MS = 3_600_000
/** How long one delivery attempt may take. */
const ATTEMPT_TIMEOUT_MS = 90_000
/** So many failures in a row are reported as a problem. Fewer are taken for a short disturbance. */
const FAILURES_BEFORE_PROBLEM = 3
/** Another process may have taken over an alert that has waited for longer than this. */
const CHECK_OWNER_AFTER_MS = 10_000

/** Delivers to one channel: one alert at a time, in order, retried with growing waits. Never throws. */
export class DeliveryQueue {
  readonly channel: AlertChannel
  readonly #parts: DeliveryQueueParts
  readonly #queue: (PendingAlert & { readonly since: number })[] = []
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  #closing = false
  #failures = 0
  #givenUp = 0
  /** The channel's problem, once it has been reported. */
  problem: string | undefined

  constructor(channel: AlertChannel, parts: DeliveryQueueParts) {
    this.channel = channel
    this.#parts = parts
  }

  /** The alerts that are not delivered yet. */
  get pending(): readonly PendingAlert[] {
    return this.#queue
  }

  add(pending: PendingAlert): void {
    if (this.#queue.length >= MAX_PENDING) {
      this.#givenUp++
      this.#parts.onDone(pending)
      this.#reportProblem(`${MAX_PENDING} alerts are waiting`)
      return
    }
    this.#queue.push({ ...pending, since: this.#parts.clock.monotonic() })
    // In a later microtask, so that the caller that raised the alert is not delayed.
    this.#running ??= Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Settles when all alerts are delivered, or the rest would need a longer wait. */
  async drain(): Promise<void> {
    this.#closing = true
    this.#wake?.()
    await this.#running
  }

  /** Aborts the delivery under way. */
  end(): void {
    this.#abort.abort()
  }

  async #run(): Promise<void> {
    let failure: DeliveryError | undefined
    for (;;) {
      const pending = this.#queue[0]
      if (!pending || this.#abort.signal.aborted) return
      if (failure && this.#parts.clock.now() >= pending.until) {
        this.#finish(pending, failure)
        failure = undefined
        continue
      }
      const isOld = this.#parts.clock.monotonic() - pending.since > CHECK_OWNER_AFTER_MS
      if ((failure || isOld) && !(await this.#isStillOwner(pending))) {
        this.#queue.shift()
        failure = undefined
        continue
      }
      failure = await this.#try(pending)
      // It is unknown whether the aborted attempt arrived: the next process tries again.
      if (failure && this.#abort.signal.aborted) return
      if (!failure?.retryable) {
        this.#finish(pending, failure)
        failure = undefined
        continue
      }
      if (++this.#failures >= FAILURES_BEFORE_PROBLEM) this.#reportProblem(failure.message)
      if (!this.#closing) await this.#wait(failure)
      if (this.#closing) return
    }
  }

  /** Removes an alert that was delivered, or is given up. */
  #finish(pending: PendingAlert, failure: DeliveryError | undefined): void {
    this.#queue.shift()
    this.#parts.onDone(pending)
    if (!failure) {
      this.#reportDelivery()
      return
    }
    this.#givenUp++
    this.#reportProblem(`${pending.alert.code} was given up: ${failure.message}`)
  }

  async #try({ alert }: PendingAlert): Promise<DeliveryError | undefined> {
    const { clock } = this.#parts
    const { signal } = this.#abort
    try {
      const delivering = promised(() => this.channel.deliver(alert, { clock, signal }))
      await withTimeout(delivering, {
        clock,
        ms: ATTEMPT_TIMEOUT_MS,
        error: () => new DeliveryError(`the delivery has not ended within ${ATTEMPT_TIMEOUT_MS / 1000} s`, true),
        keepAlive: false,
      })
      return undefined
    } catch (error) {
      return error instanceof DeliveryError ? error : new DeliveryError(messageOf(error), true)
    }
  }

  async #isStillOwner(pending: PendingAlert): Promise<boolean> {
    try {
      return await this.#parts.isOwner(pending)
    } catch {
      // Delivering twice, under the same id, is better than never.
      return true
    }
  }

  #wait({ retryAfterMs = 0 }: DeliveryError): Promise<void> {
    const backoff = Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), MAX_WAIT_MS)
    const ms = Math.max(backoff * (1 + Math.random() * 0.25), Math.min(retryAfterMs, MAX_RETRY_AFTER_MS))
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve, false)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }

  #reportProblem(message: string): void {
    if (this.problem !== undefined) return
    this.problem = message
    const { kind, place } = this.channel
    this.#parts.alert(`Alerts do not reach the ${kind} ${place}: ${message}`)
  }

  #reportDelivery(): void {
    this.#failures = 0
    if (this.problem === undefined) return
    const { kind, place } = this.channel
    const lost = this.#givenUp > 0 ? `; ${this.#givenUp} were lost` : ''
    this.problem = undefined
    this.#givenUp = 0
    this.#parts.alert(`Alerts reach the ${kind} ${place} again${lost}.`)
  }
}

import { type Alert, type AlertChannel, DeliveryError } from '../../alerts/channel.js'
import type { MaybePromise } from '../../base/async.js'
import type { Clock } from '../../base/clock.js'
import { messageOf } from '../../base/errors.js'
import { withTimeout } from '../../base/timeout.js'

/** An alert that one channel has yet to get. */
export interface PendingAlert {
  readonly alert: Alert
  /** Wall-clock ms: after that it is not tried any more. */
  readonly until: number
  /** Its name in the ledger; absent where that could not be told. */
  readonly name?: string | undefined
}

interface DeliveryQueueParts {
  readonly clock: Clock
  /** Whether it is still ours to deliver. */
  readonly isOwner: (pending: PendingAlert) => MaybePromise<boolean>
  /** It was delivered, or given up. */
  readonly onDone: (pending: PendingAlert) => void
  /** Tells of trouble with the channel, and of its end. */
  readonly alert: (message: string) => void
}

const MAX_PENDING = 100
const FIRST_WAIT_MS = 1_000
const MAX_WAIT_MS = 10 * 60_000
const MAX_RETRY_AFTER_MS = 3_600_000
/** No channel may take longer over one try. */
const ATTEMPT_TIMEOUT_MS = 90_000
/** So many failures in a row are trouble; fewer are a moment's. */
const FAILURES_BEFORE_PROBLEM = 3
/** Another process may have taken over what has waited for longer. */
const CHECK_OWNER_AFTER_MS = 10_000

/** The way to one channel: one alert at a time, in order, tried again with growing waits. Never throws. */
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
  /** What is wrong with the channel, once that was told. */
  problem: string | undefined

  constructor(channel: AlertChannel, parts: DeliveryQueueParts) {
    this.channel = channel
    this.#parts = parts
  }

  /** What is not delivered yet. */
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
    // In a turn of its own: whoever raised it has more urgent things to do.
    this.#running ??= Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Settles when nothing more can be done: all is delivered, or what is left needs more time. */
  async drain(): Promise<void> {
    this.#closing = true
    this.#wake?.()
    await this.#running
  }

  /** Ends what is being delivered. */
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
      const old = this.#parts.clock.monotonic() - pending.since > CHECK_OWNER_AFTER_MS
      if ((failure || old) && !(await this.#isStillOwner(pending))) {
        this.#queue.shift()
        failure = undefined
        continue
      }
      failure = await this.#try(pending)
      // Whether it got there, nobody knows: whoever comes next tries again.
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

  /** It was delivered, or is given up. */
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
      const delivering = this.channel.deliver(alert, { clock, signal })
      await withTimeout(delivering, {
        clock,
        ms: ATTEMPT_TIMEOUT_MS,
        error: () => new DeliveryError('it has not ended in time', true),
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
      // Rather twice, under the same id, than never.
      return true
    }
  }

  #wait({ retryAfterMs = 0 }: DeliveryError): Promise<void> {
    const growing = Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), MAX_WAIT_MS)
    const ms = Math.max(growing * (1 + Math.random() * 0.25), Math.min(retryAfterMs, MAX_RETRY_AFTER_MS))
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

import { type Alert, type AlertChannel, DeliveryError } from '../../alerts/channel.js'
import type { MaybePromise } from '../../base/async.js'
import type { Clock } from '../../base/clock.js'
import { messageOf } from '../../base/errors.js'

/** An alert that one channel is owed. */
export interface Owed {
  readonly alert: Alert
  /** Wall-clock ms: after that it is not tried any more. */
  readonly until: number
  /** Its name in the ledger; absent where that could not be told. */
  readonly name?: string | undefined
}

interface LaneParts {
  readonly clock: Clock
  /** Whether it is still ours to deliver. */
  readonly ours: (owed: Owed) => MaybePromise<boolean>
  /** It was delivered, or given up. */
  readonly done: (owed: Owed) => void
  /** Tells of trouble with the channel, and of its end. */
  readonly tell: (message: string) => void
}

const MOST_WAITING = 100
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 10 * 60_000
const LONGEST_RETRY_AFTER_MS = 3_600_000
/** No channel may take longer over one try. */
const TRY_MS = 90_000
/** So many failures in a row are trouble; fewer are a moment's. */
const TROUBLE_AFTER = 3
/** Another process may have taken over what has waited for longer. */
const ASK_AFTER_MS = 10_000

/** The way to one channel: one alert at a time, in order, tried again with growing waits. Never throws. */
export class Lane {
  readonly channel: AlertChannel
  readonly #parts: LaneParts
  readonly #waiting: (Owed & { readonly since: number })[] = []
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  #closing = false
  #failures = 0
  #lost = 0
  /** What is wrong with the channel, once that was told. */
  problem: string | undefined

  constructor(channel: AlertChannel, parts: LaneParts) {
    this.channel = channel
    this.#parts = parts
  }

  /** What is not delivered yet. */
  get owed(): readonly Owed[] {
    return this.#waiting
  }

  add(owed: Owed): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#lost++
      this.#parts.done(owed)
      this.#trouble(`${MOST_WAITING} alerts are waiting`)
      return
    }
    this.#waiting.push({ ...owed, since: this.#parts.clock.monotonic() })
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
      const owed = this.#waiting[0]
      if (!owed || this.#abort.signal.aborted) return
      if (failure && this.#parts.clock.now() >= owed.until) {
        this.#over(owed, failure)
        failure = undefined
        continue
      }
      const old = this.#parts.clock.monotonic() - owed.since > ASK_AFTER_MS
      if ((failure || old) && !(await this.#stillOurs(owed))) {
        this.#waiting.shift()
        failure = undefined
        continue
      }
      failure = await this.#try(owed)
      // Whether it got there, nobody knows: whoever comes next tries again.
      if (failure && this.#abort.signal.aborted) return
      if (!failure?.retryable) {
        this.#over(owed, failure)
        failure = undefined
        continue
      }
      if (++this.#failures >= TROUBLE_AFTER) this.#trouble(failure.message)
      if (!this.#closing) await this.#wait(failure)
      if (this.#closing) return
    }
  }

  /** It was delivered, or is given up. */
  #over(owed: Owed, failure: DeliveryError | undefined): void {
    this.#waiting.shift()
    this.#parts.done(owed)
    if (!failure) {
      this.#works()
      return
    }
    this.#lost++
    this.#trouble(`${owed.alert.code} was given up: ${failure.message}`)
  }

  async #try({ alert }: Owed): Promise<DeliveryError | undefined> {
    const { clock } = this.#parts
    const { signal } = this.#abort
    let cancel = (): void => {}
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(TRY_MS, () => reject(new DeliveryError('it has not ended in time', true)), false)
    })
    try {
      await Promise.race([this.channel.deliver(alert, { clock, signal }), late])
      return undefined
    } catch (error) {
      return error instanceof DeliveryError ? error : new DeliveryError(messageOf(error), true)
    } finally {
      cancel()
    }
  }

  async #stillOurs(owed: Owed): Promise<boolean> {
    try {
      return await this.#parts.ours(owed)
    } catch {
      // Rather twice, under the same id, than never.
      return true
    }
  }

  #wait({ retryAfterMs = 0 }: DeliveryError): Promise<void> {
    const growing = Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS)
    const ms = Math.max(growing * (1 + Math.random() * 0.25), Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS))
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve, false)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }

  #trouble(message: string): void {
    if (this.problem !== undefined) return
    this.problem = message
    const { kind, place } = this.channel
    this.#parts.tell(`Alerts do not reach the ${kind} ${place}: ${message}`)
  }

  #works(): void {
    this.#failures = 0
    if (this.problem === undefined) return
    const { kind, place } = this.channel
    const lost = this.#lost > 0 ? `; ${this.#lost} were lost` : ''
    this.problem = undefined
    this.#lost = 0
    this.#parts.tell(`Alerts reach the ${kind} ${place} again${lost}.`)
  }
}

import { type Clock, systemClock } from '../base/clock.js'
import { counted } from '../base/counted.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import { within } from './errors.js'
import type { AuditEvent, AuditSink } from './sink.js'

/** How far a copy may fall behind. */
export interface CopyAuditOptions {
  /**
   * How many records are kept while the sink cannot take them. Further records are lost, and counted.
   * @default 10_000
   */
  maxPending?: number | undefined
  /**
   * Measures retries and time-outs.
   * @default systemClock
   */
  clock?: Clock | undefined
}

const MAX_BATCH = 500
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
/** How long one call of the sink may take, and so how long `close` waits for each. */
const SINK_TIMEOUT_MS = 5_000

const copies = new WeakSet<AuditSink>()

/** Whether a sink is a copy: no solve waits for it. */
export function isCopy(sink: AuditSink): boolean {
  return copies.has(sink)
}

/**
 * Makes a sink a copy: no solve waits for it, or is denied because it fails. Records are written in the background, in
 * order. While the sink cannot write they are kept, up to `maxPending`, and written once it can. The guard raises one
 * alert (`AUDIT_COPY_BEHIND`) when the copy falls behind, and one when it has caught up.
 *
 * @throws SolveguardError `CONFIG_INVALID` where `sink` is none
 * @example
 * const copy = copyAudit(elasticsearchAudit({ url: 'https://es.internal:9200', apiKey }))
 * const guard = await createGuard({ audit: [jsonlAudit(), copy], policy: { origins: ['https://staging.example.com'] }
 * })
 */
export function copyAudit(sink: AuditSink, options: CopyAuditOptions = {}): AuditSink {
  const { maxPending = 10_000, clock = systemClock } = options
  if (typeof sink?.write !== 'function') {
    throw new SolveguardError('CONFIG_INVALID', "copyAudit: expected an audit sink, from 'solveguard/audit'.")
  }
  const copy = new CopyAudit(sink, maxPending, clock)
  copies.add(copy)
  return copy
}

class CopyAudit implements AuditSink {
  readonly kind: string
  readonly place: string | undefined
  readonly #sink: AuditSink
  readonly #maxPending: number
  readonly #clock: Clock
  #report: (message: string) => void = () => {}
  #pending: AuditEvent[] = []
  #lost = 0
  #guard = ''
  #openedAt = 0
  #isOpen = false
  #sinkIsOpen = false
  #working: Promise<void> | undefined
  #cancelRetry: (() => void) | undefined
  #retryMs = 0

  constructor(sink: AuditSink, maxPending: number, clock: Clock) {
    this.kind = `copy to ${sink.kind}`
    this.place = sink.place
    this.#sink = sink
    this.#maxPending = maxPending
    this.#clock = clock
  }

  onError(report: (message: string) => void): void {
    this.#report = report
    this.#sink.onError?.(report)
  }

  open(guard: string, now: number): void {
    this.#guard = guard
    this.#openedAt = now
    this.#isOpen = true
  }

  write(events: readonly AuditEvent[]): void {
    const free = Math.max(this.#maxPending - this.#pending.length, 0)
    if (events.length > free) this.#lost += events.length - free
    this.#pending.push(...events.slice(0, free))
    // A retry that is scheduled stays at its time.
    if (this.#cancelRetry === undefined && this.#working === undefined) this.#work()
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    await this.#working
    if (this.#pending.length > 0) await this.#flush()
    const missing = this.#pending.length + this.#lost
    if (missing > 0) this.#report(`${counted(missing, 'record')} never reached the ${this.kind}.`)
    if (this.#sinkIsOpen) await this.#within(async () => this.#sink.close()).catch(() => undefined)
    this.#sinkIsOpen = false
    this.#pending = []
    this.#lost = 0
  }

  #work(): void {
    this.#working = this.#flush().finally(() => {
      this.#working = undefined
      if (!this.#isOpen) return
      if (this.#retryMs > 0) {
        const retry = (): void => {
          this.#cancelRetry = undefined
          this.#work()
        }
        this.#cancelRetry = this.#clock.after(this.#retryMs, retry, false)
      } else if (this.#pending.length > 0) this.#work()
    })
  }

  /** Writes what is pending, batch by batch, until all is written or a batch fails. Never rejects. */
  async #flush(): Promise<void> {
    // Events that are written in the same turn are in the same batch.
    await Promise.resolve()
    try {
      if (!this.#sinkIsOpen) {
        await this.#within(async () => this.#sink.open(this.#guard, this.#openedAt))
        this.#sinkIsOpen = true
      }
      while (this.#pending.length > 0) {
        const batch = this.#pending.slice(0, MAX_BATCH)
        await this.#within(async () => this.#sink.write(batch))
        this.#pending.splice(0, batch.length)
      }
      if (this.#retryMs > 0) this.#report(`The ${this.kind} is written again${this.#lostSoFar()}.`)
      this.#retryMs = 0
    } catch (error) {
      if (this.#retryMs === 0) this.#report(`The ${this.kind} is behind: ${messageOf(error)}`)
      this.#retryMs = Math.min(Math.max(this.#retryMs * 2, FIRST_RETRY_MS), MAX_RETRY_MS)
    }
  }

  #within<T>(call: () => Promise<T>): Promise<T> {
    return within(call(), SINK_TIMEOUT_MS, this.#clock)
  }

  #lostSoFar(): string {
    const lost = this.#lost
    this.#lost = 0
    return lost > 0 ? `; ${counted(lost, 'record')} never reached it` : ''
  }
}

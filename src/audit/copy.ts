import { messageOf, SolveguardError } from '../base/errors.js'
import { within } from './errors.js'
import type { AuditEvent, AuditSink } from './sink.js'

/** How much a copy may be behind. */
export interface CopyAuditOptions {
  /** How many records are kept while the sink cannot take them; what comes on top is lost, and counted. Default: 10,000. */
  maxPending?: number | undefined
}

const BATCH = 500
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000
/** How long the end waits for what is not written yet. */
const LAST_MS = 5_000

const copies = new WeakSet<AuditSink>()

/** Whether a sink is only a copy: nothing hangs on it. */
export function isCopy(sink: AuditSink): boolean {
  return copies.has(sink)
}

/**
 * Makes a sink a copy: solves wait neither for it nor for its return. Records are written behind, in order; while the sink
 * cannot write they are kept, up to a bound, and written when it can. Trouble is an alert (`AUDIT_COPY_BEHIND`), once.
 *
 * @example
 * const guard = await createGuard({ …, audit: [jsonlAudit(), copyAudit(elasticsearchAudit({ url, apiKey }))] })
 */
export function copyAudit(sink: AuditSink, { maxPending = 10_000 }: CopyAuditOptions = {}): AuditSink {
  if (typeof sink?.write !== 'function') {
    throw new SolveguardError('CONFIG_INVALID', "copyAudit: expected an audit sink, from 'solveguard/audit'.")
  }
  const copy = new CopyAudit(sink, maxPending)
  copies.add(copy)
  return copy
}

class CopyAudit implements AuditSink {
  readonly kind: string
  readonly place: string | undefined
  readonly #sink: AuditSink
  readonly #maxPending: number
  #tell: (message: string) => void = () => {}
  #kept: AuditEvent[] = []
  #lost = 0
  #guard = ''
  #openedAt = 0
  #isOpen = false
  #sinkIsOpen = false
  #working: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #retryMs = 0

  constructor(sink: AuditSink, maxPending: number) {
    this.kind = `copy to ${sink.kind}`
    this.place = sink.place
    this.#sink = sink
    this.#maxPending = maxPending
  }

  onError(tell: (message: string) => void): void {
    this.#tell = tell
    this.#sink.onError?.(tell)
  }

  open(guard: string, now: number): void {
    this.#guard = guard
    this.#openedAt = now
    this.#isOpen = true
  }

  write(events: readonly AuditEvent[]): undefined {
    const room = this.#maxPending - this.#kept.length
    if (events.length > room) this.#lost += events.length - Math.max(room, 0)
    this.#kept.push(...events.slice(0, Math.max(room, 0)))
    // What is about to be retried is not hurried.
    if (this.#timer === undefined && this.#working === undefined) this.#work()
    return undefined
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#working
    if (this.#kept.length > 0) await this.#flush()
    const missing = this.#kept.length + this.#lost
    if (missing > 0) this.#tell(`${missing} records never reached the ${this.kind}.`)
    if (this.#sinkIsOpen) await within(Promise.resolve(this.#sink.close()), LAST_MS).catch(() => undefined)
    this.#sinkIsOpen = false
    this.#kept = []
    this.#lost = 0
  }

  #work(): void {
    this.#working = this.#flush().finally(() => {
      this.#working = undefined
      if (!this.#isOpen) return
      if (this.#retryMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          this.#work()
        }, this.#retryMs)
        this.#timer.unref()
      } else if (this.#kept.length > 0) this.#work()
    })
  }

  /** Writes what is kept, batch by batch, until all is written or one fails. Never rejects. */
  async #flush(): Promise<void> {
    // What comes in the same turn goes along.
    await Promise.resolve()
    try {
      if (!this.#sinkIsOpen) {
        await within(Promise.resolve(this.#sink.open(this.#guard, this.#openedAt)), LAST_MS)
        this.#sinkIsOpen = true
      }
      while (this.#kept.length > 0) {
        const batch = this.#kept.slice(0, BATCH)
        await within(Promise.resolve(this.#sink.write(batch)), LAST_MS)
        this.#kept.splice(0, batch.length)
      }
      if (this.#retryMs > 0) this.#tell(`The ${this.kind} is written again${this.#lostSoFar()}.`)
      this.#retryMs = 0
    } catch (error) {
      if (this.#retryMs === 0) this.#tell(`The ${this.kind} is behind: ${messageOf(error)}`)
      this.#retryMs = Math.min(Math.max(this.#retryMs * 2, FIRST_RETRY_MS), LONGEST_RETRY_MS)
    }
  }

  #lostSoFar(): string {
    const lost = this.#lost
    this.#lost = 0
    return lost > 0 ? `; ${lost} records were lost to it` : ''
  }
}

import type { AuditEvent, AuditSink } from '../../audit/sink.js'
import { isPromise, type MaybePromise } from '../../base/async.js'
import type { ChainHead } from '../../base/chain.js'
import type { Clock } from '../../base/clock.js'
import { DeniedError, messageOf } from '../../base/errors.js'
import { withTimeout } from '../../base/timeout.js'

/** A sink that has not answered by then has failed, for the guard. */
const WRITE_TIMEOUT_MS = 10_000
/** How many records of past events are kept while the sink fails. */
const MAX_UNWRITTEN = 10_000

/**
 * Writes to the audit sink. Before a solve a record is *required* (`writeOrDeny`): no record, no solve. An event that
 * has already happened is *written* at once if possible, and otherwise kept and written before any other record.
 */
export class Recorder {
  readonly #sink: AuditSink
  readonly #clock: Clock
  readonly #onError: (error: DeniedError) => void
  #unwritten: AuditEvent[] = []
  #writing = new Set<Promise<unknown>>()
  /** How many records of past events were lost: more than are kept, or not written when the guard closed. */
  lost = 0
  /** Why records cannot be written, and since when (wall-clock ms). Undefined after a successful write. */
  lastError: { readonly message: string; readonly since: number } | undefined
  constructor(sink: AuditSink, clock: Clock, onError: (error: DeniedError) => void) {
    this.#sink = sink
    this.#clock = clock
    this.#onError = onError
  }

  /** The head of the sink's chain, for the ledger. */
  get head(): ChainHead | undefined {
    return this.#sink.head
  }

  /** How many records of past events are not written yet. */
  get pending(): number {
    return this.#unwritten.length
  }

  /** @throws DeniedError `AUDIT_UNAVAILABLE`: the events are not recorded, and what they announce must not happen */
  writeOrDeny(...events: readonly AuditEvent[]): MaybePromise<void> {
    return this.#send(events)
  }

  /** Never throws. */
  write(event: AuditEvent): void {
    this.writeAll([event])
  }

  /**
   * Never throws. Settles when the events are written, or kept.
   * @returns whether they are written
   */
  writeAll(events: readonly AuditEvent[]): MaybePromise<boolean> {
    try {
      const written = this.#send(events)
      if (!isPromise(written)) return true
      const done = written
        .then(
          () => true,
          (error) => this.#keep(events, error),
        )
        .finally(() => this.#writing.delete(done))
      this.#writing.add(done)
      return done
    } catch (error) {
      return this.#keep(events, error)
    }
  }

  /** Never throws. Writes a little later, together with other events: for records that are not urgent. */
  writeSoon(event: AuditEvent): void {
    if (this.#unwritten.length >= MAX_UNWRITTEN) this.lost++
    else if (this.#unwritten.push(event) === 1) setImmediate(() => this.flush())
  }

  /** Never throws. Writes the kept records, if there are any. */
  flush(): MaybePromise<boolean> {
    return this.#unwritten.length === 0 || this.writeAll([])
  }

  /** Waits for the writes under way, writes the kept records, and closes the sink. What is not written then is lost. */
  async close(): Promise<void> {
    await Promise.all(this.#writing)
    await this.flush()
    this.lost += this.#unwritten.length
    this.#unwritten = []
    const closing = this.#sink.close()
    if (isPromise(closing)) await this.#withTimeout(closing)
  }

  #send(events: readonly AuditEvent[]): MaybePromise<void> {
    const kept = this.#unwritten
    const batch = kept.length > 0 ? [...kept, ...events] : events
    if (batch.length === 0) return
    const written = (): void => {
      this.lastError = undefined
      if (kept.length > 0) this.#unwritten = this.#unwritten.slice(kept.length)
    }
    try {
      const writing = this.#sink.write(batch)
      if (!isPromise(writing)) return written()
      // The kept records are in this batch: a second write at the same time must not write them again.
      this.#unwritten = []
      return this.#withTimeout(writing).then(
        () => {
          this.lastError = undefined
        },
        (error) => {
          this.#unwritten = [...kept, ...this.#unwritten]
          throw this.#failed(error)
        },
      )
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): DeniedError {
    const denied = unavailable(error)
    this.lastError = { message: denied.message, since: this.lastError?.since ?? this.#clock.now() }
    return denied
  }

  /** A sink that hangs must not block the guard. A record may then be written twice, which is better than never. */
  #withTimeout<T>(work: Promise<T>): Promise<T> {
    return withTimeout(work, {
      clock: this.#clock,
      ms: WRITE_TIMEOUT_MS,
      error: () => new Error(`the ${this.#sink.kind} sink has not answered for ${WRITE_TIMEOUT_MS / 1000} s`),
    })
  }

  #keep(events: readonly AuditEvent[], error: unknown): false {
    const kept = events.slice(0, MAX_UNWRITTEN - this.#unwritten.length)
    this.#unwritten.push(...kept)
    this.lost += events.length - kept.length
    this.#onError(unavailable(error))
    return false
  }
}

function unavailable(error: unknown): DeniedError {
  // Any error of a sink becomes AUDIT_UNAVAILABLE: no caller may take it for an error that could be recorded.
  if (error instanceof DeniedError && error.code === 'AUDIT_UNAVAILABLE') return error
  return new DeniedError('AUDIT_UNAVAILABLE', `The audit record could not be written: ${messageOf(error)}`, {
    cause: error,
  })
}

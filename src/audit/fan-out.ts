import { isPromise, type MaybePromise } from '../base/async.js'
import type { ChainHead } from '../base/chain.js'
import { SolveguardError } from '../base/errors.js'
import { isCopy } from './copy.js'
import type { AuditEvent, AuditSink } from './sink.js'

/**
 * Several sinks as one. Each of them is required: where one cannot write, nothing is solved. No solve waits for those
 * of `copyAudit`. A record that only some sinks could write goes, at the next try, to those that do not have it.
 *
 * The ledger keeps the heads of the first sink that has a chain.
 *
 * @throws SolveguardError `CONFIG_INVALID` when none of them is required
 */
export function fanOutAudit(sinks: readonly AuditSink[]): AuditSink {
  const [only] = sinks
  if (only === undefined || sinks.every(isCopy)) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'options.audit: at least one audit sink has to be required, not a copy.',
    )
  }
  return sinks.length === 1 ? only : new FanOutAudit(sinks)
}

/** What a sink's write threw, if it did. */
type Result = { readonly error?: unknown }

const WRITTEN: Result = {}

class FanOutAudit implements AuditSink {
  readonly kind: string
  readonly place: string
  readonly #members: readonly Member[]

  constructor(sinks: readonly AuditSink[]) {
    this.kind = sinks.map(({ kind }) => kind).join(' and ')
    this.place = sinks.map(({ place, kind }) => place ?? kind).join(', ')
    this.#members = sinks.map((sink) => new Member(sink))
  }

  get head(): ChainHead | undefined {
    for (const { sink } of this.#members) if (sink.head !== undefined) return sink.head
    return undefined
  }

  onError(report: (message: string) => void): void {
    for (const { sink } of this.#members) sink.onError?.(report)
  }

  async open(guard: string, now: number): Promise<void> {
    const opened: AuditSink[] = []
    try {
      for (const { sink } of this.#members) {
        await sink.open(guard, now)
        opened.push(sink)
      }
    } catch (error) {
      await Promise.allSettled(opened.map((sink) => (async () => sink.close())()))
      throw error
    }
  }

  write(events: readonly AuditEvent[]): MaybePromise<void> {
    const results = this.#members.map((member) => member.write(events))
    if (!results.some(isPromise)) return this.#decide(events, results as Result[])
    return Promise.all(results.map(async (result) => result)).then((settled) => this.#decide(events, settled))
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.#members.map(async ({ sink }) => sink.close()))
    for (const result of closed) if (result.status === 'rejected') throw result.reason
  }

  #decide(events: readonly AuditEvent[], results: readonly Result[]): void {
    const failed = results.find((result) => result !== WRITTEN)
    if (failed === undefined) return
    for (const [index, result] of results.entries()) if (result === WRITTEN) this.#members[index]?.markWritten(events)
    throw failed.error
  }
}

/** One of the sinks, and the events that it has written and another could not. */
class Member {
  readonly sink: AuditSink
  #written: WeakSet<AuditEvent> | undefined

  constructor(sink: AuditSink) {
    this.sink = sink
  }

  markWritten(events: readonly AuditEvent[]): void {
    this.#written ??= new WeakSet()
    for (const event of events) this.#written.add(event)
  }

  write(events: readonly AuditEvent[]): MaybePromise<Result> {
    const known = this.#written
    const missing = known === undefined ? events : events.filter((event) => !known.has(event))
    try {
      const written = this.sink.write(missing)
      if (!isPromise(written)) return WRITTEN
      return Promise.resolve(written).then(
        () => WRITTEN,
        (error: unknown) => ({ error }),
      )
    } catch (error) {
      return { error }
    }
  }
}

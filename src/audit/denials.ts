import { isPromise, type MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import type { AuditEvent } from './sink.js'

/** What a denial log needs, and its bounds. */
export interface DenialLogOptions {
  readonly clock: Clock
  /** Writes the records; usually the sink's `write`. */
  readonly write: (events: readonly AuditEvent[]) => MaybePromise<unknown>
  /**
   * How long denials of a kind are collected before they are written, ms. The first one is written at once.
   * @default 1_000
   */
  readonly intervalMs?: number | undefined
  /**
   * How many kinds of denial are counted separately at a time; all further ones are counted together.
   * @default 100
   */
  readonly maxKinds?: number | undefined
  /** Called each time that a write fails. What was not written is kept, as counts, and retried. */
  readonly onError?: ((error: unknown, pending: number) => void) | undefined
}

/** Writes denials: the first of a kind at once, others like it later. No caller waits for that, or gets an error. */
export interface DenialLog {
  /** Adds a denial. Never throws. */
  add(event: AuditEvent): void
  /** Writes what is pending, in one batch. Never throws: failures go to `onError`, and what failed stays pending. */
  flush(): MaybePromise<void>
  /** Writes what is pending, as `flush` does, but once: after that nothing is retried, and `add` does nothing. */
  close(): MaybePromise<void>
  /** How many denials are not written yet. */
  readonly pending: number
}

/** Denials of one kind that are not written yet: the first, the last, and how many there are. */
interface Kind {
  first: AuditEvent
  last: AuditEvent
  count: number
}

type Batch = readonly (readonly [key: string, kind: Readonly<Kind>])[]

/** The key for all kinds above `maxKinds`. */
const OTHERS = ''

/**
 * A log of denials with bounds. The first denial of a kind (same code, page, sitekey and path) is written at once. As
 * long as there are more of it, those within an interval become one record with a count, and the first and last time.
 * Memory is bounded, however many denials there are and however long
 * writing fails.
 *
 * @example
 * const denials = createDenialLog({ clock, write: (events) => sink.write(events), onError: (error) => … })
 * denials.add({ action: 'denied', at: clock.now(), guard: 'checkout-tests', code: 'ORIGIN_NOT_NAMED', page })
 */
export function createDenialLog(options: DenialLogOptions): DenialLog {
  const { clock, write, intervalMs = 1000, maxKinds = 100, onError } = options
  /** The kinds of the last interval, also those of which all is written. */
  const kinds = new Map<string, Kind>()
  let inFlight: { readonly done: Promise<void>; readonly count: number } | undefined
  let cancelTimer: (() => void) | undefined
  let isFailing = false
  let closed = false

  const log: DenialLog = {
    add(event) {
      if (closed) return
      const key = keyOf(event)
      const isNew = !kinds.has(key) && kinds.size < maxKinds
      if (isNew) kinds.set(key, { first: event, last: event, count: 0 })
      if (isNew && !isFailing && !inFlight) void writeBatch([[key, { first: event, last: event, count: 1 }]])
      else count(key, { first: event, last: event, count: 1 })
      schedule()
    },
    flush,
    close() {
      closed = true
      return flush()
    },
    get pending() {
      let sum = inFlight?.count ?? 0
      for (const kind of kinds.values()) sum += kind.count
      return sum
    },
  }
  return log

  function schedule(): void {
    if (!closed) cancelTimer ??= clock.after(intervalMs, flush, false)
  }

  function count(key: string, some: Readonly<Kind>): void {
    const kind = kinds.get(key)
    if (kind) {
      if (kind.count === 0) kind.first = some.first
      kind.count += some.count
      kind.last = some.last
    } else if (key === OTHERS) {
      kinds.set(key, { ...some })
    } else {
      count(OTHERS, some)
    }
  }

  function flush(): MaybePromise<void> {
    if (inFlight) return inFlight.done.then(flush)
    cancelTimer?.()
    cancelTimer = undefined
    const batch: (readonly [string, Kind])[] = []
    for (const [key, kind] of kinds) {
      if (kind.count === 0) kinds.delete(key)
      else batch.push([key, { ...kind }])
      kind.count = 0
    }
    if (kinds.size > 0) schedule()
    if (batch.length > 0) return writeBatch(batch)
  }

  function writeBatch(batch: Batch): MaybePromise<void> {
    try {
      const writing = write(batch.map(([key, kind]) => recordOf(key, kind)))
      if (!isPromise(writing)) {
        isFailing = false
        return
      }
      const done = writing.then(
        () => {
          inFlight = undefined
          isFailing = false
        },
        (error: unknown) => {
          inFlight = undefined
          putBack(batch, error)
        },
      )
      inFlight = { done, count: batch.reduce((sum, [, kind]) => sum + kind.count, 0) }
      return done
    } catch (error) {
      putBack(batch, error)
    }
  }

  /** Puts back what could not be written, before what was added since. */
  function putBack(failed: Batch, error: unknown): void {
    isFailing = true
    for (const [key, kind] of failed) {
      // Only `flush` drops a kind, and it waits for a write that is under way.
      const since = kinds.get(key) as Kind
      since.first = kind.first
      since.count += kind.count
    }
    schedule()
    onError?.(error, log.pending)
  }
}

function keyOf({ code = '', page = '', sitekey = '', path }: AuditEvent): string {
  return `${code}\n${page}\n${sitekey}\n${path === undefined ? '' : path.join('\n')}`
}

function recordOf(key: string, { first, last, count }: Kind): AuditEvent {
  const times = { count, firstAt: first.at, lastAt: last.at }
  if (key === OTHERS) {
    const message = 'Denials of more kinds than are counted separately in one interval.'
    return { action: 'denied', at: first.at, guard: first.guard, message, ...times }
  }
  return count === 1 ? first : { ...first, retryAt: last.retryAt, ...times }
}

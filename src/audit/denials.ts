import { isPromise, type MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import type { AuditEvent } from './sink.js'

/** What a denial log needs, and its bounds. */
export interface DenialLogOptions {
  readonly clock: Clock
  /** Writes the records; usually the sink's `write`. */
  readonly write: (events: readonly AuditEvent[]) => MaybePromise<unknown>
  /**
   * How long denials are collected before they are written, ms.
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

/** Writes denials in the background: nothing was spent on them, so no caller waits for their records. */
export interface DenialLog {
  /** Adds a denial. Does no I/O and never throws. */
  add(event: AuditEvent): void
  /** Writes what is pending, in one batch. Never throws: failures go to `onError`, and what failed stays pending. */
  flush(): MaybePromise<void>
  /** Writes what is pending, as `flush` does, but once: after that nothing is retried, and `add` does nothing. */
  close(): MaybePromise<void>
  /** How many denials are not written yet. */
  readonly pending: number
}

/** Denials of one kind: the first, the last, and how many there were. */
interface Kind {
  readonly first: AuditEvent
  last: AuditEvent
  count: number
}

/** The key for all kinds above `maxKinds`. */
const OTHERS = ''

/**
 * A log of denials with bounds: denials of one kind (same code, page, sitekey and path) within an interval become one
 * record with a count, and the first and last time. Memory is bounded, however many denials there are and however long
 * writing fails.
 *
 * @example
 * const denials = createDenialLog({ clock, write: (events) => sink.write(events), onError: (error) => … })
 * denials.add({ action: 'denied', at: clock.now(), guard: 'checkout-tests', code: 'ORIGIN_NOT_NAMED', page })
 */
export function createDenialLog(options: DenialLogOptions): DenialLog {
  const { clock, write, intervalMs = 1000, maxKinds = 100, onError } = options
  let kinds = new Map<string, Kind>()
  let inFlight: { readonly done: Promise<void>; readonly count: number } | undefined
  let cancelTimer: (() => void) | undefined
  let closed = false

  const log: DenialLog = {
    add(event) {
      if (closed) return
      count(keyOf(event), { first: event, last: event, count: 1 })
      schedule()
    },
    flush,
    close() {
      closed = true
      return flush()
    },
    get pending() {
      return total(kinds) + (inFlight?.count ?? 0)
    },
  }
  return log

  function schedule(): void {
    if (!closed) cancelTimer ??= clock.after(intervalMs, flush, false)
  }

  function count(key: string, some: Kind): void {
    const kind = kinds.get(key)
    if (kind) {
      kind.count += some.count
      kind.last = some.last
    } else if (kinds.size < maxKinds || key === OTHERS) {
      kinds.set(key, some)
    } else {
      count(OTHERS, some)
    }
  }

  function flush(): MaybePromise<void> {
    if (inFlight) return inFlight.done.then(flush)
    cancelTimer?.()
    cancelTimer = undefined
    if (kinds.size === 0) return
    const batch = kinds
    kinds = new Map()
    try {
      const writing = write([...batch].map(([key, kind]) => recordOf(key, kind)))
      if (!isPromise(writing)) return
      const done = writing.then(
        () => {
          inFlight = undefined
        },
        (error: unknown) => {
          inFlight = undefined
          putBack(batch, error)
        },
      )
      inFlight = { done, count: total(batch) }
      return done
    } catch (error) {
      putBack(batch, error)
    }
  }

  /** Puts back what could not be written, before what was added since. */
  function putBack(failed: Map<string, Kind>, error: unknown): void {
    const since = kinds
    kinds = failed
    for (const [key, kind] of since) count(key, kind)
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

function total(kinds: Map<string, Kind>): number {
  let sum = 0
  for (const { count } of kinds.values()) sum += count
  return sum
}

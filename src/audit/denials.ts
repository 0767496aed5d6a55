import { isPromise, type MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import type { AuditEvent } from './sink.js'

export interface DenialLogOptions {
  readonly clock: Clock
  /** Writes the records; usually the sink's `write`. */
  readonly write: (events: readonly AuditEvent[]) => MaybePromise<unknown>
  /** How long denials are gathered before they are written. Default: 1,000. */
  readonly intervalMs?: number | undefined
  /** How many kinds of denial are told apart at a time; all further ones are counted together. Default: 100. */
  readonly maxKinds?: number | undefined
  /** Told each time that writing failed. What was not written is kept, as counts, and tried again. */
  readonly onError?: ((error: unknown, pending: number) => void) | undefined
}

/** Writes denials behind: nothing was spent on them, so nobody waits for their records. */
export interface DenialLog {
  /** Takes note of a denial. Does no I/O and never throws. */
  add(event: AuditEvent): void
  /** Writes what is pending, in one batch. Never throws: failures go to `onError`, and what failed stays pending. */
  flush(): MaybePromise<void>
  /** Writes what is pending, as `flush` does, but once: nothing is tried again after that, and nothing taken note of. */
  close(): MaybePromise<void>
  /** How many denials are not written yet. */
  readonly pending: number
}

/** Like denials: the first of them, and how many there were. */
interface Kind {
  readonly first: AuditEvent
  last: AuditEvent
  count: number
}

/** What cannot be told apart any more is counted under this key. */
const OTHERS = ''

/**
 * A log of denials that a flood cannot drown: like denials (same code, page, sitekey and path) within an interval become one
 * record with a count, the first time and the last. Memory is bounded however many there are, and however long writing fails.
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
      soon()
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

  function soon(): void {
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
    const taken = kinds
    kinds = new Map()
    try {
      const writing = write([...taken].map(([key, kind]) => recordOf(key, kind)))
      if (!isPromise(writing)) return
      const done = writing.then(
        () => {
          inFlight = undefined
        },
        (error: unknown) => {
          inFlight = undefined
          keep(taken, error)
        },
      )
      inFlight = { done, count: total(taken) }
      return done
    } catch (error) {
      keep(taken, error)
    }
  }

  /** Puts back what could not be written, before what came since. */
  function keep(taken: Map<string, Kind>, error: unknown): void {
    const since = kinds
    kinds = taken
    for (const [key, kind] of since) count(key, kind)
    soon()
    onError?.(error, log.pending)
  }
}

function keyOf({ code = '', page = '', sitekey = '', path }: AuditEvent): string {
  return `${code}\n${page}\n${sitekey}\n${path === undefined ? '' : path.join('\n')}`
}

function recordOf(key: string, { first, last, count }: Kind): AuditEvent {
  const times = { count, firstAt: first.at, lastAt: last.at }
  if (key === OTHERS) {
    const message = 'Denials of more kinds than are told apart in one interval.'
    return { action: 'denied', at: first.at, guard: first.guard, message, ...times }
  }
  return count === 1 ? first : { ...first, retryAt: last.retryAt, ...times }
}

function total(kinds: Map<string, Kind>): number {
  let sum = 0
  for (const { count } of kinds.values()) sum += count
  return sum
}

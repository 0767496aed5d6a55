import { notOpen } from '../audit/errors.js'
import { toRecord } from '../audit/record.js'
import type { AuditRecord } from '../audit/schema.js'
import type { AuditEvent, AuditSink } from '../audit/sink.js'

/** An audit log in memory, for tests and trials: the process's end deletes it. */
export interface MemoryAudit extends AuditSink {
  /** The events that were written, in order. */
  readonly events: readonly AuditEvent[]
  /** The same, as records of a file. */
  readonly records: readonly AuditRecord[]
  /** From now on `open` and `write` throw this error. `undefined` ends that. */
  failWith(error: Error | undefined): void
}

/**
 * An audit log that keeps its events in memory.
 *
 * @example
 * const audit = memoryAudit()
 * const guard = await createGuard({ audit, … })
 * expect(audit.events.map((event) => event.action)).toEqual(['authorized', 'submitted', 'solved'])
 */
export function memoryAudit(): MemoryAudit {
  const events: AuditEvent[] = []
  let failure: Error | undefined
  let isOpen = false
  return {
    kind: 'memory',
    events,
    get records() {
      return events.map((event) => toRecord(event))
    },
    failWith(error) {
      failure = error
    },
    open() {
      if (failure) throw failure
      isOpen = true
    },
    write(written) {
      if (failure) throw failure
      if (!isOpen) throw notOpen('in memory')
      events.push(...written)
    },
    close() {
      isOpen = false
    },
  }
}

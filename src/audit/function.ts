import { SolveguardError } from '../base/errors.js'
import { notOpen, unavailable, within } from './errors.js'
import { toRecord } from './record.js'
import type { AuditRecord } from './schema.js'
import type { AuditSink } from './sink.js'

/** How long a function of one's own is waited for. */
export interface FunctionAuditOptions {
  /** After that long without an answer the write has failed, ms. Default: 5,000. */
  timeoutMs?: number | undefined
}

/**
 * Hands every batch of records to a function of your own: a queue, a database, a syslog. A batch is written when the function
 * returns, or its promise is fulfilled; when it throws or rejects, nothing is solved. It may be handed a record again
 * whose write had failed.
 *
 * @example
 * const guard = await createGuard({ …, audit: functionAudit(async (records) => { await table.insert(records) }) })
 */
export function functionAudit(
  write: (records: readonly AuditRecord[]) => unknown,
  { timeoutMs = 5_000 }: FunctionAuditOptions = {},
): AuditSink {
  if (typeof write !== 'function') {
    throw new SolveguardError('CONFIG_INVALID', 'functionAudit: expected a function that takes a list of records.')
  }
  const place = write.name || 'function'
  let isOpen = false
  return {
    kind: 'function',
    place,
    open() {
      isOpen = true
    },
    async write(events) {
      if (!isOpen) throw notOpen(place)
      if (events.length === 0) return undefined
      try {
        const work = Promise.resolve(write(events.map((event) => toRecord(event))))
        await within(work, timeoutMs)
      } catch (error) {
        throw unavailable(place, error, 'Mend the function')
      }
      return undefined
    },
    close() {
      isOpen = false
    },
  }
}

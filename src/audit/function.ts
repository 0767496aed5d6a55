import { type Clock, systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { notOpen, unavailable, within } from './errors.js'
import { toRecord } from './record.js'
import type { AuditRecord } from './schema.js'
import type { AuditSink } from './sink.js'

/** How long to wait for your own function. */
export interface FunctionAuditOptions {
  /**
   * How long the function's promise may take to settle, ms. After that the write has failed.
   * @default 5_000
   */
  timeoutMs?: number | undefined
  /**
   * Measures `timeoutMs`.
   * @default systemClock
   */
  clock?: Clock | undefined
}

/**
 * Passes every batch of records to your own function: a queue, a database, a syslog. A batch is written when the
 * function returns, or when its promise is fulfilled; when it throws or rejects, nothing is solved. The function may
 * get a record again whose write had failed.
 *
 * @throws SolveguardError `CONFIG_INVALID` where `write` is no function
 * @example
 * const audit = functionAudit(async (records) => { await table.insert(records) })
 * const guard = await createGuard({ audit, policy: { origins: ['https://staging.example.com'] } })
 */
export function functionAudit(
  write: (records: readonly AuditRecord[]) => unknown,
  { timeoutMs = 5_000, clock = systemClock }: FunctionAuditOptions = {},
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
      if (events.length === 0) return
      try {
        const work = Promise.resolve(write(events.map((event) => toRecord(event))))
        await within(work, timeoutMs, clock)
      } catch (error) {
        throw unavailable(place, error, 'Correct the function')
      }
    },
    close() {
      isOpen = false
    },
  }
}

import type { Clock } from '../base/clock.js'
import { DeniedError, messageOf } from '../base/errors.js'
import { withTimeout } from '../base/timeout.js'

/** The denial of a sink that could not write: nothing is solved until it can. */
export function unavailable(what: string, error: unknown, todo: string): DeniedError {
  if (error instanceof DeniedError && error.code === 'AUDIT_UNAVAILABLE') return error
  return new DeniedError(
    'AUDIT_UNAVAILABLE',
    `The audit log ${what} cannot be written (${messageOf(error)}). ${todo}; until then nothing is solved.`,
    { cause: error },
  )
}

/** The denial of a sink that was not opened, or was closed. */
export function notOpen(what: string): DeniedError {
  return new DeniedError('AUDIT_UNAVAILABLE', `The audit log ${what} is not open.`)
}

/** Settles as `work` does, or rejects after `ms`. The timer keeps no process alive. */
export function within<T>(work: Promise<T>, ms: number, clock: Clock): Promise<T> {
  return withTimeout(work, { clock, ms, error: () => new Error(`no answer within ${ms / 1000} s`), keepAlive: false })
}

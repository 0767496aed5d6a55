import { type Code, DeniedError, type ErrorDetails, messageOf, SolveguardError } from '../base/errors.js'

/** A denial. `retryAt` is the wall-clock ms from which a retry may succeed. */
export function denied(
  code: Code,
  message: string,
  retryAt?: number,
  more: Omit<ErrorDetails, 'retryAt'> = {},
): DeniedError {
  return new DeniedError(code, message, retryAt === undefined ? more : { ...more, retryAt: new Date(retryAt) })
}

/** The denial that a failing ledger causes: no ledger, no solve. */
export function ledgerDown(error: unknown): DeniedError {
  if (error instanceof DeniedError) return error
  return denied(
    'LEDGER_UNAVAILABLE',
    `The ledger did not answer, so nothing is spent: ${messageOf(error)}`,
    undefined,
    { cause: error },
  )
}

/** The error of a call that asks the ledger: one that has a code stays as it is, and any other is the ledger's. */
export function asLedgerError(error: unknown): SolveguardError {
  return error instanceof SolveguardError ? error : ledgerDown(error)
}

/** The error of every call after the guard was closed. */
export function closed(): SolveguardError {
  return new SolveguardError(
    'GUARD_CLOSED',
    'The guard is closed. A task that the service has accepted is left to the next guard.',
  )
}

/** The error of a call that only the guard behind a broker can answer. @param call such as `pause` */
export function withoutKey(call: string): SolveguardError {
  return new SolveguardError(
    'GUARD_WITHOUT_KEY',
    `${call}: this guard holds a token and no key; do it with the guard behind the broker.`,
  )
}

/** The error of a solve whose signal was aborted. */
export function aborted(): SolveguardError {
  return new SolveguardError('SOLVE_ABORTED', 'The solve was aborted by its caller.')
}

/** The error of work for a solve whose caller has its result already: nothing more is bought for it. */
export function abandoned(): SolveguardError {
  return new SolveguardError('SOLVE_ABORTED', 'The solve has already ended for its caller, so nothing more is bought.')
}

/** Converts any thrown value to an error of this package. */
export function asSolveguardError(error: unknown, code: Code): SolveguardError {
  return error instanceof SolveguardError ? error : new SolveguardError(code, messageOf(error), { cause: error })
}

import { type Code, DeniedError, type ErrorDetails, messageOf, SolveguardError } from '../base/errors.js'

/** A denial, with the wall-clock ms at which it is worth trying again. */
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

/** What every call throws once the guard is closed. */
export function closed(): SolveguardError {
  return new SolveguardError(
    'GUARD_CLOSED',
    'The guard was closed; a task that the service took is left to the next one.',
  )
}

/** The caller's signal ended its solve. */
export function aborted(): SolveguardError {
  return new SolveguardError('SOLVE_ABORTED', 'The solve was aborted by its caller.')
}

/** The caller was answered already: nothing more is bought for its solve. */
export function abandoned(): SolveguardError {
  return new SolveguardError('SOLVE_ABORTED', 'Nobody waits for the solve any more.')
}

/** Any thrown value as an error of this package. */
export function asSolveguardError(error: unknown, code: Code): SolveguardError {
  return error instanceof SolveguardError ? error : new SolveguardError(code, messageOf(error), { cause: error })
}

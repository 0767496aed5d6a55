import { SolveguardError } from '../../base/errors.js'

const NAME = /^[\w.-]{1,64}$/

/** Checks the name of a budget or a batch, which becomes part of ledger keys and audit records. */
export function checkName(name: string, field: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw new SolveguardError('CONFIG_INVALID', `${field}: expected 1 to 64 letters, digits and . _ -`)
}

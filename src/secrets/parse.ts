import { DeniedError } from '../base/errors.js'
import { type KeyProblem, problemInKey } from './key-text.js'
import { Secret } from './secret.js'

const MIN_LENGTH = 8
const MAX_LENGTH = 512
const CHECK_IT = 'Check the value that is stored there.'

/**
 * Parses a stored key: one trailing line break is removed, and the rest must be 8 to 512 printable ASCII characters
 * without spaces, and not look like something else that a store may hold (`problemInKey`).
 *
 * @param place where it is stored, for the message
 * @param jsonOption the provider's option that names a field of JSON, for the message
 * @throws DeniedError `SECRET_INVALID`, which names the problem and never repeats the value
 */
export function parseKey(text: string, place: string, jsonOption?: string): Secret {
  const value = text.replace(/\r?\n$/, '')
  const problem = problemInKey(value, jsonOption) ?? problemOfLength(value.length)
  if (problem) throw invalidKey(place, problem)
  return new Secret(value)
}

/** The error for a text that cannot be a key. */
export function invalidKey(place: string, { problem, remedy }: KeyProblem): DeniedError {
  return new DeniedError('SECRET_INVALID', `The key in ${place} ${problem}. ${remedy}`)
}

function problemOfLength(length: number): KeyProblem | undefined {
  if (length < MIN_LENGTH) {
    return { problem: `has ${length} characters; at least ${MIN_LENGTH} are expected`, remedy: CHECK_IT }
  }
  return length > MAX_LENGTH ? { problem: `has more than ${MAX_LENGTH} characters`, remedy: CHECK_IT } : undefined
}

import { DeniedError } from '../base/errors.js'
import { Secret } from './secret.js'

const MIN_LENGTH = 8
const MAX_LENGTH = 512

/**
 * Parses a stored key: one trailing line break is removed, and the rest must be 8 to 512 printable ASCII characters
 * without spaces.
 *
 * @param place where it is stored, for the message
 * @throws DeniedError `SECRET_INVALID`, which names the problem and never repeats the value
 */
export function parseKey(text: string, place: string): Secret {
  const value = text.replace(/\r?\n$/, '')
  if (value.length < MIN_LENGTH)
    throw invalid(place, `has ${value.length} characters; at least ${MIN_LENGTH} are expected`)
  if (value.length > MAX_LENGTH) throw invalid(place, `has more than ${MAX_LENGTH} characters`)
  if (!/^[\x21-\x7e]*$/.test(value))
    throw invalid(place, 'holds spaces, line breaks or characters outside printable ASCII')
  return new Secret(value)
}

function invalid(place: string, problem: string): DeniedError {
  return new DeniedError('SECRET_INVALID', `The key in ${place} ${problem}. Check the value that is stored there.`)
}

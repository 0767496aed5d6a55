import { DeniedError } from '../base/errors.js'
import { lookAlike } from './key-text.js'
import { invalidKey, parseKey } from './parse.js'
import type { SecretVersion, SecretVersions } from './provider.js'

/**
 * Parses the text of a file or of a command's output: the first line is the current key; a second line, if there is
 * one, is the previous key.
 *
 * @param jsonOption the provider's option that names a field of JSON, for the message
 * @throws DeniedError `SECRET_INVALID`
 */
export function parseTwoLines(text: string, place: string, jsonOption?: string): SecretVersions {
  // The whole text first: JSON, PEM and base64 may have several lines.
  const problem = lookAlike(text, jsonOption)
  if (problem) throw invalidKey(place, problem)
  const [first = '', second = '', ...rest] = text.split(/\r?\n/)
  if (rest.some((line) => line !== '')) {
    throw new DeniedError('SECRET_INVALID', `${place} has more than two lines: the current key, and the previous one.`)
  }
  const current = version(first, place)
  return second === '' ? { current } : { current, previous: version(second, `${place}, line 2,`) }
}

function version(line: string, place: string): SecretVersion {
  const value = parseKey(line, place)
  return { value, version: value.fingerprint }
}

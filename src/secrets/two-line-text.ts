import { DeniedError } from '../base/errors.js'
import { parseKey } from './parse.js'
import type { SecretVersion, SecretVersions } from './provider.js'

/**
 * Text as a file or a command gives it: the first line is the key in use, a second one, if there is one, the key before.
 * @throws DeniedError `SECRET_INVALID`
 */
export function parseTwoLines(text: string, place: string): SecretVersions {
  const [first = '', second = '', ...rest] = text.split(/\r?\n/)
  if (rest.some((line) => line !== '')) {
    throw new DeniedError('SECRET_INVALID', `${place} has more than two lines: the key in use, and the key before.`)
  }
  const current = version(first, place)
  return second === '' ? { current } : { current, previous: version(second, `${place}, line 2,`) }
}

function version(line: string, place: string): SecretVersion {
  const value = parseKey(line, place)
  return { value, version: value.fingerprint }
}

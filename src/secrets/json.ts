import { DeniedError, printable } from '../base/errors.js'

/**
 * The text at a path of JSON, such as `apiKey` or `attributes.created`; a number in the path is an index of a list.
 * Undefined where there is no value, or one that is neither text nor a number.
 */
export function textAt(value: unknown, path: string): string | undefined {
  let at: unknown = value
  for (const part of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Record<string, unknown>)[part]
  }
  return typeof at === 'string' ? at : typeof at === 'number' ? String(at) : undefined
}

/**
 * Parses a stored value as JSON.
 * @throws DeniedError `SECRET_INVALID`, which does not repeat the value
 */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new DeniedError('SECRET_INVALID', `The value of ${place} is not JSON, although a field of it is configured.`)
  }
}

/**
 * The key in a stored value: the whole value, or the configured field.
 * @throws DeniedError `SECRET_INVALID` for a value that is not JSON, `SECRET_MISSING` where there is no such field
 */
export function extractKey(text: string, field: string | undefined, place: string): string {
  if (field === undefined) return text
  const key = textAt(parseJson(text, place), field)
  if (key !== undefined) return key
  throw new DeniedError(
    'SECRET_MISSING',
    `The value of ${place} has no text in its field '${printable(field)}': store the service's API key there.`,
  )
}

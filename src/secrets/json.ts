import { DeniedError, printable } from '../base/errors.js'

/**
 * The text at a path of JSON, such as `apiKey` or `attributes.created`; a part that is a number counts in a list. Undefined where
 * there is nothing, or something that is neither text nor a number.
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
 * What a store holds, as JSON.
 * @throws DeniedError `SECRET_INVALID`, which does not repeat it
 */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new DeniedError('SECRET_INVALID', `What ${place} holds is not JSON, though a field of it was asked for.`)
  }
}

/**
 * The key in what a store holds: all of it, or the field that was named.
 * @throws DeniedError `SECRET_INVALID` for JSON of which no field was named, `SECRET_MISSING` where the field is not there
 */
export function extractKey(text: string, field: string | undefined, place: string): string {
  if (field === undefined) {
    if (!/^\s*\{/.test(text)) return text
    throw new DeniedError('SECRET_INVALID', `What ${place} holds is JSON: say which field of it is the key.`)
  }
  const key = textAt(parseJson(text, place), field)
  if (key !== undefined) return key
  throw new DeniedError(
    'SECRET_MISSING',
    `What ${place} holds has no text in its field '${printable(field)}': put the service's API key there.`,
  )
}

/** What a wire log may hold of a call and its reply. A value that is not known to be harmless is masked. */

const MASK = '[masked]'

/** Fields of a call that hold credentials: a page's proxy, its cookies, the address of a call-back. */
const SECRET_FIELD = /^proxy$|^pingback$|^callbackUrl$|password|passwd|login|secret|cookie/i
/** A longer field is truncated: pictures and a page's one-time values are longer. */
const MAX_FIELD_LENGTH = 128
const TRUNCATED_LENGTH = 32
const MAX_DEPTH = 12

/** A call's fields with secrets masked, queries of URLs removed, and long values truncated. */
export function maskFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return maskValue(fields, 0) as Record<string, unknown>
}

function maskValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maskText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return MASK
  if (Array.isArray(value)) return value.map((one) => maskValue(one, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      SECRET_FIELD.test(name) && one !== undefined ? MASK : maskValue(one, depth + 1),
    ]),
  )
}

function maskText(text: string): string {
  const shown = /^https?:/i.test(text) ? text.replace(/\?.*$/s, '?…') : text
  return shown.length <= MAX_FIELD_LENGTH ? shown : truncate(shown, TRUNCATED_LENGTH)
}

/** A text's first `max` characters, followed by its length. */
export function truncate(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… [${text.length} characters]`
}

/** A header's value, without cookies, credentials and tokens. */
export function maskHeader(name: string, value: string): string {
  if (/cookie|authoriz|token/i.test(name)) return MASK
  return name === 'location' ? value.replace(/\?.*$/s, '?…') : truncate(value, 1_000)
}

/** Fields of a reply that never hold an answer. */
const HARMLESS_FIELDS: ReadonlySet<string> = new Set([
  ...['status', 'errorId', 'errorCode', 'errorDescription', 'error', 'error_text', 'taskId'],
  ...['cost', 'price', 'ip', 'createTime', 'endTime', 'solveCount', 'balance'],
])
/** Fields of a reply that hold only an answer, at any depth. */
const ANSWER_FIELD = /^(solution|answers?)$/i
/** The services' codes, which they send in place of an answer. */
const ERROR_CODE = /^(?:ERROR|ERR|WRONG|CAPT?CHA|IP|MAX|TOO)_[A-Z0-9_]{1,60}$/

/** A reply that holds an answer, or may hold one: its structure and its harmless values; all others are masked. */
export function maskReply(body: string): string {
  // An HTML page comes from a proxy or a gateway, and holds no answer.
  if (/^\s*</.test(body)) return body
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null) return JSON.stringify(maskAnswers(parsed, false, 0))
  } catch {}
  return body
    .split('|')
    .map((part, i) => (ERROR_CODE.test(part.trim()) || part === '' || (part === 'OK' && i === 0) ? part : MASK))
    .join('|')
}

function maskAnswers(value: unknown, inAnswer: boolean, depth: number): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string' && !inAnswer && ERROR_CODE.test(value)) return value
  if (typeof value !== 'object' || depth > MAX_DEPTH) return MASK
  if (Array.isArray(value)) return value.map((one) => maskAnswers(one, inAnswer, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const harmless = !inAnswer && HARMLESS_FIELDS.has(name) && (typeof one === 'string' || typeof one === 'number')
      return [name, harmless ? one : maskAnswers(one, inAnswer || ANSWER_FIELD.test(name), depth + 1)]
    }),
  )
}

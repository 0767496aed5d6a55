/** What of a call and its reply may stand in a wire log. What is not known to be harmless is not shown. */

const MASK = '[masked]'

/** Fields of a call that hold what lets somebody in: a page's proxy, its cookies. */
const SECRET_FIELD = /^proxy$|password|passwd|login|secret|cookie/i
/** The most of one field that is shown: a picture, and what a page made for this one time, is longer. */
const MAX_FIELD_LENGTH = 128
const TRUNCATED_LENGTH = 32
const MAX_DEPTH = 12

/** A call's fields without what is secret, without pages' queries, and with long ones cut short. */
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

/** A text's first characters, and how many there were. */
export function truncate(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}… [${text.length} characters]`
}

/** A header's value, without what a service would know us again by. */
export function maskHeader(name: string, value: string): string {
  if (/cookie|authoriz|token/i.test(name)) return MASK
  return name === 'location' ? value.replace(/\?.*$/s, '?…') : truncate(value, 1_000)
}

/** Names under which services say anything but an answer. */
const HARMLESS_FIELDS: ReadonlySet<string> = new Set([
  ...['status', 'errorId', 'errorCode', 'errorDescription', 'error', 'error_text', 'taskId'],
  ...['cost', 'price', 'ip', 'createTime', 'endTime', 'solveCount', 'balance'],
])
/** Below these there is nothing else than an answer. */
const ANSWER_FIELD = /^(solution|answers?)$/i
/** What services say in words of their own, in place of an answer. */
const ERROR_CODE = /^(?:ERROR|ERR|WRONG|CAPT?CHA|IP|MAX|TOO)_[A-Z0-9_]{1,60}$/

/** A reply that holds an answer, or may hold one: its shape, and what is known to be none. */
export function maskReply(body: string): string {
  // A page in place of a reply: whoever stands in between says something, and has no answer.
  if (/^\s*</.test(body)) return body
  try {
    const said: unknown = JSON.parse(body)
    if (typeof said === 'object' && said !== null) return JSON.stringify(maskAnswers(said, false, 0))
  } catch {}
  return body
    .split('|')
    .map((part, i) => (ERROR_CODE.test(part.trim()) || part === '' || (part === 'OK' && i === 0) ? part : MASK))
    .join('|')
}

function maskAnswers(value: unknown, below: boolean, depth: number): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string' && !below && ERROR_CODE.test(value)) return value
  if (typeof value !== 'object' || depth > MAX_DEPTH) return MASK
  if (Array.isArray(value)) return value.map((one) => maskAnswers(one, below, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const harmless = !below && HARMLESS_FIELDS.has(name) && (typeof one === 'string' || typeof one === 'number')
      return [name, harmless ? one : maskAnswers(one, below || ANSWER_FIELD.test(name), depth + 1)]
    }),
  )
}

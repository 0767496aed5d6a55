import type { Answer } from '../base/challenge.js'

/** Answers in what services say, read with bounds. Nothing here throws: what cannot be read is undefined. */

const TOKEN = /^[\x21-\x7e]+$/
const PRINTABLE = /^[\x20-\x7e]+$/
export const LONGEST_TOKEN = 64 * 1024
const LONGEST_USER_AGENT = 512

/** A token: 1 to 64 Ki printable characters, without blanks. */
function token(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= LONGEST_TOKEN && TOKEN.test(value) ? value : undefined
}

/** A token as an answer, with what services say beside it: the browser that the token is for, hCaptcha's second key. */
export function tokenAnswer(
  value: unknown,
  beside: { userAgent?: unknown; respKey?: unknown } = {},
): Answer | undefined {
  const found = token(value)
  if (found === undefined) return undefined
  const userAgent = text(beside.userAgent, LONGEST_USER_AGENT)
  const respKey = token(beside.respKey)
  if (userAgent === undefined && respKey === undefined) return { token: found }
  return {
    token: found,
    fields: { ...(userAgent !== undefined && { userAgent }), ...(respKey !== undefined && { respKey }) },
  }
}

function text(value: unknown, longest: number): string | undefined {
  return typeof value === 'string' && value.length <= longest && PRINTABLE.test(value) ? value : undefined
}

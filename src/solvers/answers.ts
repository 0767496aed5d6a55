import type { Answer } from '../base/challenge.js'

/* Answers in services' replies, read with bounds. No function here throws: what cannot be read is undefined. */

const TOKEN = /^[\x21-\x7e]+$/
const PRINTABLE = /^[\x20-\x7e]+$/
export const MAX_TOKEN_LENGTH = 64 * 1024
const MAX_USER_AGENT_LENGTH = 512

/** A token: 1 to 65,536 printable characters, without spaces. */
function token(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= MAX_TOKEN_LENGTH && TOKEN.test(value) ? value : undefined
}

/** A token as an answer, with what some services add: the browser that the token is for, hCaptcha's second key. */
export function tokenAnswer(
  value: unknown,
  extra: { userAgent?: unknown; respKey?: unknown } = {},
): Answer | undefined {
  const found = token(value)
  if (found === undefined) return undefined
  const userAgent = text(extra.userAgent, MAX_USER_AGENT_LENGTH)
  const respKey = token(extra.respKey)
  if (userAgent === undefined && respKey === undefined) return { token: found }
  return {
    token: found,
    fields: { ...(userAgent !== undefined && { userAgent }), ...(respKey !== undefined && { respKey }) },
  }
}

/** Text in any script, but without control characters and line breaks, which no picture shows. */
const PICTURE_TEXT = /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u

/** The text of a picture. */
export function textAnswer(value: unknown): Answer | undefined {
  return typeof value === 'string' && PICTURE_TEXT.test(value) && value.trim() !== '' ? { token: value } : undefined
}

const CELLS = /^\[[1-9](?:,[1-9]){0,8}\]$/

/**
 * Different cells from 1 to 9: a JSON list, or one as text. An empty list is no answer: every instruction means a cell.
 */
export function cellsAnswer(value: unknown): Answer | undefined {
  const isFlat = Array.isArray(value) && value.length <= 9 && value.every((cell) => typeof cell === 'number')
  const list = isFlat ? JSON.stringify(value) : value
  if (typeof list !== 'string' || list.length > 100) return undefined
  const token = list.replaceAll(/\s/g, '')
  const cells = CELLS.test(token) ? (token.match(/\d/g) ?? []) : []
  return cells.length > 0 && new Set(cells).size === cells.length ? { token } : undefined
}

function text(value: unknown, maxLength: number): string | undefined {
  return typeof value === 'string' && value.length <= maxLength && PRINTABLE.test(value) ? value : undefined
}

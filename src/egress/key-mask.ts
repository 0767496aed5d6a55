import type { Reply } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'

/**
 * A service that repeats the key in an error must not carry it into our messages: neither as it is, nor as JSON and
 * forms spell it (PHP writes `/` as `\\/` in JSON).
 */
export function withoutKey(reply: Reply, secret: Secret): Reply {
  const { body, contentType } = reply
  const escaped = /[\\%]/.test(body)
  if (!escaped && !secret.isIn(body) && !secret.isIn(contentType)) return reply
  const mask = maskOf(secret)
  return { ...reply, body: mask(body), contentType: mask(contentType) }
}

/** Puts a mark in the place of the key, and of what else is hidden, in a text, however it is spelt there. */
export function maskOf(secret: Secret, hidden: readonly string[] = []): (text: string) => string {
  const key = patternOf(secret.reveal())
  const others = maskWords(hidden, '[masked]')
  return (text) => others(text.replace(key, () => secret.toString()))
}

/** Puts a mark in the place of words, however they are spelt in a text. */
export function maskWords(words: readonly string[], mark: string): (text: string) => string {
  const patterns = words.map(patternOf)
  return (text) => patterns.reduce((shown, pattern) => shown.replace(pattern, mark), text)
}

function patternOf(word: string): RegExp {
  return new RegExp([...word].map(spellingsOf).join(''), 'g')
}

/** One character of a key or a password, which are printable ASCII, as a pattern for all the ways to write it. */
function spellingsOf(character: string): string {
  const hex = character
    .charCodeAt(0)
    .toString(16)
    .padStart(2, '0')
    .replace(/[a-f]/g, (x) => `[${x}${x.toUpperCase()}]`)
  const itself = /\w/.test(character) ? character : `\\${character}`
  return `(?:\\\\u00${hex}|%${hex}|\\\\?${itself})`
}

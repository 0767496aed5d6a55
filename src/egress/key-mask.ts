import type { Reply } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'

/**
 * A service that repeats the key in an error must not carry it into our messages: neither as it is, nor as JSON and
 * forms spell it (PHP writes `/` as `\\/` in JSON), nor in Base64.
 */
export function maskKeyInReply(reply: Reply, secret: Secret): Reply {
  const mask = keyMask(secret)
  return { ...reply, body: mask(reply.body), contentType: mask(reply.contentType) }
}

/** Of keys: every reply is looked through. */
const PATTERNS = new WeakMap<Secret, RegExp>()

/** Puts a mark in the place of the key, and of what else is hidden, in a text, however it is spelt there. */
export function keyMask(secret: Secret, hidden: readonly string[] = []): (text: string) => string {
  const key = PATTERNS.get(secret) ?? patternOf(secret.reveal())
  PATTERNS.set(secret, key)
  const others = maskValues(hidden, '[masked]')
  return (text) => others(text.replace(key, () => secret.toString()))
}

/** Puts a mark in the place of words, however they are spelt in a text. */
export function maskValues(words: readonly string[], mark: string): (text: string) => string {
  const patterns = words.map(patternOf)
  return (text) => patterns.reduce((shown, pattern) => shown.replace(pattern, mark), text)
}

function patternOf(word: string): RegExp {
  return new RegExp([[...word].map(encodingsOf).join(''), ...base64Parts(word)].join('|'), 'g')
}

/** Shorter ones stand in any text. */
const MIN_BASE64_LENGTH = 8

/**
 * What of a word is seen in the Base64 of a text that holds it, as that of a login does: by where the word begins in a group of three bytes.
 * The characters at its ends, of which its neighbours are a part, are left out.
 */
function base64Parts(word: string): readonly string[] {
  return [0, 1, 2]
    .map((before) => {
      const text = Buffer.from(' '.repeat(before) + word).toString('base64url')
      return text.slice(Math.ceil((before * 4) / 3), Math.floor(((before + word.length) * 4) / 3))
    })
    .filter((text) => text.length >= MIN_BASE64_LENGTH)
    .map((text) => text.replace(/[-_]/g, (sign) => (sign === '-' ? '[-+]' : '[_/]')))
}

/** One character of a key or a password, which are printable ASCII, as a pattern for all the ways to write it. */
function encodingsOf(character: string): string {
  const hex = character
    .charCodeAt(0)
    .toString(16)
    .padStart(2, '0')
    .replace(/[a-f]/g, (x) => `[${x}${x.toUpperCase()}]`)
  const itself = /\w/.test(character) ? character : `\\${character}`
  return `(?:\\\\u00${hex}|%${hex}|\\\\?${itself})`
}

import type { Reply } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'
import { partsMask } from './parts-mask.js'

/**
 * Masks the key in a reply. A service that repeats the key in an error must not bring it into our messages: neither
 * whole nor cut off, in capitals or in pieces, nor as JSON and forms encode it, nor in Base64.
 */
export function maskKeyInReply(reply: Reply, secret: Secret): Reply {
  const mask = keyMask(secret)
  return { ...reply, body: mask(reply.body), contentType: mask(reply.contentType) }
}

type Mask = (text: string) => string

/** By key: every reply is searched. */
const MASKS = new WeakMap<Secret, Mask>()

/** Masks the key and other sensitive values in a text. */
export function keyMask(secret: Secret, sensitive: readonly string[] = []): Mask {
  const key = MASKS.get(secret) ?? valueMask(secret.reveal(), secret.toString())
  MASKS.set(secret, key)
  if (sensitive.length === 0) return key
  const others = maskValues(sensitive, '[masked]')
  return (text) => others(key(text))
}

/** Replaces values in a text by `mask`. */
export function maskValues(values: readonly string[], mask: string): Mask {
  const masks = values.map((value) => valueMask(value, mask))
  return (text) => masks.reduce((masked, each) => each(masked), text)
}

function valueMask(value: string, mask: string): Mask {
  const whole = new RegExp([[...value].map(encodingsOf).join(''), ...base64Parts(value)].join('|'), 'g')
  const maskParts = partsMask(value, mask)
  return (text) => {
    const masked = text.replace(whole, () => mask)
    return maskParts ? maskParts(masked) : masked
  }
}

/** Shorter parts occur in any text. */
const MIN_BASE64_LENGTH = 8

/**
 * The parts of a value that occur in the Base64 of a text that holds it, such as a login: one for each position at
 * which the value can begin in a group of three bytes. The characters at its ends, which also encode bits of the
 * neighbouring bytes, are left out.
 */
function base64Parts(value: string): readonly string[] {
  return [0, 1, 2]
    .map((before) => {
      const text = Buffer.from(' '.repeat(before) + value).toString('base64url')
      return text.slice(Math.ceil((before * 4) / 3), Math.floor(((before + value.length) * 4) / 3))
    })
    .filter((text) => text.length >= MIN_BASE64_LENGTH)
    .map((text) => text.replace(/[-_]/g, (sign) => (sign === '-' ? '[-+]' : '[_/]')))
}

/** A pattern for all encodings of one character of a key or a password, which are printable ASCII. */
function encodingsOf(character: string): string {
  const hex = character
    .charCodeAt(0)
    .toString(16)
    .padStart(2, '0')
    .replace(/[a-f]/g, (x) => `[${x}${x.toUpperCase()}]`)
  const itself = /\w/.test(character) ? character : `\\${character}`
  return `(?:\\\\u00${hex}|%${hex}|\\\\?${itself})`
}

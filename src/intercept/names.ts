import url from 'node:url'
import { SERVICE_HOSTS } from '../wires/services.js'

// Taken before any other code can replace them.
const { domainToASCII } = url
const { apply } = Reflect
const { toLowerCase, replace, indexOf, slice, charCodeAt } = String.prototype
const { test } = RegExp.prototype
const { fromCharCode } = String
const HOSTS: Readonly<Record<string, unknown>> = Object.freeze(Object.assign(Object.create(null), SERVICE_HOSTS))
const ASCII = /^[\x20-\x7e]*$/
/** A character as DNS libraries take it in a name: by its number in three digits, or as itself. */
const ESCAPE = /\\(\d{3}|[^\d])/g
const DOT = 0x2e

/**
 * The host of a service that a name stands for, in any spelling that the machine's resolver takes for the same name:
 * capital letters, dots at the end, full-width letters, characters that are ignored, escapes, and with a NUL after it.
 * It takes as long as the name is: a limit would be a way round it.
 *
 * @returns undefined for any other name, and for what is no name
 */
export function serviceHost(name: unknown): string | undefined {
  if (typeof name !== 'string') return undefined
  const whole = apply(indexOf, name, ['\\']) < 0 ? name : apply(replace, name, [ESCAPE, unescaped])
  const text = withoutEnd(whole)
  const ascii = apply(test, ASCII, [text]) ? text : withoutEnd(domainToASCII(text))
  const host = apply(toLowerCase, ascii, [])
  return host in HOSTS ? host : undefined
}

function unescaped(_: string, character: string): string {
  return character.length === 1 ? character : fromCharCode(Number(character))
}

/** Without a NUL and what follows it, and without dots at the end. */
function withoutEnd(name: string): string {
  const nul = apply(indexOf, name, ['\0'])
  let end = nul < 0 ? name.length : nul
  while (end > 0 && apply(charCodeAt, name, [end - 1]) === DOT) end--
  return apply(slice, name, [0, end])
}

import url from 'node:url'
import { SERVICE_HOSTS } from '../wires/services.js'

// Taken before any other code can replace them.
const { domainToASCII } = url
const { apply } = Reflect
const { toLowerCase, replace } = String.prototype
const { test } = RegExp.prototype
const HOSTS: Readonly<Record<string, unknown>> = Object.freeze(Object.assign(Object.create(null), SERVICE_HOSTS))
const END = /\.+$|\0.*$/gs
const ASCII = /^[\x20-\x7e]*$/

/**
 * The host of a service that a name stands for, in any spelling that the machine's resolver takes for the same name:
 * capital letters, a dot at the end, full-width letters.
 *
 * @returns undefined for any other name, and for what is no name
 */
export function serviceHost(name: unknown): string | undefined {
  if (typeof name !== 'string' || name.length > 300) return undefined
  const ascii = apply(test, ASCII, [name]) ? name : domainToASCII(apply(replace, name, [END, '']))
  const host = apply(toLowerCase, apply(replace, ascii, [END, '']), [])
  return host in HOSTS ? host : undefined
}

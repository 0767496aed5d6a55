import { SolveguardError } from '../base/errors.js'
import type { Call } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'
import { maskFields } from './har-masks.js'

const PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/

/**
 * Checks a call's path: plain segments only, so that it can change neither the host nor what comes after it.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function checkPath(path: string): void {
  if (path.length > 200 || !PATH.test(path)) {
    throw new SolveguardError('CONFIG_INVALID', "A call's path is made of plain segments, for example /in.php.")
  }
}

/** The body of a call with the key in its slot. From here on the key is in clear: the caller hands the body to the socket. */
export function encodeBody(call: Call, secret: Secret): string {
  return encode(call, secret.reveal())
}

/** The body of a call as it may be shown: with a mark in the place of the key, and without what else is secret. */
export function maskedBody(call: Call, secret: Secret): string {
  return encode({ ...call, fields: maskFields(call.fields) }, secret.toString())
}

function encode(call: Call, key: string): string {
  return call.encoding === 'json' ? jsonBody(call, key) : formBody(call, key)
}

function jsonBody(call: Call, key: string): string {
  return JSON.stringify({ ...call.fields, [call.keyField]: key })
}

function formBody(call: Call, key: string): string {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(call.fields)) {
    if (value === undefined) continue
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw new SolveguardError('CONFIG_INVALID', `The form field ${name} must be a text, a number or a boolean.`)
    }
    form.append(name, String(value))
  }
  form.set(call.keyField, key)
  return form.toString()
}

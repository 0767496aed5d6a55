import { SolveguardError } from '../base/errors.js'
import type { Call } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'
import { maskFields } from './har-masks.js'

const PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/

/**
 * Checks a call's path: plain segments only, so that it can change neither the host nor the rest of the URL.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function checkPath(path: string): void {
  if (path.length > 200 || !PATH.test(path)) {
    throw new SolveguardError('CONFIG_INVALID', "A call's path may hold plain segments only, for example /in.php.")
  }
}

/**
 * The body of a call with the key in it. From here on the key is in clear text: the caller writes the body to a socket.
 */
export function encodeBody(call: Call, secret: Secret): string {
  return encode(call, secret.reveal())
}

/** The body of a call for a wire log: the key and other secrets are masked. */
export function maskedBody(call: Call, secret: Secret): string {
  return encode({ ...call, fields: maskFields(call.fields) }, secret.toString())
}

function encode(call: Call, key: string): string {
  return call.encoding === 'json' ? jsonBody(call, key) : formBody(call, key)
}

function jsonBody(call: Call, key: string): string {
  try {
    return JSON.stringify({ ...call.fields, [call.keyField]: key })
  } catch {
    // The reason names values, and one of them may be private.
    throw new SolveguardError('CONFIG_INVALID', 'The fields of the call cannot be written as JSON.')
  }
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

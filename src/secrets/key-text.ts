/** Why a text cannot be a key, as the end of a sentence that begins with the place; never with a part of the text. */
export interface KeyProblem {
  /** What is wrong with it. */
  readonly problem: string
  /** What to do about it, as a sentence. */
  readonly remedy: string
}

const NAME = '[A-Za-z_][A-Za-z0-9_.-]*'

/**
 * The check that every key passes before it may be sent, whatever provider it is from. A store often holds more than
 * the key: a JSON secret with other passwords in it, a line of a settings file. That must not get to the service.
 *
 * @param jsonOption the provider's option that names a field of JSON, for the remedy
 */
export function problemInKey(text: string, jsonOption?: string): KeyProblem | undefined {
  const known = lookAlike(text, jsonOption)
  if (known || /^[\x21-\x7e]*$/.test(text)) return known
  return {
    problem: 'holds spaces, line breaks or characters outside printable ASCII',
    remedy: 'Check the value that is stored there.',
  }
}

/** What else a text looks like, if it is not a key. */
export function lookAlike(text: string, jsonOption?: string): KeyProblem | undefined {
  const value = text.replace(/^\ufeff/, '').trim()
  const field = jsonOption === undefined ? 'Store only the value of the field that is the key' : `Set ${jsonOption}`
  const json = {
    problem: 'looks like JSON, not like a key',
    remedy: `${field}, so that it is known which field to use.`,
  }
  if (/^[{[]/.test(value) || /^%7b/i.test(value)) return json
  if (value.includes('-----BEGIN ')) {
    return { problem: 'looks like PEM (a certificate or a private key)', remedy: "Store the service's API key there." }
  }
  if (value.startsWith('<')) return { problem: 'looks like HTML or XML', remedy: "Store the service's API key there." }
  if (/^["'`“”‘’]|["'`“”‘’]$/.test(value)) {
    return { problem: 'begins or ends with a quotation mark', remedy: 'Store the key without quotation marks.' }
  }
  // Base64 ends with `=`, which is no assignment.
  if (new RegExp(`^(?:(?:export|set)\\s+|\\$env:)?${NAME}[ \\t]*=[ \\t]*[^=\\s]`, 'i').test(value)) {
    return { problem: 'looks like NAME=value', remedy: 'Store only what is after the equals sign.' }
  }
  if (isEncodedText(value)) {
    return {
      problem: 'looks like base64 of JSON or PEM, not like a key',
      remedy: 'Decode it, and store only the value of the field that is the key.',
    }
  }
  return undefined
}

/** Whether it is base64, perhaps with line breaks, of JSON or PEM. */
function isEncodedText(value: string): boolean {
  const packed = value.replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/_-]{8,}={0,2}$/.test(packed)) return false
  const decoded = Buffer.from(packed, 'base64').toString('utf8').trim()
  if (decoded.startsWith('-----BEGIN ')) return true
  if (!/^[{[]/.test(decoded)) return false
  try {
    JSON.parse(decoded)
    return true
  } catch {
    return false
  }
}

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { SolveguardError } from '../base/errors.js'

/*
 * A handle stands for a token where only a key of 32 characters is taken, or where it may be seen: it says nothing. The
 * ledger has the token under the handle's hash, sealed with a key that only the handle gives. So a process that can
 * read the ledger can use neither, and one that can write to it can make no token.
 */

const HANDLE = /^[0-9a-f]{32}$/
const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16
/** What fits into one fact of a ledger, in characters. */
const MAX_SEALED_LENGTH = 2_000

/** A random handle: exactly 32 characters, as CaptchaAI's own client requires of a key. 128 bits. */
export function newHandle(): string {
  return randomBytes(16).toString('hex')
}

/** Whether a text has the form of a handle. No token has it. */
export function isHandle(text: string): boolean {
  return HANDLE.test(text)
}

/** The name under which the ledger keeps a handle's token. The handle has 128 random bits, so one hash is enough. */
export function handleName(handle: string): string {
  return createHash('sha256').update('solveguard handle\0').update(handle).digest('base64url')
}

/**
 * A token, sealed for its handle.
 * @param audience the guard's name, to which it is bound
 * @throws SolveguardError `CONFIG_INVALID` for a token that is too long
 */
export function sealToken(token: string, handle: string, audience: string): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, keyOf(handle), iv).setAAD(Buffer.from(audience))
  const sealed = Buffer.concat([iv, cipher.update(token), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  if (sealed.length <= MAX_SEALED_LENGTH) return sealed
  throw new SolveguardError(
    'CONFIG_INVALID',
    'handle: the token is too long to be kept in the ledger under a handle; name fewer origins in its policy.',
  )
}

/** The token that was sealed; undefined where the ledger has something else. */
export function openToken(sealed: string, handle: string, audience: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length <= IV_BYTES + TAG_BYTES) return undefined
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(handle), bytes.subarray(0, IV_BYTES))
      .setAAD(Buffer.from(audience))
      .setAuthTag(bytes.subarray(-TAG_BYTES))
    return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}

function keyOf(handle: string): Buffer {
  return Buffer.from(hkdfSync('sha256', handle, '', 'solveguard handle key', 32))
}

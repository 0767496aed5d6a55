import { createHmac, webcrypto } from 'node:crypto'
import type { Secret } from '../secrets/secret.js'

/** The header of a token: the algorithm is always HS256. */
export interface TokenHeader {
  /** Which key signs. */
  readonly kid: string
  /** What kind of token it is (RFC 8725, 3.11), so that no other JWS of the same key passes for one. */
  readonly typ: string
}

/** The keys as WebCrypto has them: importing one takes as long as signing. They cannot be exported. */
const imported = new WeakMap<Secret, webcrypto.CryptoKey>()

async function importKey(key: Secret): Promise<webcrypto.CryptoKey> {
  const known = imported.get(key)
  if (known) return known
  const bytes = new TextEncoder().encode(key.reveal())
  const made = await webcrypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  imported.set(key, made)
  return made
}

/**
 * Signs a payload as a compact JWS (RFC 7515) with HS256.
 *
 * @param payload JSON
 */
export async function signToken(payload: string, { kid, typ }: TokenHeader, key: Secret): Promise<string> {
  // Loaded when the first token is issued. It is an ES module, which CommonJS on Node 20 can only import like this.
  const { CompactSign } = await import('jose')
  const header = { alg: 'HS256', kid, typ }
  return new CompactSign(new TextEncoder().encode(payload)).setProtectedHeader(header).sign(await importKey(key))
}

/**
 * The signature that a JWS has to have, 32 bytes. Of a token that was narrowed, the root's signature is not in the text
 * any more: it is the key of the next link, which no verifier of JWS returns.
 *
 * @param input the encoded header and payload, with a dot between them
 */
export function tokenSignature(input: string, key: Secret): Buffer {
  return createHmac('sha256', key.reveal()).update(input).digest()
}

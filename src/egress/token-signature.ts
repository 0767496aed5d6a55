import { createHmac } from 'node:crypto'
import type { Secret } from '../secrets/secret.js'

/**
 * The signature that a compact JWS (RFC 7515) with HS256 has to have, 32 bytes. Of a token that was narrowed, the
 * root's signature is not in the text any more: it is the key of the next link, which no verifier of JWS returns.
 *
 * @param input the encoded header and payload, with a dot between them
 */
export function tokenSignature(input: string, key: Secret): Buffer {
  return createHmac('sha256', key.reveal()).update(input).digest()
}

import { createHmac } from 'node:crypto'
import { SolveguardError } from '../base/errors.js'
import type { Secret } from '../secrets/secret.js'

/*
 * Signatures by the Standard Webhooks specification (https://github.com/standard-webhooks/standard-webhooks, version
 * 1.0.0): HMAC-SHA256 over `id.timestamp.body`, with a secret of 24 to 64 bytes, written as `whsec_` and its base64.
 */

const PREFIX = 'whsec_'
const MIN_BYTES = 24
const MAX_BYTES = 64

/**
 * Checks the secret that signs webhooks.
 * @throws SolveguardError `CONFIG_INVALID`, which names the field and does not repeat the secret
 */
export function checkSigningSecret(secret: Secret, field: string): void {
  const text = secret.reveal()
  const encoded = text.slice(PREFIX.length)
  const bytes = Buffer.from(encoded, 'base64')
  const whole = text.startsWith(PREFIX) && /^[A-Za-z0-9+/]+={0,2}$/.test(encoded)
  if (whole && bytes.length >= MIN_BYTES && bytes.length <= MAX_BYTES) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    `${field}: expected whsec_ and ${MIN_BYTES} to ${MAX_BYTES} random bytes in base64, such as the output of ` +
      '`echo whsec_$(openssl rand -base64 32)`.',
  )
}

/**
 * The value of the header `webhook-signature`: one signature by each secret, so that a secret can be rotated while the
 * receiver still has the previous one.
 * @param seconds the time of this attempt, since 1970
 */
export function signaturesOf(secrets: readonly Secret[], id: string, seconds: number, body: string): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.reveal().slice(PREFIX.length), 'base64')
      return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`
    })
    .join(' ')
}

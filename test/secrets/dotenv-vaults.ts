import { createCipheriv, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

const root = join(import.meta.dirname, '../..')
/**
 * Built by `dotenv-vault local build` (1.26.2) from three files; these are the keys that it printed, and they
 * decrypt nothing else.
 */
export const BUILT = join(root, 'fixtures/dotenv-vault')
export const KEYS = parseEnv(readFileSync(join(BUILT, 'env.keys'), 'utf8')) as Record<string, string>

/** Encrypts as dotenv-vault does. */
export function seal(text: string, key: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'hex'), nonce)
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64')
}
export const opener = (key: string, environment: string) =>
  `dotenv://:key_${key}@dotenv.local/vault/.env.vault?environment=${environment}`

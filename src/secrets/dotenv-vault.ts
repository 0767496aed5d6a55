import { createDecipheriv } from 'node:crypto'
import { parseEnv } from 'node:util'
import { z } from 'zod'
import { DeniedError, printable } from '../base/errors.js'
import { check } from '../policy/schema.js'
import { takeVariable } from './environment.js'
import { parseKey } from './parse.js'
import type { SecretProvider, SecretVersion } from './provider.js'
import { readBoundedFile } from './read-file.js'
import { watchFile } from './watch.js'

/** Options of `dotenvVaultSecret`. */
export interface DotenvVaultSecretOptions {
  /**
   * The path of the vault file.
   * @default '.env.vault' in the working folder
   */
  readonly path?: string | undefined
  /**
   * The variable in the vault that holds the key. The vault may also have the previous key in
   * `SOLVEGUARD_KEY_PREVIOUS`, and the key's date (ISO 8601), for `policy.key`, in `SOLVEGUARD_KEY_CREATED_AT`.
   * @default 'SOLVEGUARD_KEY'
   */
  readonly name?: string | undefined
  /**
   * The environment variable that holds the vault's decryption key.
   * @default 'DOTENV_KEY'
   */
  readonly keyVariable?: string | undefined
  /**
   * Whether that variable stays in the environment, for other code that opens the vault. Otherwise it is removed, so
   * that browsers and other processes that are started later do not inherit it.
   * @default false
   */
  readonly keep?: boolean | undefined
}

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,180}$/, 'expected the name of a variable')
const optionsShape = z.strictObject({
  path: z
    .string()
    .min(1)
    .refine((path) => !path.includes('\0'))
    .optional(),
  name: variable.optional(),
  keyVariable: variable.optional(),
  keep: z.boolean().optional(),
})

const MAX_BYTES = 1024 * 1024
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** One of the keys in `DOTENV_KEY`, and the environment that it decrypts. */
interface VaultKey {
  readonly environment: string
  readonly key: Buffer
}

/**
 * A key in a `.env.vault` file, as `dotenv-vault` builds it: one encrypted set of variables for each environment
 * (https://github.com/dotenv-org/dotenv-vault). The variable `DOTENV_KEY` names the environment and holds its
 * decryption key. Several keys, separated by commas, are tried in turn, so that the vault's own keys can be rotated
 * too. The file is read again when it changes.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * // DOTENV_KEY='dotenv://:key_1234…@dotenv.local/vault/.env.vault?environment=ci'
 * createGuard({ secret: dotenvVaultSecret({ name: 'CAPTCHA_KEY' }), … })
 */
export function dotenvVaultSecret(options: DotenvVaultSecretOptions = {}): SecretProvider {
  const {
    path = '.env.vault',
    name = 'SOLVEGUARD_KEY',
    keyVariable = 'DOTENV_KEY',
    keep = false,
  } = check(optionsShape, options, 'options')
  const place = `${name} in ${printable(path)}`
  takeVariable(keyVariable, keep)

  function version(text: string, createdAt?: number): SecretVersion {
    const value = parseKey(text, place)
    return { value, version: value.fingerprint, createdAt }
  }

  return {
    kind: 'dotenv-vault',
    place,
    async fetch() {
      const keys = vaultKeysIn(takeVariable(keyVariable, keep), keyVariable, place)
      const vault = variablesIn(await read(path, place))
      const found = variablesIn(open(vault, keys, keyVariable, place))
      const text = ownValue(found, name)
      if (!text) {
        throw new DeniedError(
          'SECRET_MISSING',
          `There is no ${place}: store the service's API key there, and build the vault again.`,
        )
      }
      const current = version(text, date(ownValue(found, `${name}_CREATED_AT`), place))
      const previousText = ownValue(found, `${name}_PREVIOUS`)
      return previousText ? { current, previous: version(previousText) } : { current }
    },
    start: ({ clock, changed }) => watchFile(path, clock, changed),
  }
}

async function read(path: string, place: string): Promise<string> {
  try {
    const text = await readBoundedFile(path, MAX_BYTES)
    if (text !== undefined) return text
  } catch (error) {
    const code = printable(String((error as NodeJS.ErrnoException).code ?? 'unknown error'), 40)
    if (code === 'ENOENT') {
      throw new DeniedError('SECRET_MISSING', `There is no file for ${place}: build it with dotenv-vault.`)
    }
    throw new DeniedError('SECRET_UNAVAILABLE', `The file of ${place} could not be read (${code}).`)
  }
  throw new DeniedError('SECRET_INVALID', `The file of ${place} is larger than 1 MiB, so it is not a vault.`)
}

/** The variables in a file, which an editor may have begun with a byte order mark. */
function variablesIn(text: string): Record<string, string> {
  return parseEnv(text.replace(/^\ufeff/, '')) as Record<string, string>
}

/**
 * Parses `DOTENV_KEY`: one or more of `dotenv://:key_<64 hex digits>@host/…?environment=<name>`. One that has another
 * form does not keep the others from being used.
 */
function vaultKeysIn(text: string | undefined, variable: string, place: string): VaultKey[] {
  if (!text) {
    throw new DeniedError(
      'SECRET_MISSING',
      `The environment variable ${variable}, which decrypts ${place}, is not set.`,
    )
  }
  const given = text.split(',').filter((one) => one.trim() !== '')
  const keys = given.flatMap((one) => vaultKeyIn(one.replace(/^\ufeff/, '').trim()) ?? [])
  if (keys.length > 0) return keys
  throw new DeniedError(
    'SECRET_DENIED',
    `${variable}, which decrypts ${place}, does not have the form ` +
      'dotenv://:key_…@dotenv.local/vault/.env.vault?environment=ci.',
  )
}

function vaultKeyIn(text: string): VaultKey | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const key = /^(?:key_)?([0-9a-f]{64})$/i.exec(url?.password ?? '')?.[1]
  const environment = url?.searchParams.get('environment') ?? ''
  return key && /^[\w-]{1,64}$/.test(environment) ? { environment, key: Buffer.from(key, 'hex') } : undefined
}

/** The variables of the first environment that one of the keys decrypts. */
function open(vault: Record<string, string>, keys: readonly VaultKey[], variable: string, place: string): string {
  let wrongKey = false
  for (const { environment, key } of keys) {
    const encrypted = ownValue(vault, `DOTENV_VAULT_${environment.toUpperCase()}`)
    const decrypted = encrypted === undefined ? undefined : decrypt(encrypted, key)
    if (decrypted !== undefined) return decrypted
    wrongKey ||= encrypted !== undefined
  }
  const names = [...new Set(keys.map(({ environment }) => environment))].join(' and ')
  throw wrongKey
    ? new DeniedError(
        'SECRET_DENIED',
        `${variable} does not decrypt ${place} for ${names}: the vault was built with another key.`,
      )
    : new DeniedError('SECRET_MISSING', `${place}: the vault has nothing for the environment ${names}; build it again.`)
}

/** AES-256-GCM: nonce, ciphertext and tag, in base64. Undefined where the key is wrong. */
function decrypt(encrypted: string, key: Buffer): string | undefined {
  const bytes = Buffer.from(encrypted, 'base64')
  if (bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    return `${decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8')}${decipher.final('utf8')}`
  } catch {
    return undefined
  }
}

function ownValue(found: Record<string, string>, name: string): string | undefined {
  return Object.hasOwn(found, name) ? found[name] : undefined
}

function date(text: string | undefined, place: string): number | undefined {
  if (!text) return undefined
  const at = Date.parse(text)
  if (!Number.isNaN(at)) return at
  throw new DeniedError('SECRET_INVALID', `The _CREATED_AT of ${place} is not a date such as 2026-11-24.`)
}

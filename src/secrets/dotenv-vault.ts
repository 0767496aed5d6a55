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

/** Where a `dotenvVaultSecret` looks. */
export interface DotenvVaultSecretOptions {
  /** The vault. Default: `.env.vault` in the working folder. */
  readonly path?: string | undefined
  /**
   * The variable in the vault that is the key. Default: `SOLVEGUARD_KEY`. Beside it there may be `SOLVEGUARD_KEY_PREVIOUS`, the key
   * before, and `SOLVEGUARD_KEY_CREATED_AT`, a date (ISO 8601), for `policy.key`.
   */
  readonly name?: string | undefined
  /** The variable of the environment that opens the vault. Default: `DOTENV_KEY`. */
  readonly keyVariable?: string | undefined
  /**
   * Whether that variable stays in the environment, for whoever else opens the vault. By default it is taken out, so that
   * browsers and other processes that are started later do not inherit it.
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

/** One of the keys in `DOTENV_KEY`: what it opens, and with what. */
interface VaultKey {
  readonly environment: string
  readonly key: Buffer
}

/**
 * A key in a `.env.vault`, as `dotenv-vault` builds it: one encrypted set of variables for each environment. The variable `DOTENV_KEY`
 * says which environment and holds what opens it; several, with commas between, are tried in turn, so that the vault's own keys can be
 * rotated too. The vault is read again when it changes.
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
      const openers = vaultKeysIn(takeVariable(keyVariable, keep), keyVariable, place)
      const vault = parseEnv(await read(path, place)) as Record<string, string>
      const found = parseEnv(open(vault, openers, keyVariable, place)) as Record<string, string>
      const text = ownValue(found, name)
      if (!text) {
        throw new DeniedError(
          'SECRET_MISSING',
          `There is no ${place}: put the service's API key there, and build it anew.`,
        )
      }
      const current = version(text, date(ownValue(found, `${name}_CREATED_AT`), place))
      const before = ownValue(found, `${name}_PREVIOUS`)
      return before ? { current, previous: version(before) } : { current }
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
  throw new DeniedError('SECRET_INVALID', `The file of ${place} is larger than 1 MiB, so it is no vault.`)
}

/** What `DOTENV_KEY` holds: one or more of `dotenv://:key_<64 hex digits>@host/…?environment=<name>`. */
function vaultKeysIn(text: string | undefined, variable: string, place: string): VaultKey[] {
  if (!text) {
    throw new DeniedError('SECRET_MISSING', `The environment variable ${variable}, which opens ${place}, is not set.`)
  }
  return text.split(',').map((one) => {
    const url = URL.canParse(one.trim()) ? new URL(one.trim()) : undefined
    const key = /^(?:key_)?([0-9a-f]{64})$/i.exec(url?.password ?? '')?.[1]
    const environment = url?.searchParams.get('environment') ?? ''
    if (key && /^[\w-]{1,64}$/.test(environment)) return { environment, key: Buffer.from(key, 'hex') }
    throw new DeniedError(
      'SECRET_DENIED',
      `${variable}, which opens ${place}, is not of the form dotenv://:key_…@dotenv.local/vault/.env.vault?environment=ci.`,
    )
  })
}

/** The variables of the first environment that one of the keys opens. */
function open(vault: Record<string, string>, openers: readonly VaultKey[], variable: string, place: string): string {
  let wrong = false
  for (const { environment, key } of openers) {
    const sealed = ownValue(vault, `DOTENV_VAULT_${environment.toUpperCase()}`)
    const opened = sealed === undefined ? undefined : decrypt(sealed, key)
    if (opened !== undefined) return opened
    wrong ||= sealed !== undefined
  }
  const names = [...new Set(openers.map(({ environment }) => environment))].join(' and ')
  throw wrong
    ? new DeniedError(
        'SECRET_DENIED',
        `${variable} does not open ${place} for ${names}: it is not the key that it was built with.`,
      )
    : new DeniedError('SECRET_MISSING', `${place}: its vault has nothing for the environment ${names}; build it anew.`)
}

/** AES-256-GCM: nonce, sealed text and tag, in base64. Undefined where the key is not the right one. */
function decrypt(sealed: string, key: Buffer): string | undefined {
  const bytes = Buffer.from(sealed, 'base64')
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
  throw new DeniedError('SECRET_INVALID', `The _CREATED_AT beside ${place} is no date such as 2026-11-24.`)
}

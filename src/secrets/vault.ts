import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { DeniedError, messageOf, printable, SolveguardError } from '../base/errors.js'
import { check } from '../policy/schema.js'
import { storeClient } from './http.js'
import { parseKey } from './parse.js'
import type { SecretProvider, SecretVersion } from './provider.js'
import { loginShape, type VaultLogin, VaultSession } from './vault-login.js'

/** Options of `vaultSecret`. */
export interface VaultSecretOptions {
  /** The secret's path below its mount, e.g. `captcha/staging`. */
  readonly path: string
  /**
   * Where the KV engine, version 2, is mounted.
   * @default 'secret'
   */
  readonly mount?: string | undefined
  /**
   * The field of the secret that holds the key.
   * @default 'key'
   */
  readonly field?: string | undefined
  /**
   * The server's address: `https:`, or `http:` on a loopback address.
   * @default the variable `VAULT_ADDR` or `BAO_ADDR`
   */
  readonly address?: string | undefined
  /**
   * The namespace of the secret.
   * @default the variable `VAULT_NAMESPACE` or `BAO_NAMESPACE`; without them, none
   */
  readonly namespace?: string | undefined
  /**
   * How to log in.
   * @default the token in the variable `VAULT_TOKEN` or `BAO_TOKEN`
   */
  readonly auth?: VaultLogin | undefined
  /**
   * Certificates (PEM) to trust in place of the machine's.
   * @default those in the file that the variable `VAULT_CACERT` or `BAO_CACERT` names; without it, the machine's
   */
  readonly ca?: string | readonly string[] | undefined
  /**
   * The proxy for every call to the server: `http(s)://[user:password@]host:port`, or `socks5://…`. The policy's proxy
   * is not used for Vault.
   * @default none; proxies of the environment are not used
   */
  readonly proxy?: string | undefined
  /**
   * Names of the custom metadata that hold dates (ISO 8601) of the key. Vault's own date is only when the version was
   * stored.
   * @default none: Vault's own date is used
   */
  readonly metadata?:
    | {
        /**
         * The name of the date at which the key was created.
         * @default none
         */
        readonly createdAt?: string | undefined
        /**
         * The name of the date at which the key expires.
         * @default none
         */
        readonly expiresAt?: string | undefined
      }
    | undefined
  /**
   * Whether `VAULT_TOKEN` stays in the environment. Otherwise it is removed, so that no browser inherits it.
   * @default false
   */
  readonly keep?: boolean | undefined
}

const path = z
  .string()
  .max(1000)
  .regex(/^[\x21-\x7e]+$/)
  .refine((text) => text.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), {
    error: "expected a path such as 'captcha/staging', without a slash at its ends",
  })
const name = z.string().min(1).max(200)

const optionsShape = z.strictObject({
  path,
  mount: path.optional(),
  field: name.optional(),
  address: z.string().optional(),
  namespace: name.regex(/^[\x21-\x7e]+$/).optional(),
  auth: loginShape.optional(),
  ca: z.union([z.string(), z.array(z.string())]).optional(),
  proxy: z.string().optional(),
  metadata: z.strictObject({ createdAt: name.optional(), expiresAt: name.optional() }).optional(),
  keep: z.boolean().optional(),
})

const date = z.string().max(100)
const metadataShape = z.object({
  version: z.int().min(1),
  created_time: date,
  deletion_time: date.nullish(),
  destroyed: z.boolean().optional(),
  custom_metadata: z.record(z.string(), z.unknown()).nullish(),
})
const secretReply = z.object({
  data: z.object({ data: z.record(z.string(), z.unknown()).nullable(), metadata: metadataShape }),
})

/**
 * A key in HashiCorp Vault or OpenBao, in a KV engine of version 2. Versions are the store's own; a version's age is
 * its `created_time` (or the custom metadata that you name). The previous version is used while the service does not
 * accept the new one.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option; the provider's `fetch` throws a `DeniedError`:
 *   `SECRET_MISSING`, `SECRET_DENIED` for a login or a read that Vault refuses, `SECRET_INVALID`, `SECRET_UNAVAILABLE`
 * @example
 * createGuard({
 *   secret: vaultSecret({
 *     address: 'https://vault.internal:8200',
 *     path: 'captcha/staging',
 *     auth: { kubernetes: { role: 'e2e-tests' } },
 *   }),
 *   …
 * })
 */
export function vaultSecret(options: VaultSecretOptions): SecretProvider {
  const { mount = 'secret', field = 'key', metadata, keep = false, ...given } = check(optionsShape, options, 'options')
  const address = given.address ?? variable('ADDR')
  if (!address) {
    throw new SolveguardError('CONFIG_INVALID', 'vaultSecret: set `address`, or the environment variable VAULT_ADDR.')
  }
  const namespace = given.namespace ?? variable('NAMESPACE')
  const place = `${mount}/${given.path} in Vault${namespace ? `, namespace ${namespace}` : ''}`
  const client = storeClient(address, 'vaultSecret', place, { ca: given.ca ?? caFile(), proxy: given.proxy })
  const headers = { 'x-vault-request': 'true', ...(namespace ? { 'x-vault-namespace': namespace } : {}) }
  const session = new VaultSession(given.auth, { client, headers, place }, keep)
  const url = `/v1/${encoded(mount)}/data/${encoded(given.path)}`

  async function read(query: string, token: string, signal: AbortSignal | undefined) {
    return client({ method: 'GET', path: url + query, headers: { ...headers, 'x-vault-token': token }, signal })
  }

  async function readCurrent(signal: AbortSignal | undefined) {
    const token = await session.token(signal)
    const reply = await read('', token, signal)
    if (reply.status !== 403 || !session.canLogInAgain) return { token, reply }
    // The token may have ended before its time (revoked, or Vault was sealed): one retry with a new one.
    session.forget(token)
    const next = await session.token(signal)
    return { token: next, reply: await read('', next, signal) }
  }

  /**
   * @param isCurrent whether the custom metadata apply: a secret has one set for all versions, about the current one
   */
  function version(body: unknown, isCurrent: boolean): SecretVersion {
    const { data, metadata: known } = secretReply.parse(body).data
    const value = data?.[field]
    if (typeof value !== 'string') {
      throw new DeniedError(
        'SECRET_MISSING',
        `The secret ${place} has no text in its field '${printable(field)}': store the service's API key there.`,
      )
    }
    return {
      value: parseKey(value, place),
      version: String(known.version),
      createdAt: (isCurrent ? custom(known, metadata?.createdAt, place) : undefined) ?? time(known.created_time),
      expiresAt: (isCurrent ? custom(known, metadata?.expiresAt, place) : undefined) ?? time(known.deletion_time),
    }
  }

  /** The previous version. One that is missing or is not a key must not fail the fetch. */
  async function readPrevious(current: SecretVersion, token: string, signal: AbortSignal | undefined) {
    if (current.version === '1') return undefined
    try {
      const { status, body } = await read(`?version=${Number(current.version) - 1}`, token, signal)
      const previous = status === 200 ? version(body, false) : undefined
      return previous?.value.fingerprint === current.value.fingerprint ? undefined : previous
    } catch {
      return undefined
    }
  }

  return {
    kind: 'vault',
    place,
    async fetch(signal) {
      const { token, reply } = await readCurrent(signal)
      if (reply.status !== 200) throw refusal(reply.status, reply.body, place)
      if (!secretReply.safeParse(reply.body).success) {
        throw new DeniedError(
          'SECRET_UNAVAILABLE',
          `The reply for ${place} cannot be read. Is its mount a KV engine of version 2?`,
        )
      }
      const current = version(reply.body, true)
      return { current, previous: await readPrevious(current, token, signal) }
    },
    start: ({ clock }) => session.keepAlive(clock),
  }
}

function refusal(status: number, body: unknown, place: string): DeniedError {
  if (status === 403) {
    return new DeniedError(
      'SECRET_DENIED',
      `Vault does not let this login read ${place}: its token has expired, or no policy of it allows \`read\` there.`,
    )
  }
  if (status === 404) {
    const deleted = secretReply.safeParse(body)
    return new DeniedError(
      'SECRET_MISSING',
      deleted.success
        ? `The latest version (${deleted.data.data.metadata.version}) of ${place} was deleted: ` +
            "store the service's API key there, or undelete it."
        : `There is no secret ${place}: store the service's API key there. (Its mount must be a KV engine, version 2.)`,
    )
  }
  const state = STATES[status] ?? ''
  return new DeniedError('SECRET_UNAVAILABLE', `${place} could not be read (status ${status}${state}).`)
}

/** The meaning of Vault's own statuses (https://developer.hashicorp.com/vault/api-docs#http-status-codes). */
const STATES: Readonly<Record<number, string>> = {
  301: ': it redirects; set the address of the active server',
  302: ': it redirects; set the address of the active server',
  307: ': it redirects; set the address of the active server',
  429: ': too many requests, or a standby',
  472: ': a standby of another cluster',
  473: ': a standby',
  501: ': it is not initialised',
  503: ': it is sealed, or in maintenance',
}

function variable(name: string): string | undefined {
  return process.env[`VAULT_${name}`] || process.env[`BAO_${name}`] || undefined
}

function caFile(): string | undefined {
  const file = variable('CACERT')
  if (!file) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new SolveguardError('CONFIG_INVALID', `vaultSecret: the file in VAULT_CACERT: ${messageOf(error)}.`)
  }
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

/** A date in the custom metadata; undefined where no name is configured, or it has no such name. */
function custom(
  { custom_metadata: own }: z.output<typeof metadataShape>,
  name: string | undefined,
  place: string,
): number | undefined {
  const value = name === undefined || !own || !Object.hasOwn(own, name) ? undefined : own[name]
  if (value === undefined) return undefined
  const at = typeof value === 'string' ? time(value) : undefined
  if (at !== undefined) return at
  throw new DeniedError(
    'SECRET_INVALID',
    `The custom metadata '${printable(name ?? '')}' of ${place} is not a date such as 2026-11-24T12:00:00Z.`,
  )
}

/** An ISO 8601 date in wall-clock ms; undefined for anything else. */
function time(text: string | null | undefined): number | undefined {
  const at = text ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

import { z } from 'zod'
import { type Clock, systemClock } from '../base/clock.js'
import { DeniedError, messageOf, printable, SolveguardError } from '../base/errors.js'
import { takeVariable } from './environment.js'
import type { StoreClient } from './http.js'
import { readBoundedFile } from './read-file.js'

/**
 * How to log in to Vault. A token in a file, as a Vault Agent writes it, is read again each time. A token that is given
 * directly, or in `VAULT_TOKEN` or `BAO_TOKEN`, is renewed as long as Vault permits. AppRole and Kubernetes log in
 * again when their token has expired.
 */
export type VaultLogin =
  | {
      /** The token itself. */
      readonly token: string
    }
  | {
      /** The path of a file that holds the token. */
      readonly tokenFile: string
    }
  | {
      /** Logs in with AppRole. */
      readonly appRole: {
        /** The RoleID. */
        readonly roleId: string
        /**
         * The SecretID. A file is safer.
         * @default that in `secretIdFile`
         */
        readonly secretId?: string | undefined
        /**
         * The path of a file that holds the SecretID.
         * @default none: `secretId` is used
         */
        readonly secretIdFile?: string | undefined
        /**
         * Where the method is mounted.
         * @default 'approle'
         */
        readonly mount?: string | undefined
      }
    }
  | {
      /** Logs in with the pod's service account. */
      readonly kubernetes: {
        /** The Vault role. */
        readonly role: string
        /**
         * The path of the pod's own token.
         * @default '/var/run/secrets/kubernetes.io/serviceaccount/token'
         */
        readonly tokenFile?: string | undefined
        /**
         * Where the method is mounted.
         * @default 'kubernetes'
         */
        readonly mount?: string | undefined
      }
    }

const MAX_TOKEN_LENGTH = 64 * 1024

/** Text that a header can hold. */
const text = z
  .string()
  .max(MAX_TOKEN_LENGTH)
  .regex(/^[\x21-\x7e]+$/, 'expected printable ASCII without spaces')
const mount = text.regex(/^[\w.-]+(\/[\w.-]+)*$/, 'expected the path of a mount').optional()

export const loginShape = z.union(
  [
    z.strictObject({ token: text }),
    z.strictObject({ tokenFile: text }),
    z.strictObject({
      appRole: z
        .strictObject({ roleId: text, secretId: text.optional(), secretIdFile: text.optional(), mount })
        .refine(({ secretId, secretIdFile }) => !secretId !== !secretIdFile),
    }),
    z.strictObject({ kubernetes: z.strictObject({ role: text, tokenFile: text.optional(), mount }) }),
  ],
  {
    error:
      'expected { token }, { tokenFile }, { appRole: { roleId, secretId or secretIdFile } } or ' +
      '{ kubernetes: { role } }',
  },
)

/** A token is renewed after this part of its lease. */
const RENEW_AT = 2 / 3
/** A failed renewal is retried after this part of the token's lease. */
const RETRY_AFTER = 1 / 20
const POD_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

const authReply = z.object({
  auth: z.object({ client_token: text, lease_duration: z.number().min(0), renewable: z.boolean() }),
})
const wrappingReply = z.object({ data: z.object({ creation_time: z.string(), creation_ttl: z.number() }) })
const lookupReply = z.object({ data: z.object({ ttl: z.number().min(0), renewable: z.boolean().optional() }) })

/** A login's token. Times are monotonic ms; infinite where Vault names none. */
interface Session {
  readonly token: string
  readonly expiresAt: number
  readonly renewAt: number
  readonly leaseMs: number
}

interface SessionContext {
  readonly client: StoreClient
  readonly headers: Readonly<Record<string, string>>
  readonly place: string
}

/** Keeps one token for a provider: logs in, renews, and logs in again. The token is shown nowhere. */
export class VaultSession {
  readonly #login: VaultLogin
  readonly #context: SessionContext
  #session: Session | undefined
  /** The token in the file, once it is known not to be wrapped. */
  #unwrapped: string | undefined
  #users = 0
  #cancel: (() => void) | undefined
  clock: Clock = systemClock

  constructor(login: VaultLogin | undefined, where: SessionContext, keep: boolean) {
    // What a shell or a Secret of Kubernetes sets may end with a line break.
    const token = login ? undefined : (takeVariable('VAULT_TOKEN', keep) ?? takeVariable('BAO_TOKEN', keep))?.trim()
    if (!login && !token) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'vaultSecret: set how to log in (`auth`), or set the environment variable VAULT_TOKEN to a token.',
      )
    }
    if (!login && !text.safeParse(token).success) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'vaultSecret: VAULT_TOKEN holds no token: it has spaces, line breaks or characters outside printable ASCII.',
      )
    }
    this.#login = login ?? { token: token as string }
    this.#context = where
  }

  /** Whether a refused token can be replaced by a new login. */
  get canLogInAgain(): boolean {
    return !('token' in this.#login)
  }

  /** The token for a call: the current one, renewed if due, or that of a new login. */
  async token(signal: AbortSignal | undefined): Promise<string> {
    if ('tokenFile' in this.#login) {
      const token = await readToken(this.#login.tokenFile, 'token', this.#context.place)
      if (token !== this.#unwrapped) await this.#rejectWrapped(token, 'token', signal)
      this.#unwrapped = token
      return token
    }
    const now = this.clock.monotonic()
    if (this.#session && now >= this.#session.renewAt && now < this.#session.expiresAt) await this.#renew(signal)
    if (!this.#session || (this.canLogInAgain && this.clock.monotonic() >= this.#session.expiresAt)) {
      this.#session = await this.#openSession(signal)
      this.#scheduleRenewal()
    }
    return this.#session.token
  }

  /** Discards a token that was refused. */
  forget(token: string): void {
    if (this.canLogInAgain && this.#session?.token === token) this.#session = undefined
  }

  /** Renews the token in time, also while the key is not read. The function that it returns stops it. */
  keepAlive(clock: Clock): () => void {
    this.clock = clock
    this.#users++
    this.#scheduleRenewal()
    let over = false
    return () => {
      if (over) return
      over = true
      if (--this.#users === 0) this.#cancel?.()
    }
  }

  #scheduleRenewal(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const renewAt = this.#session?.renewAt ?? Number.POSITIVE_INFINITY
    if (this.#users === 0 || renewAt === Number.POSITIVE_INFINITY) return
    const wait = Math.max(0, renewAt - this.clock.monotonic())
    this.#cancel = this.clock.after(wait, () => void this.#renew(undefined).catch(() => {}), false)
  }

  async #openSession(signal: AbortSignal | undefined): Promise<Session> {
    const login = this.#login
    if ('appRole' in login) {
      const { roleId, secretId, secretIdFile, mount = 'approle' } = login.appRole
      const secret = secretId ?? (await readToken(secretIdFile ?? '', 'SecretID', this.#context.place))
      const body = { role_id: roleId, secret_id: secret }
      return this.#logIn(mount, body, signal, () => this.#rejectWrapped(secret, 'SecretID', signal))
    }
    if ('kubernetes' in login) {
      const { role, tokenFile = POD_TOKEN, mount = 'kubernetes' } = login.kubernetes
      return this.#logIn(mount, { role, jwt: await readToken(tokenFile, 'token', this.#context.place) }, signal)
    }
    if ('token' in login) {
      await this.#rejectWrapped(login.token, 'token', signal)
      return this.#lookUp(login.token, signal)
    }
    throw new TypeError('a token in a file has no session')
  }

  /**
   * Checks that this is not a wrapping token, which Vault hands out for a single use
   * (https://developer.hashicorp.com/vault/docs/concepts/response-wrapping): any call with it would use it up. It is
   * not unwrapped here, because several processes may have the same one.
   * @throws DeniedError `SECRET_DENIED`
   */
  async #rejectWrapped(token: string, what: 'token' | 'SecretID', signal: AbortSignal | undefined): Promise<void> {
    const { client, headers, place } = this.#context
    const path = '/v1/sys/wrapping/lookup'
    const { status, body } = await client({ method: 'POST', path, headers, body: { token }, signal })
    if (status === 200 && wrappingReply.safeParse(body).success) throw wrapped(place, `the ${what} of the login`, what)
  }

  /** @param explain throws what is known of a login that was refused */
  async #logIn(
    mount: string,
    body: object,
    signal: AbortSignal | undefined,
    explain?: () => Promise<void>,
  ): Promise<Session> {
    const { client, headers, place } = this.#context
    const path = `/v1/auth/${mount}/login`
    const { status, body: reply } = await client({ method: 'POST', path, headers, body, signal })
    const parsed = authReply.safeParse(reply)
    if (status === 200 && parsed.success) return this.#sessionOf(parsed.data.auth)
    if (status >= 400 && status < 500 && status !== 429) {
      await explain?.()
      throw new DeniedError(
        'SECRET_DENIED',
        `${place}: the login at auth/${mount} was refused (${status}). Check the role and its secret.`,
      )
    }
    throw new DeniedError('SECRET_UNAVAILABLE', `${place}: the login at auth/${mount} failed (${status}).`)
  }

  /** Reads the lease of a token that was given, where the token's policy permits that. */
  async #lookUp(token: string, signal: AbortSignal | undefined): Promise<Session> {
    const { client, headers } = this.#context
    const path = '/v1/auth/token/lookup-self'
    const { body } = await client({ method: 'GET', path, headers: { ...headers, 'x-vault-token': token }, signal })
    const parsed = lookupReply.safeParse(body)
    const { ttl = 0, renewable = false } = parsed.success ? parsed.data.data : {}
    return this.#sessionOf({ client_token: token, lease_duration: ttl, renewable })
  }

  #sessionOf({ client_token: token, lease_duration: seconds, renewable }: z.output<typeof authReply>['auth']): Session {
    const now = this.clock.monotonic()
    const leaseMs = seconds * 1000
    const over = leaseMs === 0 ? Number.POSITIVE_INFINITY : now + leaseMs
    const renewAt = renewable && leaseMs > 0 ? now + leaseMs * RENEW_AT : Number.POSITIVE_INFINITY
    return { token, expiresAt: over, renewAt, leaseMs }
  }

  async #renew(signal: AbortSignal | undefined): Promise<void> {
    const session = this.#session
    if (!session) return
    const { client, headers } = this.#context
    const path = '/v1/auth/token/renew-self'
    try {
      const sent = { ...headers, 'x-vault-token': session.token }
      const { status, body } = await client({ method: 'POST', path, headers: sent, body: {}, signal })
      const parsed = authReply.safeParse(body)
      if (status !== 200 || !parsed.success) throw new Error(String(status))
      const renewed = this.#sessionOf(parsed.data.auth)
      // Near a token's maximum TTL, Vault grants shorter and shorter leases: a new login is better.
      if (this.canLogInAgain && renewed.leaseMs < session.leaseMs / 2) this.forget(session.token)
      else if (this.#session === session) this.#session = { ...renewed, leaseMs: session.leaseMs }
    } catch {
      // The token is still valid: the renewal is retried before it expires, and not after.
      const next = this.clock.monotonic() + session.leaseMs * RETRY_AFTER
      const renewAt = next < session.expiresAt ? next : Number.POSITIVE_INFINITY
      if (this.#session === session) this.#session = { ...session, renewAt }
    }
    this.#scheduleRenewal()
  }
}

function wrapped(place: string, where: string, what: string): DeniedError {
  return new DeniedError(
    'SECRET_DENIED',
    `${place}: ${where} is wrapped, for a single use: unwrap it (vault unwrap), and give the ${what} that is in it.`,
  )
}

/** What a Vault Agent with `wrap_ttl` writes into a file. */
const wrappedToken = z.object({ token: z.string(), wrapped_accessor: z.string() })

async function readToken(path: string, what: 'token' | 'SecretID', place: string): Promise<string> {
  let found: string
  try {
    found = (await readBoundedFile(path, MAX_TOKEN_LENGTH))?.trim() ?? ''
  } catch (error) {
    const code = printable(String((error as NodeJS.ErrnoException).code ?? messageOf(error)), 40)
    throw new DeniedError(
      'SECRET_UNAVAILABLE',
      `${place}: the login's file ${printable(path)} cannot be read (${code}).`,
    )
  }
  const file = `the login's file ${printable(path)}`
  if (isWrapped(found)) throw wrapped(place, `the ${what} in ${file}`, what)
  if (text.safeParse(found).success) return found
  throw new DeniedError('SECRET_DENIED', `${place}: the login's file ${printable(path)} holds no token.`)
}

function isWrapped(content: string): boolean {
  if (!content.startsWith('{')) return false
  try {
    return wrappedToken.safeParse(JSON.parse(content)).success
  } catch {
    return false
  }
}

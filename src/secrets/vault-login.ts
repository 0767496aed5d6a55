import { z } from 'zod'
import { type Clock, systemClock } from '../base/clock.js'
import { DeniedError, messageOf, printable, SolveguardError } from '../base/errors.js'
import { takeVariable } from './environment.js'
import type { StoreClient } from './http.js'
import { readBoundedFile } from './read-file.js'

/**
 * How to log in. A token in a file is read again each time, as a Vault Agent writes it; one that is given, or stands in
 * `VAULT_TOKEN` (or `BAO_TOKEN`), is renewed for as long as Vault lets it. AppRole and Kubernetes log in anew when their
 * token is over.
 */
export type VaultLogin =
  | { readonly token: string }
  | { readonly tokenFile: string }
  | {
      readonly appRole: {
        readonly roleId: string
        /** Or in a file, where it is better off. */
        readonly secretId?: string | undefined
        readonly secretIdFile?: string | undefined
        /** Where the method is mounted. Default: `approle`. */
        readonly mount?: string | undefined
      }
    }
  | {
      readonly kubernetes: {
        readonly role: string
        /** The pod's own token. Default: `/var/run/secrets/kubernetes.io/serviceaccount/token`. */
        readonly tokenFile?: string | undefined
        /** Where the method is mounted. Default: `kubernetes`. */
        readonly mount?: string | undefined
      }
    }

const MAX_TOKEN_LENGTH = 64 * 1024

/** What can stand in a header. */
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
      'expected { token }, { tokenFile }, { appRole: { roleId, secretId or secretIdFile } } or { kubernetes: { role } }',
  },
)

/** A token is renewed when this part of its time is over. */
const RENEW_AT = 2 / 3
/** A failed renewal is tried again after this part of the token's time. */
const RETRY_AFTER = 1 / 20
const POD_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

const authReply = z.object({
  auth: z.object({ client_token: text, lease_duration: z.number().min(0), renewable: z.boolean() }),
})
const lookupReply = z.object({ data: z.object({ ttl: z.number().min(0), renewable: z.boolean().optional() }) })

/** A token at hand. Times are monotonic ms; endless where Vault names none. */
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

/** Keeps one token for a provider: logs in, renews, and logs in anew. Shows nothing of it. */
export class VaultSession {
  readonly #login: VaultLogin
  readonly #context: SessionContext
  #session: Session | undefined
  #users = 0
  #cancel: (() => void) | undefined
  clock: Clock = systemClock

  constructor(login: VaultLogin | undefined, where: SessionContext, keep: boolean) {
    const token = login ? undefined : (takeVariable('VAULT_TOKEN', keep) ?? takeVariable('BAO_TOKEN', keep))
    if (!login && !token) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'vaultSecret: say how to log in (`auth`), or put a token into the environment variable VAULT_TOKEN.',
      )
    }
    this.#login = login ?? { token: token as string }
    this.#context = where
  }

  /** Whether a token that is refused can be exchanged for another. */
  get canLogInAgain(): boolean {
    return !('token' in this.#login)
  }

  /** The token to call with: at hand, renewed if due, or from a new login. */
  async token(signal: AbortSignal | undefined): Promise<string> {
    if ('tokenFile' in this.#login) return readToken(this.#login.tokenFile, this.#context.place)
    const now = this.clock.monotonic()
    if (this.#session && now >= this.#session.renewAt && now < this.#session.expiresAt) await this.#renew(signal)
    if (!this.#session || (this.canLogInAgain && this.clock.monotonic() >= this.#session.expiresAt)) {
      this.#session = await this.#openSession(signal)
      this.#scheduleRenewal()
    }
    return this.#session.token
  }

  /** Forgets a token that was refused. */
  forget(token: string): void {
    if (this.canLogInAgain && this.#session?.token === token) this.#session = undefined
  }

  /** Renews in time, also while nobody asks for the key. Returns what ends it. */
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
      const secret = secretId ?? (await readToken(secretIdFile ?? '', this.#context.place))
      return this.#logIn(mount, { role_id: roleId, secret_id: secret }, signal)
    }
    if ('kubernetes' in login) {
      const { role, tokenFile = POD_TOKEN, mount = 'kubernetes' } = login.kubernetes
      return this.#logIn(mount, { role, jwt: await readToken(tokenFile, this.#context.place) }, signal)
    }
    if ('token' in login) return this.#lookUp(login.token, signal)
    throw new TypeError('a token in a file is no session')
  }

  async #logIn(mount: string, body: object, signal: AbortSignal | undefined): Promise<Session> {
    const { client, headers, place } = this.#context
    const path = `/v1/auth/${mount}/login`
    const { status, body: reply } = await client({ method: 'POST', path, headers, body, signal })
    const parsed = authReply.safeParse(reply)
    if (status === 200 && parsed.success) return this.#sessionOf(parsed.data.auth)
    if (status >= 400 && status < 500 && status !== 429) {
      throw new DeniedError(
        'SECRET_DENIED',
        `${place}: the login at auth/${mount} was refused (${status}). Look at the role, and whether its secret is still valid.`,
      )
    }
    throw new DeniedError('SECRET_UNAVAILABLE', `${place}: the login at auth/${mount} failed (${status}).`)
  }

  /** A token that was given says how long it lasts, where its policy lets it ask. */
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
    const before = this.#session
    if (!before) return
    const { client, headers } = this.#context
    const path = '/v1/auth/token/renew-self'
    try {
      const sent = { ...headers, 'x-vault-token': before.token }
      const { status, body } = await client({ method: 'POST', path, headers: sent, body: {}, signal })
      const parsed = authReply.safeParse(body)
      if (status !== 200 || !parsed.success) throw new Error(String(status))
      const renewed = this.#sessionOf(parsed.data.auth)
      // Near the end of what Vault allows a token, less and less is given: better to log in anew.
      if (this.canLogInAgain && renewed.leaseMs < before.leaseMs / 2) this.forget(before.token)
      else if (this.#session === before) this.#session = { ...renewed, leaseMs: before.leaseMs }
    } catch {
      // It lasts a while yet: tried again before it is over, and not after.
      const next = this.clock.monotonic() + before.leaseMs * RETRY_AFTER
      const renewAt = next < before.expiresAt ? next : Number.POSITIVE_INFINITY
      if (this.#session === before) this.#session = { ...before, renewAt }
    }
    this.#scheduleRenewal()
  }
}

async function readToken(path: string, place: string): Promise<string> {
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
  if (text.safeParse(found).success) return found
  throw new DeniedError('SECRET_DENIED', `${place}: the login's file ${printable(path)} holds no token.`)
}

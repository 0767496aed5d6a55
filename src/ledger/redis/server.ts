import type { Clock } from '../../base/clock.js'
import { DeniedError, SolveguardError } from '../../base/errors.js'
import { whyNotLoaded } from '../../base/packages.js'

/** The part of an ioredis client that is used here. The `Redis` and `Cluster` of ioredis have it. */
export interface RedisClient {
  /** Runs a script by its hash. */
  evalsha(sha: string, keys: number, ...rest: (string | number)[]): Promise<unknown>
  /** Runs a script. */
  eval(script: string, keys: number, ...rest: (string | number)[]): Promise<unknown>
  /** Returns the text of INFO. */
  info(): Promise<string>
  /** Reads a setting. */
  config(get: 'GET', name: string): Promise<unknown>
  /** Adds a listener. */
  on(event: string, listener: (error: unknown) => void): unknown
  /** Removes a listener. */
  off(event: string, listener: (error: unknown) => void): unknown
  /** Closes the connection at once. */
  disconnect(): void
  /** The connection, if the client has a single one. */
  readonly stream?:
    | {
        /** Lets the process end while the connection is open. */
        unref(): unknown
        /** Closes the socket. */
        destroy(): unknown
        /** Whether the connection is still being opened. */
        readonly connecting?: boolean | undefined
        /** Whether it is open, and TLS has not begun. */
        readonly secureConnecting?: boolean | undefined
      }
    | undefined
  /** Selects a database. */
  select?(database: number): Promise<unknown>
  /** The options of the client: `db` is its database, if it has a single connection. */
  readonly options?: object | undefined
  /** The nodes, if it is a cluster's client. */
  nodes?(role: 'master'): readonly RedisClient[]
}

const METHODS = ['evalsha', 'eval', 'info', 'on', 'off', 'disconnect'] as const satisfies (keyof RedisClient)[]

/**
 * Whether a value has the methods that are used of a client. One that can be awaited, as a proxy that has every method,
 * is none: awaiting it may never end.
 */
export function isRedisClient(value: unknown): value is RedisClient {
  const client = value as Partial<Record<(typeof METHODS)[number] | 'then', unknown>> | null | undefined
  return METHODS.every((method) => typeof client?.[method] === 'function') && typeof client?.then !== 'function'
}

/**
 * Selects the client's database: ioredis 5 goes on with database 0 where the server does not have the other one.
 */
export async function selectDatabase(client: RedisClient): Promise<true> {
  const { db } = (client.options ?? {}) as { readonly db?: unknown }
  if (typeof db === 'number' && db !== 0) await client.select?.(db)
  return true
}

/** How to connect to a server by its address. */
export interface Address {
  readonly url: string
  readonly ca?: string | readonly string[] | undefined
  readonly tls?: Readonly<Record<'cert' | 'key' | 'servername', string | undefined>> | undefined
  readonly timeoutMs: number
  readonly clock: Clock
}

interface RedisAddress {
  /** Without the user and the password. */
  readonly place: string
  readonly tls: boolean
  readonly host: string
  readonly port: number
  readonly database: number
  /** Empty if there is none. */
  readonly username: string
  readonly password: string
}

/**
 * Parses `url`.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function parseAddress(url: string): RedisAddress {
  const parts = URL.canParse(url) ? new URL(url) : undefined
  const { protocol = '', host = '', pathname = '', search = '', hash = '' } = parts ?? {}
  const known = protocol === 'redis:' || protocol === 'rediss:'
  if (parts === undefined || !known || host === '' || !/^\/?\d{0,9}$/.test(pathname) || search !== '' || hash !== '') {
    // Without the address, which may contain a password.
    throw new SolveguardError(
      'CONFIG_INVALID',
      'redisLedger.url: expected redis://user:password@host:port/database, or rediss:// for TLS.',
    )
  }
  return {
    place: `${protocol}//${host}${pathname}`,
    tls: protocol === 'rediss:',
    host: parts.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parts.port || 6379),
    database: Number(pathname.slice(1) || 0),
    username: decoded(parts.username),
    password: decoded(parts.password),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'redisLedger.url: the user or the password is not percent-encoded correctly (write % as %25).',
    )
  }
}

/** Makes a client that the ledger itself closes. */
export async function connectRedis({ url, ca, tls, timeoutMs, clock }: Address): Promise<RedisClient> {
  const { Redis } = await loadDriver()
  const { host, port, database, username, password, tls: wantsTls } = parseAddress(url)
  const client = new Redis({
    host,
    port,
    // A name may have addresses of IPv6 only.
    family: 0,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    db: database,
    // Verification is set explicitly: NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment cannot turn it off.
    ...(wantsTls && { tls: { ...tls, ...(ca !== undefined && { ca: [ca].flat() }), rejectUnauthorized: true } }),
    connectTimeout: timeoutMs,
    retryStrategy: (times) => Math.min(20 * times, 500) * (0.5 + Math.random()),
    // The server has become a replica: reconnect, to the server that the name resolves to now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    // The link decides whether and when to retry.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    // Proxies such as Envoy and twemproxy have neither HELLO nor INFO.
    protocol: 2,
    enableReadyCheck: false,
  })
  let cancelTimer: (() => void) | undefined
  client.on('connect', () => {
    const { stream } = client as RedisClient
    // Like a file, an open connection does not keep a process alive that has nothing else to do.
    stream?.unref()
    // A server that is suspended accepts connections and sends nothing.
    cancelTimer = clock.after(timeoutMs, () => stream?.destroy(), false)
  })
  for (const event of ['ready', 'close']) client.on(event, () => cancelTimer?.())
  return client
}

async function loadDriver(): Promise<Pick<typeof import('ioredis'), 'Redis'>> {
  try {
    return await import('ioredis')
  } catch (cause) {
    throw new DeniedError(
      'LEDGER_UNAVAILABLE',
      `The Redis ledger needs the package ioredis, which ${whyNotLoaded('ioredis', cause)}, or use another ledger.`,
      { cause },
    )
  }
}

/** How a server keeps its data; undefined where it does not report that. */
export interface ServerPersistence {
  /** `maxmemory-policy`. */
  readonly policy?: string | undefined
  readonly appendOnly?: boolean | undefined
}

/** Reads it from INFO: managed servers allow that, and forbid CONFIG. */
export async function persistenceByInfo(client: RedisClient): Promise<readonly ServerPersistence[]> {
  const texts = await Promise.all((client.nodes?.('master') ?? [client]).map((node) => node.info()))
  return texts.map((text) => ({
    policy: /^maxmemory_policy:(\S+)/m.exec(text)?.[1],
    appendOnly: /^aof_enabled:1/m.test(text),
  }))
}

/** Reads it from CONFIG, for a user that is not allowed to call INFO. */
export async function persistenceByConfig(client: RedisClient): Promise<readonly ServerPersistence[]> {
  const read = async (node: RedisClient, name: string): Promise<unknown> => {
    const answer = await node.config('GET', name)
    return Array.isArray(answer) ? answer[1] : (answer as Record<string, unknown> | null)?.[name]
  }
  return Promise.all(
    (client.nodes?.('master') ?? [client]).map(async (node) => ({
      policy: String(await read(node, 'maxmemory-policy')),
      appendOnly: (await read(node, 'appendonly')) === 'yes',
    })),
  )
}

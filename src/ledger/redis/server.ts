import { DeniedError, SolveguardError } from '../../base/errors.js'

/** What is used of a client of ioredis; its `Redis` and its `Cluster` have it. */
export interface RedisClient {
  evalsha(sha: string, keys: number, ...rest: (string | number)[]): Promise<unknown>
  eval(script: string, keys: number, ...rest: (string | number)[]): Promise<unknown>
  info(): Promise<string>
  config(get: 'GET', name: string): Promise<unknown>
  on(event: string, listener: (error: unknown) => void): unknown
  off(event: string, listener: (error: unknown) => void): unknown
  disconnect(): void
  /** The connection, of a client that has one. */
  readonly stream?: { unref(): unknown; destroy(): unknown } | undefined
  /** The nodes, of a client of a cluster. */
  nodes?(role: 'master'): readonly RedisClient[]
}

/** How a server is reached by its address. */
export interface Address {
  readonly url: string
  readonly ca?: string | readonly string[] | undefined
  readonly tls?: Readonly<Record<'cert' | 'key' | 'servername', string | undefined>> | undefined
  readonly timeoutMs: number
}

/** What `url` says. */
export function parseAddress(url: string): { readonly place: string; readonly tls: boolean; readonly parts: URL } {
  const parts = URL.canParse(url) ? new URL(url) : undefined
  const { protocol = '', host = '', pathname = '', search = '', hash = '' } = parts ?? {}
  const known = protocol === 'redis:' || protocol === 'rediss:'
  if (parts === undefined || !known || host === '' || !/^\/?\d*$/.test(pathname) || search !== '' || hash !== '') {
    // The address itself may hold a password.
    throw new SolveguardError(
      'CONFIG_INVALID',
      'redisLedger.url: expected redis://user:password@host:port/database, or rediss:// for TLS.',
    )
  }
  return { place: `${protocol}//${host}${pathname}`, tls: protocol === 'rediss:', parts }
}

/** A client of our own. */
export async function connect({ url, ca, tls, timeoutMs }: Address): Promise<RedisClient> {
  const { Redis } = await loadDriver()
  const { parts, tls: wantsTls } = parseAddress(url)
  const client = new Redis({
    host: parts.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parts.port || 6379),
    ...(parts.username !== '' && { username: decodeURIComponent(parts.username) }),
    ...(parts.password !== '' && { password: decodeURIComponent(parts.password) }),
    db: Number(parts.pathname.slice(1) || 0),
    ...(wantsTls && { tls: { ...tls, ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }) } }),
    connectTimeout: timeoutMs,
    retryStrategy: (times) => Math.min(20 * times, 500) * (0.5 + Math.random()),
    // One server has become the replica of another: connect anew, to whatever the name means now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    // Whether and when to try again is for the link to say.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
  })
  let greeting: NodeJS.Timeout | undefined
  client.on('connect', () => {
    const { stream } = client as RedisClient
    // Like a file, it does not keep a process alive that has nothing else to do.
    stream?.unref()
    // A server that is held takes connections, and says nothing.
    greeting = setTimeout(() => stream?.destroy(), timeoutMs).unref()
  })
  for (const event of ['ready', 'close']) client.on(event, () => clearTimeout(greeting))
  return client
}

async function loadDriver(): Promise<Pick<typeof import('ioredis'), 'Redis'>> {
  try {
    return await import('ioredis')
  } catch (cause) {
    throw new DeniedError(
      'LEDGER_UNAVAILABLE',
      'The Redis ledger needs the package `ioredis`, which could not be loaded: install it (npm install ioredis), or use another ledger.',
      { cause },
    )
  }
}

/** What a server says of how it keeps its data; undefined where it does not tell. */
export interface Keeping {
  /** `maxmemory-policy`. */
  readonly policy?: string | undefined
  readonly appendOnly?: boolean | undefined
}

/** Asks INFO: managed servers answer that, and forbid CONFIG. */
export async function keepingByInfo(client: RedisClient): Promise<readonly Keeping[]> {
  const texts = await Promise.all((client.nodes?.('master') ?? [client]).map((node) => node.info()))
  return texts.map((text) => ({
    policy: /^maxmemory_policy:(\S+)/m.exec(text)?.[1],
    appendOnly: /^aof_enabled:1/m.test(text),
  }))
}

/** Asks CONFIG, for a user who may not ask INFO. */
export async function keepingByConfig(client: RedisClient): Promise<readonly Keeping[]> {
  const ask = async (node: RedisClient, name: string): Promise<unknown> => {
    const answer = await node.config('GET', name)
    return Array.isArray(answer) ? answer[1] : (answer as Record<string, unknown> | null)?.[name]
  }
  return Promise.all(
    (client.nodes?.('master') ?? [client]).map(async (node) => ({
      policy: String(await ask(node, 'maxmemory-policy')),
      appendOnly: (await ask(node, 'appendonly')) === 'yes',
    })),
  )
}

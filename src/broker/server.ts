import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Clock } from '../base/clock.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import { defaultStateDir } from '../base/state-dir.js'
import { VERSION } from '../base/version.js'
import { hostOf } from '../guard/hosting.js'
import type { Logger } from '../guard/observability/log.js'
import type { Guard } from '../guard/types.js'
import { type Duration, durationMs } from '../policy/duration.js'
import { check } from '../policy/schema.js'
import { duration } from '../policy/shapes.js'
import { type AnsweredConnect, writeConnectLine } from './access-log.js'
import { adminHandler, checkAdminToken } from './admin.js'
import { OwnInterface } from './api.js'
import { type Authenticate, tokenAuthentication } from './auth.js'
import { type AuthorityFile, authorityFile, type CertificateFiles, certificateFiles } from './certificate-files.js'
import { type ClientCallbackOptions, Deliveries } from './deliveries.js'
import { checkAuthorities, checkCertificate, Front, type FrontOptions, type FrontTls } from './front.js'
import { createHandler } from './handler.js'
import { createListener, type FastifyModule, loadFastify } from './listener.js'
import { Metrics } from './metrics.js'
import { privateCa } from './private-ca.js'
import { ForwardProxy, type ProxyOptions } from './proxy.js'
import { isNetwork } from './reach.js'
import { BrokerTasks, type TaskCounts } from './tasks.js'
import type { BrokerHandler } from './types.js'
import { ServiceInterface } from './wires.js'

/** Every request is answered within this time, in ms: the client `python-anticaptcha` gives up after five seconds. */
const ANSWER_WITHIN_MS = 3_900
const DRAIN_MS = 300_000

/** Options of `startBroker`. */
export interface BrokerOptions {
  /** The guard whose tokens are taken. The broker does not close it. */
  guard: Guard
  /**
   * The address to listen on.
   *
   * @default '127.0.0.1'
   */
  host?: string | undefined
  /**
   * The port to listen on.
   *
   * @default 0 // any free one
   */
  port?: number | undefined
  /**
   * Whether plain HTTP is served on an address that is not loopback. Only where TLS ends in front of the broker, on the
   * same machine or in a network that no other program can read: tokens are sent as they are.
   *
   * @default false
   */
  allowPlain?: boolean | undefined
  /**
   * How long a submit waits for a slot or for rate before it is denied: `0s` to `3500ms`. Almost no client tries again.
   *
   * @default '3s'
   */
  acceptWait?: Duration | undefined
  /**
   * Addresses and networks of reverse proxies whose `x-forwarded-for` is written into the access log.
   *
   * @default none
   */
  trustedProxies?: readonly string[] | undefined
  /**
   * TLS. `'private'` makes an authority of the broker's own in `stateDir`, which can certify nothing but the services'
   * hosts, `host` and `names`; clients trust one file, `broker.caFile`. Or a certificate (PEM) and its key, or the
   * files of both, which are read again when they change.
   *
   * @default none // plain HTTP
   */
  tls?:
    | 'private'
    | {
        /** The certificate, with those between it and its authority, in PEM. */
        cert: string
        /** Its key, in PEM. */
        key: string
      }
    | CertificateFiles
    | undefined
  /**
   * With `tls: 'private'`: names and addresses by which clients reach the broker, besides `host`.
   *
   * @default none
   */
  names?: readonly string[] | undefined
  /**
   * Certificates (PEM) of the authorities of clients: a new connection needs a certificate of theirs (mutual TLS). Or
   * the file of them, which is read again when it changes.
   *
   * @default none
   */
  clientCa?: string | AuthorityFile | undefined
  /**
   * The folder of the private authority.
   *
   * @default the variable SOLVEGUARD_STATE_DIR, else '.solveguard' in the project's folder
   */
  stateDir?: string | undefined
  /**
   * Whether the broker is a forward proxy too: CONNECT to a service's host ends here, with the token as the proxy's
   * password or where the key would be. It needs `tls`. An object names other hosts to which tunnels are opened.
   *
   * @default false
   */
  proxy?: boolean | ProxyOptions | undefined
  /**
   * The origins that clients may name in `pingback` and `callbackUrl`: the broker calls them back, never the service.
   * An object names addresses of the broker's own network too.
   *
   * @default none: such tasks are refused
   */
  callbacks?: readonly string[] | ClientCallbackOptions | undefined
  /**
   * A second listener for an operator: issue, revoke, pause, resume, status.
   *
   * @default none
   */
  admin?:
    | {
        /** At least 32 random characters, sent as `Authorization: Bearer`. */
        token: string
        /**
         * The address to listen on.
         *
         * @default '127.0.0.1'
         */
        host?: string | undefined
        /**
         * The port to listen on.
         *
         * @default 0 // any free one
         */
        port?: number | undefined
      }
    | undefined
  /**
   * Gets a line for each request, with its path and without its query. It never has a token, a key or a solution.
   *
   * @default none
   */
  logger?: Logger | undefined
}

/** Options of `close`. */
export interface CloseOptions {
  /**
   * Whether tasks are waited for: new ones are refused, and polls are answered until every answer was fetched or is too
   * old, or until this time has passed; `true`: five minutes.
   *
   * @default false
   */
  drain?: boolean | Duration | undefined
}

/** A broker that listens. */
export interface Broker extends AsyncDisposable {
  /** Its address: `http://127.0.0.1:41234`. Clients take it where they would take a service's. */
  readonly url: string
  /** With `tls: 'private'`, the file that clients have to trust. */
  readonly caFile?: string | undefined
  /** The address of the admin listener, where there is one. */
  readonly adminUrl?: string | undefined
  /** Request to response, without a socket. */
  readonly handler: BrokerHandler
  /** What became of tasks so far. */
  readonly counts: Readonly<TaskCounts>
  /**
   * Stops. Tasks under way are left to the guard, and to the next broker of the same ledger.
   *
   * @throws SolveguardError `CONFIG_INVALID`
   */
  close(options?: CloseOptions): Promise<void>
}

const expectedWait = 'expected 0s to 3500ms'

// Strict: an option that is not known, such as one for TLS, must not be taken for one that works.
const shape = z.strictObject({
  guard: z.unknown(),
  logger: z.unknown().optional(),
  host: z.string({ error: 'expected an address' }).optional(),
  port: z.number({ error: 'expected a port' }).int().min(0).max(65_535).optional(),
  allowPlain: z.boolean({ error: 'expected true or false' }).optional(),
  acceptWait: duration.refine((ms) => ms >= 0 && ms <= 3_500, expectedWait).optional(),
  trustedProxies: z
    .array(z.string().refine(isNetwork, { error: 'expected an address or a network, such as 10.0.0.0/8' }))
    .optional(),
  tls: z
    .union(
      [
        z.literal('private'),
        z.strictObject({ cert: z.string(), key: z.string() }),
        z.strictObject({ certFile: z.string(), keyFile: z.string() }),
      ],
      { error: "expected 'private', { cert, key } or { certFile, keyFile }" },
    )
    .optional(),
  names: z.array(z.string().regex(/^[\w.:-]+$/, { error: 'expected a host name or an address' })).optional(),
  clientCa: z
    .union([z.string(), z.strictObject({ caFile: z.string() })], {
      error: 'expected certificates in PEM, or { caFile }',
    })
    .optional(),
  stateDir: z.string({ error: 'expected a folder' }).optional(),
  proxy: z
    .union([
      z.boolean(),
      z.strictObject({
        allow: z.array(z.string()).optional(),
        privateAddresses: z.array(z.string()).optional(),
      }),
    ])
    .optional(),
  callbacks: z
    .union(
      [
        z.array(z.string()),
        z.strictObject({ allow: z.array(z.string()), privateAddresses: z.array(z.string()).optional() }),
      ],
      { error: "expected origins such as ['https://app.example.com']" },
    )
    .optional(),
  admin: z
    .strictObject({
      token: z.string({ error: 'expected a text' }),
      host: z.string({ error: 'expected an address' }).optional(),
      port: z.number({ error: 'expected a port' }).int().min(0).max(65_535).optional(),
    })
    .optional(),
})

/** Parts that this package's tests replace. */
export interface BrokerParts {
  /** @default the guard's tokens */
  readonly authenticate?: Authenticate | undefined
  /** @default no client is called back */
  readonly deliveries?: Deliveries | undefined
}

/**
 * Starts a broker: clients of the solver services use it in place of a service, with a token in place of a key. It
 * speaks the services' own wires. It needs the package `fastify`.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names the option; `BROKER_UNSAFE`
 * @throws DeniedError `LEDGER_UNAVAILABLE`
 * @example
 * const broker = await startBroker({ guard, port: 8080 })
 * process.on('SIGTERM', () => broker.close({ drain: true }))
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  return startBrokerOver(options, await loadFastify())
}

/** As `startBroker`, with a copy of fastify that the caller has. */
export async function startBrokerOver(options: BrokerOptions, { fastify }: FastifyModule): Promise<Broker> {
  const { guard, logger } = options
  const checked = check(shape, options, 'startBroker')
  const { host: address = '127.0.0.1', port = 0, acceptWait: acceptWaitMs = 3_000, trustedProxies } = checked
  const { admin, allowPlain = false } = checked
  const secured = tlsOf(checked, address, hostOf(guard).clock)
  for (const each of [...(secured ? [] : [address]), admin?.host ?? '127.0.0.1']) checkPlain(each, allowPlain)
  const adminToken = admin && checkAdminToken(admin.token)
  const deliveries = checked.callbacks && new Deliveries(checked.callbacks, hostOf(guard).clock)
  const { handler, tasks } = brokerHandler(guard, { acceptWaitMs, deliveries })
  const authenticate = tokenAuthentication(hostOf(guard))
  const proxy = proxyOf(checked.proxy, secured, authenticate, hostOf(guard).clock, logger)
  const fronts: Front[] = []
  const app = createListener({
    fastify,
    handler,
    logger,
    trustedProxies,
    callbacks: hostOf(guard).callbacks,
    context: (request) => fronts[0]?.context(request) ?? {},
  })
  if (secured) {
    const plain = secured.clientCa === undefined && (isLoopback(address) || allowPlain)
    const front = new Front(app.server, { tls: secured, plain, connect: proxy })
    fronts.push(front)
    app.addHook('preClose', async () => front.close())
  }
  const adminApp =
    adminToken === undefined ? undefined : createListener({ fastify, handler: adminHandler(guard, adminToken), logger })
  await tasks.open()
  let url = ''
  let adminUrl: string | undefined
  try {
    url = await listen(app, address, port)
    if (secured) url = url.replace('http:', 'https:')
    if (adminApp) adminUrl = await listen(adminApp, admin?.host ?? '127.0.0.1', admin?.port ?? 0)
  } catch (error) {
    await app.close()
    await tasks.close()
    throw error
  }
  let closing: Promise<void> | undefined
  const close = async ({ drain = false }: CloseOptions = {}): Promise<void> => {
    const drainMs = drain === true ? DRAIN_MS : drain === false ? 0 : durationMs(drain)
    if (drainMs > 0) {
      await tasks.drain(drainMs)
      await deliveries?.idle()
    }
    deliveries?.close()
    closing ??= Promise.all([app.close(), adminApp?.close()]).then(() => tasks.close())
    await closing
  }
  return {
    url,
    caFile: secured?.caFile,
    adminUrl,
    handler,
    counts: tasks.counts,
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

/** @throws SolveguardError `CONFIG_INVALID`, `BROKER_UNSAFE` */
function tlsOf(
  { tls, names = [], clientCa: authorities, stateDir }: Pick<BrokerOptions, 'tls' | 'names' | 'clientCa' | 'stateDir'>,
  address: string,
  clock: Clock,
): (FrontTls & { readonly caFile?: string }) | undefined {
  if (names.length > 0 && tls !== 'private') {
    throw new SolveguardError(
      'CONFIG_INVALID',
      "startBroker: names needs tls: 'private': any other certificate has names of its own.",
    )
  }
  if (tls === undefined) {
    if (authorities === undefined) return undefined
    throw new SolveguardError('CONFIG_INVALID', "startBroker: clientCa needs tls: 'private', or your own certificate.")
  }
  const clientCa = authorities === undefined ? undefined : authoritiesOf(authorities, clock)
  if (tls !== 'private' && 'certFile' in tls) return { certificate: certificateFiles(tls, clock), clientCa }
  if (tls !== 'private') {
    try {
      checkCertificate(tls)
    } catch (cause) {
      throw new SolveguardError('CONFIG_INVALID', 'startBroker: tls: the certificate or its key cannot be used.', {
        cause,
      })
    }
    return { certificate: () => tls, clientCa }
  }
  const own = /^(?:0\.0\.0\.0|::)$/.test(address) ? names : [address, ...names]
  return { ...privateCa(stateDir === undefined ? defaultStateDir() : resolve(stateDir), own), clientCa }
}

function authoritiesOf(authorities: string | AuthorityFile, clock: Clock): () => string {
  if (typeof authorities !== 'string') return authorityFile(authorities, clock)
  try {
    checkAuthorities(authorities)
  } catch (cause) {
    throw new SolveguardError('CONFIG_INVALID', 'startBroker: clientCa: these are no certificates in PEM.', { cause })
  }
  return () => authorities
}

function proxyOf(
  options: boolean | ProxyOptions | undefined,
  secured: FrontTls | undefined,
  authenticate: Authenticate,
  clock: Clock,
  logger: Logger | undefined,
): FrontOptions['connect'] {
  if (options === undefined || options === false) return undefined
  if (!secured) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      "startBroker: proxy needs tls: 'private', or your own certificate for the services' hosts: their clients speak " +
        'TLS through it.',
    )
  }
  const proxy = new ForwardProxy(options === true ? {} : options, authenticate)
  return (request, socket, tunnels) => {
    const startedAt = clock.monotonic()
    const { remoteAddress: remote = '' } = request.socket
    const answered = (answer: AnsweredConnect): void => {
      if (logger) writeConnectLine(logger, { ...answer, remote, durationMs: clock.monotonic() - startedAt })
    }
    proxy.connect(request, socket, tunnels, answered).catch(() => socket.destroy())
  }
}

/** The handler of a guard's broker, and its tasks. */
export function brokerHandler(
  guard: Guard,
  { acceptWaitMs, ...parts }: BrokerParts & { readonly acceptWaitMs: number },
): { readonly handler: BrokerHandler; readonly tasks: BrokerTasks } {
  const host = hostOf(guard)
  const authenticate = parts.authenticate ?? tokenAuthentication(host)
  const tasks = new BrokerTasks(host, { acceptWaitMs, answerWithinMs: ANSWER_WITHIN_MS })
  const metrics = new Metrics()
  const services = new ServiceInterface({
    host,
    tasks,
    authenticate,
    answerWithinMs: ANSWER_WITHIN_MS,
    deliveries: parts.deliveries,
    onRequest: (endpoint, service, error) => metrics.count(endpoint, service, error),
  })
  const own = new OwnInterface({ host, tasks, metrics, authenticate, version: VERSION })
  return { handler: createHandler({ services, own, callbacks: host.callbacks }), tasks }
}

/** Why an address cannot be listened on, and what to do, by the code of the system. */
const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; end it, or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address; 0.0.0.0 and :: are all that it has',
  EACCES: 'this user may not listen on ports below 1024; choose another one, or give the process CAP_NET_BIND_SERVICE',
  ENOTFOUND: 'no address is known for that name; 0.0.0.0 and :: are all addresses of this machine',
}

/** @returns the address that it listens on */
async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    const { code = '' } = cause as { readonly code?: string }
    const reason = LISTEN_REASONS[code] ?? messageOf(cause)
    throw new SolveguardError('CONFIG_INVALID', `startBroker: cannot listen on ${host}:${port}: ${reason}.`, { cause })
  }
  const { port: actual } = app.server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
}

/** @throws SolveguardError `BROKER_UNSAFE` */
function checkPlain(address: string, allowPlain: boolean): void {
  if (isLoopback(address) || allowPlain) return
  throw new SolveguardError(
    'BROKER_UNSAFE',
    `startBroker: on ${address} tokens would be sent without TLS: set tls: 'private' or your own certificate, listen ` +
      'on 127.0.0.1, or set allowPlain where TLS ends in front of the broker.',
  )
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address)
}

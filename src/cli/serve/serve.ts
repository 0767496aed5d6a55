import { readFileSync } from 'node:fs'
import { messageOf, SolveguardError } from '../../base/errors.js'
import { type Broker, type BrokerOptions, startBrokerOver } from '../../broker/server.js'
import { createGuard } from '../../guard/create.js'
import type { Logger } from '../../guard/observability/log.js'
import type { GuardOptions } from '../../guard/options.js'
import type { Guard } from '../../guard/types.js'
import type { Duration } from '../../policy/duration.js'

/** The options of `serve`. */
export interface ServeSettings extends Omit<BrokerOptions, 'guard' | 'logger' | 'tls' | 'clientCa'> {
  /**
   * `private`, or the files of a certificate and its key, with a colon between them.
   * @default plain HTTP
   */
  readonly tls?: string | undefined
  /** The file with the authorities of clients. @default none */
  readonly clientCaFile?: string | undefined
  /** Logs the guard's events and the broker's requests. */
  readonly logger: Logger
}

/** A broker with its guard. */
export interface Serving {
  readonly broker: Broker
  readonly guard: Guard
  /** Stops both. @param drain as for `Broker.close` */
  stop(drain: boolean | Duration): Promise<void>
}

/**
 * A broker over a guard of its own.
 *
 * @throws SolveguardError `CONFIG_INVALID`, `BROKER_UNSAFE`
 * @throws DeniedError `LEDGER_UNAVAILABLE`, `AUDIT_UNAVAILABLE`
 */
export async function startServing(options: GuardOptions, settings: ServeSettings): Promise<Serving> {
  const { tls, clientCaFile, logger, ...more } = settings
  if (clientCaFile !== undefined) textOf('--client-ca', clientCaFile)
  const clientCa = clientCaFile === undefined ? undefined : { caFile: clientCaFile }
  const secured = tls === undefined ? undefined : tlsOf(tls)
  const guard = await createGuard({ logger, ...options })
  try {
    const { fastify } = await import('fastify')
    const broker = await startBrokerOver(
      { ...more, guard, tls: secured, clientCa, logger, stateDir: more.stateDir ?? options.stateDir },
      { fastify },
    )
    const stop = async (drain: boolean | Duration): Promise<void> => {
      await broker.close({ drain })
      await guard.close()
    }
    return { broker, guard, stop }
  } catch (error) {
    await guard.close()
    throw error
  }
}

/** `private`, or `CERT:KEY`. A drive letter of Windows is part of its path. */
function tlsOf(text: string): NonNullable<BrokerOptions['tls']> {
  if (text === 'private') return text
  const [, cert, key] = /^((?:[a-z]:[\\/])?[^:]+):(.+)$/i.exec(text) ?? []
  if (cert === undefined || key === undefined) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      '--tls: expected private, or the files of a certificate and its key: CERT:KEY.',
    )
  }
  // An error names the option.
  for (const file of [cert, key]) textOf('--tls', file)
  return { certFile: cert, keyFile: key }
}

function textOf(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SolveguardError('CONFIG_INVALID', `${flag}: ${file} cannot be read (${messageOf(cause)}).`, { cause })
  }
}

/** What clients need to know of a broker. None of it is secret. */
export interface ServingFacts {
  readonly url: string
  readonly caFile: string | null
  readonly adminUrl: string | null
  /** The address of the forward proxy, without a token. */
  readonly proxyUrl: string | null
  readonly guard: string
  readonly pid: number
}

/** @param hasProxy whether the broker is a forward proxy too */
export function servingFacts({ broker, guard }: Serving, hasProxy: boolean): ServingFacts {
  return {
    url: broker.url,
    caFile: broker.caFile ?? null,
    adminUrl: broker.adminUrl ?? null,
    proxyUrl: hasProxy ? proxyUrlOf(broker.url) : null,
    guard: guard.name,
    pid: process.pid,
  }
}

/** The address of a broker's forward proxy. On loopback its port takes plain HTTP: few clients speak TLS to a proxy. */
export function proxyUrlOf(url: string): string {
  return url.replace(/^https:(?=\/\/(?:127\.|localhost|\[::1))/, 'http:')
}

/** The same for people: the lines that a client takes. `TOKEN` is a token of `solveguard token issue`. */
export function servingLines({ url, caFile, adminUrl, proxyUrl, guard }: ServingFacts): readonly string[] {
  const ca = caFile === null ? '' : ` SOLVEGUARD_BROKER_CA=${quoted(caFile)}`
  return [
    `The broker of '${guard}' serves at ${url}`,
    ...(adminUrl === null ? [] : [`The admin interface is at ${adminUrl}`]),
    ...(caFile === null ? [] : [`Clients trust this file: ${caFile}`]),
    '',
    'A token for a client:   solveguard token issue --ttl 8h',
    `A client with an address: ${url} in place of the service's, and the token in place of the key`,
    `A Node process:         SOLVEGUARD_BROKER=${url}${ca} SOLVEGUARD_TOKEN=TOKEN node --import solveguard/register …`,
    ...(proxyUrl === null
      ? []
      : [
          `Any other process:      HTTPS_PROXY=${proxyUrl.replace('://', '://t:TOKEN@')}${caFile === null ? '' : ` SSL_CERT_FILE=${quoted(caFile)}`} …`,
        ]),
  ]
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

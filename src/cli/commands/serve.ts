import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Option } from 'commander'
import { messageOf } from '../../base/errors.js'
import { type Duration, durationMs } from '../../policy/duration.js'
import { defineCommand, secretOption } from '../command.js'
import { type ConfigOptions, configOptions } from '../configuration.js'
import type { CommandContext } from '../context.js'
import { Interruption, usageError } from '../failure.js'
import { keyHolder } from '../key-holder.js'
import { bundleWith } from '../run/environment.js'
import { readSecret } from '../secret-arguments.js'
import type { ServeSettings } from '../serve/serve.js'

interface ServeOptions extends ConfigOptions {
  readonly host: string
  readonly port: string
  readonly tls?: string
  readonly tlsName?: string[]
  readonly clientCa?: string
  readonly allowPlain?: true
  readonly proxy?: true
  readonly proxyAllow?: string[]
  readonly proxyPrivate?: string[]
  readonly trustedProxy?: string[]
  readonly acceptWait?: Duration
  readonly adminPort?: string
  readonly adminHost?: string
  readonly adminToken?: string
  readonly caFile?: string
  readonly caBundle?: string
  readonly drain: Duration
  readonly log?: 'json' | 'text' | 'off'
  readonly logLevel: 'debug' | 'info' | 'warn'
}

/** The variable of the admin token, where no option names another place. */
const ADMIN_TOKEN = 'SOLVEGUARD_ADMIN_TOKEN'

export const command = defineCommand<ServeOptions>({
  examples: [
    'solveguard serve --port 8080',
    'solveguard serve --host 0.0.0.0 --port 8443 --tls private --tls-name broker.internal --proxy',
    'solveguard serve --port 8080 --admin-port 9000 --admin-token @/run/secrets/admin-token',
  ],
  // It drains first.
  endsItself: true,
  define: (command) =>
    configOptions(command)
      .option('--host <address>', 'the address to listen on', '127.0.0.1')
      .option('--port <port>', 'the port; 0: any free one', '0')
      .option('--tls <certificate>', "private: an authority of the broker's own; or the files CERT:KEY")
      .option('--tls-name <name...>', 'with --tls private: names by which clients reach it')
      .option('--client-ca <file>', 'mutual TLS: the authorities of clients, in PEM')
      .option('--allow-plain', 'plain HTTP on a public address, where TLS ends in front of it')
      .option('--proxy', 'is a forward proxy too, for clients with a fixed address')
      .option('--proxy-allow <host...>', 'other hosts to which the proxy opens tunnels')
      .option('--proxy-private <range...>', 'addresses of its own network that tunnels may reach')
      .option('--trusted-proxy <range...>', 'reverse proxies whose x-forwarded-for is logged')
      .option('--accept-wait <duration>', 'how long a submit waits for capacity (default: 3s)')
      .option('--admin-port <port>', 'a second listener for an operator')
      .option('--admin-host <address>', 'its address (default: 127.0.0.1)')
      .addOption(secretOption('--admin-token', `its token (default: the variable ${ADMIN_TOKEN})`))
      .option('--ca-file <file>', 'with --tls private: writes the certificate that clients trust there too')
      .option('--ca-bundle <file>', 'the same with the authorities of this machine, for SSL_CERT_FILE')
      .option('--drain <duration>', 'how long answers can be fetched after a signal', '5m')
      .addOption(
        new Option('--log <format>', 'to standard error (default: text in a terminal, else json)').choices([
          'json',
          'text',
          'off',
        ]),
      )
      .addOption(new Option('--log-level <level>', 'the least that is logged').choices(LEVELS).default('info')),
  async run(context, options) {
    const settings = await settingsOf(context, options)
    const { startServing, servingFacts, servingLines } = await import('../serve/serve.js')
    const guardOptions = await keyHolder(context, options, 'serve')
    const serving = await startServing({ ...guardOptions, clock: context.clock }, settings)
    const facts = servingFacts(serving, settings.proxy !== undefined)
    try {
      if (facts.caFile !== null) writeAuthority(facts.caFile, options, context)
    } catch (error) {
      await serving.stop(false)
      throw error
    }
    if (context.json) context.result(facts, '')
    else for (const line of servingLines(facts)) context.note(line)
    await aborted(context.signal)
    const { reason } = context.signal
    const isInterrupted = reason instanceof Interruption && reason.by === 'SIGINT'
    context.note(`Submits are refused now, and answers can be fetched for at most ${options.drain}.`)
    if (isInterrupted) context.note('Ctrl+C once more ends it at once.')
    await serving.stop(options.drain)
    const { submitted, fetched, unclaimed } = serving.broker.counts
    context.note(`Stopped. Of ${submitted} tasks, ${fetched} answers were fetched and ${unclaimed} were not.`)
    // What was asked for by SIGTERM is done.
    return isInterrupted ? 130 : 0
  },
})

const LEVELS = ['debug', 'info', 'warn'] as const

async function settingsOf(context: CommandContext, options: ServeOptions): Promise<ServeSettings> {
  const { processLog } = await import('../serve/log.js')
  durationMs(options.drain)
  const { log = context.stderr.isTTY === true ? 'text' : 'json', logLevel } = options
  const hasProxy = options.proxy || options.proxyAllow || options.proxyPrivate
  if (options.tls !== 'private' && (options.caFile || options.caBundle)) {
    throw usageError('--ca-file and --ca-bundle need --tls private: there is no other authority to write.')
  }
  return {
    host: options.host,
    port: portOf('--port', options.port),
    tls: options.tls,
    names: options.tlsName,
    clientCaFile: options.clientCa,
    allowPlain: options.allowPlain,
    ...(hasProxy && { proxy: { allow: options.proxyAllow, privateAddresses: options.proxyPrivate } }),
    trustedProxies: options.trustedProxy,
    acceptWait: options.acceptWait,
    admin: await adminOf(context, options),
    logger: processLog({
      level: logLevel,
      format: log === 'text' ? 'text' : 'json',
      write: log === 'off' ? () => {} : (line) => void context.stderr.write(line),
    }),
  }
}

async function adminOf(
  context: CommandContext,
  { adminPort, adminHost, adminToken }: ServeOptions,
): Promise<ServeSettings['admin']> {
  if (adminPort === undefined) {
    if (adminHost === undefined && adminToken === undefined) return undefined
    throw usageError('--admin-host and --admin-token need --admin-port.')
  }
  const place = adminToken ?? ADMIN_TOKEN
  if (adminToken === undefined && !context.env[ADMIN_TOKEN]) {
    throw usageError(`--admin-port needs a token: --admin-token @FILE, or the variable ${ADMIN_TOKEN}.`)
  }
  return {
    token: await readSecret(context, place, 'the admin token'),
    host: adminHost,
    port: portOf('--admin-port', adminPort),
  }
}

function portOf(flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw usageError(`${flag}: expected a port from 0 to 65535, not ${text}.`)
}

/** Copies that every user of the machine may read, whatever the process's umask is. They have no key. */
function writeAuthority(caFile: string, { caFile: copy, caBundle }: ServeOptions, context: CommandContext): void {
  const write = (flag: string, file: string, how: (path: string) => void): void => {
    const path = resolve(context.cwd, file)
    try {
      how(path)
      chmodSync(path, 0o644)
    } catch (error) {
      throw usageError(`${flag}: ${file} cannot be written (${messageOf(error)}).`)
    }
  }
  if (copy !== undefined) write('--ca-file', copy, (path) => copyFileSync(caFile, path))
  if (caBundle === undefined) return
  const bundle = bundleWith(readFileSync(caFile, 'utf8'), {})
  write('--ca-bundle', caBundle, (path) => writeFileSync(path, bundle))
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}

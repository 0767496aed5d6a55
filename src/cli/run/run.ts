import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.js'
import { DeniedError, messageOf, SolveguardError } from '../../base/errors.js'
import { withTimeout } from '../../base/timeout.js'
import { createGuard } from '../../guard/create.js'
import type { Logger } from '../../guard/observability/log.js'
import type { GuardOptions } from '../../guard/options.js'
import type { Duration } from '../../policy/duration.js'
import type { Money } from '../../policy/money.js'
import type { NarrowingInput } from '../../policy/schema.js'
import type { SecretProvider, SecretVersions } from '../../secrets/provider.js'
import { Secret } from '../../secrets/secret.js'
import { describeToken } from '../../tokens/describe.js'
import { narrowToken } from '../../tokens/narrow.js'
import { proxyUrlOf, startServing } from '../serve/serve.js'
import { runChild } from './child.js'
import { bundleWith, type ChildBroker, childEnvironment, namesProxy, type TakenOut, type Way } from './environment.js'

/** How long a store of keys may take, in ms. */
const SECRET_TIMEOUT_MS = 30_000

/** What a command is run with. */
export interface RunOptions {
  /** The command and its arguments. */
  readonly command: readonly string[]
  /** What its token allows, besides what the guard or the token allows from which it is made. */
  readonly policy: NarrowingInput
  readonly ttl: Duration
  /** Whom the token is for. @default the command's name */
  readonly subject?: string | undefined
  /** @default both with a broker in this process, unless the environment names a proxy; else `register` */
  readonly ways?: readonly Way[] | undefined
  /** Variables that the child keeps. */
  readonly keep: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly hasTerminal: boolean
  readonly logger: Logger
  /** The file of `solveguard/register`. */
  readonly registerFile: string
}

/** What became of it. */
export interface RunResult {
  readonly exitCode: number
  /** Why the command could not be started. */
  readonly problem?: string | undefined
  /** What its token has spent, in micro-dollars; undefined where that cannot be known. */
  readonly spent: Money | undefined
  /** Whether the token is revoked. One at a broker that did not answer ends with its time to live. */
  readonly revoked: boolean
}

/** Who answers the child. */
export type RunSource =
  | { readonly kind: 'guard'; readonly options: GuardOptions }
  | { readonly kind: 'broker'; readonly url: string; readonly token: string; readonly caFile?: string | undefined }

/**
 * Runs a command that has a token and no key. With a guard's options a broker runs in this process for as long as the
 * command does, and no other process can verify the token. With a broker elsewhere and a token, the command has a
 * narrower token.
 *
 * @throws SolveguardError, DeniedError for a guard, a broker or a token that cannot be made; nothing runs then
 */
export async function run(source: RunSource, options: RunOptions): Promise<RunResult> {
  if (options.command.length === 0) throw invalid('name the command after two dashes: solveguard run -- node app.js')
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-run-'))
  try {
    return source.kind === 'guard'
      ? await underGuard(source.options, options, folder)
      : await behind(source, options, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function underGuard(guardOptions: GuardOptions, options: RunOptions, folder: string): Promise<RunResult> {
  const { logger, policy, ttl, env } = options
  // The environment as it was: a provider takes its variable out of it.
  const before = { ...env }
  // Before the guard reads its key: no provider is asked twice at a time.
  const taken = await takenOut(guardOptions, options.keep)
  const tokens = guardOptions.tokens ?? { keys: keyOfThisProcess() }
  const { guard, broker, stop } = await startServing(
    { ...guardOptions, tokens },
    { logger, tls: 'private', stateDir: folder, proxy: { allow: ['*:*'], privateAddresses: ['0.0.0.0/0', '::/0'] } },
  )
  try {
    const issued = await guard.issueToken(policy, { ttl, subject: options.subject ?? subjectOf(options.command) })
    const grant = await guard.verifyToken(issued.token)
    const { caFile } = broker
    const { exitCode, problem } = await runWith(
      options,
      folder,
      before,
      taken,
      {
        url: broker.url,
        token: issued.token,
        caFile,
        proxyUrl: proxyUrlOf(broker.url),
      }, // A proxy that the environment names leads where this one may not.
      namesProxy(env) ? ['register'] : ['register', 'proxy'],
    )
    const revoked = await guard.revokeToken(issued.id).then(
      () => true,
      () => false,
    )
    const status = await grant.status().catch(() => undefined)
    return { exitCode, problem, spent: status && ((status.day.spent + status.day.reserved) as Money), revoked }
  } finally {
    await stop(false)
  }
}

async function behind(
  { url, token: held, caFile }: Extract<RunSource, { kind: 'broker' }>,
  options: RunOptions,
  folder: string,
): Promise<RunResult> {
  const subject = options.subject ?? subjectOf(options.command)
  const token = await narrowToken(held, options.policy, { ttl: options.ttl, subject })
  const taken = await takenOut(undefined, options.keep)
  const reach = { url, token, caFile, proxyUrl: proxyUrlOf(url) }
  // A broker elsewhere need not be a proxy, and refuses other hosts if it is one.
  const { exitCode, problem } = await runWith(options, folder, options.env, taken, reach, ['register'])
  return { exitCode, problem, ...(await endBehind(url, token, caFile)) }
}

function runWith(
  { command, env, ways, hasTerminal, registerFile }: RunOptions,
  folder: string,
  before: NodeJS.ProcessEnv,
  taken: TakenOut,
  broker: Omit<ChildBroker, 'registerFile' | 'bundleFile'>,
  defaultWays: readonly Way[],
): ReturnType<typeof runChild> {
  let bundleFile: string | undefined
  if (broker.caFile !== undefined) {
    bundleFile = join(folder, 'certificates.pem')
    writeFileSync(bundleFile, bundleWith(readFileSync(broker.caFile, 'utf8'), env), { mode: 0o600 })
  }
  const child = childEnvironment(before, { ...broker, bundleFile, registerFile }, ways ?? defaultWays, taken)
  return runChild(command, child, hasTerminal)
}

/**
 * What the guard's providers have, so that it is in no variable of the child: also where it comes from a store, because
 * a variable may have been left over.
 *
 * @throws DeniedError for a store that does not answer: its key might be in the environment
 */
async function takenOut(options: GuardOptions | undefined, keep: readonly string[]): Promise<TakenOut> {
  const { secret, solvers = [], tokens } = options ?? {}
  const providers = [secret, ...solvers.map((account) => account.secret), tokens?.keys]
  const secrets: Secret[] = []
  for (const provider of new Set(providers)) {
    const found = provider && (await versionsOf(provider))
    if (found) secrets.push(found.current.value, ...(found.previous ? [found.previous.value] : []))
  }
  return {
    kinds: providers.flatMap((provider) => provider?.kind ?? []),
    hasKey: (text) => secrets.some((secret) => secret.isIn(text)),
    keep,
  }
}

/** @returns undefined where there is no key @throws DeniedError */
async function versionsOf(provider: SecretProvider): Promise<SecretVersions | undefined> {
  try {
    return await withTimeout(Promise.resolve(provider.fetch()), {
      clock: systemClock,
      ms: SECRET_TIMEOUT_MS,
      error: () =>
        new DeniedError('SECRET_UNAVAILABLE', `${provider.place}: no answer within ${SECRET_TIMEOUT_MS} ms.`),
    })
  } catch (error) {
    if (!(error instanceof SolveguardError)) {
      throw new DeniedError('SECRET_UNAVAILABLE', `${provider.place}: ${messageOf(error)}`)
    }
    if (error.code === 'SECRET_MISSING') return undefined
    throw error
  }
}

/** A key for signing that is in no file: the token of one command is verified by this process only. */
function keyOfThisProcess(): SecretProvider {
  const value = new Secret(randomBytes(32).toString('hex'))
  return { kind: 'process', place: 'this process', fetch: () => ({ current: { value, version: '1' } }) }
}

/** Revokes a token at a broker elsewhere. One that does not answer leaves it to its time to live. */
async function endBehind(
  url: string,
  token: string,
  caFile: string | undefined,
): Promise<Pick<RunResult, 'spent' | 'revoked'>> {
  try {
    const ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8')
    const guard = await createGuard({ broker: url, token, ca })
    try {
      const { day } = await guard.status()
      const revoked = await guard.revokeToken(describeToken(token).links.at(-1)?.id ?? '').then(
        () => true,
        () => false,
      )
      return { spent: (day.spent + day.reserved) as Money, revoked }
    } finally {
      await guard.close()
    }
  } catch {
    return { spent: undefined, revoked: false }
  }
}

function subjectOf([command = '']: readonly string[]): string {
  const name = command
    .replace(/^.*[\\/]/, '')
    .replace(/[^\w.-]/g, '')
    .slice(0, 80)
  return `run ${name || 'command'}`
}

function invalid(sentence: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', `run: ${sentence}.`)
}

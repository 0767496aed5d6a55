import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fanOutAudit } from '../audit/fan-out.js'
import { jsonlAudit } from '../audit/jsonl.js'
import { systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { makeFolder } from '../base/folder.js'
import { canReach } from '../base/public-host.js'
import { checkBaseUrl } from '../base/service-url.js'
import { defaultStateDir } from '../base/state-dir.js'
import { createTransport, type TransportOptions } from '../egress/create.js'
import { wireLog } from '../egress/wire-log.js'
import { fileLedger } from '../ledger/file.js'
import { parsePolicy, zoneOf } from '../policy/schema.js'
import { tokenKeyFile } from '../tokens/key-file.js'
import type { AccountParts } from './accounts/account.js'
import { accountsOf } from './accounts/options.js'
import { checkName } from './admission/names.js'
import { type CallbackOptions, callbackOptions } from './callbacks/options.js'
import { composeGuard } from './compose.js'
import { machineKeys } from './keys/machine-keys.js'
import { loadTelemetry } from './observability/load-telemetry.js'
import { checkGuardOptions, type GuardOptions } from './options.js'
import { createLightGuard } from './remote/guard.js'
import type { LightGuardOptions } from './remote/options.js'
import type { SpendingMeter } from './spending/meter.js'
import type { Guard } from './types.js'

/**
 * Creates a guard: the only object that may spend a solver service's balance. With `broker` and `token` it holds no
 * key, and the guard behind the broker spends.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field; `DeniedError` (`LEDGER_UNAVAILABLE`,
 *   `AUDIT_UNAVAILABLE`) where the ledger or the audit log cannot be opened
 * @example
 * const guard = await createGuard({
 *   name: 'checkout-tests',
 *   policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(5), concurrent: 10 } },
 * })
 * const { token } = await guard.solve({ family: 'recaptcha', variant: 'v2-checkbox', sitekey, pageUrl })
 * await guard.close()
 */
export async function createGuard(options: GuardOptions | LightGuardOptions): Promise<Guard> {
  if (isLight(options)) {
    refuseBun()
    return createLightGuard(options)
  }
  return createGuardOver(options, {})
}

/** What a host gives to a guard that no option of users can name. */
export interface GuardHostOptions extends Pick<TransportOptions, 'sockets'> {
  /** Counts what the guard's process spends. @default none */
  readonly meter?: SpendingMeter | undefined
}

/** As `createGuard`, with sockets to the services and a meter of what is spent. */
export async function createGuardOver(options: GuardOptions, { sockets, meter }: GuardHostOptions): Promise<Guard> {
  refuseBun()
  const { secretCache, connectWithin, callbacks } = checkGuardOptions(options)
  const { clock = systemClock, ca } = options
  // Copied before anything is awaited: what the caller changes in its own objects afterwards has no effect.
  const policy = parsePolicy(options.policy)
  const name = checkName(options.name ?? 'default', 'options.name')
  const stateDir = options.stateDir === undefined ? defaultStateDir() : resolve(options.stateDir)
  if (!options.ledger || !options.audit) keepOutOfGit(stateDir)
  const log = options.trace === undefined ? undefined : wireLog(options.trace)
  const accounts = accountsOf(options, {
    guard: name,
    timeZone: zoneOf(policy),
    secretCache: { ttlMs: secretCache?.ttl, staleForMs: secretCache?.staleFor },
    transport: ({ baseUrl }, { proxies: [proxy], localAddresses: [localAddress], expected: expect }) =>
      createTransport({ baseUrl, proxy, localAddress, expect, ca, clock, log, sockets }),
  })
  const sinks = [options.audit ?? jsonlAudit({ dir: join(stateDir, 'audit') })].flat()
  const spends = accounts.some(({ solver }) => !checkBaseUrl(solver.baseUrl).loopback)
  const parts = {
    name,
    clock,
    accounts: accounts.map((account) => ({ ...account, meter })),
    ledger: options.ledger ?? fileLedger({ dir: stateDir, clock }),
    sink: fanOutAudit(sinks),
    auditFolder: sinks.find(({ kind }) => kind === 'jsonl')?.place,
    machine: spends ? { keys: machineKeys(), isCi: !/^(|0|false)$/i.test(process.env.CI ?? '') } : undefined,
    logger: options.logger,
    wireLog: log,
    alerts: options.alerts && [...options.alerts],
    onLeak: options.onLeak,
    connectWithinMs: connectWithin,
    callbacks: callbacks && reachable(callbackOptions(callbacks), accounts),
    tokenKeys: options.tokens?.keys ?? tokenKeyFile(join(stateDir, 'token.key'), () => keepOutOfGit(stateDir)),
  }
  const guard = await composeGuard(policy, { ...parts, telemetry: await loadTelemetry() })
  meter?.open(name, parts.ledger, clock)
  return guard
}

/** @throws SolveguardError `CONFIG_INVALID` for an address that none of the services can reach */
function reachable(callbacks: CallbackOptions, accounts: readonly AccountParts[]): CallbackOptions {
  if (accounts.some(({ solver }) => canReach(solver.baseUrl, callbacks.at.hostname))) return callbacks
  throw new SolveguardError(
    'CONFIG_INVALID',
    'options.callbacks.url: no service can reach an address on this machine or in a private network; name one that is ' +
      'reached from outside.',
  )
}

function isLight(options: GuardOptions | LightGuardOptions): options is LightGuardOptions {
  return typeof options === 'object' && options !== null && 'broker' in options
}

/** On Bun the HTTP client does not report the moment at which a request was sent, by which money counts as spent. */
function refuseBun(): void {
  if (process.versions.bun === undefined) return
  throw new SolveguardError('CONFIG_INVALID', 'solveguard does not run on Bun: run it with Node.js or Deno.')
}

/** Writes a `.gitignore` into a new state folder, so that it is committed to no repository. */
function keepOutOfGit(stateDir: string): void {
  try {
    makeFolder(stateDir, 0o700)
    writeFileSync(join(stateDir, '.gitignore'), '*\n', { flag: 'wx' })
  } catch {
    // The file exists, or the folder cannot be written: then the ledger throws a better error.
  }
}

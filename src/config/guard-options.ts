import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonlAudit } from '../audit/jsonl.js'
import type { AuditSink } from '../audit/sink.js'
import { messageOf, SolveguardError } from '../base/errors.js'
import type { GuardOptions } from '../guard/options.js'
import type { LightGuardOptions } from '../guard/remote/options.js'
import { fileLedger } from '../ledger/file.js'
import type { Ledger } from '../ledger/ledger.js'
import { redisLedger } from '../ledger/redis.js'
import type { PolicyInput } from '../policy/schema.js'
import { awsSecret } from '../secrets/aws.js'
import { envSecret } from '../secrets/env.js'
import { execSecret } from '../secrets/exec.js'
import { fileSecret } from '../secrets/file.js'
import type { SecretProvider } from '../secrets/provider.js'
import { vaultSecret } from '../secrets/vault.js'
import { captchaAI } from '../solvers/captchaai.js'
import type { Solver } from '../solvers/solver.js'
import { SOLVERS } from '../solvers/table.js'
import { checkPolicy, type ResolvedConfig } from './resolve.js'
import type { AuditPlace, LedgerPlace, SecretPlace, ServiceConfig, ServiceName, SolveguardConfig } from './types.js'

/**
 * The options of the guard that a configuration describes: with a broker, of one that holds no key.
 *
 * @param stateDir the folder of the ledger and the audit log where the configuration names none
 * @param token the broker's token, of `SOLVEGUARD_TOKEN`
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function guardOptions(
  resolved: ResolvedConfig,
  stateDir: string,
  token?: string | undefined,
): GuardOptions | LightGuardOptions {
  const { config } = resolved
  if (config.broker) {
    if (!token) throw new SolveguardError('CONFIG_INVALID', 'A broker is set: SOLVEGUARD_TOKEN has to have its token.')
    const { broker, connectWithin } = config
    const ca = brokerCa(config)
    return { broker, token, ...(connectWithin && { connectWithin }), ...(ca && { ca }) }
  }
  const policy = checkPolicy(resolved) as PolicyInput
  const { name, secretCache, solvers, alerts, onLeak, sharedKey, connectWithin, tokens, ca, trace, logger, clock } =
    config
  return {
    ...{ name, secretCache, solvers, alerts, onLeak, sharedKey, connectWithin, tokens, ca, trace, logger, clock },
    policy,
    stateDir: config.stateDir ?? stateDir,
    // Several accounts take the place of one solver and its secret.
    ...(config.solvers ? {} : { solver: solverOf(config), secret: secretOf(config) }),
    ledger: ledgerOf(config, stateDir),
    audit: auditOf(config, stateDir),
  }
}

/** The authority of the broker's certificate, in PEM. */
function brokerCa({ brokerCa: path }: SolveguardConfig): string | undefined {
  if (path === undefined) return undefined
  const invalid = (why: string) => new SolveguardError('CONFIG_INVALID', `brokerCa: ${path} ${why}.`)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`cannot be read (${messageOf(error)})`)
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw invalid("has no certificate in PEM: name the broker's caFile")
  return text
}

/** The service. */
export function solverOf({ solver }: SolveguardConfig): Solver {
  if (solver === undefined) return captchaAI()
  if (typeof solver === 'object' && 'readSubmit' in solver) return solver
  const { name, ...options }: ServiceConfig =
    typeof solver === 'string' ? { name: solver satisfies ServiceName } : solver
  const make = SOLVERS[name]
  if (make) return make(options)
  throw new SolveguardError('CONFIG_INVALID', `solver: expected one of ${Object.keys(SOLVERS).join(', ')}.`)
}

/** Where the key comes from. */
export function secretOf({ secret }: SolveguardConfig): SecretProvider {
  if (secret === undefined) return envSecret()
  return 'fetch' in secret ? secret : placeOf(secret)
}

function placeOf(place: SecretPlace): SecretProvider {
  if ('env' in place) return envSecret(place.env, { keep: place.keep })
  if ('file' in place) return fileSecret(place.file, { allowGroup: place.allowGroup, mounted: place.mounted })
  if ('exec' in place) return execSecret(place.exec, { firstLine: place.firstLine })
  if ('vault' in place) return vaultSecret(place.vault)
  return awsSecret(place.aws, { region: place.region, field: place.field })
}

/** The ledger. The caller opens and closes it. */
export function ledgerOf({ ledger, stateDir }: SolveguardConfig, defaultDir: string): Ledger {
  if (ledger === undefined) return fileLedger({ dir: stateDir ?? defaultDir })
  if ('reserve' in ledger) return ledger
  return ledgerAt(ledger)
}

function ledgerAt(place: LedgerPlace): Ledger {
  if ('redis' in place) return redisLedger({ url: place.redis, prefix: place.prefix })
  return 'dir' in place ? fileLedger({ dir: place.dir }) : fileLedger({ file: place.file })
}

/** The sinks of the audit log. */
export function auditOf({ audit, stateDir }: SolveguardConfig, defaultDir: string): readonly AuditSink[] {
  if (audit === undefined) return [jsonlAudit({ dir: join(stateDir ?? defaultDir, 'audit') })]
  if (Array.isArray(audit)) return audit
  return [isPlace(audit) ? jsonlAudit({ dir: audit.dir, key: audit.key && placeOf(audit.key) }) : (audit as AuditSink)]
}

/** The key of the audit log's HMAC, where the configuration is plain data. */
export function auditKeyOf({ audit }: SolveguardConfig): SecretProvider | undefined {
  return audit !== undefined && isPlace(audit) && audit.key ? placeOf(audit.key) : undefined
}

function isPlace(audit: NonNullable<SolveguardConfig['audit']>): audit is AuditPlace {
  return 'dir' in audit && !('write' in audit)
}

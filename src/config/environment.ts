import { SolveguardError } from '../base/errors.js'
import type { LedgerPlace, PolicyConfig, ProfileName, ServiceName, SolveguardConfig } from './types.js'

/** The environment, as a process has it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The variables that set a field, and the path of the field. Empty ones count as not set. */
export const VARIABLES = {
  SOLVEGUARD_NAME: 'name',
  SOLVEGUARD_STATE_DIR: 'stateDir',
  SOLVEGUARD_SOLVER: 'solver',
  SOLVEGUARD_ORIGINS: 'policy.origins',
  SOLVEGUARD_PER_DAY: 'policy.budget.perDay',
  SOLVEGUARD_PROXY: 'policy.egress.proxy',
  SOLVEGUARD_LEDGER: 'ledger',
  SOLVEGUARD_BROKER: 'broker',
  SOLVEGUARD_BROKER_CA: 'brokerCa',
} as const

/** What the environment sets. */
export function environmentConfig(env: Environment): SolveguardConfig {
  const text = (name: keyof typeof VARIABLES): string | undefined => env[name] || undefined
  const amount = text('SOLVEGUARD_PER_DAY')
  const origins = text('SOLVEGUARD_ORIGINS')
    ?.split(/[\s,]+/)
    .filter(Boolean)
  const proxy = text('SOLVEGUARD_PROXY')
  const ledger = text('SOLVEGUARD_LEDGER')
  const policy: PolicyConfig = {
    ...(origins && { origins }),
    ...(amount && { budget: { perDay: `$${amount.replace(/^\$/, '')}` as `$${number}` } }),
    ...(proxy && { egress: { proxy } }),
  }
  return {
    name: text('SOLVEGUARD_NAME'),
    stateDir: text('SOLVEGUARD_STATE_DIR'),
    // Checked with everything else.
    solver: text('SOLVEGUARD_SOLVER')?.toLowerCase() as ServiceName | undefined,
    ledger: ledger === undefined ? undefined : ledgerPlace(ledger),
    broker: text('SOLVEGUARD_BROKER'),
    brokerCa: text('SOLVEGUARD_BROKER_CA'),
    policy,
  }
}

/** A ledger as one text: an address of Redis, else a folder. */
export function ledgerPlace(text: string): LedgerPlace {
  return /^rediss?:\/\//i.test(text) ? { redis: text } : { dir: text }
}

/** The profiles. */
export const PROFILES = ['development', 'ci', 'production'] as const satisfies readonly ProfileName[]

/**
 * The profile that holds, and what selects it: an option, `SOLVEGUARD_PROFILE`, `CI`, `NODE_ENV=production`.
 * @throws SolveguardError `CONFIG_INVALID` for a name that is none
 */
export function selectProfile(
  env: Environment,
  option?: string | undefined,
): { readonly name: ProfileName; readonly source: string } {
  const named = option || env.SOLVEGUARD_PROFILE
  if (named) {
    const source = option ? '--profile' : 'SOLVEGUARD_PROFILE'
    const name = PROFILES.find((each) => each === named)
    if (name) return { name, source }
    throw new SolveguardError('CONFIG_INVALID', `${source}: expected one of ${PROFILES.join(', ')}.`)
  }
  if (isCi(env)) return { name: 'ci', source: 'CI' }
  if (env.NODE_ENV === 'production') return { name: 'production', source: 'NODE_ENV' }
  return { name: 'development', source: 'default' }
}

/** Whether the environment is that of a CI job. */
export function isCi({ CI = '' }: Environment): boolean {
  return !/^(|0|false)$/i.test(CI)
}

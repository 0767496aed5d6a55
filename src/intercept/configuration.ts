import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SolveguardError } from '../base/errors.js'
import { projectFolder } from '../base/state-dir.js'
import type { GuardOptions } from '../guard/options.js'
import type { PolicyInput } from '../policy/schema.js'

/** Who answers the calls that are led away. */
export type Configuration =
  | { readonly kind: 'broker'; readonly url: string; readonly token: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment' }

const FILES = ['solveguard.config.mjs', 'solveguard.config.js', 'solveguard.config.cjs', 'solveguard.config.ts']

/**
 * What the environment and the project's folder say. A file that was found is put into the environment, so that
 * processes that this one starts use it too, whatever their folder is.
 *
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function findConfiguration(env: NodeJS.ProcessEnv = process.env): Configuration {
  const { SOLVEGUARD_BROKER: url, SOLVEGUARD_TOKEN: token, SOLVEGUARD_CONFIG: named, SOLVEGUARD_ORIGINS } = env
  if (url || token) {
    if (!url || !token || !URL.canParse(url)) {
      throw invalid('set both SOLVEGUARD_BROKER, an address, and SOLVEGUARD_TOKEN, or neither')
    }
    return { kind: 'broker', url, token }
  }
  const folder = projectFolder(process.cwd())
  const found = named ? resolve(named) : FILES.map((file) => join(folder, file)).find((path) => existsSync(path))
  if (found !== undefined) {
    env.SOLVEGUARD_CONFIG = found
    return { kind: 'file', path: found }
  }
  if (SOLVEGUARD_ORIGINS) return { kind: 'environment' }
  throw invalid(
    'set SOLVEGUARD_BROKER and SOLVEGUARD_TOKEN, or write solveguard.config.mjs into the project, or set ' +
      'SOLVEGUARD_ORIGINS beside SOLVEGUARD_KEY',
  )
}

/**
 * The options of the guard.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export async function guardOptions(configuration: Exclude<Configuration, { kind: 'broker' }>): Promise<GuardOptions> {
  if (configuration.kind === 'environment') return fromEnvironment(process.env)
  const { href } = pathToFileURL(configuration.path)
  const file: unknown = await import(/* @vite-ignore */ href)
  const value = exported(file)
  const options = typeof value === 'function' ? await value() : await value
  if (typeof options === 'object' && options !== null && 'policy' in options) return options as GuardOptions
  throw invalid(`${configuration.path} has to export the options of createGuard as its default, or a function of them`)
}

/** A CommonJS file is the default of its own default, where a tool has compiled it. */
function exported(file: unknown): unknown {
  const { default: value } = file as { readonly default?: unknown }
  return typeof value === 'object' && value !== null && 'default' in value ? value.default : value
}

async function fromEnvironment({
  SOLVEGUARD_ORIGINS = '',
  SOLVEGUARD_SOLVER,
  SOLVEGUARD_PER_DAY,
}: NodeJS.ProcessEnv): Promise<GuardOptions> {
  const { SOLVERS } = await import('../solvers/table.js')
  const { usd } = await import('../policy/money.js')
  const solver = SOLVEGUARD_SOLVER ? SOLVERS[SOLVEGUARD_SOLVER.toLowerCase()] : undefined
  if (SOLVEGUARD_SOLVER && !solver) {
    throw invalid(`SOLVEGUARD_SOLVER: expected one of ${Object.keys(SOLVERS).join(', ')}`)
  }
  const policy: PolicyInput = {
    origins: SOLVEGUARD_ORIGINS.split(/[\s,]+/).filter(Boolean),
    ...(SOLVEGUARD_PER_DAY && { budget: { perDay: usd(Number(SOLVEGUARD_PER_DAY)) } }),
  }
  return { policy, ...(solver && { solver: solver() }) }
}

function invalid(sentence: string): SolveguardError {
  return new SolveguardError('CONFIG_INVALID', `solveguard/register: ${sentence}.`)
}

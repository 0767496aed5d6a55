import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SolveguardError } from '../base/errors.js'
import { defaultStateDir, projectFolder } from '../base/state-dir.js'
import type { GuardOptions } from '../guard/options.js'
import type { PolicyInput } from '../policy/schema.js'

/** Who answers the calls that are led away. */
export type Configuration =
  | { readonly kind: 'broker'; readonly url: string; readonly token: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment' }

const FILES = [
  'solveguard.config.mjs',
  'solveguard.config.js',
  'solveguard.config.cjs',
  'solveguard.config.ts',
  'solveguard.config.json',
]

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
    if (!existsSync(found)) throw invalid(`SOLVEGUARD_CONFIG names ${found}, and there is no such file`)
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
  const { environmentConfig, selectProfile } = await import('../config/environment.js')
  const { fileLayers, resolveConfig } = await import('../config/resolve.js')
  const { guardOptions: optionsOf } = await import('../config/guard-options.js')
  const { name: profile } = selectProfile(process.env)
  const value = exported(await fileAt(configuration.path))
  const config: unknown = typeof value === 'function' ? await value({ profile }) : await value
  const folder = dirname(configuration.path)
  const environment = { source: 'the environment', config: environmentConfig(process.env), folder: process.cwd() }
  const layers = [environment, ...fileLayers(config, basename(configuration.path), folder, profile)]
  const options = optionsOf(resolveConfig(layers), defaultStateDir(), process.env.SOLVEGUARD_TOKEN)
  if (!('broker' in options)) return options
  throw invalid('the configuration names a broker: set SOLVEGUARD_BROKER and SOLVEGUARD_TOKEN in its place')
}

/** What a file exports, or holds as JSON. */
async function fileAt(path: string): Promise<unknown> {
  if (path.endsWith('.json')) return { default: JSON.parse(readFileSync(path, 'utf8')) as unknown }
  const { href } = pathToFileURL(path)
  return import(/* @vite-ignore */ href)
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

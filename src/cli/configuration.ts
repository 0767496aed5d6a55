import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { messageOf, printable, SolveguardError } from '../base/errors.js'
import { projectFolder } from '../base/state-dir.js'
import { environmentConfig, ledgerPlace, selectProfile, VARIABLES } from '../config/environment.js'
import { type ConfigLayer, fileLayers, type ResolvedConfig, resolveConfig } from '../config/resolve.js'
import { withoutSecrets } from '../config/secret-text.js'
import type { ProfileName, SolveguardConfig } from '../config/types.js'
import type { Guard } from '../guard/types.js'
import type { LedgerReader } from '../ledger/open.js'
import type { CommandContext } from './context.js'
import { usageError } from './failure.js'

/** The names of a configuration file, in the project's folder. */
export const CONFIG_FILES = ['ts', 'mts', 'mjs', 'js', 'cjs', 'json'].map((ending) => `solveguard.config.${ending}`)

/** What every command that reads the configuration takes. */
export interface ConfigOptions {
  readonly config?: string | undefined
  readonly profile?: string | undefined
  readonly name?: string | undefined
  readonly stateDir?: string | undefined
  readonly ledger?: string | undefined
}

/** Adds `--config`, `--profile`, `--name`, `--state-dir` and `--ledger` to a command. */
export function configOptions(command: Command): Command {
  return command
    .option('--config <file>', 'the configuration (default: solveguard.config.* of the project)')
    .option('--profile <profile>', 'development, ci or production')
    .option('--name <guard>', "the guard's name")
    .option('--state-dir <folder>', 'the folder of the ledger and the audit log')
    .option('--ledger <place>', 'a folder, or redis://host; with a password: in SOLVEGUARD_LEDGER')
}

/** The configuration that holds for a command. */
export interface Configuration extends ResolvedConfig {
  /** The file, if there is one: an absolute path. */
  readonly file: string | undefined
  readonly profile: { readonly name: ProfileName; readonly source: string }
  /** The guard's name. */
  readonly name: string
  /** The folder of the ledger and the audit log, an absolute path. */
  readonly stateDir: string
}

/**
 * The configuration: options of the command, before the environment, before the file (its profile before itself),
 * before defaults.
 *
 * @throws SolveguardError `CONFIG_INVALID`, `COMMAND_INVALID`
 */
export async function loadConfiguration(context: CommandContext, options: ConfigOptions = {}): Promise<Configuration> {
  const { env, cwd } = context
  const folder = projectFolder(cwd)
  const profile = selectProfile(env, options.profile)
  const file = findFile(options.config ?? env.SOLVEGUARD_CONFIG, cwd, folder)
  const variables = Object.entries(VARIABLES)
  const layers: ConfigLayer[] = [
    { source: (path) => OPTIONS[path] ?? 'an option', config: optionConfig(options), folder: cwd },
    {
      source: (path) => variables.find(([, field]) => path === field)?.[0] ?? 'the environment',
      config: environmentConfig(env),
      folder: cwd,
    },
    ...(file === undefined ? [] : await layersOfFile(file, context, profile.name)),
  ]
  const resolved = resolveConfig(layers)
  const { name = 'default', stateDir = join(folder, '.solveguard') } = resolved.config
  return { ...resolved, file, profile, name, stateDir }
}

const OPTIONS: Readonly<Record<string, string>> = { name: '--name', stateDir: '--state-dir', ledger: '--ledger' }

function optionConfig({ name, stateDir, ledger }: ConfigOptions): SolveguardConfig {
  return { name, stateDir, ledger: ledger === undefined ? undefined : ledgerPlace(ledger) }
}

function findFile(named: string | undefined, cwd: string, folder: string): string | undefined {
  if (named) {
    const path = resolve(cwd, named)
    if (existsSync(path)) return path
    throw usageError(`There is no configuration ${printable(named)}: correct --config or SOLVEGUARD_CONFIG.`)
  }
  const found = CONFIG_FILES.map((name) => join(folder, name)).filter((path) => existsSync(path))
  if (found.length > 1) {
    const names = found.map((path) => basename(path)).join(' and ')
    throw new SolveguardError('CONFIG_INVALID', `There are ${names}: remove one, or name one with --config.`)
  }
  return found[0]
}

async function layersOfFile(path: string, context: CommandContext, profile: ProfileName): Promise<ConfigLayer[]> {
  const name = relative(context.cwd, path)
  return fileLayers(await exportOf(path, name, profile), name, dirname(path), profile)
}

/** What a file exports as its default. It is code of the project, and runs as that. */
async function exportOf(path: string, name: string, profile: ProfileName): Promise<unknown> {
  try {
    const { loadConfig } = await import('c12')
    const { config } = await loadConfig<object>({
      name: 'solveguard',
      cwd: dirname(path),
      configFile: path,
      // Nothing else is read, and nothing is fetched.
      ...{ rcFile: false, globalRc: false, packageJson: false, dotenv: false, extend: false, giget: false },
      envName: false,
      // The object itself: a copy of a provider or a ledger would be another one.
      merger: (...objects) => objects.find((each) => typeof each === 'object' && each !== null) ?? {},
      context: { profile },
      jitiOptions: { moduleCache: true, fsCache: false, alias: ownEntries() },
    })
    return config
  } catch (error) {
    if (error instanceof SolveguardError) throw error
    const [line = ''] = messageOf(error).split(/[\n·]/)
    throw new SolveguardError('CONFIG_INVALID', `${name} cannot be loaded: ${withoutSecrets(line)}`)
  }
}

/**
 * The entries of this very package, for the imports of a configuration: with `npx` it is not in the project, and a
 * second copy of it would have classes of its own.
 */
function ownEntries(): Record<string, string> {
  const package_ = join(dirname(import.meta.filename), '../..')
  if (!import.meta.filename.endsWith('.js')) return {}
  const { exports } = JSON.parse(readFileSync(join(package_, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, { readonly require?: { readonly default: string } }>>
  }
  return Object.fromEntries(
    Object.entries(exports).flatMap(([subpath, { require: entry }]) =>
      entry ? [[`solveguard${subpath.slice(1)}`, join(package_, entry.default)]] : [],
    ),
  )
}

/**
 * The guard that the configuration describes, or with a broker the one that holds its token. It is closed when the
 * command ends.
 */
export async function openGuard(context: CommandContext, configuration: Configuration): Promise<Guard> {
  const { guardOptions } = await import('../config/guard-options.js')
  const { createGuard } = await import('../guard/create.js')
  const options = guardOptions(configuration, configuration.stateDir, context.env.SOLVEGUARD_TOKEN)
  const guard = await createGuard({ ...options, clock: context.clock })
  context.defer(() => guard.close())
  return guard
}

/**
 * A guard for an operator: with the name, the ledger, the audit log and the accounts of the configuration, and limits
 * that lower those of no other guard: of several guards of a name, the tighter limits hold for all. It is closed with
 * the command.
 */
export async function openOperatorGuard(context: CommandContext, configuration: Configuration): Promise<Guard> {
  const { usd } = await import('../policy/money.js')
  const { policy = {} } = configuration.config
  const unlimited = {
    ...policy,
    origins: policy.origins ?? ['https://operator.invalid'],
    budget: { perDay: usd(1_000_000) },
  }
  const config = { ...configuration.config, policy: unlimited, alerts: undefined }
  const guard = await openGuard(context, { ...configuration, config })
  // Not a process warning: an alert about other limits is about these.
  guard.on('alert', () => {})
  return guard
}

/** The ledger of the configuration, to look at: no key, no limits of its own. It is closed with the command. */
export async function openReader(context: CommandContext, { config, stateDir }: Configuration): Promise<LedgerReader> {
  const { ledgerOf } = await import('../config/guard-options.js')
  const { openLedger } = await import('../ledger/open.js')
  const reader = await openLedger({ ledger: ledgerOf(config, stateDir), clock: context.clock })
  context.defer(() => reader.close())
  return reader
}

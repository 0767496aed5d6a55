import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { AuditKey } from '../audit/key.js'
import { SolveguardError } from '../base/errors.js'
import type { LedgerReader } from '../ledger/open.js'
import { secretOption } from './command.js'
import {
  type ConfigOptions,
  type Configuration,
  configOptions,
  loadConfiguration,
  openReader,
} from './configuration.js'
import type { CommandContext } from './context.js'
import { readSecret } from './secret-arguments.js'

/** What every command that reads an audit log takes. */
export interface LogOptions extends ConfigOptions {
  readonly withoutLedger?: true
}

/** Adds `[dir]` and the options of the configuration. */
export function logOptions(command: Command): Command {
  return configOptions(command.argument('[dir]', "the folder of the log (default: the configuration's)"))
}

/** Adds `--without-ledger` besides. */
export function logAndLedgerOptions(command: Command): Command {
  return logOptions(command).option('--without-ledger', 'reads the log alone, where the ledger cannot be reached')
}

/** Adds `--key` besides. */
export function checkedLogOptions(command: Command): Command {
  return logAndLedgerOptions(command).addOption(secretOption('--key', 'the HMAC key of the log'))
}

/** An audit log, with what it is checked against. */
export interface CommandLog {
  readonly configuration: Configuration
  /** An absolute path. It may not be there. */
  readonly dir: string
}

/**
 * The log that a command is about: the folder that is named, else the one of the configuration.
 * @throws SolveguardError `CONFIG_INVALID` where the configuration writes no files
 */
export async function commandLog(context: CommandContext, options: LogOptions, dir?: string): Promise<CommandLog> {
  const configuration = await loadConfiguration(context, options)
  if (dir !== undefined) return { configuration, dir: resolve(context.cwd, dir) }
  const configured = await logFolderOf(configuration)
  if (configured !== undefined) return { configuration, dir: configured }
  throw new SolveguardError(
    'CONFIG_INVALID',
    'The audit log of this configuration is not in files: name the folder of a log, or search where it is written to.',
  )
}

/** The ledger, to look at; undefined with `--without-ledger`. Nothing is created. */
export async function readerOf(
  context: CommandContext,
  options: LogOptions,
  { configuration }: CommandLog,
): Promise<LedgerReader | undefined> {
  return options.withoutLedger ? undefined : openReader(context, configuration)
}

/** The HMAC key: that of `--key`, else the one of the configuration, if there is one. */
export async function logKeyOf(
  context: CommandContext,
  { key }: { readonly key?: string | undefined },
  { configuration }: CommandLog,
): Promise<AuditKey | undefined> {
  if (key !== undefined) return readSecret(context, key, 'the key')
  const { auditKeyOf } = await import('../config/guard-options.js')
  return auditKeyOf(configuration.config)
}

/** The folder of the log of a configuration; undefined where it writes no files. */
async function logFolderOf({ config, stateDir }: Configuration): Promise<string | undefined> {
  const { auditOf } = await import('../config/guard-options.js')
  return auditOf(config, stateDir).find(({ kind, place }) => kind === 'jsonl' && place !== undefined)?.place
}

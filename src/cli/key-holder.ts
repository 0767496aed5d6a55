import { SolveguardError } from '../base/errors.js'
import type { GuardOptions } from '../guard/options.js'
import { type ConfigOptions, loadConfiguration } from './configuration.js'
import type { CommandContext } from './context.js'

/**
 * The options of the guard that the configuration describes, for a command that needs the guard's own ledger and keys.
 *
 * @throws SolveguardError `CONFIG_INVALID`
 */
export async function keyHolder(context: CommandContext, options: ConfigOptions, what: string): Promise<GuardOptions> {
  const configuration = await loadConfiguration(context, options)
  const { guardOptions } = await import('../config/guard-options.js')
  const made = guardOptions(configuration, configuration.stateDir)
  if (!('broker' in made)) return made
  throw new SolveguardError(
    'CONFIG_INVALID',
    `${what} needs the guard that holds the key, and the configuration names a broker: run it where that broker runs.`,
  )
}

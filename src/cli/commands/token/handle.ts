import { defineCommand, secretOption } from '../../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openGuard } from '../../configuration.js'
import {
  checkOutput,
  type InputOptions,
  type OutputOptions,
  outputOptions,
  passOn,
  tokenOf,
} from '../../tokens/output.js'

interface Options extends ConfigOptions, InputOptions, OutputOptions {}

export const command = defineCommand<Options>({
  examples: ['solveguard token handle --token @token --out handle'],
  define: (command) => outputOptions(configOptions(command)).addOption(secretOption('--token', 'the token')),
  async run(context, options) {
    checkOutput(context, options)
    const token = await tokenOf(context, options)
    const guard = await openGuard(context, await loadConfiguration(context, options))
    const { handle = '', expiresAt } = await guard.issueHandle(token)
    passOn(context, options, handle, { handle, expiresAt })
    context.note(`The handle stands for the token until ${expiresAt.toISOString()}, and ends with it.`)
    return 0
  },
})

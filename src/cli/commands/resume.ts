import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openOperatorGuard } from '../configuration.js'
import { type TargetOptions, targetOf, targetOptions } from '../pause-target.js'

export const command = defineCommand<ConfigOptions & TargetOptions>({
  examples: ['solveguard resume', 'solveguard resume --subject ci-4711'],
  define: (command) => configOptions(targetOptions(command)),
  async run(context, options) {
    const configuration = await loadConfiguration(context, options)
    const target = targetOf(options)
    const guard = await openOperatorGuard(context, configuration)
    await guard.resume(target.pause)
    context.result(
      { paused: false, name: guard.name, subject: options.subject ?? null, token: options.tokenId ?? null },
      `${target.what(guard.name)} is resumed.`,
    )
    return undefined
  },
})

import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openOperatorGuard } from '../configuration.js'
import { type TargetOptions, targetOf, targetOptions } from '../pause-target.js'

export const command = defineCommand<ConfigOptions & TargetOptions, [reason?: string]>({
  examples: ['solveguard pause "The bill is being investigated."', 'solveguard pause --subject ci-4711'],
  define: (command) =>
    configOptions(targetOptions(command.argument('[reason]', 'a sentence for the denials and the record'))),
  async run(context, options, [reason]) {
    const configuration = await loadConfiguration(context, options)
    const target = targetOf(options)
    const guard = await openOperatorGuard(context, configuration)
    await guard.pause(reason, target.pause)
    context.result(
      { paused: true, name: guard.name, subject: options.subject ?? null, token: options.tokenId ?? null },
      `${target.what(guard.name)} is paused: every process denies from its next solve on. ` +
        'What the service has already is followed to its end.',
    )
    return undefined
  },
})

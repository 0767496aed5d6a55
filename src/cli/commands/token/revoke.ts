import { describeToken } from '../../../tokens/describe.js'
import { defineCommand, secretOption } from '../../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openGuard } from '../../configuration.js'
import { usageError } from '../../failure.js'
import { type InputOptions, tokenOf } from '../../tokens/output.js'

interface Options extends ConfigOptions, InputOptions {}

export const command = defineCommand<Options, [id?: string]>({
  examples: ['solveguard token revoke qL3xYw0r9aBcDeFg', 'solveguard token revoke --token @token'],
  define: (command) =>
    configOptions(command)
      .argument('[id]', 'the id of a link, which ends every token that has it')
      .addOption(secretOption('--token', 'a token, whose last link is revoked')),
  async run(context, options, [id]) {
    if (id !== undefined && options.token !== undefined) throw usageError('Name an id or a token, not both.')
    const link = id ?? describeToken(await tokenOf(context, options)).links.at(-1)?.id ?? ''
    const guard = await openGuard(context, await loadConfiguration(context, options))
    await guard.revokeToken(link)
    context.result({ revoked: link }, `Revoked ${link}: every token that has this link is refused from now on.`)
    return 0
  },
})

import { type ConfigValue, configValues } from '../../config/values.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration } from '../configuration.js'
import type { CommandContext } from '../context.js'
import { table } from '../table.js'

export const command = defineCommand<ConfigOptions & { schema?: true }>({
  examples: ['solveguard config', 'solveguard config --profile production', 'solveguard config --schema'],
  define: (command) =>
    configOptions(command).option('--schema', 'prints the JSON Schema of solveguard.config.json, for editors'),
  async run(context, options) {
    if (options.schema) {
      const { configJsonSchema } = await import('../../config/shape.js')
      context.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
      return undefined
    }
    const configuration = await loadConfiguration(context, options)
    const { file, profile } = configuration
    const values = configValues(configuration, configuration.stateDir, context.env)
    context.result({ file: file ?? null, profile, values }, () => textOf(context, file, profile, values))
    return undefined
  },
})

function textOf(
  { colors, columns }: CommandContext,
  file: string | undefined,
  profile: { readonly name: string; readonly source: string },
  values: readonly ConfigValue[],
): string {
  const { bold, dim, cyan } = colors
  const head = [
    ['file', file ?? dim('none: npx solveguard init writes one')],
    ['profile', `${profile.name} ${dim(`(${profile.source})`)}`],
  ]
  const rows = values.map(({ path, value, source }) => [
    path,
    source === 'default' ? dim(source) : cyan(source),
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return `${table(head, columns)}\n\n${table([['field', 'from', 'value'].map(bold), ...rows], columns)}`
}

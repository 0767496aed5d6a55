import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Option } from 'commander'
import { messageOf } from '../../base/errors.js'
import { DRILL_ROWS, type DrillRowId } from '../../drill/types.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration } from '../configuration.js'
import { usageError } from '../failure.js'

interface DrillCommandOptions extends ConfigOptions {
  readonly strict?: true
  readonly junit?: string
  readonly row?: readonly DrillRowId[]
}

export const command = defineCommand<DrillCommandOptions>({
  examples: ['solveguard drill', 'solveguard drill --strict --junit drill.xml', 'solveguard drill --row full-speed'],
  // It ends after the scenario that is under way, so that nothing of it is left.
  endsItself: true,
  define: (command) =>
    configOptions(command)
      .option('--strict', 'a row that the configuration leaves open fails too')
      .option('--junit <file>', "also writes the rows as JUnit's XML")
      .addOption(new Option('--row <names...>', 'only these rows').choices(DRILL_ROWS)),
  async run(context, { strict = false, junit, row: rows, ...configured }) {
    const configuration = await loadConfiguration(context, configured)
    const { guardOptions } = await import('../../config/guard-options.js')
    const { drillHead, drillJson, drillJunit, drillRow, drillSummary, runDrill } = await import('../../drill/index.js')
    const { clock, columns, colors, signal } = context
    const options = guardOptions(configuration, configuration.stateDir, context.env.SOLVEGUARD_TOKEN)
    if ('broker' in options) {
      throw usageError('A drill needs the configuration of the guard that holds the key: run it where the broker runs.')
    }
    const format = { columns, colors }
    context.print(drillHead(format))
    const report = await runDrill(options, {
      rows,
      clock,
      signal,
      onRow: (row) => context.print(drillRow(row, format)),
    })
    signal.throwIfAborted()
    if (junit !== undefined) writeJunit(resolve(context.cwd, junit), drillJunit(report, { strict }))
    context.result(drillJson(report), () => `\n${drillSummary(report, format)}`)
    return report.counts.failed > 0 || (strict && report.counts.open > 0) ? 6 : 0
  },
})

function writeJunit(path: string, xml: string): void {
  try {
    writeFileSync(path, xml)
  } catch (error) {
    throw usageError(`--junit: ${path} cannot be written (${messageOf(error)}).`)
  }
}

import { CODES, SolveguardError } from '../../base/errors.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, type Configuration, configOptions, loadConfiguration } from '../configuration.js'
import type { CommandContext } from '../context.js'
import type { Check, Finding } from '../doctor/check.js'
import { padded, wrapped } from '../table.js'

/** A check and what it found. */
interface Row extends Finding {
  readonly name: string
}

export const command = defineCommand<ConfigOptions & { offline?: true }>({
  examples: ['solveguard doctor', 'solveguard doctor --offline', 'solveguard doctor --json'],
  define: (command) =>
    configOptions(command).option('--offline', 'sends nothing: what is on this machine and in its stores only'),
  async run(context, options) {
    const rows: Row[] = []
    const add = (row: Row) => {
      rows.push(row)
      context.print(rowText(context, row))
    }
    const configuration = await configurationOf(context, options, add)
    if (configuration) await check(context, configuration, options.offline === true, add)
    const count = (state: Finding['state']) => rows.filter((row) => row.state === state).length
    const counts = { ok: count('ok'), warnings: count('warning'), failed: count('failed'), skipped: count('skipped') }
    context.result({ ok: counts.failed === 0, counts, checks: rows.map(jsonOf) }, () => summary(context, counts))
    return counts.failed > 0 ? 6 : 0
  },
})

async function configurationOf(
  context: CommandContext,
  options: ConfigOptions,
  add: (row: Row) => void,
): Promise<Configuration | undefined> {
  const name = 'configuration'
  try {
    const configuration = await loadConfiguration(context, options)
    const { file, profile } = configuration
    const found = `${file ?? 'no file, the environment only'}, profile ${profile.name} (${profile.source})`
    if (file === undefined && !configuration.config.broker) {
      add({ name, state: 'warning', found, remedy: 'npx solveguard init writes solveguard.config.ts.' })
    } else add({ name, state: 'ok', found })
    return configuration
  } catch (error) {
    if (!(error instanceof SolveguardError)) throw error
    add({ name, state: 'failed', found: error.message, code: error.code, remedy: CODES[error.code].remedy })
    return undefined
  }
}

async function check(
  context: CommandContext,
  configuration: Configuration,
  offline: boolean,
  add: (row: Row) => void,
): Promise<void> {
  const { BROKER_CHECKS, findingOf, GUARD_CHECKS } = await import('../doctor/checks.js')
  const checks: readonly Check[] = configuration.config.broker ? BROKER_CHECKS : GUARD_CHECKS
  for (const { name, online, run } of checks) {
    if (online && offline) {
      add({ name, state: 'skipped', found: '--offline' })
      continue
    }
    const hide = working(context, name)
    try {
      const finding = await run({ context, configuration, now: context.clock.now() })
      hide()
      add({ name, ...finding })
    } catch (error) {
      hide()
      const remedy = error instanceof SolveguardError ? CODES[error.code].remedy : 'Do what the message says.'
      add({ name, ...findingOf(error, remedy) })
    }
  }
}

/** Shows which check is under way, at a terminal. */
function working({ stderr, json, errorColors }: CommandContext, name: string): () => void {
  if (json || stderr.isTTY !== true) return () => {}
  stderr.write(errorColors.dim(`… ${name}`))
  return () => stderr.write('\r\u001b[K')
}

const NAME_WIDTH = 'configuration'.length

function rowText({ colors, columns }: CommandContext, { name, state, found, remedy }: Row): string {
  const { bold, dim, green, yellow, red } = colors
  const mark = { ok: green('✓'), warning: yellow('!'), failed: red('✗'), skipped: dim('–') }[state]
  const left = NAME_WIDTH + 4
  const width = Math.max(20, columns - left)
  const [first = '', ...more] = wrapped(found, width)
  const lines = [
    `${mark} ${padded(bold(name), NAME_WIDTH)}  ${state === 'skipped' ? dim(first) : first}`,
    ...more.map((line) => ' '.repeat(left) + line),
  ]
  if (remedy === undefined) return lines.join('\n')
  const [head = '', ...rest] = wrapped(remedy, width - 2)
  const color = state === 'failed' ? red : yellow
  return [
    ...lines,
    `${' '.repeat(left)}${color('→')} ${head}`,
    ...rest.map((line) => ' '.repeat(left + 2) + line),
  ].join('\n')
}

function summary({ colors }: CommandContext, counts: { readonly warnings: number; readonly failed: number }): string {
  const { bold, green, red, yellow } = colors
  const warnings = counts.warnings === 0 ? '' : yellow(`, ${counts.warnings} to look at`)
  const { failed } = counts
  if (failed === 0) return `\n${bold(green('Everything that was checked holds'))}${warnings}.`
  return `\n${bold(red(failed === 1 ? 'One check does not hold' : `${failed} checks do not hold`))}${warnings}.`
}

function jsonOf({ name, state, found, remedy, code }: Row): object {
  return { name, state, found, remedy: remedy ?? null, code: code ?? null }
}

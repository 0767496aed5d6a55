import { dirname, join } from 'node:path'
import { Option } from 'commander'
import type { Duration } from '../../policy/duration.js'
import { formatUsd } from '../../policy/money.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration } from '../configuration.js'
import type { CommandContext } from '../context.js'
import { usageError } from '../failure.js'
import type { Way } from '../run/environment.js'
import type { RunSource } from '../run/run.js'
import { type PolicyFlags, policyOptions } from '../tokens/output.js'
import { policyOf } from '../tokens/policy.js'

interface RunOptions extends ConfigOptions, PolicyFlags {
  readonly ttl: Duration
  readonly subject?: string
  readonly via?: Way | 'both'
  readonly keep: string[]
  readonly logLevel: 'debug' | 'info' | 'warn'
}

export const command = defineCommand<RunOptions, [command: string[]]>({
  examples: [
    'solveguard run -- node app.js',
    'solveguard run --origin https://staging.example.com --per-day 0.5 --ttl 20m -- python sign_in.py',
  ],
  // It ends with its command, whatever signal comes.
  endsItself: true,
  define: (command) =>
    policyOptions(configOptions(command))
      .argument('<command...>', 'after two dashes: the command and its arguments')
      .option('--ttl <duration>', 'how long its token is valid at most: it ends with the command', '1h')
      .option('--subject <name>', 'whom the token is for (default: the name of the command)')
      .addOption(
        new Option('--via <way>', 'how its calls reach the broker (default: both, where that is possible)').choices([
          'proxy',
          'register',
          'both',
        ]),
      )
      .option('--keep <name...>', 'variables that it keeps, although they are of a secrets store', [])
      .addOption(
        new Option('--log-level <level>', 'the least that is logged to standard error')
          .choices(['debug', 'info', 'warn'])
          .default('warn'),
      ),
  async run(context, options, [words]) {
    if (context.json) throw usageError('run has no --json: standard output is that of the command.')
    const policy = policyOf(options)
    const source = await sourceOf(context, options)
    const { processLog } = await import('../serve/log.js')
    const { run } = await import('../run/run.js')
    // The command decides what a signal does.
    context.ownSignals?.()
    const { exitCode, problem, spent, revoked } = await run(source, {
      command: words,
      policy,
      ttl: options.ttl,
      subject: options.subject,
      ways: options.via === undefined ? undefined : options.via === 'both' ? ['register', 'proxy'] : [options.via],
      keep: options.keep,
      env: context.env,
      hasTerminal: context.stdin().isTTY === true,
      logger: processLog({
        level: options.logLevel,
        format: context.stderr.isTTY === true ? 'text' : 'json',
        write: (line) => void context.stderr.write(line),
      }),
      registerFile: join(dirname(import.meta.filename), '../../intercept/register.js'),
    })
    if (problem !== undefined) context.note(`solveguard: ${problem}`)
    const amount = spent === undefined ? 'What it has spent is not known.' : `Spent ${formatUsd(spent)}.`
    context.note(
      `solveguard: ${amount} Its token ${revoked ? 'is revoked' : `ends by itself, ${options.ttl} after its start`}.`,
    )
    return exitCode
  },
})

async function sourceOf(context: CommandContext, options: ConfigOptions): Promise<RunSource> {
  const configuration = await loadConfiguration(context, options)
  const { guardOptions } = await import('../../config/guard-options.js')
  const made = guardOptions(configuration, configuration.stateDir, context.env.SOLVEGUARD_TOKEN)
  if (!('broker' in made)) return { kind: 'guard', options: made }
  return { kind: 'broker', url: made.broker, token: made.token, caFile: configuration.config.brokerCa }
}

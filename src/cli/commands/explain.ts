import { DeniedError } from '../../base/errors.js'
import { checkPolicy } from '../../config/resolve.js'
import type { LayerVerdict, Verdict } from '../../guard/types.js'
import { formatTime } from '../../policy/format-time.js'
import type { PolicyInput } from '../../policy/schema.js'
import { defineCommand } from '../command.js'
import {
  type ConfigOptions,
  type Configuration,
  configOptions,
  loadConfiguration,
  openBooks,
  openGuard,
} from '../configuration.js'
import type { CommandContext } from '../context.js'
import { exitCodeOf } from '../exit-codes.js'
import { usageError } from '../failure.js'
import { table } from '../table.js'

export const command = defineCommand<ConfigOptions & { at?: string }, [url: string]>({
  examples: [
    'solveguard explain https://staging.example.com/login',
    'solveguard explain https://staging.example.com/login --at 2026-12-24T10:00Z',
  ],
  define: (command) =>
    configOptions(
      command
        .argument('<url>', 'the page')
        .option('--at <time>', 'the moment that the answer is about, such as 2026-12-24T10:00Z (default: now)'),
    ),
  async run(context, options, [url]) {
    const at = options.at === undefined ? new Date(context.clock.now()) : new Date(options.at)
    if (Number.isNaN(at.getTime())) throw usageError('--at takes a time such as 2026-12-24T10:00Z.')
    const configuration = await loadConfiguration(context, options)
    const verdict = await explain(context, configuration, url, at)
    context.result({ url, at: at.toISOString(), ...verdict }, () => textOf(context, verdict))
    return verdict.allowed || verdict.code === undefined ? 0 : (exitCodeOf(verdict.code) ?? 1)
  },
})

async function explain(context: CommandContext, configuration: Configuration, url: string, at: Date): Promise<Verdict> {
  if (!configuration.config.broker && !(await hasLedger(context, configuration))) {
    // Nothing was ever spent. To look must not create a ledger.
    const { solverOf } = await import('../../config/guard-options.js')
    const { explainPolicy } = await import('../../guard/explain-policy.js')
    return explainPolicy(checkPolicy(configuration) as PolicyInput, url, { at, solver: solverOf(configuration.config) })
  }
  const guard = await openGuard(context, configuration)
  return guard.explain(url, { at })
}

async function hasLedger(context: CommandContext, configuration: Configuration): Promise<boolean> {
  try {
    await openBooks(context, configuration)
    return true
  } catch (error) {
    if (error instanceof DeniedError) return false
    throw error
  }
}

function textOf({ colors, columns }: CommandContext, { allowed, layers }: Verdict): string {
  const { bold, dim, green, red, yellow } = colors
  const mark = ({ ok, checked }: LayerVerdict) => (ok ? (checked ? green('✓') : yellow('?')) : red('✗'))
  const said = ({ ok, checked, code, message, retryAt }: LayerVerdict) =>
    [
      ok ? (checked ? 'allowed' : '') : `${code}:`,
      message ?? '',
      retryAt === undefined ? '' : dim(`(again at ${formatTime(retryAt.getTime())})`),
    ]
      .filter(Boolean)
      .join(' ')
  const rows = layers.map((each) => [mark(each), each.layer, said(each)])
  return `${bold(allowed ? green('allowed') : red('denied'))}\n${table(rows, columns, 2)}`
}

import { DeniedError } from '../../base/errors.js'
import { checkPolicy } from '../../config/resolve.js'
import type { ExplainOptions, LayerVerdict, Verdict } from '../../guard/types.js'
import type { Ledger } from '../../ledger/ledger.js'
import { isNoLedger } from '../../ledger/open.js'
import { formatTime } from '../../policy/format-time.js'
import { type PolicyInput, parsePolicy } from '../../policy/schema.js'
import { defineCommand } from '../command.js'
import {
  type ConfigOptions,
  type Configuration,
  configOptions,
  loadConfiguration,
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
    const verdict = await explain(context, configuration, url, options.at === undefined ? {} : { at })
    context.result({ url, at: at.toISOString(), ...verdict }, () => textOf(context, verdict))
    return verdict.allowed || verdict.code === undefined ? 0 : (exitCodeOf(verdict.code) ?? 1)
  },
})

/** No guard is opened: that would declare its limits, write a record, and pick up what another process has left. */
async function explain(
  context: CommandContext,
  configuration: Configuration,
  url: string,
  options: ExplainOptions,
): Promise<Verdict> {
  const { config, name } = configuration
  if (config.broker) return (await openGuard(context, configuration)).explain(url, options)
  const policy = parsePolicy(checkPolicy(configuration) as PolicyInput)
  const { secretOf, solverOf } = await import('../../config/guard-options.js')
  const { explainOver } = await import('../../guard/explain-policy.js')
  const { solvers, sharedKey } = config
  const accounts = solvers ? { solvers } : { solver: solverOf(config), secret: secretOf(config) }
  const parts = { name, clock: context.clock, sharedKey, ...accounts, ledger: await ledgerFor(context, configuration) }
  return explainOver(policy, parts, url, options)
}

/** The ledger, to look at; an empty one where there is none yet; one that denies where it cannot be read. */
async function ledgerFor(context: CommandContext, { config, stateDir }: Configuration): Promise<Ledger> {
  const { ledgerOf } = await import('../../config/guard-options.js')
  const { memoryLedger } = await import('../../ledger/memory.js')
  const ledger = ledgerOf(config, stateDir)
  try {
    await ledger.open({ create: false })
    context.defer(() => ledger.close())
    return ledger
  } catch (error) {
    if (!(error instanceof DeniedError)) throw error
    const empty = memoryLedger()
    if (isNoLedger(error)) return empty
    return { ...empty, preview: () => Promise.reject(error) }
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

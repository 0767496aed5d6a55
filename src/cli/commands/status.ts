import { SolveguardError } from '../../base/errors.js'
import { sleep } from '../../base/timeout.js'
import type { BudgetUsage } from '../../ledger/open.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openReader } from '../configuration.js'
import type { CommandContext } from '../context.js'
import { statusJson, statusText } from '../status-view.js'

const EVERY_MS = 1_000

export const command = defineCommand<ConfigOptions & { watch?: true }, [names: readonly string[]]>({
  examples: ['solveguard status', 'solveguard status --watch', 'solveguard status checkout-tests --json'],
  endsItself: true,
  define: (command) =>
    configOptions(
      command
        .argument('[names...]', "budgets: a guard's name, or the path of a grant (default: the configuration's)")
        .option('--watch', 'shows it again every second, until Ctrl+C'),
    ),
  async run(context, options, [names]) {
    const configuration = await loadConfiguration(context, options)
    const ledger = await openReader(context, configuration)
    const budgets = names.length > 0 ? names : [configuration.name]
    const read = async () => Promise.all(budgets.map((name) => ledger.status(name)))
    const head = { ledger: ledger.kind, place: ledger.place }
    if (!options.watch) {
      const all = await read()
      context.result(statusJson(head, all), () => statusText(context, head, all))
      return 0
    }
    return watch(context, read, (all) => {
      if (context.json) return `${JSON.stringify(statusJson(head, all))}\n`
      const text = `${statusText(context, head, all)}\n`
      // The cursor goes home, and what is left of an earlier picture is erased: no flicker.
      return context.stdout.isTTY ? `\u001b[H${text.replaceAll('\n', '\u001b[K\n')}\u001b[J` : `${text}\n`
    })
  },
})

async function watch(
  context: CommandContext,
  read: () => Promise<readonly BudgetUsage[]>,
  picture: (all: readonly BudgetUsage[]) => string,
): Promise<number> {
  const { stdout, signal, clock } = context
  const isScreen = stdout.isTTY === true && !context.json
  // The screen of its own, and no cursor: what was in the terminal is there again afterwards.
  if (isScreen) {
    stdout.write('\u001b[?1049h\u001b[?25l\u001b[2J')
    context.defer(() => stdout.write('\u001b[?25h\u001b[?1049l'))
  }
  while (!signal.aborted) {
    stdout.write(await read().then(picture, (error: unknown) => away(context, error)))
    await sleep(clock, EVERY_MS, signal)
  }
  return 130
}

/** A ledger that is away for a while does not end the watching. */
function away({ json, stdout }: CommandContext, error: unknown): string {
  if (!(error instanceof SolveguardError)) throw error
  if (json) return `${JSON.stringify({ error: error.toJSON() })}\n`
  return stdout.isTTY ? `\u001b[H${error.message}\u001b[K\n\u001b[J` : `${error.message}\n`
}

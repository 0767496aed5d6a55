import { Option } from 'commander'
import { DeniedError } from '../../base/errors.js'
import { type Comparison, compareWithLedger } from '../../report/compare.js'
import { DIMENSIONS, type Dimension, fold } from '../../report/fold.js'
import { readPeriod } from '../../report/period.js'
import { type CommandLog, commandLog, type LogOptions, logAndLedgerOptions, readerOf } from '../audit-log.js'
import { defineCommand } from '../command.js'
import type { CommandContext } from '../context.js'
import { spentJson, spentText } from '../spent-view.js'

interface Options extends LogOptions {
  readonly since: string
  readonly until?: string
  readonly by: Dimension
  readonly timeZone?: string
}

export const command = defineCommand<Options, [dir?: string]>({
  examples: [
    'solveguard spent',
    'solveguard spent --since yesterday --by subject --time-zone Europe/Berlin',
    'solveguard spent --since 2026-11-01 --until 2026-11-30 --by day --json',
  ],
  define: (command) =>
    logAndLedgerOptions(command)
      .option('--since <time>', 'yesterday, today, 24h, 7d, 2026-11-01 or a moment', '24h')
      .option('--until <time>', 'the same; a day that is named is part of it (default: now)')
      .addOption(new Option('--by <what>', 'by what the sum is divided').choices(DIMENSIONS).default('subject'))
      .option('--time-zone <zone>', "of days, such as Europe/Berlin (default: this machine's)"),
  async run(context, options, [dir]) {
    const { by, name: guard } = options
    const period = readPeriod(options, context.clock.now())
    const log = await commandLog(context, options, dir)
    const look = () => fold({ dir: log.dir }, { ...period, now: context.clock.now(), guard, signal: context.signal })
    const found = await look()
    const ledger = await compared(context, options, log, found, look)
    context.result(spentJson(found, by, log.dir, ledger), () => spentText(context, found, by, ledger))
    if (ledger instanceof DeniedError) {
      context.note(`The log was not compared with the ledger: ${ledger.message} --without-ledger reads the log alone.`)
      return 5
    }
    for (const { file, reason } of found.brokenFiles) {
      context.note(`${file} cannot be read to its end, and what is missing is not counted (${reason}).`)
    }
    return found.brokenFiles.length > 0 || ledger?.every(({ agrees }) => agrees) === false ? 6 : 0
  },
})

/** How the log and the ledger differ; the reason where the ledger cannot be read; undefined where it is not asked. */
async function compared(
  context: CommandContext,
  options: Options,
  log: CommandLog,
  found: Awaited<ReturnType<typeof fold>>,
  look: () => ReturnType<typeof fold>,
): Promise<readonly Comparison[] | DeniedError | undefined> {
  try {
    const reader = await readerOf(context, options, log)
    // A guard that solved and is not in the log at all is the difference that matters most.
    return reader && (await compareWithLedger(reader, found, look, context.clock, [log.configuration.name]))
  } catch (error) {
    if (error instanceof DeniedError && error.code === 'LEDGER_UNAVAILABLE') return error
    throw error
  }
}

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { messageOf, SolveguardError } from '../../../base/errors.js'
import type { FoldOptions } from '../../../report/fold.js'
import type { ReportPage } from '../../../report/page.js'
import { configuredKeyOf, logFolderOf } from '../../audit-log.js'
import { defineCommand } from '../../command.js'
import {
  type ConfigOptions,
  type Configuration,
  configOptions,
  loadConfiguration,
  openBooks,
} from '../../configuration.js'
import type { CommandContext } from '../../context.js'
import { usageError } from '../../failure.js'

interface Options extends ConfigOptions {
  readonly since: string
  readonly until?: string
  readonly timeZone?: string
  readonly out?: string
}

export const command = defineCommand<Options>({
  examples: [
    'solveguard audit report --out report.html',
    'solveguard audit report --since 2026-11-01 --until 2026-11-30 --time-zone Europe/Berlin --out november.html',
    'solveguard audit report --since yesterday --json',
  ],
  define: (command) =>
    configOptions(command)
      .option('--since <time>', 'today, yesterday, a day, a moment, or a duration before now', '30d')
      .option('--until <time>', 'the same; a day that is named is part of it (default: now)')
      .option('--time-zone <zone>', "the days' time zone (default: this machine's)")
      .option('--out <file>', 'the page (default: standard output, or at a terminal a file of the day)'),
  async run(context, options) {
    const { isoDay } = await import('../../../report/period.js')
    const configuration = await loadConfiguration(context, options)
    const period = await periodOf(context, options)
    const page = await read(context, configuration, { ...period, guard: options.name })
    const day = isoDay(page.madeAt, period.timeZone)
    const unnamed = context.stdout.isTTY && !context.json ? `solveguard-report-${day}.html` : undefined
    const out = options.out ?? unnamed
    if (out !== undefined || !context.json) {
      const { reportPage } = await import('../../../report/page.js')
      const html = reportPage(page)
      if (out === undefined) context.stdout.write(html)
      else write(resolve(context.cwd, out), html)
    }
    if (context.json) {
      const { reportJson } = await import('../../../report/json.js')
      context.result({ file: out === undefined ? null : resolve(context.cwd, out), ...reportJson(page) }, '')
    } else if (out !== undefined) context.print(resolve(context.cwd, out))
    return 0
  },
})

/** Which part of the log is read. */
async function periodOf({ clock }: CommandContext, { since, until, timeZone: zone }: Options) {
  const { checkTimeZone, parseSince, parseUntil } = await import('../../../report/period.js')
  const now = clock.now()
  const timeZone = checkTimeZone(zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  return {
    ...{ now, timeZone, since: parseSince(since, timeZone, now) },
    until: until === undefined ? undefined : parseUntil(until, timeZone, now),
  }
}

async function read(context: CommandContext, configuration: Configuration, options: FoldOptions): Promise<ReportPage> {
  const { readReport } = await import('../../../report/read.js')
  const { name } = configuration
  const dir = await logFolderOf(configuration)
  if (dir === undefined) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      "The audit log of the configuration is in no folder that can be read here: give it { dir: '…' } in `audit`.",
    )
  }
  const { stderr, signal, clock } = context
  const key = await configuredKeyOf(configuration)
  const source = { dir, key, openBooks: () => openBooks(context, configuration), clock }
  const isShown = stderr.isTTY === true && !context.json
  const onProgress = (done: number, files: number) => {
    if (isShown) stderr.write(`\r\u001b[K${done < files ? `Reads the log: ${done} of ${files} files` : ''}`)
  }
  return await readReport({ ...source, guards: [name] }, { ...options, onProgress, signal })
}

/** The page says what the log says: as the log, it can be read by its owner alone. */
function write(path: string, html: string): void {
  try {
    writeFileSync(path, html, { mode: 0o600 })
  } catch (error) {
    throw usageError(`--out: the page cannot be written (${messageOf(error)}).`)
  }
}

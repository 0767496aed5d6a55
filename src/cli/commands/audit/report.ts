import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { filesOf } from '../../../audit/files.js'
import { messageOf } from '../../../base/errors.js'
import type { FoldOptions } from '../../../report/fold.js'
import type { ReportPage } from '../../../report/page.js'
import { type CommandLog, checkedLogOptions, commandLog, type LogOptions, logKeyOf } from '../../audit-log.js'
import { defineCommand } from '../../command.js'
import { openReader } from '../../configuration.js'
import type { CommandContext } from '../../context.js'
import { usageError } from '../../failure.js'

interface Options extends LogOptions {
  readonly key?: string
  readonly since: string
  readonly until?: string
  readonly timeZone?: string
  readonly out?: string
}

export const command = defineCommand<Options, [dir?: string]>({
  examples: [
    'solveguard audit report --out report.html',
    'solveguard audit report --since 2026-11-01 --until 2026-11-30 --time-zone Europe/Berlin --out november.html',
    'solveguard audit report --since yesterday --json',
    'solveguard audit report /backup/audit --without-ledger --key AUDIT_KEY --out backup.html',
  ],
  define: (command) =>
    checkedLogOptions(command)
      .option('--since <time>', 'today, yesterday, a day, a moment, or a duration before now', '30d')
      .option('--until <time>', 'the same; a day that is named is part of it (default: now)')
      .option('--time-zone <zone>', "the days' time zone (default: this machine's)")
      .option('--out <file>', 'the page (default: standard output, or at a terminal a file of the day)'),
  async run(context, options, [dir]) {
    const { isoDay, readPeriod } = await import('../../../report/period.js')
    const now = context.clock.now()
    const period = readPeriod(options, now)
    const log = await commandLog(context, options, dir)
    const page = await read(context, options, log, { ...period, now, guard: options.name })
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

async function read(
  context: CommandContext,
  options: Options,
  log: CommandLog,
  fold: FoldOptions,
): Promise<ReportPage> {
  const { readReport } = await import('../../../report/read.js')
  const { dir, configuration } = log
  // A folder that is not there is said first, whatever else is missing.
  await filesOf({ dir })
  const { stderr, signal, clock } = context
  const key = await logKeyOf(context, options, log)
  const reader = options.withoutLedger ? undefined : () => openReader(context, configuration)
  const source = { dir, key, openReader: reader, clock }
  const isShown = stderr.isTTY === true && !context.json
  const onProgress = (done: number, files: number) => {
    if (isShown) stderr.write(`\r\u001b[K${done < files ? `Reads the log: ${done} of ${files} files` : ''}`)
  }
  return await readReport({ ...source, guards: [configuration.name] }, { ...fold, onProgress, signal })
}

/** The page says what the log says: as the log, it can be read by its owner alone. */
function write(path: string, html: string): void {
  try {
    writeFileSync(path, html, { mode: 0o600 })
  } catch (error) {
    throw usageError(`--out: the page cannot be written (${messageOf(error)}).`)
  }
}

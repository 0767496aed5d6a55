import { counted } from '../../../base/counted.js'
import { printable } from '../../../base/errors.js'
import { durationMs } from '../../../policy/duration.js'
import { checkedLogOptions, commandLog, type LogOptions, logKeyOf, readerOf } from '../../audit-log.js'
import { defineCommand } from '../../command.js'
import { usageError } from '../../failure.js'
import { table } from '../../table.js'

interface Options extends LogOptions {
  readonly key?: string
  readonly before: string
}

export const command = defineCommand<Options, [dir?: string]>({
  examples: ['solveguard audit archive --before 30d', 'solveguard audit archive --before 2026-11-01 --json'],
  define: (command) =>
    checkedLogOptions(command).option(
      '--before <day>',
      'the first day (UTC) that is left as it is, or how long ago it was',
      '30d',
    ),
  async run(context, options, [dir]) {
    const { archiveAudit } = await import('../../../audit/archive.js')
    const { filesOf } = await import('../../../audit/files.js')
    const now = context.clock.now()
    const before = dayBefore(options.before, now)
    const log = await commandLog(context, options, dir)
    // A folder that is not there is said first, whatever else is missing.
    await filesOf({ dir: log.dir })
    const key = await logKeyOf(context, options, log)
    const heads = await (await readerOf(context, options, log))?.heads()
    const { ok, archived, left } = await archiveAudit(log.dir, { before, heads, key, now })
    const bytes = archived.reduce((sum, file) => sum + file.bytes, 0)
    const archivedBytes = archived.reduce((sum, file) => sum + file.archivedBytes, 0)
    context.result({ ok, dir: log.dir, before, bytes, archivedBytes, archived, left }, () => {
      const { dim, green, red, yellow } = context.colors
      const rows = [
        ...archived.map(({ file, ...sizes }) => [
          green('✓'),
          `${printable(file)}\n${dim(`${size(sizes.bytes)} → ${size(sizes.archivedBytes)}`)}`,
        ]),
        ...left.map(({ file, bad, reason }) => [
          bad ? red('✗') : yellow('–'),
          `${printable(file)}\nleft as it is: ${printable(reason, 1_000)}`,
        ]),
      ]
      const end =
        archived.length === 0
          ? `Nothing was compressed of the days before ${before}.`
          : `${counted(archived.length, 'file')} compressed: ${size(bytes)} → ${size(archivedBytes)}.`
      return [...(rows.length > 0 ? [table(rows, context.columns)] : []), end].join('\n')
    })
    return ok ? 0 : 6
  },
})

/** The day that is meant, in UTC. */
function dayBefore(text: string, now: number): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return text
  if (/^\d+(\.\d+)?[hdw]$/.test(text)) return new Date(now - durationMs(text)).toISOString().slice(0, 10)
  throw usageError(`--before is a day such as 2026-11-01, or a duration such as 30d, not '${printable(text, 40)}'.`)
}

/** A size for people. */
function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

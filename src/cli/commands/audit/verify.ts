import { counted } from '../../../base/counted.js'
import { printable } from '../../../base/errors.js'
import { checkedLogOptions, commandLog, type LogOptions, logKeyOf, readerOf } from '../../audit-log.js'
import { defineCommand } from '../../command.js'
import { table } from '../../table.js'

interface Options extends LogOptions {
  readonly key?: string
  readonly since?: string
}

export const command = defineCommand<Options, [dir?: string]>({
  examples: [
    'solveguard audit verify',
    'solveguard audit verify --since 2026-11-01 --key AUDIT_KEY',
    'solveguard audit verify /backup/audit --without-ledger',
  ],
  define: (command) =>
    checkedLogOptions(command).option('--since <day>', 'the first day that is still kept, such as 2026-11-01'),
  async run(context, options, [dir]) {
    const { verifyAudit } = await import('../../../audit/verify.js')
    const { filesOf } = await import('../../../audit/files.js')
    const log = await commandLog(context, options, dir)
    // A folder that is not there is said first, whatever else is missing.
    await filesOf({ dir: log.dir })
    const key = await logKeyOf(context, options, log)
    const heads = await (await readerOf(context, options, log))?.heads()
    const result = await verifyAudit({ dir: log.dir }, { heads, key, since: options.since })
    const { ok, files, records } = result
    const withLedger = heads !== undefined
    context.result({ ok, dir: log.dir, withLedger, records, firstBad: result.firstBad ?? null, files }, () => {
      const { bold, green, red, yellow } = context.colors
      const rows = files.flatMap(({ file, firstBad, torn }) => {
        const name = printable(file)
        if (firstBad) {
          const where = firstBad.line === 0 ? 'the file' : `line ${firstBad.line}`
          return [[red('✗'), `${name}\n${where}, ${firstBad.problem}: ${printable(firstBad.reason, 1_000)}`]]
        }
        const why = 'ends in a part of a line: its process was killed while it wrote. That is no problem.'
        return torn ? [[yellow('–'), `${name}\n${why}`]] : []
      })
      const all = `${counted(files.length, 'file')}, ${counted(records, 'record')} in ${log.dir}`
      const verdict = records === 0 ? `${yellow('–')} nothing to verify` : `${green('✓')} ${bold('whole')}`
      const end = `${ok ? verdict : `${red('✗')} ${bold('not whole')}`}: ${all}`
      return [...(rows.length > 0 ? [table(rows, context.columns)] : []), end].join('\n')
    })
    if (!withLedger) {
      context.note(
        'Without the ledger: a file or an end that was removed, and what was rewritten with new hashes, is not noticed.',
      )
    }
    return ok ? 0 : 6
  },
})

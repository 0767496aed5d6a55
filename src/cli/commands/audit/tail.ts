import { InvalidArgumentError, Option } from 'commander'
import { counted } from '../../../base/counted.js'
import type { Layer } from '../../../base/errors.js'
import { LAYERS, printable } from '../../../base/errors.js'
import { sleep } from '../../../base/timeout.js'
import { formatUsd, micros } from '../../../policy/money.js'
import type { TailRecord } from '../../../report/tail.js'
import { commandLog, type LogOptions, logOptions } from '../../audit-log.js'
import { defineCommand } from '../../command.js'
import type { CommandContext } from '../../context.js'
import { usageError } from '../../failure.js'
import { padded } from '../../table.js'

interface Options extends LogOptions {
  readonly lines: number
  readonly follow?: true
  readonly layer?: Layer
  readonly code?: string
  readonly origin?: string
}

const EVERY_MS = 1_000
const MAX_LINES = 1_000

export const command = defineCommand<Options, [dir?: string]>({
  examples: [
    'solveguard audit tail -n 50',
    'solveguard audit tail --follow --layer spending',
    'solveguard audit tail --origin https://staging.example.com --json',
  ],
  endsItself: true,
  define: (command) =>
    logOptions(command)
      .option('-n, --lines <count>', `how many records of before, at most ${MAX_LINES}`, countOf, 20)
      .option('-f, --follow', 'and those to come, until Ctrl+C')
      .addOption(new Option('--layer <layer>', 'only what this layer decided').choices(LAYERS))
      .option('--code <code>', 'only records with this code, such as BUDGET_EXHAUSTED')
      .option('--origin <origin>', 'only pages of this origin'),
  async run(context, options, [dir]) {
    const { LogTail } = await import('../../../report/tail.js')
    const { layer, code, name: guard, lines, follow } = options
    const origin = options.origin === undefined ? undefined : originOf(options.origin)
    const log = await commandLog(context, options, dir)
    const tail = new LogTail({ dir: log.dir }, { layer, code, origin, guard })
    let skipped = 0
    const broken = new Set<string>()
    const show = (records: readonly TailRecord[]) => {
      for (const each of records) context.stdout.write(`${context.json ? each.json : lineOf(each, context)}\n`)
      const count = tail.unreadable - skipped
      if (count > 0)
        context.note(`${counted(count, 'line')} of the log ${count === 1 ? 'is' : 'are'} no record: not shown.`)
      skipped = tail.unreadable
      for (const [file, reason] of tail.brokenFiles) {
        if (!broken.has(file)) context.note(`${printable(file)} cannot be read to its end (${reason}).`)
        broken.add(file)
      }
    }
    show(await tail.last(lines))
    while (follow && !context.signal.aborted) {
      await sleep(context.clock, EVERY_MS, context.signal)
      show(await tail.more(context.clock.now()))
    }
    return context.signal.aborted ? 130 : 0
  },
})

function countOf(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count <= MAX_LINES) return count
  throw new InvalidArgumentError(`Expected a whole number, at most ${MAX_LINES}.`)
}

function originOf(text: string): string {
  if (URL.canParse(text)) return new URL(text).origin
  throw usageError(`--origin is an origin such as https://staging.example.com, not '${printable(text, 80)}'.`)
}

/** A record as a line. What is from a page is printable: no record can control the terminal. */
function lineOf({ facts }: TailRecord, { colors }: CommandContext): string {
  const { action, failed, layer, code, origin, cost, count, message, subject } = facts
  const { dim, green, red, yellow } = colors
  const color = failed || action === 'denied' ? red : action === 'alert' || action === 'paused' ? yellow : green
  const decision = count > 1 ? `${printable(action, 20)} ×${count}` : printable(action, 20)
  const cells = [
    dim(new Date(facts.at).toISOString().replace('T', ' ')),
    padded(color(decision), 12),
    padded(printable(layer, 20) || '–', 8),
    padded(printable(code, 40) || '–', 18),
    printable(origin) || '–',
    cost === undefined ? '–' : formatUsd(micros(cost)),
    ...(subject === '' ? [] : [printable(subject)]),
    ...(message === '' ? [] : [dim(printable(message, 300))]),
  ]
  return cells.join('  ')
}

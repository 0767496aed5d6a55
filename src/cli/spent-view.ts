import { counted } from '../base/counted.js'
import { type DeniedError, printable } from '../base/errors.js'
import { formatTime } from '../policy/format-time.js'
import { formatUsd, type Money, micros, toUsd } from '../policy/money.js'
import type { Comparison } from '../report/compare.js'
import type { Dimension, Fold } from '../report/fold.js'
import type { Group, Sums } from '../report/sums.js'
import type { CommandContext } from './context.js'
import { table, wrapped } from './table.js'

/** The comparison with the ledger: the reason where it cannot be read, undefined where it is not asked. */
type Compared = readonly Comparison[] | DeniedError | undefined

/** What was spent, as JSON: each amount in micro-dollars, and in dollars beside it. */
export function spentJson(found: Fold, by: Dimension, dir: string, ledger: Compared): object {
  const { period, timeZone, records, unreadable, brokenFiles, total } = found
  const comparisons = isCompared(ledger) ? ledger : null
  return {
    from: new Date(period.from),
    to: new Date(period.to),
    ...{ timeZone, by, dir, records, unreadable, brokenFiles },
    total: sumsJson(total),
    groups: groupsOf(found, by).map(({ name, isRest, ...sums }) => ({ name, isRest, ...sumsJson(sums) })),
    agrees: comparisons === null ? null : comparisons.every(({ agrees }) => agrees),
    ledger:
      comparisons?.map((each) => ({
        ...{ cap: null, higher: null, reason: null },
        ...definedOf(each),
        ledgerUsd: toUsd(each.ledger),
        logUsd: toUsd(each.log),
        differenceUsd: toUsd(each.difference),
      })) ?? null,
  }
}

function isCompared(ledger: Compared): ledger is readonly Comparison[] {
  return Array.isArray(ledger)
}

function definedOf(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function sumsJson({ spent, imputed, solved, failed, denied, open, openReserved }: Sums): object {
  return { spent, spentUsd: toUsd(micros(spent)), imputed, solved, failed, denied, open, openReserved }
}

/** Those that spent most first; days in their order. */
function groupsOf({ by: groups }: Fold, by: Dimension): readonly Group[] {
  return by === 'day' ? [...groups.day].sort((a, b) => (a.name < b.name ? -1 : 1)) : groups[by]
}

/** What was spent, as a table. Names are last: they are of any length. */
export function spentText(context: CommandContext, found: Fold, by: Dimension, ledger: Compared): string {
  const { bold, dim } = context.colors
  const { period, timeZone, total, unreadable } = found
  const groups = groupsOf(found, by)
  const numbers = [total, ...groups].map(cellsOf)
  const heads = ['spent', 'solved', 'failed', 'denied']
  const widths = heads.map((head, at) => Math.max(head.length, ...numbers.map((cells) => cells[at]?.length ?? 0)))
  const aligned = (cells: readonly string[]) => cells.map((cell, at) => cell.padStart(widths[at] ?? 0))
  const rows = [
    [...aligned(heads), by].map(dim),
    ...groups.map((group) => [...aligned(cellsOf(group)), nameOf(group)]),
    [...aligned(cellsOf(total)), 'total'].map(bold),
  ]
  const notes = [
    ...(total.open > 0
      ? [
          `${counted(total.open, 'solve')} without an end on the record, under way or of a process that died: up to ` +
            `${formatUsd(micros(total.openReserved))} more.`,
        ]
      : []),
    ...(total.imputed > 0
      ? [`${formatUsd(micros(total.imputed))} of it is imputed: the service charges by thread, and not by solve.`]
      : []),
    ...(unreadable > 0
      ? [`${counted(unreadable, 'line')} of the log ${unreadable === 1 ? 'is' : 'are'} no record: not counted.`]
      : []),
  ]
  return [
    dim(`from ${formatTime(period.from, timeZone)}\nto   ${formatTime(period.to, timeZone)}`),
    table(rows, context.columns),
    ...(notes.length > 0 ? [wrapped(notes.join('\n'), context.columns).join('\n')] : []),
    ...(isCompared(ledger) ? [comparisonText(context, ledger)] : []),
  ].join('\n\n')
}

function cellsOf({ spent, solved, failed, denied }: Sums): string[] {
  return [dollars(micros(spent)), ...[solved, failed, denied].map(String)]
}

/** With four decimals at least, so that the points are below each other. */
function dollars(amount: Money): string {
  const [whole = '', decimals = ''] = formatUsd(amount).split('.')
  return `${whole}.${decimals.padEnd(4, '0')}`
}

function nameOf({ name, isRest }: Group): string {
  return isRest ? '(all others)' : name || '(none)'
}

function comparisonText({ colors, columns }: CommandContext, ledger: readonly Comparison[]): string {
  const { green, red } = colors
  const rows = ledger.map(({ guard, window, agrees, reason, difference, ledger: there, log }) => {
    const amounts = `the ledger has ${formatUsd(there)}, the log ${formatUsd(log)}`
    const about = `${printable(guard)}, ${window}: ${amounts}`
    if (agrees) return [green('✓'), `${about}. They agree.`]
    return [red('✗'), `${about}: ${formatUsd(difference)} apart at least. ${reason}`]
  })
  return table(rows, columns)
}

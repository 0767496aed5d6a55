import type { BudgetUsage, DayUsage } from '../ledger/open.js'
import { formatTime } from '../policy/format-time.js'
import { formatUsd, toUsd } from '../policy/money.js'
import type { Colors, CommandContext } from './context.js'
import { padded, table, wrapped } from './table.js'

/** Which ledger is looked at. */
interface Head {
  readonly ledger: string
  readonly place: string | undefined
}

/** Budgets as JSON: each amount in micro-dollars, and in dollars beside it. */
export function statusJson(head: Head, all: readonly BudgetUsage[]): object {
  const day = ({ cap, spent, reserved, left, ...more }: DayUsage) => ({
    cap,
    spent,
    reserved,
    left,
    ...(cap === undefined ? {} : { capUsd: toUsd(cap) }),
    spentUsd: toUsd(spent),
    reservedUsd: toUsd(reserved),
    ...(left === undefined ? {} : { leftUsd: toUsd(left) }),
    ...more,
  })
  const budgets = all.map((budget) => ({
    ...budget,
    day: day(budget.day),
    calendarDays: budget.calendarDays.map(day),
    paused: budget.paused ?? null,
  }))
  return { ...head, budgets }
}

/** Budgets as a picture that fits the terminal. */
export function statusText(context: CommandContext, { ledger, place }: Head, all: readonly BudgetUsage[]): string {
  const { colors, columns } = context
  const foot = colors.dim(wrapped(`${ledger} ledger${place === undefined ? '' : ` ${place}`}`, columns).join('\n'))
  return [...all.map((budget) => budgetText(budget, colors, columns)), foot].join('\n\n')
}

function budgetText(budget: BudgetUsage, colors: Colors, columns: number): string {
  const { name, day, calendarDays, minute, slots, paused, clocks } = budget
  const { bold, green, red, yellow } = colors
  const state = paused ? red('● paused') : green('● open')
  const rows = [
    dayRow('24 hours', day, colors),
    ...calendarDays.map((each) =>
      dayRow(`until ${formatTime(each.resetsAt?.getTime() ?? 0, each.timeZone)}`, each, colors),
    ),
    countRow('minute', minute.used, minute.cap, 'solves', colors),
    countRow('slots', slots.used, slots.cap, 'in use', colors),
  ]
  const notes = [
    ...(paused ? [red(`${paused.message} (since ${formatTime(paused.at)})`)] : []),
    ...(clocks
      ? [
          yellow(
            `The clock here shows ${formatTime(clocks.here.getTime())}, that of the ledger ` +
              `${formatTime(clocks.ledger.getTime())}: one of them is wrong.`,
          ),
        ]
      : []),
  ].flatMap((note) => wrapped(note, Math.max(20, columns - 2)).map((line) => `  ${line}`))
  return [`${bold(name)}  ${state}`, ...notes, table(rows, columns, 2)].join('\n')
}

function dayRow(label: string, { cap, spent, reserved, left, moreAt }: DayUsage, colors: Colors): string[] {
  const more = left === 0 && moreAt !== undefined ? `, more from ${formatTime(moreAt.getTime())} on` : ''
  const under = reserved > 0 ? `, ${formatUsd(reserved)} reserved` : ''
  const text =
    cap === undefined || left === undefined
      ? 'no guard that lives has a cap'
      : `${formatUsd(left)} of ${formatUsd(cap)} left`
  const used = cap ? (spent + reserved) / cap : undefined
  return [label, bar(used, colors), `${formatUsd(spent)} spent${under}`, `${text}${more}`]
}

function countRow(label: string, used: number, cap: number | undefined, unit: string, colors: Colors): string[] {
  return [
    label,
    bar(cap ? used / cap : undefined, colors),
    `${used} ${unit}`,
    cap === undefined ? 'no limit' : `of ${cap}`,
  ]
}

const BAR = 16

/** How much of a limit is used. The colors are those of the terminal, so that they can be read on light and dark. */
function bar(fraction: number | undefined, { dim, green, yellow, red }: Colors): string {
  if (fraction === undefined) return padded('', BAR)
  const full = Math.min(BAR, fraction > 0 ? Math.max(1, Math.round(fraction * BAR)) : 0)
  const color = fraction >= 1 ? red : fraction >= 0.8 ? yellow : green
  return color('█'.repeat(full)) + dim('░'.repeat(BAR - full))
}

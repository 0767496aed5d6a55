import { formatMs } from '../policy/duration.js'
import { formatUsd } from '../policy/money.js'
import type { DrillReport, DrillRow, DrillState } from './types.js'

/** Colors by what they mean; each returns its text. */
interface DrillColors {
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly red: (text: string) => string
  readonly dim: (text: string) => string
  readonly bold: (text: string) => string
}

/** How a report is printed. */
interface DrillFormat {
  /** The width of the terminal, in columns. */
  readonly columns: number
  /** @default without colors */
  readonly colors?: DrillColors | undefined
}

const PLAIN: DrillColors = {
  green: (text) => text,
  yellow: (text) => text,
  red: (text) => text,
  dim: (text) => text,
  bold: (text) => text,
}

const MARKS: Readonly<Record<DrillState, string>> = { pass: '✔', open: '○', failed: '✗', skipped: '–' }
const COLORS: Readonly<Record<DrillState, keyof DrillColors>> = {
  pass: 'green',
  open: 'yellow',
  failed: 'red',
  skipped: 'dim',
}
const MIN_COLUMNS = 60
const MAX_COLUMNS = 120
/** The mark and its space. */
const MARK_WIDTH = 2
const GAP = 2
/** `$0.00897` */
const COST_WIDTH = 8
/** `spending PAGE_LIMIT_REACHED` */
const ANSWER_WIDTH = 27

/** The widths of the columns: scenario, answer, cost, at most. */
type Widths = readonly [scenario: number, answer: number, cost: number, atMost: number]

/** What is printed before the rows come. */
export function drillHead({ columns, colors = PLAIN }: DrillFormat): string {
  const widths = widthsFor(columns)
  const cells = ['scenario', 'which layer answered', 'cost', 'at most']
  return lines(cells, widths)
    .map((line) => colors.dim(`${' '.repeat(MARK_WIDTH)}${line}`))
    .join('\n')
}

/** One row, on as many lines as it needs. Nothing is cut off. */
export function drillRow(row: DrillRow, { columns, colors = PLAIN }: DrillFormat): string {
  const widths = widthsFor(columns)
  const color = colors[COLORS[row.state]]
  const cells = [row.scenario, answerOf(row), row.cost === 0 ? '–' : formatUsd(row.cost), atMostOf(row)]
  const table = lines(cells, widths).map((line, index) =>
    index === 0 ? `${color(MARKS[row.state])} ${line}` : `${' '.repeat(MARK_WIDTH)}${line}`,
  )
  const below = notesOf(row).flatMap(({ label, text }) => {
    const indent = ' '.repeat(MARK_WIDTH + label.length)
    return wrap(text, widthOf(columns) - indent.length).map((line, index) =>
      index === 0 ? `  ${color(label)}${line}` : `${indent}${line}`,
    )
  })
  return [...table, ...below].join('\n')
}

/** What is printed after the rows. */
export function drillSummary(
  { guard, solvers, ledger, audit, notes, counts, durationMs }: DrillReport,
  { columns, colors = PLAIN }: DrillFormat,
): string {
  const width = widthOf(columns)
  const count = (state: DrillState, text: string) =>
    counts[state] > 0 && colors[COLORS[state]](`${counts[state]} ${text}`)
  const sums = [count('pass', 'passed'), count('open', 'open'), count('failed', 'failed'), count('skipped', 'skipped')]
  const what =
    `Guard ${guard} with ${solvers.join(', ')}, a ledger of kind ${ledger} and an audit log of kind ${audit.join(', ')}, ` +
    'on stand-ins of this machine: no money was spent, and your ledger, audit log, key and alert channels were not used.'
  return [
    `${colors.bold(sums.filter(Boolean).join(', '))} ${colors.dim(`in ${formatMs(durationMs)}`)}`,
    '',
    ...wrap(what, width).map(colors.dim),
    ...notes.flatMap((note) => wrap(note, width).map(colors.dim)),
  ].join('\n')
}

/** The layers that answered, each code once. */
function answerOf({ answers, state, id }: DrillRow): string {
  if (answers.length === 0)
    return state === 'pass' && id === 'normal' ? 'none: allowed' : state === 'open' ? 'none' : '–'
  const texts = answers.map(({ layer, code }) => (layer ? `${layer} ${code}` : code))
  return [...new Set(texts)].join('\n')
}

function atMostOf({ atMost, state }: DrillRow): string {
  return state === 'failed' || state === 'skipped' ? '–' : atMost.text
}

function notesOf({ state, detail, closes }: DrillRow): readonly { readonly label: string; readonly text: string }[] {
  if (state === 'pass') return []
  if (state !== 'open') return [{ label: `${state}: `, text: detail }]
  return [
    { label: 'open: ', text: detail },
    { label: 'close it: ', text: closes ?? '' },
  ]
}

function widthOf(columns: number): number {
  return Math.min(Math.max(columns, MIN_COLUMNS), MAX_COLUMNS)
}

function widthsFor(columns: number): Widths {
  const available = widthOf(columns) - MARK_WIDTH - COST_WIDTH - 3 * GAP
  const answer = Math.min(ANSWER_WIDTH, Math.floor(available * 0.45))
  const atMost = Math.max(Math.floor((available - answer) * 0.45), 17)
  return [available - answer - atMost, answer, COST_WIDTH, atMost]
}

/** Cells side by side, each wrapped into its column. */
function lines(cells: readonly string[], widths: Widths): string[] {
  const wrapped = cells.map((cell, index) => cell.split('\n').flatMap((text) => wrap(text, widths[index] ?? 1)))
  const height = Math.max(...wrapped.map((cell) => cell.length))
  return Array.from({ length: height }, (_, line) =>
    wrapped
      .map((cell, index) => {
        const text = cell[line] ?? ''
        // Amounts are aligned to the right.
        return index === 2 ? text.padStart(COST_WIDTH) : text.padEnd(widths[index] ?? 1)
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  )
}

/** A text on lines of at most `width` characters, broken between words; inside one only where it is longer. */
function wrap(text: string, width: number): string[] {
  const result: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    let rest = word
    if (line !== '' && line.length + 1 + rest.length <= width) {
      line = `${line} ${rest}`
      continue
    }
    if (line !== '') result.push(line)
    for (; rest.length > width; rest = rest.slice(breakOf(rest, width)))
      result.push(rest.slice(0, breakOf(rest, width)))
    line = rest
  }
  return line === '' ? result : [...result, line]
}

/** Where a long word is broken: after a `_` where there is one. */
function breakOf(word: string, width: number): number {
  const at = word.lastIndexOf('_', width - 1)
  return at > 0 ? at + 1 : width
}

import pc from 'picocolors'

const { createColors, isColorSupported } = pc

/** One event, as it is reported to a person or a program. */
export interface Step {
  /** The attempt or the event, in one or two words. */
  readonly what: string
  /** One sentence about it. */
  readonly detail: string
  /** Whether its result is the expected one. Absent if there is nothing to expect. */
  readonly ok?: boolean
  /** Further facts, for programs. */
  readonly facts?: Readonly<Record<string, unknown>>
}

/** Reports a run step by step, as it happens. */
export interface DemoReport {
  title(text: string): void
  section(text: string): void
  step(step: Step): void
  /** Rows of cells. An absent cell is shown as `–`. */
  table(head: readonly string[], rows: readonly (readonly Cell[])[]): void
  /** The path of a file or folder, and a note about it. */
  place(what: string, path: string, note?: string): void
  /** The last line: starts with `demo ok:` or `demo failed:`. Nothing is written after it. */
  end(ok: boolean, text: string): void
}

/** A cell of a table. */
type Cell = string | number | undefined

const WHAT_WIDTH = 12
/** The column in which a step's sentence begins. */
const DETAIL_AT = WHAT_WIDTH + 5

/** For people: with colors on a terminal, else plain. */
export function humanReport(
  write: (line: string) => void,
  { isTTY, columns }: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'> = process.stdout,
): DemoReport {
  // CI servers often claim that they show colors; without a terminal we write plain text.
  const pc = createColors(isColorSupported && (isTTY || Boolean(process.env.FORCE_COLOR)))
  const wrapped = (text: string, at: number) => (isTTY ? wrap(text, at, columns) : text)
  return {
    title: (text) => write(`\n${pc.bold(wrapped(text, 0))}`),
    section: (text) => write(`\n  ${pc.bold(text)}`),
    step({ what, detail, ok }) {
      const mark = ok === undefined ? pc.dim('·') : ok ? pc.green('✓') : pc.red('✗')
      const text = wrapped(detail, DETAIL_AT)
      write(`  ${mark} ${what.padEnd(WHAT_WIDTH)} ${ok === undefined ? pc.dim(text) : text}`)
    },
    table(head, rows) {
      const lines = [head, ...rows].map((row) => row.map((cell) => String(cell ?? '–')))
      const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)))
      const [first = '', ...others] = lines.map((row) =>
        row
          .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
          .join('   '),
      )
      write(`\n    ${pc.dim(first)}`)
      for (const line of others) write(`    ${line}`)
      write('')
    },
    place: (what, path, note) =>
      write(`  ${what.padEnd(WHAT_WIDTH + 2)} ${pc.underline(path)}${note ? ` (${note})` : ''}`),
    end(ok, text) {
      write(ok ? `\ndemo ok: ${text}` : `\ndemo failed: ${text}`)
      write = () => {}
    },
  }
}

/** Breaks `text` between words, into lines that begin in column `at` and end before column `columns`. */
function wrap(text: string, at: number, columns: number): string {
  if (columns - at < 40) return text
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`
    if (lines.length === 0 || longer.length > columns - at) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines.join(`\n${' '.repeat(at)}`)
}

/** For programs: one JSON object a line. */
export function jsonReport(write: (line: string) => void): DemoReport {
  let section = ''
  const put = (value: object): void => write(JSON.stringify(value))
  return {
    title: (text) => put({ type: 'title', text }),
    section(text) {
      section = text
    },
    step: ({ what, detail, ok, facts }) => put({ type: 'step', section, what, ok, detail, ...facts }),
    table: (head, rows) => {
      for (const row of rows)
        put({ type: 'total', ...Object.fromEntries(head.map((name, i) => [name || 'account', row[i]])) })
    },
    place: (what, path, note) => put({ type: 'place', what, path, note }),
    end(ok, text) {
      put({ type: 'end', ok, text: ok ? `demo ok: ${text}` : `demo failed: ${text}` })
      write = () => {}
    },
  }
}

import pc from 'picocolors'

/** One thing that happened, as a person or a program is told of it. */
export interface Step {
  /** What was asked of the guard, or what it did: one or two words. */
  readonly what: string
  /** One line about it. */
  readonly detail: string
  /** Whether it went as it had to; absent for what only happens. */
  readonly ok?: boolean
  /** Further facts, for programs. */
  readonly facts?: Readonly<Record<string, unknown>>
}

/** Tells a run step by step, as it happens. */
export interface Report {
  title(text: string): void
  section(text: string): void
  step(step: Step): void
  table(head: readonly string[], rows: readonly (readonly string[])[]): void
  /** Where something lies. */
  place(what: string, path: string): void
  /** The last line: starts with `demo ok` or `demo failed:`. */
  end(ok: boolean, text: string): void
}

const WHAT_WIDTH = 12

/** For people: colour where there is a terminal, plain otherwise. */
export function humanReport(write: (line: string) => void): Report {
  return {
    title: (text) => write(`\n${pc.bold(text)}\n`),
    section: (text) => write(`\n  ${pc.bold(text)}`),
    step({ what, detail, ok }) {
      const mark = ok === undefined ? pc.dim('·') : ok ? pc.green('✓') : pc.red('✗')
      write(`  ${mark} ${what.padEnd(WHAT_WIDTH)} ${ok === undefined ? pc.dim(detail) : detail}`)
    },
    table(head, rows) {
      const width = head.map((cell, column) =>
        Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0), cell.length),
      )
      const line = (row: readonly string[]) =>
        row
          .map((cell, column) => (column === 0 ? cell.padEnd(width[0] ?? 0) : cell.padStart(width[column] ?? 0)))
          .join('   ')
      write(`\n    ${pc.dim(line(head))}`)
      for (const row of rows) write(`    ${line(row)}`)
      write('')
    },
    place: (what, path) => write(`  ${what.padEnd(WHAT_WIDTH + 2)} ${pc.underline(path)}`),
    end: (ok, text) => write(ok ? `\ndemo ok: ${text}` : `\ndemo failed: ${text}`),
  }
}

/** For programs: one JSON object a line. */
export function jsonReport(write: (line: string) => void): Report {
  let under = ''
  const put = (value: object): void => write(JSON.stringify(value))
  return {
    title: (text) => put({ type: 'title', text }),
    section: (text) => {
      under = text
    },
    step: ({ what, detail, ok, facts }) => put({ type: 'step', section: under, what, ok, detail, ...facts }),
    table: (head, rows) => {
      for (const row of rows)
        put({ type: 'total', ...Object.fromEntries(head.map((name, i) => [name || 'budget', row[i]])) })
    },
    place: (what, path) => put({ type: 'place', what, path }),
    end: (ok, text) => put({ type: 'end', ok, text: ok ? `demo ok: ${text}` : `demo failed: ${text}` }),
  }
}

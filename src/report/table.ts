import { escaped } from './escape.js'

/** One column of a table. */
export interface Column<Row> {
  readonly head: string
  /** The text of the cell. It is escaped. */
  cell(row: Row): string
  /** Whether it is text, and no number. The first column always is. */
  readonly isText?: boolean | undefined
}

/** A table as HTML. The first column has the names of the rows. Columns without any value are left out. */
export function htmlTable<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const shown = columns.filter((column, i) => i === 0 || rows.some((row) => column.cell(row) !== ''))
  const text = ({ isText }: Column<Row>) => (isText ? ' class="text"' : '')
  const heads = shown.map((column) => `<th scope="col"${text(column)}>${escaped(column.head)}</th>`).join('')
  const lines = rows.map((row) => {
    const [name, ...cells] = shown.map((column) => ({ column, value: escaped(column.cell(row), 520) }))
    const rest = cells.map(({ column, value }) => `<td${text(column)}>${value}</td>`).join('')
    return `<tr><th scope="row"><bdi>${name?.value}</bdi></th>${rest}</tr>`
  })
  return (
    `<div class="scroll" role="group" aria-label="${escaped(caption)}" tabindex="0"><table>` +
    `<caption>${escaped(caption)}</caption>` +
    `<thead><tr>${heads}</tr></thead><tbody>${lines.join('')}</tbody></table></div>`
  )
}

/** The same behind a line that opens it; on paper it is open. */
export function foldedTable<Row>(
  summary: string,
  caption: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): string {
  if (rows.length === 0) return ''
  return `<details><summary>${escaped(summary)}</summary>${htmlTable(caption, columns, rows)}</details>`
}

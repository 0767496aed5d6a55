/** The visible width of a text: without the sequences of its colors. */
function widthOf(text: string): number {
  return [...text.replace(SEQUENCE, '')].length
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colors begin with it
const SEQUENCE = /\u001b\[[\d;]*m/g

/** Pads a text, with colors or without, to a width. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/**
 * Breaks a text into lines of at most `width` characters, at spaces. A longer word stays whole: it is an address or a
 * command, which is copied.
 */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push(line)
  }
  return lines
}

/**
 * Rows in columns, the last of which is broken into lines within `columns`.
 * @param columns the width of the terminal
 * @param indent spaces before each line
 */
export function table(rows: readonly (readonly string[])[], columns: number, indent = 0): string {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: Math.max(0, count - 1) }, (_, at) =>
    Math.max(...rows.map((row) => widthOf(row[at] ?? ''))),
  )
  const begin = ' '.repeat(indent)
  const left = indent + widths.reduce((sum, width) => sum + width + 2, 0)
  return rows
    .flatMap((row) => {
      const first = begin + widths.map((width, at) => `${padded(row[at] ?? '', width)}  `).join('')
      const [line = '', ...more] = wrapped(row[count - 1] ?? '', Math.max(20, columns - left))
      return [`${first}${line}`, ...more.map((each) => ' '.repeat(left) + each)].map((each) => each.trimEnd())
    })
    .join('\n')
}

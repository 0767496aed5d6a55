import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** A code block of a document. */
export interface Block {
  /** Where it is, for messages: `docs/audit.md:41`. */
  readonly at: string
  readonly document: string
  /** Of its first line of code. */
  readonly line: number
  readonly language: string
  readonly code: string
}

/** The documents that users read: those of the package, and those that lead into the project. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'ARCHITECTURE.md',
  'examples/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** The code blocks of a document, those in lists too, without their indent. */
export function blocksOf(document: string): Block[] {
  const lines = readFileSync(join(root, document), 'utf8').split('\n')
  const blocks: Block[] = []
  let open: { indent: string; language: string; line: number } | undefined
  for (const [index, text] of lines.entries()) {
    const [, indent = '', language = ''] = /^( *)```([\w-]*)$/.exec(text) ?? []
    if (!/^ *```/.test(text)) continue
    if (open === undefined) {
      open = { indent, language, line: index + 2 }
      continue
    }
    const { length } = open.indent
    const code = lines.slice(open.line - 1, index).map((line) => `${line.slice(length)}\n`)
    const { line } = open
    blocks.push({ at: `${document}:${line}`, document, line, language: open.language, code: code.join('') })
    open = undefined
  }
  if (open !== undefined) throw new Error(`${document}:${open.line}: the code block has no end`)
  return blocks
}

export const blocks: readonly Block[] = DOCUMENTS.flatMap(blocksOf)

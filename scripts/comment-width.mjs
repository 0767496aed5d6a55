// Which comments are wider than the code may be: the formatter breaks code, and leaves comments as they are.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { root } from './setup.mjs'

const MAX_COLUMNS = 120

/** @returns {string[]} `file:line` of each line of a comment that is too wide */
export function wideComments() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  const files = listed.split('\n').filter((file) => !file.startsWith('fixtures/'))
  const find = (/** @type {RegExp} */ kinds, /** @type {(text: string) => number[]} */ lines) =>
    files
      .filter((file) => kinds.test(file))
      .flatMap((file) => lines(readFileSync(root + file, 'utf8')).map((line) => `${file}:${line}`))
  return [...find(/\.([cm]?[jt]s|tsx)$/, wideLines), ...find(/\.(ya?ml|py|rb|sh|toml)$|Dockerfile$/, wideHashes)]
}

/**
 * @param {string} text of a TypeScript file
 * @returns {number[]} the numbers of the lines that are too wide and end in a comment
 */
export function wideLines(text) {
  const lines = text.split('\n')
  if (!lines.some(isWide)) return []
  const inComment = commentLines(text)
  return lines.flatMap((line, index) => (isWide(line) && inComment.has(index) ? [index + 1] : []))
}

/**
 * @param {string} text of a file whose comments begin with `#`
 * @returns {number[]} the numbers of the lines that are a comment, and too wide
 */
export function wideHashes(text) {
  return text.split('\n').flatMap((line, index) => (isWide(line) && /^\s*#/.test(line) ? [index + 1] : []))
}

/** @param {string} line */
const isWide = (line) => line.length > MAX_COLUMNS

/**
 * @param {string} text
 * @returns {Set<number>} the lines, from 0, that have a comment at their end
 */
function commentLines(text) {
  const source = ts.createSourceFile('x.tsx', text, ts.ScriptTarget.Latest, true)
  /** @type {Set<number>} */
  const found = new Set()
  /** @param {ts.Node} node */
  const visit = (node) => {
    for (const ranges of [ts.getLeadingCommentRanges(text, node.pos), ts.getTrailingCommentRanges(text, node.end)]) {
      for (const { pos, end } of ranges ?? []) {
        const last = source.getLineAndCharacterOfPosition(end).line
        for (let line = source.getLineAndCharacterOfPosition(pos).line; line <= last; line++) found.add(line)
      }
    }
    for (const child of node.getChildren(source)) visit(child)
  }
  visit(source)
  return found
}

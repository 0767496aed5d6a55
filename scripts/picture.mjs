// npm run picture: draws docs/pictures/demo.svg, the picture in the README, from what a run of the demo prints.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { root } from './setup.mjs'

const COLUMNS = 92
/** The column in which the demo's sentences begin, and in which they go on in the next line. */
const DETAIL_AT = 17
const CHARACTER = { width: 7.8, height: 19 }
const MARGIN = 20

/**
 * @typedef {{ character: string, style: string }[]} Line
 * @typedef {{ text: string, style: string, column: number }} Span
 */

/** The styles that the demo uses, by the number in their escape sequence. Any other number ends them. */
const STYLES = new Map([
  ['1', 'bold'],
  ['2', 'dim'],
  ['4', 'underline'],
  ['31', 'red'],
  ['32', 'green'],
])

const run = spawnSync(process.execPath, ['scripts/demo.mjs'], {
  cwd: root,
  env: { ...process.env, FORCE_COLOR: '1' },
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
})
if (run.status !== 0) throw new Error(`The demo failed: nothing was drawn.\n${run.stdout}`)
const folder = `${root}docs/pictures`
mkdirSync(folder, { recursive: true })
writeFileSync(`${folder}/demo.svg`, draw(shown(run.stdout).map(styled).flatMap(wrap)))

/**
 * What a reader sees at work: the sign-in, and each layer. Not how the run was set up, nor its sums and files.
 * @param {string} output
 */
function shown(output) {
  const lines = output.trimEnd().split('\n')
  const at = (/** @type {string} */ text) => lines.findIndex((line) => stripVTControlCharacters(line).includes(text))
  return ['$ npx solveguard demo', '', ...lines.slice(at('The main job'), at('  allowed   denied')), lines.at(-1) ?? '']
}

/**
 * Each character with its style.
 * @param {string} line
 * @returns {Line}
 */
function styled(line) {
  let style = ''
  return line.split('\u001b[').flatMap((part, index) => {
    const text = index === 0 ? part : part.slice(part.indexOf('m') + 1)
    if (index > 0) style = STYLES.get(part.slice(0, part.indexOf('m'))) ?? ''
    return Array.from(text, (character) => ({ character, style }))
  })
}

/**
 * Breaks between words what is longer than a line.
 * @param {Line} line
 * @returns {Line[]}
 */
function wrap(line) {
  if (line.length <= COLUMNS) return [line]
  const space = line.findLastIndex(({ character }, column) => character === ' ' && column <= COLUMNS)
  const indent = line[0]?.character === ' ' ? DETAIL_AT : 0
  const rest = [...styled(' '.repeat(indent)), ...line.slice(space + 1)]
  return [line.slice(0, space), ...wrap(rest)]
}

/** @param {Line[]} lines */
function draw(lines) {
  const width = COLUMNS * CHARACTER.width + 2 * MARGIN
  const height = lines.length * CHARACTER.height + 2 * MARGIN
  const texts = lines.flatMap((line, index) => {
    const y = round(MARGIN + (index + 0.75) * CHARACTER.height)
    return spans(line).map(({ text, style, column }) => {
      // The length is said too: fonts differ in the width of a character.
      const place = `x="${round(MARGIN + column * CHARACTER.width)}" y="${y}"`
      const length = `textLength="${round(text.length * CHARACTER.width)}"`
      return `<text ${place} ${length}${style && ` class="${style}"`}>${escaped(text)}</text>`
    })
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${height}" role="img">
<title>npx solveguard demo: a real browser signs in, and each layer denies what it must</title>
<style>
text { font: 13px ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328; }
.bold { font-weight: bold; } .dim { fill: #59636e; } .green { fill: #1a7f37; } .red { fill: #d1242f; }
rect { fill: #f6f8fa; stroke: #d1d9e0; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .dim { fill: #9198a1; } .green { fill: #3fb950; } .red { fill: #f85149; }
  rect { fill: #151b23; stroke: #3d444d; }
}
</style>
<rect x="0.5" y="0.5" width="${round(width - 1)}" height="${height - 1}" rx="8"/>
${texts.join('\n')}
</svg>
`
}

/**
 * The runs of one style, without the white space around them.
 * @param {Line} line
 * @returns {Span[]}
 */
function spans(line) {
  /** @type {Span[]} */
  const found = []
  line.forEach(({ character, style }, column) => {
    const last = found.at(-1)
    if (last?.style === style) last.text += character
    else found.push({ text: character, style, column })
  })
  return found.flatMap(({ text, style, column }) => {
    const before = text.length - text.trimStart().length
    return text.trim() ? [{ text: text.trim(), style, column: column + before }] : []
  })
}

/** @param {number} value */
function round(value) {
  return Number(value.toFixed(1))
}

/** @param {string} text */
function escaped(text) {
  // SVG takes several spaces for one.
  const spaced = text.replaceAll(/ {2,}/g, (spaces) => '\u00a0'.repeat(spaces.length))
  return spaced.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

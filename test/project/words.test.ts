import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

/** Words that name no subject (process, caller, solve, service), and images in place of a verb of the field. */
const WORDS = new RegExp(
  String.raw`\b(?:somebody|nobody|whoever|whomever|hears?|heard|in hand|mends?|mended|waiting room|stood|` +
    String.raw`let(?:s|ting)? go|(?:was|is|are|were) told)\b`,
  'i',
)

/** Comments, titles of tests, and text in quotation marks; in pages, everything but code. */
const proseOf = (file: string, text: string): string =>
  file.endsWith('.md')
    ? text.replace(/^ *```.*?^ *```$/gms, '')
    : (text.match(/\/\*[\s\S]*?\*\/|\/\/ .*|'(?:[^'\\\n]|\\.)* (?:[^'\\\n]|\\.)*'|`[^`]* [^`]*`/g) ?? []).join('\n')

const files = ['src', 'test', 'bench', 'scripts', 'docs', 'examples', '.']
  .flatMap((folder) =>
    readdirSync(folder, { recursive: folder !== '.', encoding: 'utf8' }).map((file) => `${folder}/${file}`),
  )
  .filter((file) => /\.(?:ts|tsx|mjs|cjs|md)$/.test(file))
  .filter((file) => !/node_modules|\.vitepress|docs\/reference|words\.test\.ts$/.test(file))

it('no comment, title, message or page has a word without a subject', () => {
  expect(files.length).toBeGreaterThan(1_000)
  const found = files.flatMap((file) => {
    const word = WORDS.exec(proseOf(file, readFileSync(file, 'utf8')))
    return word ? [`${file}: ${word[0]}`] : []
  })
  expect(found).toEqual([])
})

it.each([
  ['x.ts', '// Whoever asks for it waits.'],
  ['x.ts', '/** What was told to the page. */'],
  ['x.test.ts', "it('hears of it', () => {})"],
  ['x.md', 'A task in hand is followed.'],
])('finds one in %s: %s', (file, text) => {
  expect(proseOf(file, text)).toMatch(WORDS)
})

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { ENTRIES } from '../../scripts/entries.mjs'
import { blocks, root } from './blocks.js'

// Of TypeScript and JavaScript: snippets.test.ts. Of shells: blocks.processes.test.ts. The recipes of docs/audit.md run
// in test/audit/recipes.processes.test.ts.

/** The languages of code blocks, each with what looks at it. `text` is what a program prints: nothing reads it. */
const LANGUAGES = ['ts', 'js', 'sh', 'json', 'yaml', 'diff', 'html', 'mermaid', 'text']

const of = (language: string) => blocks.filter((block) => block.language === language)

it('every code block names a language for which there is a check', () => {
  expect(blocks.length).toBeGreaterThan(120)
  expect(blocks.filter(({ language }) => !LANGUAGES.includes(language)).map(({ at }) => at)).toEqual([])
})

it('every block of JSON is JSON, below the line of the request that takes it', () => {
  const parsed = of('json').map(({ at, code }) => [at, typeof JSON.parse(code.replace(/^(?:PUT|POST) \S+\n/, ''))])
  expect(parsed.length).toBeGreaterThan(1)
  expect(parsed.filter(([, type]) => type !== 'object')).toEqual([])
})

it('every block of YAML is YAML', () => {
  const wrong = of('yaml').flatMap(({ at, code }) =>
    parseAllDocuments(code).flatMap(({ errors }) => errors.map(({ message }) => `${at}: ${message}`)),
  )
  expect(of('yaml').length).toBeGreaterThan(1)
  expect(wrong).toEqual([])
})

it('every line of a diff is added, removed or context, and what it adds names an entry of the package', () => {
  for (const { at, code } of of('diff')) {
    expect(code.split('\n').filter((line) => line !== '' && !/^[-+ ]/.test(line))).toEqual([])
    const entries = [...code.matchAll(/^\+.*'(solveguard(?:\/[\w-]+)?)'/gm)].map(([, name = '']) => name)
    expect([at, entries.filter((name) => !Object.hasOwn(ENTRIES, name.replace('solveguard', '.')))]).toEqual([at, []])
  }
})

it('every diagram begins with its kind, and each of its lines is an edge or a node', () => {
  for (const { at, code } of of('mermaid')) {
    const [kind, ...lines] = code.trimEnd().split('\n')
    expect([at, kind]).toEqual([at, expect.stringMatching(/^flowchart (?:TD|LR)$/)])
    const edge = /^ {2}\w+(?:\["[^"]+"\])?(?: (?:-->|-\.->|-\. [^.]+ \.->)(?:\|[^|]+\|)? \w+(?:\["[^"]+"\])?)+$/
    expect([at, lines.filter((line) => !edge.test(line))]).toEqual([at, []])
  }
})

it('every comment of HTML that is shown holds JSON, as the corpus reads it', () => {
  for (const { code } of of('html')) {
    const [, json = ''] = /^<!-- corpus\n(.*)-->\n$/s.exec(code) ?? []
    expect(JSON.parse(json)).toHaveProperty('widgets')
  }
})

it('every script of npm and every example in a shell block is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const wrong = of('sh').flatMap(({ at, code }) =>
    code.split('\n').flatMap((line) => {
      const [, script] = /^npm run ([\w-]+)/.exec(line) ?? []
      const [, file] = /^node (examples\/\S+)/.exec(line) ?? []
      const missing = (script && !Object.hasOwn(scripts, script)) || (file && !existsSync(join(root, file)))
      return missing ? [`${at}: ${line}`] : []
    }),
  )
  expect(wrong).toEqual([])
})

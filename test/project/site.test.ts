import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { anchorOf, linkOf, pageOf, referencePages, rewrites, sections } from '../../docs/.vitepress/pages.mjs'
import { ENTRIES } from '../../scripts/entries.mjs'
import { root } from './blocks.js'

// What is built of it, in a browser: `npm run check -- site`.

it('the sidebar has each page once, in the order of docs/README.md, and each section has a short title', () => {
  const listed = sections().flatMap(({ pages }) => pages.map(({ file }) => file))
  const there = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md')
  expect(there.map((name) => `docs/${name}`).filter((file) => !listed.includes(file))).toEqual([])
  expect(listed).toEqual([...new Set(listed)])
  const titles = sections().flatMap(({ text, pages }) => [text, ...pages.map(({ title }) => title)])
  expect(titles.filter((title) => title.length > 40 || title === '')).toEqual([])
  expect(titles).toEqual([...new Set(titles)])
})

it('every entry of the package has a page of the reference', () => {
  expect(referencePages(ENTRIES)).toHaveLength(Object.keys(ENTRIES).length)
  expect(referencePages(ENTRIES)).toContainEqual({ title: 'solveguard/audit', page: 'reference/audit.md' })
})

it('every page has an address of its own', () => {
  const pages = Object.values(rewrites())
  expect(pages).toEqual([...new Set(pages)])
  expect(rewrites()).toMatchObject({ 'README.md': 'overview.md', 'docs/README.md': 'index.md' })
})

it.each([
  ['policy.md', 'docs/network.md', '/policy.md'],
  ['errors.md#key_due', 'docs/secrets.md', '/errors.md#key_due'],
  ['README.md', 'docs/errors.md', '/index.md'],
  ['../README.md', 'docs/README.md', '/overview.md'],
  ['docs/policy.md', 'README.md', '/policy.md'],
  ['docs/README.md', 'README.md', '/index.md'],
  ['solvers.md#solver', 'docs/reference/ledger.md', '/reference/solvers.md#solver'],
  ['#below', 'docs/errors.md', '#below'],
  ['https://example.com/a', 'docs/errors.md', 'https://example.com/a'],
  ['examples', 'README.md', 'https://github.com/solveguard/solveguard/tree/main/examples'],
  [
    'elasticsearch/index-template.json',
    'docs/audit.md',
    'https://github.com/solveguard/solveguard/blob/main/docs/elasticsearch/index-template.json',
  ],
  ['LICENSE', 'README.md', 'https://github.com/solveguard/solveguard/blob/main/LICENSE'],
])('a link to %s in %s leads to %s', (link, file, target) => {
  expect(linkOf(link, file)).toBe(target)
})

it('a heading has the anchor that GitHub gives it', () => {
  expect(anchorOf('Clients that build `https://` themselves')).toBe('clients-that-build-https-themselves')
  expect(anchorOf('BUDGET_EXHAUSTED')).toBe('budget_exhausted')
  expect(pageOf('src/index.ts')).toBeUndefined()
})

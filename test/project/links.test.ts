import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { DOCUMENTS, root } from './blocks.js'

// Links of one file to another, and to its headings: docs.test.ts.

const textOf = (document: string) => readFileSync(join(root, document), 'utf8')
const withoutCode = (text: string) => text.replace(/^ *```.*?^ *```$/gms, '').replace(/`[^`]*`/g, '')

it('every link to elsewhere is a whole https address, without what belongs to the sentence', () => {
  const links = DOCUMENTS.flatMap((document) => {
    const text = withoutCode(textOf(document))
    const found = [...text.matchAll(/\]\((https?:[^)\s]*)\)|^\[[^\]]+\]: (\S+)$|<(https?:[^>\s]+)>/gm)]
    return found.map(([, inline, reference, bare]) => [document, inline ?? reference ?? bare ?? ''] as const)
  })
  expect(links.length).toBeGreaterThan(5)
  const wrong = links.filter(([, link]) => {
    if (!URL.canParse(link)) return true
    const { protocol, hostname, username } = new URL(link)
    return protocol !== 'https:' || !/^[\w-]+(?:\.[\w-]+)+$/.test(hostname) || username !== '' || /[….,;:]$/.test(link)
  })
  expect(wrong).toEqual([])
})

it('every reference of a link is declared, and every picture is there and has a text in its place', () => {
  for (const document of DOCUMENTS) {
    const text = withoutCode(textOf(document))
    const declared = [...text.matchAll(/^\[([^\]]+)\]: /gm)].map(([, name]) => name)
    const used = [...text.matchAll(/\]\[([^\]]+)\]/g)].map(([, name]) => name)
    expect([document, used.filter((name) => !declared.includes(name))]).toEqual([document, []])
    expect([document, declared.filter((name) => !used.includes(name))]).toEqual([document, []])
    for (const [tag, source = ''] of text.matchAll(/<img [^>]*src="([^"]+)"[^>]*>/g)) {
      expect([document, source, existsSync(join(root, dirname(document), source))]).toEqual([document, source, true])
      expect(tag).toMatch(/ alt="[^"]{10,}"/)
    }
  }
})

it('no page has syntax that only the site would understand', () => {
  const only = /^:::|^\[\[toc\]\]|^---\n(?:.*\n)*?---\n|<script|<style|\{\{|^ *```\w+ *[{[]|<<< /m
  expect(DOCUMENTS.filter((document) => only.test(withoutCode(textOf(document))))).toEqual([])
})

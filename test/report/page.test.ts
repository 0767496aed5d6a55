import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { printable } from '../../src/base/errors.js'
import { reportJson } from '../../src/report/json.js'
import { reportPage } from '../../src/report/page.js'
import { folderForEachTest } from '../audit/folder.js'
import { HOSTILE, hostileLines, htmlOf, pageOf, writeLines } from './lines.js'
import { DAY, NOON, writeLog } from './log.js'
import { sampleEvents } from './sample.js'

let dir: string
folderForEachTest((path) => {
  dir = path
})

/** The names of elements and attributes of a page. */
function namesOf(html: string): { readonly elements: Set<string>; readonly attributes: Set<string> } {
  const all = [...parseHTML(html).document.querySelectorAll('*')]
  return {
    elements: new Set(all.map(({ tagName }) => tagName.toLowerCase())),
    attributes: new Set(all.flatMap(({ attributes }) => [...attributes].map(({ name }) => name.toLowerCase()))),
  }
}

describe('the page of a report', () => {
  it('has no element, attribute or control character of what the log says', async () => {
    await writeLog(dir, sampleEvents(20, 20))
    const own = namesOf(await htmlOf(dir))
    writeLines(
      dir,
      '2026-11-24',
      HOSTILE.flatMap((text) => hostileLines(text)),
    )
    const html = await htmlOf(dir, undefined, HOSTILE.slice(0, 7).join(' '))
    const { elements, attributes } = namesOf(html)
    expect([...elements].filter((name) => !own.elements.has(name) && !/^t(able|head|body|r|h|d)$/.test(name))).toEqual(
      [],
    )
    expect([...attributes].filter((name) => !own.attributes.has(name))).toEqual([])
    expect(html).toContain('&lt;/style&gt;&lt;script&gt;alert(1)')
    expect(html).not.toMatch(/<(script|img|iframe|base|link|object|embed)\b/i)
    const line = html.replaceAll('\n', '')
    expect(printable(line, line.length)).toBe(line)
    // Its own ones: the style, and what the head says.
    expect(html.match(/<style\b/g)).toHaveLength(1)
    expect(html.length).toBeLessThan(1_048_576)
  })

  it.each([
    ['of several kinds', '<&"\u202e'.repeat(60)],
    // Six characters of HTML for each.
    ['of quotes alone', '"'.repeat(600)],
  ])('is at most one mebibyte for a year of days that all have long names of their own, %s', async (_, name) => {
    const lines = Array.from({ length: 365 * 5 }, (_, i) =>
      hostileLines(`${i}-${name}`, NOON - Math.floor(i / 5) * DAY),
    )
    writeLines(dir, '2026-11-24', lines.flat())
    const page = await pageOf(dir, NOON - 365 * DAY)
    expect(page.fold.by.subject.length).toBeGreaterThan(1_500)
    expect(Buffer.byteLength(reportPage(page))).toBeLessThanOrEqual(1_048_576)
  })

  it('of an empty log says that nothing happened', async () => {
    const html = await htmlOf(dir)
    expect(html).toContain('Nothing happened')
    expect(html).toContain('The ledger is away.')
    expect(html).not.toContain('NaN')
  })

  it('shows the same sums as the figures in JSON', async () => {
    await writeLog(dir, sampleEvents(3, 10))
    const page = await pageOf(dir)
    const json = JSON.parse(JSON.stringify(reportJson(page)))
    expect(json.total).toEqual(page.fold.total)
    expect(json.buckets.reduce((sum: number, { spent }: { spent: number }) => sum + spent, 0)).toBe(json.total.spent)
    expect(json.ledger).toEqual({ problem: 'The ledger is away.', comparisons: [] })
  })
})

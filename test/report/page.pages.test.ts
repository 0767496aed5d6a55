import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { runAxe } from '../../scripts/axe.mjs'
import { folderForEachTest } from '../audit/folder.js'
import { sharedBrowser } from '../support/browser.js'
import { HOSTILE, hostileLines, htmlOf, writeLines } from './lines.js'
import { writeLog } from './log.js'
import { sampleEvents } from './sample.js'

let dir: string
folderForEachTest((path) => {
  dir = path
})

/** Opens a page of a report as a file, and counts what it asks for and what its policy refuses. */
async function open(html: string, colorScheme: 'light' | 'dark') {
  const file = join(dir, 'report.html')
  writeFileSync(file, html)
  const context = await (await sharedBrowser()).newContext({ colorScheme })
  const page = await context.newPage()
  const requests: string[] = []
  const messages: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('console', (message) => messages.push(message.text()))
  page.on('dialog', (dialog) => messages.push(dialog.message()))
  page.on('pageerror', (error) => messages.push(error.message))
  await page.goto(pathToFileURL(file).href)
  return { page, requests, messages, close: () => context.close() }
}

test.each(['light', 'dark'] as const)('axe finds nothing in the %s page, with all tables open', async (scheme) => {
  await writeLog(dir, sampleEvents(4, 20))
  const { page, close } = await open(await htmlOf(dir), scheme)
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true
  })
  const results = await runAxe(page)
  await close()
  expect(results.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html).slice(0, 3)])).toEqual([])
  expect(results.passes.map(({ id }) => id)).toContain('color-contrast')
})

test('no name is cut off, or makes the page wider than a telephone or a sheet of paper', async () => {
  const names = [
    'W'.repeat(80),
    '\u65e5\u672c\u8a9e'.repeat(30),
    '\ud83d\ude00'.repeat(60),
    `https://${'long-name.'.repeat(9)}example`,
  ]
  const guard = 'checkout'.repeat(12)
  const events = sampleEvents(4, 20).map((event, i) => ({ ...event, guard, path: [guard], subject: names[i % 4] }))
  await writeLog(dir, events, guard)
  const { page, close } = await open(await htmlOf(dir), 'light')
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true
  })
  for (const [media, width] of [
    ['screen', 360],
    ['screen', 1200],
    ['print', 688],
  ] as const) {
    await page.emulateMedia({ media })
    await page.setViewportSize({ width, height: 800 })
    const found = await page.evaluate(() => {
      const charts = [...document.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().width > 0)
      const cut = charts.flatMap((svg) => {
        const { left, right } = svg.getBoundingClientRect()
        const texts = [...svg.querySelectorAll('text')].map((text) => ({ text, box: text.getBoundingClientRect() }))
        return texts.flatMap(({ text, box }) => (box.left < left || box.right > right ? [text.textContent] : []))
      })
      return { cut, charts: charts.length, wider: document.documentElement.scrollWidth - window.innerWidth }
    })
    expect({ media, width, ...found }).toEqual({ media, width, cut: [], charts: 8, wider: 0 })
  }
  // On paper a browser leaves out backgrounds: here they distinguish the parts of a chart.
  const mark = page.locator('.legend i').first()
  expect(await mark.evaluate((element) => getComputedStyle(element).printColorAdjust)).toBe('exact')
  await close()
})

test('a hostile log makes the page load, run and violate nothing', async () => {
  await writeLog(dir, sampleEvents(3, 10))
  writeLines(
    dir,
    '2026-11-24',
    HOSTILE.flatMap((text) => hostileLines(text)),
  )
  const { page, requests, messages, close } = await open(await htmlOf(dir), 'light')
  expect(await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')).toMatch(
    /^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'$/,
  )
  // The style is taken: it matches the policy.
  expect(await page.evaluate(() => getComputedStyle(document.body).margin)).toBe('0px')
  await close()
  expect(requests).toHaveLength(1)
  expect(messages).toEqual([])
})

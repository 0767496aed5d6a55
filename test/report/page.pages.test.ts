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

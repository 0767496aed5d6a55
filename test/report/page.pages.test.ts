import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AxeResults, default as axe } from 'axe-core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporaryFolder } from '../audit/folder.js'
import { sharedBrowser } from '../support/browser.js'
import { HOSTILE, hostileLines, htmlOf, writeLines } from './lines.js'
import { writeLog } from './log.js'
import { sampleEvents } from './sample.js'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder.remove())

/** Opens a page of a report as a file, and counts what it asks for and what its policy refuses. */
async function open(html: string, colorScheme: 'light' | 'dark') {
  const file = join(folder.path, 'report.html')
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
  await writeLog(folder.path, sampleEvents(4, 20))
  const { page, close } = await open(await htmlOf(folder.path), scheme)
  const results = await page.evaluate(async (source): Promise<AxeResults> => {
    for (const details of document.querySelectorAll('details')) details.open = true
    // What the debugger evaluates is not held to the page's policy.
    const run = new Function(`${source}; return window.axe`)() as typeof axe
    return await run.run(document)
  }, AXE)
  await close()
  expect(results.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html).slice(0, 3)])).toEqual([])
  expect(results.passes.map(({ id }) => id)).toContain('color-contrast')
})

test('a hostile log makes the page load, run and violate nothing', async () => {
  await writeLog(folder.path, sampleEvents(3, 10))
  writeLines(
    folder.path,
    '2026-11-24',
    HOSTILE.flatMap((text) => hostileLines(text)),
  )
  const { page, requests, messages, close } = await open(await htmlOf(folder.path), 'light')
  expect(await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')).toMatch(
    /^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'$/,
  )
  // The style is taken: it matches the policy.
  expect(await page.evaluate(() => getComputedStyle(document.body).margin)).toBe('0px')
  await close()
  expect(requests).toHaveLength(1)
  expect(messages).toEqual([])
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'
import { guardContext } from '../../src/adapters/playwright/index.js'
import { type StandInSite, startSite, WELCOME } from '../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../src/testing/vendors/recaptcha/index.js'
import { sharedBrowser } from '../support/browser.js'
import { fakeGrant } from './fake-grant.js'
import { eventually } from './tool.js'

// What Playwright offers beside a plain context: each is found, solved and injected in as in one.

/** Answers for the page with what it has cached, as applications do that work offline. */
const WORKER = `addEventListener('install', function () { skipWaiting() })
addEventListener('activate', function (event) { event.waitUntil(clients.claim()) })
addEventListener('fetch', function (event) {
  if (event.request.method === 'GET') event.respondWith(caches.open('one').then(function (cache) {
    return cache.match(event.request).then(function (known) {
      return known || fetch(event.request).then(function (reply) {
        if (reply.ok || reply.type === 'opaque') cache.put(event.request, reply.clone())
        return reply
      })
    })
  }))
})`

let recaptcha: StandInRecaptcha
let site: StandInSite
let context: BrowserContext | undefined
let folder: string

beforeAll(async () => {
  recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha, pages: { '/worker.js': WORKER } })
})
afterAll(async () => {
  await site?.close()
  await recaptcha?.close()
})
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'modes-'))
})
afterEach(async () => {
  await context?.close()
  context = undefined
  // The browser of a persistent context may still write.
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
})

/** Guards the context, opens a page with a widget in it, solves it, and submits its form. */
async function solvesIn(one: BrowserContext, page?: Page): Promise<void> {
  const grant = fakeGrant(recaptcha)
  const captcha = await guardContext(grant, one)
  const at = page ?? (await one.newPage())
  await at.goto(`${site.url}/named`)
  await at.waitForSelector('iframe[name^=a-]')
  await eventually(async () => (await captcha.find(at))[0]?.due === true)
  const { solved } = await captcha.solve(at)
  expect(solved).toHaveLength(1)
  // By the page's own callback, which only a script that ran before the page's own has seen.
  expect(await at.evaluate('calls')).toEqual([solved[0]?.solution.token])
  await at.click('#login button')
  expect(await at.textContent('h1.good')).toBe(WELCOME)
}

test('a persistent context, and the page that it opens by itself', async () => {
  const { path: executablePath } = (await findBrowser({ windows: false })) ?? {}
  if (!executablePath) throw new Error('No Chromium.')
  context = await chromium.launchPersistentContext(folder, { executablePath, args: CHROMIUM_FLAGS })
  await solvesIn(context, context.pages()[0])
})

test('a context whose requests are answered from a HAR', async () => {
  const har = path.join(folder, 'page.har')
  const recording = await (await sharedBrowser()).newContext({ recordHar: { path: har, mode: 'minimal' } })
  const page = await recording.newPage()
  await page.goto(`${site.url}/named`)
  await page.waitForSelector('iframe[name^=a-]')
  await recording.close()
  context = await (await sharedBrowser()).newContext()
  await context.routeFromHAR(har, { notFound: 'fallback' })
  await solvesIn(context)
})

test('a page and a vendor’s script that a service worker answers from its cache', async () => {
  context = await (await sharedBrowser()).newContext({ serviceWorkers: 'allow' })
  const page = await context.newPage()
  await page.goto(`${site.url}/named`)
  await page.evaluate(
    'navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready).then(() => 0)',
  )
  await page.waitForFunction('navigator.serviceWorker.controller')
  await page.reload()
  await page.waitForSelector('iframe[name^=a-]')
  await solvesIn(context, page)
  expect(await page.evaluate('caches.open("one").then((cache) => cache.keys()).then((keys) => keys.length > 0)')).toBe(
    true,
  )
})

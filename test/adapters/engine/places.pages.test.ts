import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Captcha } from '../../../src/adapters/engine/captcha.js'
import { guardContext } from '../../../src/adapters/playwright/index.js'
import { SolveguardError } from '../../../src/base/errors.js'
import { type StandInSite, startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { sharedBrowser } from '../../support/browser.js'
import { type FakeGrant, fakeGrant } from '../fake-grant.js'
import { eventually } from '../tool.js'

let recaptcha: StandInRecaptcha
let site: StandInSite
let context: BrowserContext
let page: Page
let grant: FakeGrant
let captcha: Captcha<Page>

beforeAll(async () => {
  recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha })
})
afterAll(async () => {
  await site?.close()
  await recaptcha?.close()
})
beforeEach(async () => {
  context = await (await sharedBrowser()).newContext()
  grant = fakeGrant(recaptcha)
  captcha = await guardContext(grant, context)
  page = await context.newPage()
  await page.goto(`${site.url}/tiny`)
})
afterEach(() => context.close())

/** The page that a script opens, once its widget is rendered. */
async function opened(open: string): Promise<Page> {
  const [popup] = await Promise.all([context.waitForEvent('page'), page.evaluate(open)])
  await popup.waitForSelector('iframe[name^=a-]')
  return popup
}

test.each([
  ['a pop-up', "void window.open('/named', 'sign-in', 'width=400,height=500')"],
  ['a pop-up that is blank at first', "{ const popup = window.open(''); popup.location = '/named'; 0 }"],
  ['a tab without an opener', "void window.open('/named', '_blank', 'noopener')"],
])('solves a widget in %s, and injects nothing into the page that opened it', async (_, open) => {
  const popup = await opened(open)
  const { solved } = await captcha.solve(popup)
  expect(solved).toHaveLength(1)
  expect(await popup.evaluate('calls')).toEqual([solved[0]?.solution.token])
  await popup.click('#login button')
  expect(await popup.textContent('h1.good')).toBe(WELCOME)
  expect(await captcha.find(page)).toHaveLength(0)
})

test('reports PAGE_GONE for a pop-up that is closed during a solve, and its opener stays usable', async () => {
  const popup = await opened("void window.open('/named')")
  grant.answer = async () => {
    await popup.close()
    return 'a-token'
  }
  const { failed, solved } = await captcha.solve(popup)
  expect(solved).toEqual([])
  expect(failed).toMatchObject([{ error: { code: 'PAGE_GONE' } }])
  expect(await captcha.find(page)).toHaveLength(0)
})

test('finds no widgets in a PDF, or reports that it does not reply', async () => {
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    '<</Type/Page/Parent 2 0 R>>',
  ]
  const written = objects.map((text, index) => `${index + 1} 0 obj${text}endobj\n`).join('')
  const body = `%PDF-1.4\n${written}trailer<</Root 1 0 R>>`
  await context.route('**/terms.pdf', (route) => route.fulfill({ contentType: 'application/pdf', body }))
  // Some browsers show it, others download it and open no page.
  await page.goto(`${site.url}/terms.pdf`).catch(() => undefined)
  for (const call of [() => captcha.find(page), async () => (await captcha.solve(page)).solved]) {
    const seen = await call().catch((error: unknown) => error)
    if (seen instanceof SolveguardError) expect(seen.code).toMatch(/^PAGE_/)
    else expect(seen).toHaveLength(0)
  }
  expect(grant.challenges).toEqual([])
  // The next navigation gives a page again.
  await page.goto(`${site.url}/named`)
  await page.waitForSelector('iframe[name^=a-]')
  expect(await captcha.solve(page)).toMatchObject({ solved: [{}] })
})

test('the init script does nothing in frames of origins that the policy does not name', async () => {
  const own = await (await sharedBrowser()).newContext()
  const named = { ...grant, policy: { ...grant.policy, origins: [site.url] } }
  const guarded = await guardContext(named, own)
  const opened = await own.newPage()
  await opened.goto(`${site.url}/tiny`)
  await opened.evaluate(`{
    const add = (attributes) => document.body.append(Object.assign(document.createElement('iframe'), attributes))
    add({ src: '/ordinary' })
    add({ src: ${JSON.stringify(`${site.otherUrl}/ordinary`)} })
    add({ srcdoc: '<p>of the page' })
    add({ srcdoc: '<p>of no origin', sandbox: 'allow-scripts' })
    0
  }`)
  const KEY = 'Symbol.for("solveguard") in window'
  await eventually(async () => {
    const loaded = await Promise.all(opened.frames().map((frame) => frame.evaluate('!!document.querySelector("p,h1")')))
    return loaded.length === 5 && loaded.slice(1).every(Boolean)
  })
  expect(await Promise.all(opened.frames().map((frame) => frame.evaluate(KEY)))).toEqual([
    true,
    true,
    false,
    true,
    false,
  ])
  await guarded.close()
  expect(await Promise.all(opened.frames().map((frame) => frame.evaluate(KEY)))).toEqual(Array(5).fill(false))
  await own.close()
})

import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { guardContext } from '../../src/adapters/playwright.js'
import { type StandInRecaptcha, startRecaptcha } from '../../src/testing/recaptcha.js'
import { type StandInSite, startSite, WELCOME } from '../../src/testing/site.js'
import { launchBrowser } from '../support/browser.js'
import { fakeGrant } from './fake-grant.js'

let browser: Browser
let recaptcha: StandInRecaptcha
let site: StandInSite
let context: BrowserContext
let page: Page

beforeAll(async () => {
  browser = await launchBrowser()
  recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha })
})

afterAll(async () => {
  await browser?.close()
  await site?.close()
  await recaptcha?.close()
})

beforeEach(async () => {
  context = await browser.newContext()
})

afterEach(() => context.close())

test('a checkbox is found, solved and accepted', async () => {
  const grant = fakeGrant(recaptcha)
  const captcha = await guardContext(grant, context)
  page = await context.newPage()
  page.on('pageerror', (e) => console.log('PE', e))
  page.on('console', (e) => console.log('C', e.text()))
  await page.goto(`${site.url}/login`)
  console.log(await captcha.find(page))
  await page.waitForTimeout(500)
  console.log(await captcha.find(page))
  const r = await captcha.solve(page)
  console.log(r)
  await page.click('text=Sign in >> nth=-1')
  await expect(page.textContent('h1')).resolves.toBe(WELCOME)
})

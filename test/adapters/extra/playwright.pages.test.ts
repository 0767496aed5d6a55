import type { Browser, Page } from 'playwright-core'
import { chromium as plain } from 'playwright-core'
import { addExtra } from 'playwright-extra'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { CHROMIUM_FLAGS, findBrowser } from '../../../scripts/find-browser.mjs'
import solveguard, { type PluginOptions } from '../../../src/adapters/extra/playwright.js'
import { usd } from '../../../src/policy/money.js'
import { type StandInSite, startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { type FakeGrant, fakeGrant } from '../fake-grant.js'
import { expectDenied, nameOnly, startUnnamedPage } from './unnamed-page.js'

let recaptcha: StandInRecaptcha
let site: StandInSite
let grant: FakeGrant
const browsers: Browser[] = []

beforeAll(async () => {
  recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha })
})

afterEach(async () => {
  for (const browser of browsers.splice(0)) await browser.close()
})

afterAll(async () => {
  await site?.close()
  await recaptcha?.close()
})

async function launch(options: Partial<PluginOptions> = {}): Promise<Browser> {
  grant = fakeGrant(recaptcha, { recaptchaV3: 'solve' })
  const chromium = addExtra(plain)
  chromium.use(solveguard({ guard: Promise.resolve(grant), ...options }))
  const executablePath = (await findBrowser({ windows: false }))?.path ?? ''
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
  browsers.push(browser)
  return browser
}

async function visit(page: Page, path: string): Promise<void> {
  await page.goto(`${site.url}${path}`)
  await page.waitForSelector('iframe[name^=a-]', { state: 'attached' })
}

test('solveRecaptchas returns the plugin’s shapes, and the server accepts the token', async () => {
  const context = await (await launch()).newContext()
  const page = await context.newPage()
  await visit(page, '/login')
  const { captchas, solved, error } = await page.solveRecaptchas()
  expect(error).toBeNull()
  expect(captchas).toMatchObject([{ _vendor: 'recaptcha', _type: 'checkbox', sitekey: site.sitekey }])
  expect(solved).toMatchObject([{ isSolved: true }])
  await page.click('#login button')
  expect(await page.textContent('h1.good')).toBe(WELCOME)
})

test('finds, buys and injects in a frame', async () => {
  const page = await (await launch()).newPage()
  await page.goto(`${site.url}/frame`)
  const frame = page.frames().find((one) => one.url().endsWith('/login'))
  await frame?.waitForSelector('iframe[name^=a-]', { state: 'attached' })
  expect(await page.mainFrame().findRecaptchas()).toMatchObject({ captchas: [] })
  const captchas = (await frame?.findRecaptchas())?.captchas ?? []
  const solutions = (await frame?.getRecaptchaSolutions(captchas))?.solutions ?? []
  expect(solutions).toHaveLength(1)
  expect(await frame?.enterRecaptchaSolutions(solutions)).toMatchObject({ solved: [{ isSolved: true }] })
})

test('watches the first document of a page: an execute of v3 is held', async () => {
  const context = await (await launch()).newContext()
  const page = await context.newPage()
  await visit(page, '/v3')
  await page.click('#go')
  await expect.poll(async () => (await page.findCaptchas())[0]?.due).toBe(true)
  expect(await page.solveCaptchas()).toMatchObject({ solved: [{}] })
  expect(await page.textContent('h1.good')).toBe(WELCOME)
})

test('runs nothing in a page or frame that the policy does not name, and a solve there is denied', async () => {
  await using there = await startUnnamedPage()
  const page = await (await launch()).newPage()
  await visit(page, '/login')
  nameOnly(grant, site.url)
  await page.evaluate(
    (src) => void document.body.append(Object.assign(document.createElement('iframe'), { src })),
    there.url,
  )
  await expect.poll(() => page.frames().some((frame) => frame.url() === there.url)).toBe(true)
  const frame = page.frames().find((one) => one.url() === there.url) as never
  await expectDenied(frame, grant, there)
  grant.unnamedPlaces.length = 0
  await page.goto(there.url)
  await expectDenied(page as never, grant, there)
})

test('applies a policy for each context', async () => {
  const narrowings: unknown[] = []
  const policy = vi.fn(() => ({ budget: { perDay: usd(0.01) } }))
  const guard = {
    ...fakeGrant(recaptcha),
    narrow(narrowing: unknown) {
      narrowings.push(narrowing)
      return grant
    },
  }
  const browser = await launch({ guard, policy })
  const contexts = [await browser.newContext(), await browser.newContext()]
  for (const context of contexts) {
    const page = await context.newPage()
    await visit(page, '/login')
    expect(await page.solveRecaptchas()).toMatchObject({ solved: [{}] })
  }
  expect(policy.mock.calls).toEqual(contexts.map((context) => [context]))
  expect(narrowings).toHaveLength(2)
})

test('a guard promise that rejects stops the launch', async () => {
  await expect(launch({ guard: Promise.reject(new Error('no guard')) })).rejects.toThrow('no guard')
})

test('refuses unknown options', () => {
  expect(() => solveguard({ polciy: {} } as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})

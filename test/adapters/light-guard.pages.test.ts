import { launch } from 'puppeteer-core'
import { expect, it } from 'vitest'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'
import { guardContext as guardPlaywright } from '../../src/adapters/playwright/index.js'
import { guardContext as guardPuppeteer } from '../../src/adapters/puppeteer/index.js'
import { startBroker } from '../../src/broker/server.js'
import type { Guard } from '../../src/guard/types.js'
import { usd } from '../../src/policy/money.js'
import { startRecaptcha, startSite, startSolverService } from '../../src/testing/index.js'
import { lightOver } from '../guard/remote/support.js'
import { after, rig } from '../guard/support.js'
import { sharedBrowser } from '../support/browser.js'

const RENDERED = 'document.querySelector("iframe[name^=a-]") !== null'

/** A site with a login, and a guard that holds a token for it and no key. */
async function stage() {
  const recaptcha = await startRecaptcha()
  after(() => recaptcha.close())
  const site = await startSite({ recaptcha })
  after(() => site.close())
  const service = await startSolverService({
    onAnswer: ({ sitekey }, token) => void recaptcha.issue({ sitekey, token }),
  })
  after(() => service.close())
  const made = await rig({ service, policy: { origins: [site.url], budget: { perDay: usd(1) } } })
  const broker = await startBroker({ guard: made.guard })
  after(() => broker.close())
  const { token } = await made.guard.issueToken({ origins: [site.url], budget: { perPage: 1 } }, { subject: 'suite' })
  return { ...made, site, token, light: await lightOver(broker.url, token) }
}

/** What the holder of the token knows, and what the guard with the key has on record. */
async function expectOneSolve({
  light,
  guard,
  audit,
}: {
  light: Guard
  guard: Guard
  audit: { events: readonly { action: string; subject?: string | undefined }[] }
}) {
  const { day, links } = await light.status()
  expect([day.spent, links.map(({ subject, spent }) => [subject, spent])]).toEqual([1_000, [['suite', 1_000]]])
  expect((await guard.status()).day.spent).toBe(1_000)
  expect(audit.events.filter(({ action, subject }) => action === 'solved' && subject === 'suite')).toHaveLength(1)
}

it('a light guard solves the widget of a real page through Playwright, and the server accepts the token', async () => {
  const made = await stage()
  const { light, site, service, token } = made
  const context = await (await sharedBrowser()).newContext()
  after(() => context.close())
  const captcha = await guardPlaywright(light, context, { budget: { perPage: 1 } })
  const page = await context.newPage()
  const seen: string[] = []
  page.on('request', (request) => seen.push(request.url() + (request.postData() ?? '')))
  await page.goto(`${site.url}/login`)
  await page.waitForFunction(RENDERED)
  expect(await captcha.solve(page)).toMatchObject({
    solved: [{ challenge: { family: 'recaptcha' } }],
    denied: [],
    failed: [],
  })
  // The page load has had its one solve: this process denies another.
  const { denied } = await captcha.solve(page, { which: 'all' })
  expect(denied.map(({ error }) => error.code)).toEqual(['PAGE_LIMIT_REACHED'])
  await page.click('#login button')
  await page.waitForFunction('document.body.innerText.includes("Welcome")')
  expect(service.tasks).toHaveLength(1)
  await expectOneSolve(made)
  for (const secret of [service.key, token]) expect(seen.join('\n')).not.toContain(secret)
})

it('a light guard solves the widget of a real page through Puppeteer, and the server accepts the token', async () => {
  const made = await stage()
  const { light, site, service } = made
  const found = await findBrowser({ windows: false })
  const browser = await launch({ executablePath: found?.path ?? '', args: CHROMIUM_FLAGS })
  after(() => browser.close())
  const context = await browser.createBrowserContext()
  const captcha = await guardPuppeteer(light, context)
  const page = await context.newPage()
  await page.goto(`${site.url}/login`)
  await page.waitForFunction(RENDERED)
  expect(await captcha.solve(page)).toMatchObject({
    solved: [{ challenge: { family: 'recaptcha' } }],
    denied: [],
    failed: [],
  })
  await page.click('#login button')
  await page.waitForFunction('document.body.innerText.includes("Welcome")')
  expect(service.tasks).toHaveLength(1)
  await expectOneSolve(made)
})

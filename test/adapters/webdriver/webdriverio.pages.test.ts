import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { guardContext, type SessionCaptcha } from '../../../src/adapters/webdriver/index.js'
import { type StandInSite, startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { type FakeGrant, fakeGrant } from '../fake-grant.js'
import { eventually } from '../tool.js'
import { type RunningSession, startWebdriverIO } from './webdriverio.js'

// The whole contract runs with Selenium (classic.pages.test.ts, bidi.pages.test.ts). These tests are for what may
// differ with WebdriverIO.
describe.each([
  ['BiDi, which it uses by default', true],
  ['classic WebDriver', false],
])('WebdriverIO, by %s', (_, bidi) => {
  let recaptcha: StandInRecaptcha
  let site: StandInSite
  let session: RunningSession
  let browser: WebdriverIO.Browser
  let grant: FakeGrant
  let captcha: SessionCaptcha
  let log = ''

  beforeAll(async () => {
    log = await mkdtemp(join(tmpdir(), 'solveguard-wdio-'))
    recaptcha = await startRecaptcha()
    site = await startSite({ recaptcha })
    session = await startWebdriverIO({ bidi, log })
    browser = session.browser
    expect(browser.isBidi).toBe(bidi)
  })

  afterAll(async () => {
    await session?.close()
    await site?.close()
    await recaptcha?.close()
    await rm(log, { recursive: true, force: true })
  })

  beforeEach(async () => {
    grant = fakeGrant(recaptcha, { recaptchaV3: 'solve' })
    captcha = await guardContext(grant, browser)
  })

  afterEach(async () => {
    await captcha.close()
    await browser.switchFrame(null)
  })

  const visit = async (path: string) => {
    await browser.url(`${site.url}${path}`)
    await browser.$('iframe[name^=a-]').waitForExist()
  }
  // WebdriverIO loses the element where the page navigates between its look-up and the call: then it is asked again.
  const heading = async (): Promise<string> => {
    let text: unknown
    await eventually(async () => {
      // An element that a navigation took away is an error, thrown or returned in place of the text.
      text = await browser
        .$('h1.good')
        .getText()
        .catch(() => undefined)
      return typeof text === 'string'
    })
    return String(text)
  }

  test('solves, the server accepts the token, and the log has no token', async () => {
    await visit('/login')
    const { solved } = await captcha.solve()
    await browser.$('#login button').click()
    expect(await heading()).toBe(WELCOME)
    const files = await readdir(log)
    const lines = (await Promise.all(files.map((file) => readFile(join(log, file), 'utf8')))).join('\n')
    expect(lines).toMatch(bidi ? /BIDI COMMAND script\.callFunction/ : /COMMAND executeScript/)
    expect(solved[0]?.solution.token).toMatch(/.{20}/)
    expect(lines).not.toContain(solved[0]?.solution.token)
  })

  test('solves a held execute of v3', async () => {
    await visit('/v3')
    await browser.$('#go').click()
    await eventually(async () => (await captcha.find())[0]?.due === true)
    await captcha.solve()
    expect(await heading()).toBe(WELCOME)
    expect(site.verified.at(-1)).toMatchObject({ success: true, score: 0.9 })
  })

  test('leaves the browser in its current frame', async () => {
    await browser.url(`${site.url}/cross-frame`)
    await eventually(async () => (await captcha.find()).length === 1)
    await browser.switchFrame(browser.$('iframe'))
    expect(await captcha.solve()).toMatchObject({ solved: [{ challenge: { frameUrl: `${site.otherUrl}/login` } }] })
    expect(await browser.execute(() => location.hostname)).toBe('localhost')
    // chromedriver clicks at a point, and misses one in a frame of another process that is not laid out yet.
    await browser.execute(() => document.querySelector<HTMLElement>('#login button')?.click())
    expect(await heading()).toBe(WELCOME)
  })

  test('reports PAGE_GONE for a page that navigates during a solve', async () => {
    await visit('/named')
    grant.answer = () => new Promise(() => {})
    const solving = captcha.solve()
    await eventually(() => grant.challenges.length === 1)
    await captcha.alone(() => browser.url(`${site.url}/named?next`))
    expect(await solving).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }] })
  })
})

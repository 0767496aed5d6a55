import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Captcha, CaptchaOptions } from '../../src/adapters/captcha.js'
import { guardContext } from '../../src/adapters/playwright.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { manualClock } from '../../src/testing/clock.js'
import { type StandInSite, startSite, WELCOME } from '../../src/testing/site.js'
import { type StandInTurnstile, startTurnstile } from '../../src/testing/turnstile.js'
import { type FakeGrant, fakeGrant } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { launchBrowser } from '../support/browser.js'
import { fixturePages } from '../support/fixture-pages.js'

const FIELD = 'input[name="cf-turnstile-response"]'
const SUBMIT = '#login button'
const vendorClock = manualClock(Date.now())

let browser: Browser
let turnstile: StandInTurnstile
let site: StandInSite
let sitekey: string
let context: BrowserContext
let page: Page
let grant: FakeGrant
let captcha: Captcha<Page>

beforeAll(async () => {
  browser = await launchBrowser()
  turnstile = await startTurnstile({ clock: vendorClock })
  site = await startSite({ turnstile, pages: fixturePages() })
  sitekey = site.sitekeys.turnstile
})

afterAll(async () => {
  await browser?.close()
  await site?.close()
  await turnstile?.close()
})

beforeEach(async () => {
  context = await browser.newContext()
})

afterEach(async () => {
  turnstile.behave(sitekey, {})
  await context.close()
})

async function visit(
  path: string,
  policy: Omit<PolicyInput, 'origins'> = {},
  options: CaptchaOptions = {},
): Promise<void> {
  grant = fakeGrant(turnstile, policy)
  captcha = await guardContext(grant, context, undefined, options)
  page = await context.newPage()
  await page.goto(`${site.url}${path}`)
  await framed()
}

/** Until the vendor's frames are there, which no selector of the page finds. */
const framed = (many = 1) =>
  eventually(() => page.frames().filter((frame) => frame.url().includes('/turnstile/f/')).length >= many)

const find = async () => [...(await captcha.find(page))]
const calls = (): Promise<string[]> => page.evaluate('calls')
const vendorFrame = () => page.frames().find((frame) => frame.url().includes('/turnstile/f/'))

describe('a Turnstile is found and solved, until the server is content:', () => {
  test.each([
    ['/turnstile', {}],
    ['/turnstile/named', { action: 'login', cData: 'order-17' }],
    ['/turnstile/field', {}],
    ['/turnstile/fieldless', {}],
    ['/turnstile/explicit', { action: 'pay', cData: 'order-18' }],
    ['/turnstile/compat', {}],
    ['/turnstile/compat-explicit', {}],
    ['/turnstile/shadow', {}],
    ['/turnstile/closed', {}],
    ['/csp/turnstile/named', { action: 'login' }],
    ['/csp/turnstile/explicit', { action: 'pay' }],
  ])('%s', async (path, told) => {
    await visit(path)
    expect(await find()).toMatchObject([{ family: 'turnstile', variant: 'turnstile', sitekey, due: true, ...told }])
    const { solved, cost } = await captcha.solve(page)
    expect(solved).toHaveLength(1)
    expect(cost).toBe(1000)
    expect(grant.asked).toMatchObject([{ family: 'turnstile', sitekey, ...told }])
    await page.click(SUBMIT)
    expect(await page.textContent('h1.good')).toBe(WELCOME)
    expect(grant.told).toMatchObject([{ ok: true }])
  })

  test.each(['/turnstile/execute', '/turnstile/executes'])('%s, once the page has set it off', async (path) => {
    await visit(path)
    expect(await find()).toMatchObject([{ executed: false, due: false }])
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'not-set-off' }] })
    await page.click('#go')
    expect(await find()).toMatchObject([{ sitekey, executed: true, due: true }])
    expect(await captcha.solve(page)).toMatchObject({ solved: [{}] })
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('several of one sitekey are told apart, by name, selector and element', async () => {
    await visit('/turnstile/several')
    await framed(3)
    expect(await find()).toHaveLength(3)
    const { solved } = await captcha.solve(page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    const fields = await page.$$eval(FIELD, (all) => all.map((one) => (one as HTMLInputElement).value))
    expect([...fields].sort()).toEqual([...tokens].sort())
    const told = await page.evaluate(`[
      turnstile.getResponse('#first'), turnstile.getResponse(document.getElementById('second')),
      turnstile.getResponse(widget), turnstile.getResponse()]`)
    expect(told).toEqual([fields[0], fields[1], fields[2], fields[2]])
    expect(await page.evaluate('turnstile.isExpired(widget)')).toBe(false)
    await page.click('form:nth-of-type(2) button')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('in compat mode both fields are filled, and no reCAPTCHA is seen', async () => {
    await visit('/turnstile/compat')
    const { solved } = await captcha.solve(page)
    expect(grant.asked).toMatchObject([{ family: 'turnstile' }])
    const token = solved[0]?.solution.token
    expect(await page.inputValue('input[name="g-recaptcha-response"]')).toBe(token)
    expect(await page.inputValue(FIELD)).toBe(token)
    expect(await page.evaluate('grecaptcha.getResponse()')).toBe(token)
    expect(await calls()).toEqual([token])
  })

  test('an element of reCAPTCHA’s that Turnstile is to take is not taken for a reCAPTCHA while the script is on its way', async () => {
    grant = fakeGrant(turnstile)
    captcha = await guardContext(grant, context)
    page = await context.newPage()
    await page.route('**/api.js*', (route) => route.abort())
    await page.goto(`${site.url}/turnstile/compat`)
    expect(await find()).toMatchObject([{ family: 'turnstile', sitekey }])
  })

  test('one that was there before the context was guarded', async () => {
    page = await context.newPage()
    await page.goto(`${site.url}/turnstile/explicit`)
    await framed()
    grant = fakeGrant(turnstile)
    captcha = await guardContext(grant, context)
    // Its arguments are in nobody's sight: the sitekey comes from its frame, the name from its field.
    expect(await find()).toMatchObject([{ sitekey, due: true }])
    const { solved } = await captcha.solve(page)
    expect(await page.evaluate('turnstile.getResponse(widget)')).toBe(solved[0]?.solution.token)
    await page.click(SUBMIT)
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('one that is drawn, removed and drawn again', async () => {
    await visit('/turnstile').catch(() => undefined)
    await page.goto(`${site.url}/turnstile/late`)
    await page.waitForFunction('window.turnstile')
    expect(await find()).toEqual([])
    await page.evaluate('draw()')
    expect(await find()).toHaveLength(1)
    await page.evaluate('turnstile.remove(widget)')
    expect(await find()).toEqual([])
    await page.evaluate('draw()')
    await page.evaluate('draw()')
    expect(await find()).toHaveLength(1)
    const { solved } = await captcha.solve(page)
    expect(await calls()).toEqual([solved[0]?.solution.token])
    await page.click(SUBMIT)
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })
})

describe('of a Turnstile only what is due is paid for:', () => {
  test('one that has passed by itself is left alone', async () => {
    turnstile.behave(sitekey, { does: 'pass' })
    await visit('/turnstile/named')
    await page.waitForFunction('calls.length')
    expect(await captcha.solve(page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    await page.click(SUBMIT)
    expect(await page.textContent('h1.good')).toBe(WELCOME)
    expect(site.verified.at(-1)).toMatchObject({ action: 'login', cdata: 'order-17' })
  })

  test('one that a person has dealt with is left alone', async () => {
    await visit('/turnstile/explicit')
    await vendorFrame()?.click('#box')
    await page.waitForFunction('calls.length')
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'answered' }], cost: 0 })
    expect(grant.asked).toEqual([])
  })

  test('one that passes within its grace costs nothing', async () => {
    const clock = manualClock(Date.now())
    turnstile.behave(sitekey, { does: 'pass', afterMs: 2_000 })
    await visit('/turnstile/named', { grace: '3s' }, { clock })
    await eventually(() => vendorClock.waiting > 0)
    const solving = captcha.solve(page)
    let quiet = 0
    await eventually(() => {
      quiet = clock.waiting === 1 ? quiet + 1 : 0
      return quiet > 10
    })
    await vendorClock.advance(2_000)
    await page.waitForFunction('calls.length')
    await clock.advance(3_000)
    expect(await solving).toMatchObject({ solved: [], skipped: [{ reason: 'passed-by-itself' }] })
    expect(grant.asked).toEqual([])
  })

  test('one that nobody sees is left alone', async () => {
    await visit('/turnstile')
    await page.evaluate('document.querySelector("main").style.display = "none"')
    expect(await captcha.solve(page)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
  })

  test('one that we answered is not answered twice, until the page resets it', async () => {
    await visit('/turnstile/explicit')
    await captcha.solve(page)
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await page.evaluate('turnstile.reset(widget)')
    expect(await page.evaluate('turnstile.getResponse(widget)')).toBeUndefined()
    expect(await find()).toMatchObject([{ answered: false, due: true }])
  })

  test('a token that has grown too old is taken away again, and the page is told', async () => {
    await visit('/turnstile')
    await page.evaluate('window.expired = 0; window.tooOld = function () { expired++ }; 0')
    await page.evaluate('document.querySelector(".cf-turnstile").dataset.expiredCallback = "tooOld"; 0')
    grant.livesMs = 200
    await captcha.solve(page)
    await page.waitForFunction('expired')
    expect(await page.inputValue(FIELD)).toBe('')
    expect(await find()).toMatchObject([{ answered: false, due: true }])
  })

  test.each(['2x00000000000000000000AB', '2x00000000000000000000BB'])(
    'the test key %s is left to block',
    async (key) => {
      await visit(`/turnstile?sitekey=${key}`)
      expect(await captcha.solve(page)).toMatchObject({ solved: [], skipped: [{ reason: 'meant-to-block' }] })
      expect(grant.asked).toEqual([])
    },
  )

  test('a blocking test key is asked for all the same where the policy solves test keys', async () => {
    await visit('/turnstile?sitekey=2x00000000000000000000AB', { testKeys: 'solve' })
    expect(await captcha.solve(page)).toMatchObject({ solved: [{}] })
  })

  test('Cloudflare’s own page before a whole site is no widget of the site’s', async () => {
    await visit('/turnstile')
    await page.evaluate('window._cf_chl_opt = {}; 0')
    expect(await find()).toEqual([])
  })
})

describe('a hostile page with a Turnstile', () => {
  test('redefined built-ins and methods change neither what is found nor where the solution goes', async () => {
    await visit('/turnstile-builtins')
    await eventually(async () => (await page.evaluate('window.bitten')) === true)
    expect(await find()).toMatchObject([{ family: 'turnstile', sitekey, due: true }])
    const { solved } = await captcha.solve(page)
    expect(await page.inputValue(FIELD)).toBe(solved[0]?.solution.token)
  })

  test('getters, proxies and odd values among the arguments are survived', async () => {
    await visit('/turnstile-odd')
    expect(await find()).toMatchObject([{ sitekey, due: true }])
    expect(await captcha.solve(page)).toMatchObject({ solved: [{ challenge: { sitekey } }], failed: [] })
  })

  test('a page sees the API as it would without us', async () => {
    const plain = await (await browser.newContext()).newPage()
    await visit('/turnstile/explicit')
    await plain.goto(`${site.url}/turnstile/explicit`)
    await plain.waitForFunction('window.widget')
    const look = `Object.entries(turnstile).map(([name, one]) => [name, one.name, one.length].join()).join(';') +
      String(Object.getPrototypeOf(turnstile) === Object.prototype)`
    expect(await page.evaluate(look)).toBe(await plain.evaluate(look))
    await plain.context().close()
    await captcha.close()
    expect(await page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
    await page.evaluate('turnstile.reset()')
  })

  test('a thousand calls of the page’s own do not make its widget forgotten', async () => {
    await visit('/turnstile/execute')
    await page.evaluate('for (let n = 0; n < 1000; n++) { turnstile.reset(widget); turnstile.execute(widget) }')
    expect(await find()).toMatchObject([{ sitekey, executed: true }])
  })
})

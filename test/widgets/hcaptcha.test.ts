import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Captcha, CaptchaOptions } from '../../src/adapters/captcha.js'
import { guardContext } from '../../src/adapters/playwright.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { manualClock } from '../../src/testing/clock.js'
import { type StandInHcaptcha, startHcaptcha } from '../../src/testing/hcaptcha.js'
import { type StandInSite, startSite, WELCOME } from '../../src/testing/site.js'
import { denied, type FakeGrant, fakeGrant } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { launchBrowser } from '../support/browser.js'
import { fixturePages } from '../support/fixture-pages.js'

const FIELD = 'textarea[name="h-captcha-response"]'
const SUBMIT = '#login button'
const vendorClock = manualClock(Date.now())

let browser: Browser
let hcaptcha: StandInHcaptcha
let site: StandInSite
let sitekey: string
let context: BrowserContext
let page: Page
let grant: FakeGrant
let captcha: Captcha<Page>

beforeAll(async () => {
  browser = await launchBrowser()
  hcaptcha = await startHcaptcha({ clock: vendorClock })
  site = await startSite({ hcaptcha, pages: fixturePages() })
  sitekey = site.sitekeys.hcaptcha
})

afterAll(async () => {
  await browser?.close()
  await site?.close()
  await hcaptcha?.close()
})

beforeEach(async () => {
  context = await browser.newContext()
})

afterEach(async () => {
  hcaptcha.behave(sitekey, {})
  await context.close()
})

async function visit(
  path: string,
  policy: Omit<PolicyInput, 'origins'> = {},
  options: CaptchaOptions = {},
): Promise<void> {
  grant = fakeGrant(hcaptcha, policy)
  captcha = await guardContext(grant, context, undefined, options)
  page = await context.newPage()
  await page.goto(`${site.url}${path}`)
  await framed()
}

const boxes = () => page.frames().filter((frame) => /frame=checkbox/.test(frame.url()))
const framed = (many = 1) => eventually(() => boxes().length >= many)
const challengeFrame = () => page.frames().find((frame) => /frame=challenge/.test(frame.url()))
const find = async () => [...(await captcha.find(page))]
const calls = (): Promise<string[]> => page.evaluate('calls')
const due = () => eventually(async () => (await find())[0]?.due === true)

describe('an hCaptcha is found and solved, until the server is content:', () => {
  test.each([
    '/hcaptcha',
    '/hcaptcha/named',
    '/hcaptcha/plain',
    '/hcaptcha/explicit',
    '/hcaptcha/compat',
    '/hcaptcha/compat-explicit',
    '/hcaptcha/shadow',
    '/csp/hcaptcha/named',
    '/csp/hcaptcha/explicit',
  ])('%s', async (path) => {
    await visit(path)
    expect(await find()).toMatchObject([{ family: 'hcaptcha', variant: 'checkbox', sitekey, due: true }])
    const { solved, cost } = await captcha.solve(page)
    expect(solved).toHaveLength(1)
    expect(cost).toBe(1000)
    await page.click(SUBMIT)
    expect(await page.textContent('h1.good')).toBe(WELCOME)
    expect(grant.told).toMatchObject([{ ok: true }])
  })

  test.each([
    ['/hcaptcha/button', SUBMIT],
    ['/hcaptcha/invisible', '#go'],
  ])('%s, once the page has set it off', async (path, button) => {
    await visit(path)
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'not-set-off' }] })
    await page.click(button)
    await due()
    expect(await find()).toMatchObject([{ variant: 'invisible', sitekey, executed: true, visible: false }])
    expect(await captcha.solve(page)).toMatchObject({ solved: [{}] })
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('a promise that the page waits for is kept, with the rqdata that the page gave', async () => {
    await visit('/hcaptcha/async')
    await page.evaluate('document.getElementById("login").submit = function () {}; 0')
    await page.click('#go')
    await due()
    expect(await find()).toMatchObject([{ variant: 'invisible', rqdata: 'one-time-rqdata' }])
    const { solved } = await captcha.solve(page)
    expect(grant.asked).toMatchObject([{ rqdata: 'one-time-rqdata' }])
    const token = solved[0]?.solution.token
    await page.waitForFunction('window.promised')
    expect(await page.evaluate('promised')).toEqual({ response: token, key: '' })
    expect(await calls()).toEqual([token])
    await page.evaluate('HTMLFormElement.prototype.submit.call(document.getElementById("login"))')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('rqdata that was set is told to the solver', async () => {
    await visit('/hcaptcha/set-data')
    await captcha.solve(page)
    expect(grant.asked).toMatchObject([{ family: 'hcaptcha', variant: 'checkbox', rqdata: 'set-rqdata' }])
  })

  test('every place that the page may read an answer from has it', async () => {
    await visit('/hcaptcha/named')
    const sell = grant.solve
    grant.solve = async (...args) => ({ ...(await sell(...args)), fields: { respKey: 'E0_key' } })
    const { solved } = await captcha.solve(page)
    const token = solved[0]?.solution.token
    expect(await page.inputValue(FIELD)).toBe(token)
    expect(await page.inputValue('textarea[name="g-recaptcha-response"]')).toBe(token)
    expect(await page.getAttribute('iframe[data-hcaptcha-response]', 'data-hcaptcha-response')).toBe(token)
    expect(await page.evaluate('[hcaptcha.getResponse(), hcaptcha.getRespKey()]')).toEqual([token, 'E0_key'])
    expect(await calls()).toEqual([token])
  })

  test('several of one sitekey are told apart', async () => {
    await visit('/hcaptcha/several')
    await framed(3)
    expect(await find()).toHaveLength(3)
    const { solved } = await captcha.solve(page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    const fields = await page.$$eval(FIELD, (all) => all.map((one) => (one as HTMLTextAreaElement).value))
    expect([...fields].sort()).toEqual([...tokens].sort())
    expect(await page.evaluate('[hcaptcha.getResponse(), hcaptcha.getResponse(widget)]')).toEqual([
      fields[0],
      fields[2],
    ])
    await page.click('form:nth-of-type(2) button')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test.each([
    ['https://js.hcaptcha.com/1/api.js', 'hcaptcha'],
    ['https://js.hcaptcha.com/1/api.js?recaptchacompat=off', 'recaptcha'],
  ])('while %s is on its way, an element of reCAPTCHA’s is taken for one of %s', async (src, family) => {
    captcha = await guardContext(fakeGrant(hcaptcha), context)
    page = await context.newPage()
    await page.route('https://js.hcaptcha.com/**', (route) => route.abort())
    await page.goto(`${site.url}/tiny`)
    await page.setContent(`<div class="g-recaptcha" data-sitekey="${sitekey}"></div><script src="${src}"></script>`)
    expect(await find()).toMatchObject([{ family, sitekey }])
  })

  test('one that was there before the context was guarded', async () => {
    page = await context.newPage()
    await page.goto(`${site.url}/hcaptcha/explicit`)
    await framed()
    grant = fakeGrant(hcaptcha)
    captcha = await guardContext(grant, context)
    expect(await find()).toMatchObject([{ variant: 'checkbox', sitekey, due: true }])
    const { solved } = await captcha.solve(page)
    expect(await page.evaluate('hcaptcha.getResponse(widget)')).toBe(solved[0]?.solution.token)
    await page.click(SUBMIT)
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('one that is drawn, removed and drawn again', async () => {
    await visit('/hcaptcha')
    await page.goto(`${site.url}/hcaptcha/late`)
    await page.waitForFunction('window.hcaptcha')
    expect(await find()).toEqual([])
    await page.evaluate('draw()')
    await page.evaluate('hcaptcha.remove(widget)')
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

describe('of an hCaptcha only what is due is paid for:', () => {
  test('one that a person has answered is left alone', async () => {
    await visit('/hcaptcha/named')
    await boxes()[0]?.click('#tick')
    await challengeFrame()?.click('#verify')
    await page.waitForFunction('calls.length')
    expect(await captcha.solve(page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }], cost: 0 })
    expect(grant.asked).toEqual([])
  })

  test('an invisible one that passes within its grace costs nothing', async () => {
    const clock = manualClock(Date.now())
    hcaptcha.behave(sitekey, { passes: true, afterMs: 2_000 })
    await visit('/hcaptcha/invisible', { grace: '3s' }, { clock })
    await page.evaluate('submitLogin = function (token) { calls.push(token) }; hcaptcha.execute(); 0')
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

  test('a challenge that stands open is closed once its widget is answered', async () => {
    await visit('/hcaptcha/invisible')
    await page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
    await page.click('#go')
    const shown =
      '[...document.querySelectorAll("iframe")].some((f) => /challenge/.test(f.src) && getComputedStyle(f).visibility === "visible")'
    await page.waitForFunction(shown)
    const { solved } = await captcha.solve(page)
    expect(await page.evaluate(shown)).toBe(false)
    expect(await calls()).toEqual([solved[0]?.solution.token])
  })

  test('a promise that the vendor breaks, or a solve that is denied, is the page’s to hear of', async () => {
    await visit('/hcaptcha/async')
    grant.answer = () => Promise.reject(denied())
    await page.click('#go')
    await due()
    expect(await captcha.solve(page)).toMatchObject({ denied: [{}] })
    await challengeFrame()?.click('#close')
    await page.waitForFunction('window.refused')
    expect(await page.evaluate('refused')).toBe('challenge-closed')
    expect(await find()).toMatchObject([{ executed: false, due: false }])
  })

  test('one that we answered is not answered twice, until the page resets it', async () => {
    await visit('/hcaptcha/explicit')
    await captcha.solve(page)
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await page.evaluate('hcaptcha.reset(widget)')
    expect(await page.evaluate('hcaptcha.getResponse(widget)')).toBe('')
    expect(await find()).toMatchObject([{ answered: false, due: true }])
  })

  test('a token that has grown too old is taken away again, and the page is told', async () => {
    await visit('/hcaptcha')
    await page.evaluate('window.expired = 0; window.tooOld = function () { expired++ }; 0')
    await page.evaluate('document.querySelector(".h-captcha").dataset.expiredCallback = "tooOld"; 0')
    grant.livesMs = 200
    await captcha.solve(page)
    await page.waitForFunction('expired')
    expect(await page.inputValue(FIELD)).toBe('')
    expect(await page.evaluate('hcaptcha.getResponse()')).toBe('')
    expect(await find()).toMatchObject([{ answered: false, due: true }])
  })
})

describe('a hostile page with an hCaptcha', () => {
  test('getters, proxies and odd values among the arguments are survived', async () => {
    await visit('/hcaptcha-odd')
    expect(await find()).toMatchObject([{ sitekey, rqdata: undefined, due: true }])
    expect(await captcha.solve(page)).toMatchObject({ solved: [{ challenge: { sitekey } }], failed: [] })
  })

  test('a page sees the API as it would without us', async () => {
    const plain = await (await browser.newContext()).newPage()
    await visit('/hcaptcha/explicit')
    await plain.goto(`${site.url}/hcaptcha/explicit`)
    await plain.waitForFunction('window.widget')
    const look = `Object.entries(hcaptcha).map(([name, one]) => [name, one.name, one.length].join()).join(';') +
      String(Object.getPrototypeOf(hcaptcha) === Object.prototype)`
    expect(await page.evaluate(look)).toBe(await plain.evaluate(look))
    await plain.context().close()
    await captcha.close()
    expect(await page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
    await page.evaluate('hcaptcha.reset()')
  })
})

import { describe, expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startHcaptcha } from '../../../src/testing/vendors/hcaptcha/index.js'
import { denied } from '../../adapters/fake-grant.js'
import { eventually } from '../../adapters/tool.js'
import { inGrace, stage } from '../stage.js'

const FIELD = 'textarea[name="h-captcha-response"]'
const SUBMIT = '#login button'

const at = stage('hcaptcha', startHcaptcha, /frame=checkbox/)
const challengeFrame = () => at.page.frames().find((frame) => /frame=challenge/.test(frame.url()))

describe('solves an hCaptcha so that the server accepts the token:', () => {
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
    await at.visit(path)
    expect(await at.find()).toMatchObject([{ family: 'hcaptcha', variant: 'checkbox', sitekey: at.sitekey, due: true }])
    const { solved, cost } = await at.captcha.solve(at.page)
    expect(solved).toHaveLength(1)
    expect(cost).toBe(1000)
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.grant.injections).toMatchObject([{ ok: true }])
  })

  test.each([
    ['/hcaptcha/button', SUBMIT],
    ['/hcaptcha/invisible', '#go'],
  ])('%s, once the page has executed it', async (path, button) => {
    await at.visit(path)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    await at.page.click(button)
    await at.due()
    expect(await at.find()).toMatchObject([
      { variant: 'invisible', sitekey: at.sitekey, executed: true, visible: false },
    ])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('resolves the promise for which the page waits, and sends the page’s rqdata to the solver', async () => {
    await at.visit('/hcaptcha/async')
    await at.page.evaluate('document.getElementById("login").submit = function () {}; 0')
    await at.page.click('#go')
    await at.due()
    expect(await at.find()).toMatchObject([{ variant: 'invisible', rqdata: 'one-time-rqdata' }])
    const { solved } = await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ rqdata: 'one-time-rqdata' }])
    const token = solved[0]?.solution.token
    await at.page.waitForFunction('window.promised')
    expect(await at.page.evaluate('promised')).toEqual({ response: token, key: '' })
    expect(await at.calls()).toEqual([token])
    await at.page.evaluate('HTMLFormElement.prototype.submit.call(document.getElementById("login"))')
    await at.welcomed()
  })

  test('sends rqdata from setData to the solver', async () => {
    await at.visit('/hcaptcha/set-data')
    await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ family: 'hcaptcha', variant: 'checkbox', rqdata: 'set-rqdata' }])
  })

  test('every place from which the page may read an answer has it', async () => {
    await at.visit('/hcaptcha/named')
    const sell = at.grant.solve
    at.grant.solve = async (...args) => ({ ...(await sell(...args)), fields: { respKey: 'E0_key' } })
    const { solved } = await at.captcha.solve(at.page)
    const token = solved[0]?.solution.token
    expect(await at.page.inputValue(FIELD)).toBe(token)
    expect(await at.page.inputValue('textarea[name="g-recaptcha-response"]')).toBe(token)
    expect(await at.page.getAttribute('iframe[data-hcaptcha-response]', 'data-hcaptcha-response')).toBe(token)
    expect(await at.page.evaluate('[hcaptcha.getResponse(), hcaptcha.getRespKey()]')).toEqual([token, 'E0_key'])
    expect(await at.calls()).toEqual([token])
  })

  test('several widgets with the same sitekey, each with its own token', async () => {
    await at.visit('/hcaptcha/several')
    await at.framed(3)
    expect(await at.find()).toHaveLength(3)
    const { solved } = await at.captcha.solve(at.page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    const fields = await at.page.$$eval(FIELD, (all) => all.map((one) => (one as HTMLTextAreaElement).value))
    expect([...fields].sort()).toEqual([...tokens].sort())
    expect(await at.page.evaluate('[hcaptcha.getResponse(), hcaptcha.getResponse(widget)]')).toEqual([
      fields[0],
      fields[2],
    ])
    await at.page.click('form:nth-of-type(2) button')
    await at.welcomed()
  })

  test.each([
    ['https://js.hcaptcha.com/1/api.js', 'hcaptcha'],
    ['https://js.hcaptcha.com/1/api.js?recaptchacompat=off', 'recaptcha'],
  ])('while %s is loading, an element with reCAPTCHA’s class counts as one of %s', async (src, family) => {
    await at.guard()
    await at.newPage()
    await at.page.route('https://js.hcaptcha.com/**', (route) => route.abort())
    await at.page.goto(`${at.site.url}/tiny`)
    await at.page.setContent(
      `<div class="g-recaptcha" data-sitekey="${at.sitekey}"></div><script src="${src}"></script>`,
    )
    expect(await at.find()).toMatchObject([{ family, sitekey: at.sitekey }])
  })

  test('a widget that was rendered before the context was guarded', async () => {
    await at.open('/hcaptcha/explicit')
    await at.framed()
    await at.guard()
    expect(await at.find()).toMatchObject([{ variant: 'checkbox', sitekey: at.sitekey, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate('hcaptcha.getResponse(widget)')).toBe(solved[0]?.solution.token)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a widget that is rendered, removed and rendered again', async () => {
    await at.visit('/hcaptcha')
    await at.page.goto(`${at.site.url}/hcaptcha/late`)
    await at.page.waitForFunction('window.hcaptcha')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.page.evaluate('hcaptcha.remove(widget)')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.page.evaluate('draw()')
    expect(await at.find()).toHaveLength(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

describe('pays only for an hCaptcha that is due:', () => {
  test('skips a widget that a person has answered', async () => {
    await at.visit('/hcaptcha/named')
    await at.frames()[0]?.click('#tick')
    await challengeFrame()?.click('#verify')
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }], cost: 0 })
    expect(at.grant.challenges).toEqual([])
  })

  test('an invisible widget that passes within its grace costs nothing', async () => {
    const clock = manualClock(Date.now())
    at.vendor.setBehavior(at.sitekey, { passes: true, afterMs: 2_000 })
    await at.visit('/hcaptcha/invisible', { grace: '3s' }, { clock })
    await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; hcaptcha.execute(); 0')
    await eventually(() => at.vendorClock.waiting > 0)
    const solving = at.captcha.solve(at.page)
    await inGrace(clock)
    await at.vendorClock.advance(2_000)
    await at.page.waitForFunction('calls.length')
    await clock.advance(3_000)
    expect(await solving).toMatchObject({ solved: [], skipped: [{ reason: 'auto-passed' }] })
    expect(at.grant.challenges).toEqual([])
  })

  const shown =
    '[...document.querySelectorAll("iframe")].some((f) => /challenge/.test(f.src) && getComputedStyle(f).visibility === "visible")'

  test('closes an open challenge when its widget is answered', async () => {
    await at.visit('/hcaptcha/invisible')
    await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
    await at.page.click('#go')
    await at.page.waitForFunction(shown)
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate(shown)).toBe(false)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
  })

  test('closes a challenge that opens after its widget was answered, until the page executes it again', async () => {
    at.vendor.setBehavior(at.sitekey, { afterMs: 2_000 })
    await at.visit('/hcaptcha/invisible')
    await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
    await at.page.click('#go')
    await eventually(() => at.vendorClock.waiting > 0)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.page.evaluate(`window.opened = 0; new MutationObserver(() => { opened++ })
      .observe(document.body, { attributes: true, subtree: true }); 0`)
    await at.vendorClock.advance(2_000)
    await at.page.waitForFunction('opened')
    expect(await at.page.evaluate(shown)).toBe(false)
    // An execute before a reset opens nothing any more; one after it does.
    await at.page.evaluate('hcaptcha.execute(); 0')
    await eventually(() => at.vendorClock.waiting === 1)
    await at.vendorClock.advance(1_000)
    await at.page.evaluate('hcaptcha.reset(); hcaptcha.execute(); 0')
    await eventually(() => at.vendorClock.waiting === 2)
    await at.vendorClock.advance(1_000)
    await eventually(() => at.vendorClock.waiting === 1)
    expect(await at.page.evaluate(shown)).toBe(false)
    await at.vendorClock.advance(1_000)
    await at.page.waitForFunction(shown)
  })

  test('the page’s promise rejects if the vendor rejects it, also after a denied solve', async () => {
    await at.visit('/hcaptcha/async')
    at.grant.answer = () => Promise.reject(denied())
    await at.page.click('#go')
    await at.due()
    expect(await at.captcha.solve(at.page)).toMatchObject({ denied: [{}] })
    await eventually(() => challengeFrame() !== undefined)
    // Its button is there before its script listens.
    await challengeFrame()?.waitForFunction('document.readyState === "complete"')
    await challengeFrame()?.click('#close')
    await at.page.waitForFunction('window.refused')
    expect(await at.page.evaluate('refused')).toBe('challenge-closed')
    expect(await at.find()).toMatchObject([{ executed: false, due: false }])
  })

  test('does not solve a widget again after an injection, until the page resets it', async () => {
    await at.visit('/hcaptcha/explicit')
    await at.captcha.solve(at.page)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await at.page.evaluate('hcaptcha.reset(widget)')
    expect(await at.page.evaluate('hcaptcha.getResponse(widget)')).toBe('')
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })

  test('removes a token that has expired, and calls the page’s callback', async () => {
    await at.visit('/hcaptcha')
    await at.page.evaluate('window.expired = 0; window.tooOld = function () { expired++ }; 0')
    await at.page.evaluate('document.querySelector(".h-captcha").dataset.expiredCallback = "tooOld"; 0')
    at.grant.tokenTtlMs = 200
    await at.captcha.solve(at.page)
    await at.page.waitForFunction('expired')
    expect(await at.page.inputValue(FIELD)).toBe('')
    expect(await at.page.evaluate('hcaptcha.getResponse()')).toBe('')
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })
})

describe('a hostile page with an hCaptcha', () => {
  test('getters, proxies and invalid values among the arguments throw nothing', async () => {
    await at.visit('/hcaptcha-odd')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, rqdata: undefined, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({
      solved: [{ challenge: { sitekey: at.sitekey } }],
      failed: [],
    })
  })

  test('the page observes the same API as without a guard', async () => {
    const plain = await (await at.browser.newContext()).newPage()
    await at.visit('/hcaptcha/explicit')
    await plain.goto(`${at.site.url}/hcaptcha/explicit`)
    await plain.waitForFunction('window.widget')
    const look = `Object.entries(hcaptcha).map(([name, one]) => [name, one.name, one.length].join()).join(';') +
      String(Object.getPrototypeOf(hcaptcha) === Object.prototype)`
    expect(await at.page.evaluate(look)).toBe(await plain.evaluate(look))
    await plain.context().close()
    await at.captcha.close()
    expect(await at.page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
    await at.page.evaluate('hcaptcha.reset()')
  })
})

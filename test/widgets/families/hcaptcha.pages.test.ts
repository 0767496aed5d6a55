import { describe, expect, test } from 'vitest'
import { startHcaptcha } from '../../../src/testing/vendors/hcaptcha/index.js'
import { denied } from '../../adapters/fake-grant.js'
import { eventually } from '../../adapters/tool.js'
import { familyContract, scriptAnew } from '../family-contract.js'
import { stage } from '../stage.js'

const FIELD = 'textarea[name="h-captcha-response"]'
const SUBMIT = '#login button'

const at = stage('hcaptcha', startHcaptcha, /frame=checkbox/)
const shown =
  '[...document.querySelectorAll("iframe")].some((f) => /challenge/.test(f.src) && getComputedStyle(f).visibility === "visible")'
const challengeFrame = () => at.page.frames().find((frame) => /frame=challenge/.test(frame.url()))

familyContract(at, {
  elsewhere: {
    path: '/hcaptcha-portal',
    api: 'window.hcaptcha',
    token: 'hcaptcha.getResponse(widget)',
    field: FIELD,
  },
  restored: { path: '/hcaptcha', field: 'h-captcha-response' },
  early: { paths: ['/hcaptcha/named'], script: '**/api.js*', field: 'textarea[name=h-captcha-response]' },
  redrawn: { path: '/hcaptcha-redrawn', api: 'window.hcaptcha', token: 'hcaptcha.getResponse(widget)' },
  reloaded: {
    path: '/hcaptcha/named',
    again: scriptAnew('.h-captcha', 'hcaptcha', 'api.js'),
    token: 'hcaptcha.getResponse()',
  },
  copied: { path: '/hcaptcha/named', element: '.h-captcha' },
  name: 'an hCaptcha',
  submit: SUBMIT,
  found: { family: 'hcaptcha', variant: 'checkbox' },
  pages: [
    '/hcaptcha',
    '/hcaptcha/named',
    '/hcaptcha/plain',
    '/hcaptcha/explicit',
    '/hcaptcha/compat',
    '/hcaptcha/compat-explicit',
    '/hcaptcha/shadow',
    '/csp/hcaptcha/named',
    '/csp/hcaptcha/explicit',
  ],
  several: {
    path: '/hcaptcha/several',
    field: FIELD,
    async check(fields) {
      const read = await at.page.evaluate('[hcaptcha.getResponse(), hcaptcha.getResponse(widget)]')
      expect(read).toEqual([fields[0], fields[2]])
    },
  },
  blocked: { path: '/hcaptcha', script: '**/api.js*', tag: '.h-captcha' },
  named: { path: '/hcaptcha/named', callback: 'answered' },
  watched: ['/hcaptcha/explicit', {}],
  openBefore: {
    paths: ['/hcaptcha/explicit'],
    token: 'hcaptcha.getResponse(widget)',
    notifyFailure: 'callback-out-of-reach',
  },
  late: { path: '/hcaptcha/late', api: 'window.hcaptcha', remove: 'hcaptcha.remove(widget)', twice: true },
  person: {
    path: '/hcaptcha/named',
    async answers() {
      await at.frames()[0]?.click('#tick')
      await challengeFrame()?.click('#verify')
    },
  },
  grace: {
    path: '/hcaptcha/invisible',
    behavior: { passes: true },
    begins: () => at.page.evaluate('submitLogin = function (token) { calls.push(token) }; hcaptcha.execute(); 0'),
  },
  reset: {
    paths: ['/hcaptcha/explicit'],
    run: 'hcaptcha.reset(widget)',
    done: 'hcaptcha.getResponse(widget) === ""',
  },
  expiry: {
    path: '/hcaptcha',
    prepare: `window.expired = 0; window.tooOld = function () { expired++ };
      document.querySelector('.h-captcha').dataset.expiredCallback = 'tooOld'; 0`,
    done: `expired && document.querySelector('${FIELD}').value === '' && hcaptcha.getResponse() === ''`,
  },
  popup: {
    paths: ['/hcaptcha/invisible', '/hcaptcha/in-application', '/hcaptcha/in-dialog'],
    opens: () => at.page.click('#go'),
    shown,
  },
  denied: { path: '/hcaptcha/named', state: `[hcaptcha.getResponse(), document.querySelector('${FIELD}').value]` },
  invalid: { path: '/hcaptcha-odd', found: { rqdata: undefined }, evaluateMs: 2_000 },
  api: {
    path: '/hcaptcha/explicit',
    rendered: 'window.widget',
    look: `Object.entries(hcaptcha).map(([name, one]) => [name, one.name, one.length].join()).join(';') +
      String(Object.getPrototypeOf(hcaptcha) === Object.prototype)`,
    after: () => at.page.evaluate('hcaptcha.reset()'),
  },
})

describe('solves an hCaptcha so that the server accepts the token:', () => {
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
})

test('a page that renders twice into one element has said nothing malformed', async () => {
  await at.visit('/hcaptcha/explicit')
  await at.page.evaluate('hcaptcha.render("here", { sitekey: "10000000-0000-4000-8000-000000000000" })')
  expect((await at.captcha.find(at.page)).omitted.malformed).toBe(0)
})

describe('pays only for an hCaptcha that is due:', () => {
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
})

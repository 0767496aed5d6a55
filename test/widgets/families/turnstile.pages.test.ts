import { describe, expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startTurnstile } from '../../../src/testing/vendors/turnstile/index.js'
import { eventually } from '../../adapters/tool.js'
import { inGrace, stage } from '../stage.js'

const FIELD = 'input[name="cf-turnstile-response"]'
const SUBMIT = '#login button'

const at = stage('turnstile', startTurnstile, /\/turnstile\/f\//)

describe('solves a Turnstile so that the server accepts the token:', () => {
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
  ])('%s', async (path, expected) => {
    await at.visit(path)
    expect(await at.find()).toMatchObject([
      { family: 'turnstile', variant: 'turnstile', sitekey: at.sitekey, due: true, ...expected },
    ])
    const { solved, cost } = await at.captcha.solve(at.page)
    expect(solved).toHaveLength(1)
    expect(cost).toBe(1000)
    expect(at.grant.challenges).toMatchObject([{ family: 'turnstile', sitekey: at.sitekey, ...expected }])
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.grant.injections).toMatchObject([{ ok: true }])
  })

  test.each(['/turnstile/execute', '/turnstile/executes'])('%s, once the page has executed it', async (path) => {
    await at.visit(path)
    expect(await at.find()).toMatchObject([{ executed: false, due: false }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    await at.page.click('#go')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, executed: true, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('several widgets with the same sitekey, by id, selector and element', async () => {
    await at.visit('/turnstile/several')
    await at.framed(3)
    expect(await at.find()).toHaveLength(3)
    const { solved } = await at.captcha.solve(at.page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    const fields = await at.page.$$eval(FIELD, (all) => all.map((one) => (one as HTMLInputElement).value))
    expect([...fields].sort()).toEqual([...tokens].sort())
    const answers = await at.page.evaluate(`[
      turnstile.getResponse('#first'), turnstile.getResponse(document.getElementById('second')),
      turnstile.getResponse(widget), turnstile.getResponse()]`)
    expect(answers).toEqual([fields[0], fields[1], fields[2], fields[2]])
    expect(await at.page.evaluate('turnstile.isExpired(widget)')).toBe(false)
    await at.page.click('form:nth-of-type(2) button')
    await at.welcomed()
  })

  test('in compat mode, with both fields filled and no reCAPTCHA listed', async () => {
    await at.visit('/turnstile/compat')
    const { solved } = await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ family: 'turnstile' }])
    const token = solved[0]?.solution.token
    expect(await at.page.inputValue('input[name="g-recaptcha-response"]')).toBe(token)
    expect(await at.page.inputValue(FIELD)).toBe(token)
    expect(await at.page.evaluate('grecaptcha.getResponse()')).toBe(token)
    expect(await at.calls()).toEqual([token])
  })

  test('in compat mode an element with reCAPTCHA’s class is no reCAPTCHA while Turnstile’s script is loading', async () => {
    await at.guard()
    await at.newPage()
    await at.page.route('**/api.js*', (route) => route.abort())
    await at.page.goto(`${at.site.url}/turnstile/compat`)
    expect(await at.find()).toMatchObject([{ family: 'turnstile', sitekey: at.sitekey }])
  })

  test('a widget that was rendered before the context was guarded', async () => {
    await at.open('/turnstile/explicit')
    await at.framed()
    await at.guard()
    // Its arguments were not recorded: the sitekey is read from its frame, the id from its field.
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate('turnstile.getResponse(widget)')).toBe(solved[0]?.solution.token)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a widget that is rendered, removed and rendered again', async () => {
    await at.visit('/turnstile').catch(() => undefined)
    await at.page.goto(`${at.site.url}/turnstile/late`)
    await at.page.waitForFunction('window.turnstile')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    expect(await at.find()).toHaveLength(1)
    await at.page.evaluate('turnstile.remove(widget)')
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

describe('pays only for a Turnstile that is due:', () => {
  test('skips a widget that has passed by itself', async () => {
    at.vendor.setBehavior(at.sitekey, { does: 'pass' })
    await at.visit('/turnstile/named')
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.site.verified.at(-1)).toMatchObject({ action: 'login', cdata: 'order-17' })
  })

  test('skips a widget that a person has answered', async () => {
    await at.visit('/turnstile/explicit')
    await at.frames()[0]?.click('#box')
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }], cost: 0 })
    expect(at.grant.challenges).toEqual([])
  })

  test('a widget that passes within its grace costs nothing', async () => {
    const clock = manualClock(Date.now())
    at.vendor.setBehavior(at.sitekey, { does: 'pass', afterMs: 2_000 })
    await at.visit('/turnstile/named', { grace: '3s' }, { clock })
    await eventually(() => at.vendorClock.waiting > 0)
    const solving = at.captcha.solve(at.page)
    await inGrace(clock)
    await at.vendorClock.advance(2_000)
    await at.page.waitForFunction('calls.length')
    await clock.advance(3_000)
    expect(await solving).toMatchObject({ solved: [], skipped: [{ reason: 'auto-passed' }] })
    expect(at.grant.challenges).toEqual([])
  })

  test('skips an invisible widget', async () => {
    await at.visit('/turnstile')
    await at.page.evaluate('document.querySelector("main").style.display = "none"')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
  })

  test('does not solve a widget again after an injection, until the page resets it', async () => {
    await at.visit('/turnstile/explicit')
    await at.captcha.solve(at.page)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await at.page.evaluate('turnstile.reset(widget)')
    expect(await at.page.evaluate('turnstile.getResponse(widget)')).toBeUndefined()
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })

  test('removes a token that has expired, and calls the page’s callback', async () => {
    await at.visit('/turnstile')
    await at.page.evaluate('window.expired = 0; window.tooOld = function () { expired++ }; 0')
    await at.page.evaluate('document.querySelector(".cf-turnstile").dataset.expiredCallback = "tooOld"; 0')
    at.grant.tokenTtlMs = 200
    await at.captcha.solve(at.page)
    await at.page.waitForFunction('expired')
    expect(await at.page.inputValue(FIELD)).toBe('')
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })

  test.each(['2x00000000000000000000AB', '2x00000000000000000000BB'])(
    'does not answer the blocking test key %s',
    async (key) => {
      await at.visit(`/turnstile?sitekey=${key}`)
      expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'blocking-test-key' }] })
      expect(at.grant.challenges).toEqual([])
    },
  )

  test('sends a blocking test key to the solver if the policy solves test keys', async () => {
    await at.visit('/turnstile?sitekey=2x00000000000000000000AB', { testKeys: 'solve' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
  })

  test('does not list Cloudflare’s own page, shown before a whole site, as a widget of the site', async () => {
    await at.visit('/turnstile')
    await at.page.evaluate('window._cf_chl_opt = {}; 0')
    const found = await at.captcha.find(at.page)
    expect(found).toHaveLength(0)
    expect(found.unknown).toMatchObject([{ vendor: 'cloudflare-challenge-page' }])
  })
})

describe('a hostile page with a Turnstile', () => {
  test('redefined built-ins and methods change neither what is found nor where the solution is injected', async () => {
    await at.visit('/turnstile-builtins')
    await eventually(async () => (await at.page.evaluate('window.bitten')) === true)
    expect(await at.find()).toMatchObject([{ family: 'turnstile', sitekey: at.sitekey, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.inputValue(FIELD)).toBe(solved[0]?.solution.token)
  })

  test('getters, proxies and invalid values among the arguments throw nothing', async () => {
    await at.visit('/turnstile-odd')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({
      solved: [{ challenge: { sitekey: at.sitekey } }],
      failed: [],
    })
  })

  test('the page observes the same API as without a guard', async () => {
    const plain = await (await at.browser.newContext()).newPage()
    await at.visit('/turnstile/explicit')
    await plain.goto(`${at.site.url}/turnstile/explicit`)
    await plain.waitForFunction('window.widget')
    const look = `Object.entries(turnstile).map(([name, one]) => [name, one.name, one.length].join()).join(';') +
      String(Object.getPrototypeOf(turnstile) === Object.prototype)`
    expect(await at.page.evaluate(look)).toBe(await plain.evaluate(look))
    await plain.context().close()
    await at.captcha.close()
    expect(await at.page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
    await at.page.evaluate('turnstile.reset()')
  })

  test('a thousand calls of the page do not push its widget out of the log', async () => {
    await at.visit('/turnstile/execute')
    await at.page.evaluate('for (let n = 0; n < 1000; n++) { turnstile.reset(widget); turnstile.execute(widget) }')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, executed: true }])
  })
})

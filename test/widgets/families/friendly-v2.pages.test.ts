import { describe, expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startFriendly } from '../../../src/testing/vendors/friendly/index.js'
import { denied } from '../../adapters/fake-grant.js'
import { eventually, until } from '../../adapters/tool.js'
import { inGrace, stage } from '../stage.js'

const FIELD = 'input[name="frc-captcha-response"]'
const SUBMIT = '#login button'
const at = stage('friendly', startFriendly, /\/api\/v2\/captcha\/widget/)

/** Opens a page, and waits until the vendor's frames have reported the states of its widgets. */
async function visit(...args: Parameters<typeof at.visit>): Promise<void> {
  await at.visit(...args)
  await state('unactivated')
}

const handle = 'frcaptcha.getAllWidgets()[0]'
const state = (wanted: string) => until(at.page, `${handle} && ${handle}.getState() === '${wanted}'`)
const value = () => at.page.inputValue(FIELD)
const events = () => at.page.evaluate('events')

describe('solves a Friendly Captcha v2 so that the server accepts the token:', () => {
  test.each([
    '/friendly',
    '/friendly/field',
    '/friendly/made',
    '/friendly/fieldless',
    '/friendly/shadow',
    '/csp/friendly',
    '/csp/friendly/made',
  ])('%s', async (path) => {
    await visit(path)
    expect(await at.find()).toMatchObject([
      { family: 'friendly', variant: 'v2', sitekey: at.sitekey, visible: true, executed: false, due: true },
    ])
    const { solved, cost } = await at.captcha.solve(at.page)
    expect(solved).toHaveLength(1)
    expect(cost).toBe(1000)
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.grant.injections).toMatchObject([{ ok: true }])
  })

  test('by a page that submits its form as soon as the widget is complete', async () => {
    await visit('/friendly/submits')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('in a frame', async () => {
    await at.visit('/friendly/frame')
    await at.due()
    await at.captcha.solve(at.page)
    await at.page.frameLocator('iframe').locator(SUBMIT).click()
    await at.page.frameLocator('iframe').locator('h1.good').waitFor()
  })

  test('calls the page’s listener once, as the vendor’s script would, and the widget returns the answer', async () => {
    await visit('/friendly')
    const before = (await events()) as string[]
    const { solved } = await at.captcha.solve(at.page)
    const token = solved[0]?.solution.token
    expect(((await events()) as string[]).slice(before.length)).toEqual(['statechange completed', 'complete completed'])
    expect(await at.calls()).toEqual([token])
    expect(await at.page.evaluate(`[${handle}.getState(), ${handle}.getResponse()]`)).toEqual(['completed', token])
    expect(await value()).toBe(token)
  })

  test('sends the address of the script to the solver', async () => {
    await visit('/friendly')
    await at.captcha.solve(at.page)
    const scriptUrl = `${at.vendor.url}/npm/@friendlycaptcha/sdk/site.min.js`
    expect(at.grant.challenges).toMatchObject([{ family: 'friendly', variant: 'v2', sitekey: at.sitekey, scriptUrl }])
  })

  test('using the form afterwards starts the widget, but the answer stays', async () => {
    at.vendor.setBehavior(at.sitekey, { passes: true })
    await visit('/friendly')
    const { solved } = await at.captcha.solve(at.page)
    // The vendor's own listener was added before this one, and is called before it.
    await at.page.evaluate(
      'addEventListener("message", function (event) { if (event.data.state === "completed") window.passed = true })',
    )
    await at.page.fill('input[name=user]', 'somebody@example.com')
    await at.page.waitForFunction('window.passed')
    expect(await value()).toBe(solved[0]?.solution.token)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
  })

  test('several widgets with the same sitekey, each with its own token', async () => {
    await at.visit('/friendly/several')
    await at.framed(3)
    expect(await at.find()).toHaveLength(3)
    const { solved } = await at.captcha.solve(at.page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    const fields = await at.page.$$eval(FIELD, (all) => all.map((one) => (one as HTMLInputElement).value))
    expect(fields).toEqual(tokens)
    expect(
      await at.page.evaluate('frcaptcha.getAllWidgets().map(function (one) { return one.getResponse() })'),
    ).toEqual(tokens)
    await at.page.click('form:nth-of-type(2) button')
    await at.welcomed()
  })

  test('a widget that was rendered before the context was guarded', async () => {
    await at.open('/friendly/made')
    await state('unactivated')
    await at.guard()
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a widget that is rendered late, removed, and rendered again', async () => {
    await at.guard()
    await at.open('/friendly/late')
    await at.page.waitForFunction('window.frcaptcha')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.page.evaluate('widget.destroy(); document.getElementById("app").replaceChildren()')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    expect(await at.find()).toHaveLength(1)
    await at.captcha.solve(at.page)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

describe('pays only for a Friendly Captcha v2 that is due:', () => {
  test('skips a widget that a person has completed with a click', async () => {
    await visit('/friendly')
    await at.frames()[0]?.click('#start')
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    expect(at.grant.challenges).toEqual([])
  })

  test('a widget that starts by itself and answers within its grace costs nothing', async () => {
    const clock = manualClock(Date.now())
    at.vendor.setBehavior(at.sitekey, { passes: true, afterMs: 2_000 })
    await at.visit('/friendly/auto', { grace: '3s' }, { clock })
    await eventually(() => at.vendorClock.waiting > 0)
    expect(await at.find()).toMatchObject([{ executed: true, answered: false, due: true }])
    const solving = at.captcha.solve(at.page)
    await inGrace(clock)
    await at.vendorClock.advance(2_000)
    await at.page.waitForFunction('calls.length')
    await clock.advance(3_000)
    expect(await solving).toMatchObject({ solved: [], skipped: [{ reason: 'auto-passed' }] })
    expect(at.grant.challenges).toEqual([])
  })

  test('a widget that waits for a click gets no grace', async () => {
    // With this clock a grace never ends.
    await at.visit('/friendly/auto', { grace: '60s' }, { clock: manualClock(Date.now()) })
    await state('activated')
    expect(await at.find()).toMatchObject([{ executed: false, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a denied solve changes nothing in the page', async () => {
    await visit('/friendly')
    at.grant.answer = () => Promise.reject(denied())
    expect(await at.captcha.solve(at.page)).toMatchObject({ denied: [{}] })
    expect(await value()).toBe('.UNSTARTED')
    expect(await at.calls()).toEqual([])
  })

  test('does not solve a widget again after an injection, until the page resets it', async () => {
    await visit('/friendly/made')
    await at.captcha.solve(at.page)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await at.page.evaluate('widget.reset()')
    await at.due()
    await state('unactivated')
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })

  test('removes a token that has expired, and calls the page’s callback', async () => {
    await visit('/friendly')
    at.grant.tokenTtlMs = 200
    await at.captcha.solve(at.page)
    await at.page.waitForFunction('events.indexOf("expire expired") >= 0')
    expect(await value()).toBe('.EXPIRED')
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })
})

describe('the page of a Friendly Captcha v2', () => {
  test('observes the same object as without a guard, once the overrides are removed', async () => {
    await visit('/friendly/made')
    const look = 'Object.getOwnPropertyNames(widget).sort().join() + widget.setState.name + widget.setState.length'
    const before = await at.page.evaluate(look)
    await at.captcha.solve(at.page)
    expect(await at.page.evaluate('widget.setState.name + widget.setState.length')).toBe('setState1')
    await at.captcha.close()
    expect(await at.page.evaluate(look)).toBe(before)
    expect(await at.page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
  })

  test('may throw in its listener: the error reaches the page’s own handlers', async () => {
    await visit('/friendly/made')
    await at.page.evaluate(
      'widget.addEventListener("frc:widget.complete", function () { throw new Error("the page’s own") }); 0',
    )
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}], failed: [] })
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('has one widget where the vendor’s script replaces hCaptcha’s or reCAPTCHA’s', async () => {
    await visit('/friendly/made')
    await at.page.evaluate(
      'widget.e.className = "g-recaptcha h-captcha"; widget.e.dataset.sitekey = "FCMSTANDIN000001"; 0',
    )
    expect(await at.find()).toMatchObject([{ family: 'friendly' }])
  })
})

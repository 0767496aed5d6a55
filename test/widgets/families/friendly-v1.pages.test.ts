import { describe, expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startFriendly } from '../../../src/testing/vendors/friendly/index.js'
import { denied } from '../../adapters/fake-grant.js'
import { eventually, until } from '../../adapters/tool.js'
import { inGrace, stage } from '../stage.js'

const FIELD = 'input[name="frc-captcha-solution"]'
const SUBMIT = '#login button:not([type=button])'
const at = stage('friendly', startFriendly)

/** Opens a page, and waits until the vendor's script has rendered its widgets. */
async function visit(...args: Parameters<typeof at.visit>): Promise<void> {
  await at.visit(...args)
  await until(at.page, 'document.querySelector(".frc-container")')
}

const value = () => at.page.inputValue(FIELD)

describe('solves a Friendly Captcha v1 so that the server accepts the token:', () => {
  test.each([
    '/friendly/v1',
    '/friendly/v1/named',
    '/friendly/v1/field',
    '/friendly/v1/made',
    '/friendly/v1/fieldless',
    '/csp/friendly/v1/named',
    '/csp/friendly/v1/made',
  ])('%s', async (path) => {
    await visit(path)
    expect(await at.find()).toMatchObject([
      { family: 'friendly', variant: 'v1', sitekey: at.sitekey, visible: true, executed: false, due: true },
    ])
    const { solved, cost } = await at.captcha.solve(at.page)
    expect(solved).toHaveLength(1)
    expect(cost).toBe(1000)
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.grant.injections).toMatchObject([{ ok: true }])
  })

  test('in an open shadow root', async () => {
    await at.visit('/friendly/v1/shadow')
    await at.due()
    await at.captcha.solve(at.page)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('sends the address of the script to the solver', async () => {
    await visit('/friendly/v1')
    await at.captcha.solve(at.page)
    const scriptUrl = `${at.vendor.url}/npm/friendly-challenge/widget.module.min.js`
    expect(at.grant.challenges).toMatchObject([{ family: 'friendly', variant: 'v1', sitekey: at.sitekey, scriptUrl }])
  })

  test.each([
    ['/friendly/v1/named', 'data-callback'],
    ['/friendly/v1/made', 'doneCallback'],
  ])('%s: calls the %s once, with the token that the field has', async (path) => {
    await visit(path)
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
    expect(await value()).toBe(solved[0]?.solution.token)
    expect(await at.page.evaluate('document.querySelector(".frc-captcha, #here").friendlyChallengeWidget.valid')).toBe(
      true,
    )
  })

  test('using the form afterwards does not start the widget, and the answer stays', async () => {
    await visit('/friendly/v1')
    const { solved } = await at.captcha.solve(at.page)
    await at.page.fill('input[name=user]', 'somebody@example.com')
    await at.page.click('input[name=password]')
    expect(await value()).toBe(solved[0]?.solution.token)
  })

  test('several widgets with the same sitekey, each with its own token', async () => {
    await visit('/friendly/v1/several')
    expect(await at.find()).toHaveLength(3)
    const { solved } = await at.captcha.solve(at.page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    const fields = await at.page.$$eval(FIELD, (all) => all.map((one) => (one as HTMLInputElement).value))
    expect(fields).toEqual(tokens)
    await at.page.click('form:nth-of-type(2) button:not([type=button])')
    await at.welcomed()
  })

  test('a widget that was rendered before the context was guarded', async () => {
    await at.open('/friendly/v1/made')
    await at.page.waitForFunction('document.querySelector(".frc-container")')
    await at.guard()
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a widget that is rendered late, and rendered again', async () => {
    await at.visit('/friendly/v1/late')
    await at.page.waitForFunction('window.friendlyChallenge')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.page.evaluate('draw()')
    await at.due()
    expect(await at.find()).toHaveLength(1)
    await at.captcha.solve(at.page)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

describe('pays only for a Friendly Captcha v1 that is due:', () => {
  test('skips a widget that has answered by itself', async () => {
    at.vendor.setBehavior(at.sitekey, { passes: true })
    await visit('/friendly/v1/auto')
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.grant.challenges).toEqual([])
  })

  test('a widget that is working and answers within its grace costs nothing', async () => {
    const clock = manualClock(Date.now())
    at.vendor.setBehavior(at.sitekey, { passes: true, afterMs: 2_000 })
    await visit('/friendly/v1/named', { grace: '3s' }, { clock })
    await at.page.click('input[name=password]')
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

  test('stops a working widget at the injection, so that it does not replace the answer', async () => {
    at.vendor.setBehavior(at.sitekey, { passes: true, afterMs: 60_000 })
    await visit('/friendly/v1/auto')
    await eventually(() => at.vendorClock.waiting > 0)
    const { solved } = await at.captcha.solve(at.page)
    const token = solved[0]?.solution.token
    await at.vendorClock.advance(60_000)
    await at.page.evaluate(`fetch('${at.vendor.url}/api/v1/puzzle?sitekey=another').then(function () {})`)
    expect(await value()).toBe(token)
    expect(await at.calls()).toEqual([token])
  })

  test('a widget that has rejected the browser is due at once', async () => {
    // With this clock a grace never ends.
    await visit('/friendly/v1', { grace: '60s' }, { clock: manualClock(Date.now()) })
    await at.page.click('input[name=password]')
    expect(await value()).toBe('.HEADLESS_ERROR')
    expect(await at.find()).toMatchObject([{ executed: false, answered: false, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a denied solve changes nothing in the page', async () => {
    await visit('/friendly/v1/named')
    at.grant.answer = () => Promise.reject(denied())
    expect(await at.captcha.solve(at.page)).toMatchObject({ denied: [{}] })
    expect(await value()).toBe('.UNSTARTED')
    expect(await at.calls()).toEqual([])
  })

  test('does not solve a widget again after an injection, until the page resets it', async () => {
    await visit('/friendly/v1/made')
    await at.captcha.solve(at.page)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await at.page.evaluate('widget.reset()')
    await at.due()
    expect(await value()).toBe('.UNSTARTED')
  })

  test('removes a token that has expired, and the widget can be started again', async () => {
    at.vendor.setBehavior(at.sitekey, { passes: true })
    await visit('/friendly/v1/made')
    at.grant.tokenTtlMs = 200
    await at.captcha.solve(at.page)
    await at.page.waitForFunction(`document.querySelector('${FIELD}').value === '.EXPIRED'`)
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
    await at.page.click('.frc-button')
    await at.page.waitForFunction('calls.length > 1')
  })
})

describe('a hostile page with a Friendly Captcha v1', () => {
  test('getters, proxies and invalid values in the vendor’s state throw nothing', async () => {
    await at.visit('/friendly-odd')
    expect(await at.find()).toMatchObject([{ variant: 'v1', sitekey: at.sitekey, scriptUrl: undefined, due: true }])
    const found = await at.captcha.find(at.page)
    expect(found.omitted.malformed).toBe(2)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}], failed: [] })
    expect(await at.page.evaluate('alerted')).toBe(0)
  })
})

import { describe, expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startFriendly } from '../../../src/testing/vendors/friendly/index.js'
import { eventually, until } from '../../adapters/tool.js'
import { familyContract } from '../family-contract.js'
import { stage } from '../stage.js'

const FIELD = 'input[name="frc-captcha-solution"]'
const SUBMIT = '#login button:not([type=button])'
const at = stage('friendly', startFriendly)

/** Opens a page, and waits until the vendor's script has rendered its widgets. */
async function visit(...args: Parameters<typeof at.visit>): Promise<void> {
  await at.visit(...args)
  await until(at.page, 'document.querySelector(".frc-container")')
}

const value = () => at.page.inputValue(FIELD)

familyContract(at, {
  restored: { path: '/friendly/v1', field: 'frc-captcha-solution' },
  early: { paths: ['/friendly/v1', '/friendly/v1/named'], script: '**/widget.module.min.js', field: FIELD },
  redrawn: { path: '/friendly-v1-redrawn', api: 'window.friendlyChallenge' },
  copied: { path: '/friendly/v1/named', element: '.frc-captcha' },
  name: 'a Friendly Captcha v1',
  submit: SUBMIT,
  rendered: () => until(at.page, 'document.querySelector(".frc-container")'),
  found: { family: 'friendly', variant: 'v1', visible: true, executed: false },
  pages: [
    '/friendly/v1',
    '/friendly/v1/named',
    '/friendly/v1/field',
    '/friendly/v1/made',
    '/friendly/v1/fieldless',
    '/csp/friendly/v1/named',
    '/csp/friendly/v1/made',
  ],
  several: {
    path: '/friendly/v1/several',
    field: FIELD,
    check: async (fields, tokens) => expect(fields).toEqual(tokens),
  },
  blocked: { path: '/friendly/v1', script: '**/friendly-challenge/**', tag: '.frc-captcha' },
  named: { path: '/friendly/v1/named', callback: 'answered' },
  watched: ['/friendly/v1/made', {}],
  openBefore: { paths: ['/friendly/v1/made'], token: 'calls.join()' },
  late: { path: '/friendly/v1/late', api: 'window.friendlyChallenge', twice: true },
  grace: {
    path: '/friendly/v1/named',
    behavior: { passes: true },
    async begins() {
      await at.page.click('input[name=password]')
      await eventually(() => at.vendorClock.waiting > 0)
      expect(await at.find()).toMatchObject([{ executed: true, answered: false, due: true }])
    },
  },
  reset: {
    paths: ['/friendly/v1/made'],
    run: 'widget.reset()',
    done: `document.querySelector('${FIELD}').value === '.UNSTARTED'`,
  },
  denied: { path: '/friendly/v1/named', state: `document.querySelector('${FIELD}').value` },
  invalid: {
    path: '/friendly-odd',
    found: { variant: 'v1', scriptUrl: undefined },
    malformed: 2,
    done: 'alerted === 0',
  },
})

describe('solves a Friendly Captcha v1 so that the server accepts the token:', () => {
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
    await at.page.fill('input[name=user]', 'ada@example.com')
    await at.page.click('input[name=password]')
    expect(await value()).toBe(solved[0]?.solution.token)
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

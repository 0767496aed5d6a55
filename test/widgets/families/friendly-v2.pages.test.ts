import { describe, expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startFriendly } from '../../../src/testing/vendors/friendly/index.js'
import { until } from '../../adapters/tool.js'
import { familyContract } from '../family-contract.js'
import { stage } from '../stage.js'

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

familyContract(at, {
  restored: { path: '/friendly', field: 'frc-captcha-response' },
  early: { paths: ['/friendly'], script: '**/npm/**', field: FIELD, rendered: () => at.framed() },
  blocked: { path: '/friendly', script: '**/npm/**', tag: '.frc-captcha' },
  copied: { path: '/friendly', element: '.frc-captcha' },
  name: 'a Friendly Captcha v2',
  submit: SUBMIT,
  rendered: () => state('unactivated'),
  found: { family: 'friendly', variant: 'v2', visible: true, executed: false },
  pages: [
    '/friendly',
    '/friendly/field',
    '/friendly/made',
    '/friendly/fieldless',
    '/friendly/shadow',
    '/csp/friendly',
    '/csp/friendly/made',
  ],
  several: {
    path: '/friendly/several',
    field: FIELD,
    async check(fields, tokens) {
      expect(fields).toEqual(tokens)
      const read = 'frcaptcha.getAllWidgets().map(function (one) { return one.getResponse() })'
      expect(await at.page.evaluate(read)).toEqual(tokens)
    },
  },
  catches: true,
  watched: ['/friendly/made', {}],
  openBefore: { paths: ['/friendly/made'], token: 'calls.join()' },
  late: {
    path: '/friendly/late',
    api: 'window.frcaptcha',
    remove: 'widget.destroy(); document.getElementById("app").replaceChildren()',
  },
  person: {
    path: '/friendly',
    async answers() {
      // Before that the widget may not listen yet.
      await at.due()
      await at.frames()[0]?.click('#start')
    },
  },
  grace: {
    path: '/friendly/auto',
    behavior: { passes: true },
    async begins() {
      await at.due()
      expect(await at.find()).toMatchObject([{ executed: true, answered: false }])
    },
  },
  reset: { paths: ['/friendly/made'], run: 'widget.reset()', done: `${handle}.getState() === 'unactivated'` },
  expiry: {
    path: '/friendly',
    done: `events.indexOf('expire expired') >= 0 && document.querySelector('${FIELD}').value === '.EXPIRED'`,
  },
  denied: { path: '/friendly', state: `[${handle}.getState(), document.querySelector('${FIELD}').value]` },
})

describe('solves a Friendly Captcha v2 so that the server accepts the token:', () => {
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
    await at.page.fill('input[name=user]', 'ada@example.com')
    await at.page.waitForFunction('window.passed')
    expect(await value()).toBe(solved[0]?.solution.token)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
  })
})

describe('pays only for a Friendly Captcha v2 that is due:', () => {
  test('a widget that waits for a click gets no grace', async () => {
    // With this clock a grace never ends.
    await at.visit('/friendly/auto', { grace: '60s' }, { clock: manualClock(Date.now()) })
    await state('activated')
    expect(await at.find()).toMatchObject([{ executed: false, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.page.click(SUBMIT)
    await at.welcomed()
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

import { describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { WELCOME } from '../../src/testing/site/index.js'
import { inGrace, timedClock } from '../support/stage.js'
import { expectSight } from '../widgets/sight.js'
import { denied } from './fake-grant.js'
import { GO, RENDERED, toolStage } from './stage.js'
import { engineTests, eventually, type Tool, type ToolPage, until } from './tool.js'

/** Advances the clock by the grace only: calls into the page take real time. */
async function finish<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  await clock.advance(3_000)
  return promise
}

/**
 * What money is spent on, and what not. The page script and the engine decide that, so it is tested in Chromium with
 * two tools, and in Firefox.
 */
export function dueContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe('spends only on what is due', () => {
    const vendorClock = manualClock(Date.now())
    const at = toolStage(tool, {}, vendorClock)
    const { visit, find, calls } = at
    const engineTest = engineTests(tool)

    test('skips a widget that a person answered, except with which: all', async () => {
      await visit('/named')
      await at.page.clickInFrame('/anchor', '#recaptcha-anchor')
      await at.page.clickInFrame('/bframe', '#recaptcha-verify-button')
      await until(at.page, 'calls.length')
      expect(await at.captcha.solve(at.page.native)).toMatchObject({
        solved: [],
        skipped: [{ reason: 'answered' }],
        cost: 0,
      })
      expect(at.grant.challenges).toEqual([])
      const { solved } = await at.captcha.solve(at.page.native, { which: 'all' })
      expect(await at.page.evaluate('grecaptcha.getResponse()')).toBe(solved[0]?.solution.token)
    })

    test('skips a widget that it answered before', async () => {
      await visit('/named')
      await at.captcha.solve(at.page.native)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
      expect(await calls()).toBe(1)
    })

    test('skips an invisible widget that was not executed', async () => {
      await visit('/invisible')
      expect(await at.captcha.solve(at.page.native)).toMatchObject({
        solved: [],
        skipped: [{ reason: 'not-executed' }],
      })
      expect(await calls()).toBe(0)
    })

    test('skips a hidden checkbox', async () => {
      await visit('/login')
      await at.page.evaluate('document.querySelector("main").style.display = "none"')
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
    })

    test('finds a checkbox due only where a person can see it, at least after scrolling', async () => {
      await visit('/login')
      await expectSight((expression) => at.page.evaluate(expression), find)
    })

    test.each([
      ['of another origin', 'otherUrl'],
      ['of its own origin', 'url'],
    ] as const)('finds a checkbox in a frame %s due only where a person can see the frame', async (_, url) => {
      await visit('/tiny', 'true')
      const html = `<section><iframe src="${at.site[url]}/login" width="600" height="700"></iframe></section>`
      await at.page.evaluate(`document.body.innerHTML = ${JSON.stringify(html)}; 0`)
      await eventually(async () => (await find())[0]?.due === true)
      for (const style of ['height:0;overflow:hidden', 'opacity:0', 'position:absolute;left:-9999px', 'display:none']) {
        await at.page.evaluate(`document.querySelector('section').style.cssText = '${style}'; 0`)
        expect(await find()).toMatchObject([{ visible: false, due: false }])
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
      }
      const waiting = at.captcha.waitFor(at.page.native)
      await at.page.evaluate(`document.querySelector('section').style.cssText = 'margin-top:4000px'; 0`)
      expect(await waiting).toMatchObject([{ visible: true, due: true }])
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
    })

    test('finds an invisible widget due whose badge is hidden, as its vendor allows', async () => {
      await visit('/invisible-execute')
      await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
      const hidden = '<style>.grecaptcha-badge { visibility: hidden }</style>'
      await at.page.evaluate(`document.head.insertAdjacentHTML('beforeend', '${hidden}'); 0`)
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
    })

    test('leaves v3 to the browser by default', async () => {
      await visit('/v3')
      await at.page.click(GO)
      expect(await at.page.text('h1.good')).toBe(WELCOME)
      expect(at.site.verified.at(-1)).toMatchObject({ success: true, score: 0.1 })
      await at.page.goto(`${at.site.url}/v3`)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({
        solved: [],
        skipped: [{ reason: 'passive' }],
      })
    })

    test('lets a held v3 execute continue when there is no solution by the deadline', async () => {
      await visit('/v3', RENDERED, { recaptchaV3: 'solve' }, { holdMs: 50 })
      await at.page.click(GO)
      expect(await at.page.text('h1.good')).toBe(WELCOME)
      expect(at.site.verified.at(-1)).toMatchObject({ score: 0.1 })
    })

    test('lets a held v3 execute continue at once when the solve was denied', async () => {
      await visit('/v3', RENDERED, { recaptchaV3: 'solve' }, { holdMs: 1_000_000 })
      at.grant.answer = () => Promise.reject(denied())
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ denied: [{}] })
      expect(await at.page.text('h1.good')).toBe(WELCOME)
    })

    test('spends nothing on an invisible widget that passes within its grace', async () => {
      const clock = timedClock()
      at.vendor.setBehavior(at.site.sitekey, { passes: true, afterMs: 2_000 })
      await visit('/invisible-execute', RENDERED, { grace: '3s' }, { clock })
      await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; grecaptcha.execute(); 0')
      await eventually(() => vendorClock.waiting > 0)
      const solving = at.captcha.solve(at.page.native)
      await inGrace(clock)
      await vendorClock.advance(2_000)
      await until(at.page, 'calls.length')
      expect(await finish(clock, solving)).toMatchObject({ solved: [], skipped: [{ reason: 'auto-passed' }] })
      expect(at.grant.challenges).toEqual([])
    })

    test('solves an invisible widget whose challenge opens, after its grace', async () => {
      const clock = timedClock()
      await visit('/invisible-execute', RENDERED, { grace: '3s' }, { clock })
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      const solving = at.captcha.solve(at.page.native)
      await inGrace(clock)
      expect(at.grant.challenges).toEqual([])
      expect(await finish(clock, solving)).toMatchObject({ solved: [{}] })
      expect(await at.page.text('h1.good')).toBe(WELCOME)
    })

    const shown =
      '[...document.querySelectorAll("iframe[name^=c-]")].some((f) => getComputedStyle(f).visibility === "visible")'

    test('closes an open challenge once its widget is answered', async () => {
      await visit('/invisible-execute')
      await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      await until(at.page, shown)
      const { solved } = await at.captcha.solve(at.page.native)
      expect(await at.page.evaluate(shown)).toBe(false)
      await until(at.page, 'window.promised')
      expect(await at.page.evaluate('promised')).toBe(solved[0]?.solution.token)
      expect(await calls()).toBe(1)
    })

    test('hides nothing of the site’s own where the challenge is in its application', async () => {
      await visit('/invisible-execute')
      // As pages do whose modal dialog would cover the challenge.
      await at.page.evaluate(`submitLogin = function (token) { calls.push(token) };
        document.querySelector('main').appendChild(document.querySelector('iframe[name^=c-]').parentNode.parentNode); 0`)
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      await until(at.page, shown)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
      expect(await at.page.evaluate(shown)).toBe(false)
      expect(await at.page.evaluate('getComputedStyle(document.querySelector("main h1")).visibility')).toBe('visible')
    })

    test('closes a challenge that opens after its widget was answered, until the page asks again', async () => {
      at.vendor.setBehavior(at.site.sitekey, { afterMs: 2_000 })
      await visit('/invisible-execute')
      await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
      await at.page.click(GO)
      await eventually(() => vendorClock.waiting > 0)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
      await at.page.evaluate(`window.opened = 0; new MutationObserver(() => { opened++ })
        .observe(document.body, { attributes: true, subtree: true }); 0`)
      await vendorClock.advance(2_000)
      await until(at.page, 'opened')
      expect(await at.page.evaluate(shown)).toBe(false)
      // An execute before the reset opens nothing any more; one after it does.
      await at.page.evaluate('grecaptcha.execute(); 0')
      await eventually(() => vendorClock.waiting === 1)
      await vendorClock.advance(1_000)
      await at.page.evaluate('grecaptcha.reset(); grecaptcha.execute(); 0')
      await eventually(() => vendorClock.waiting === 2)
      await vendorClock.advance(1_000)
      await eventually(() => vendorClock.waiting === 1)
      expect(await at.page.evaluate(shown)).toBe(false)
      await vendorClock.advance(1_000)
      await until(at.page, shown)
    })

    test('removes an expired solution, and notifies the page', async () => {
      await visit('/named')
      await at.page.evaluate('window.expired = 0; widgetExpired = function () { expired++ }; 0')
      await at.page.evaluate('document.querySelector(".g-recaptcha").dataset.expiredCallback = "widgetExpired"; 0')
      at.grant.tokenTtlMs = 200
      await at.captcha.solve(at.page.native)
      await until(at.page, 'expired')
      expect(await at.page.evaluate('grecaptcha.getResponse() + document.querySelector("textarea").value')).toBe('')
      expect(await find()).toMatchObject([{ answered: false, due: true, expired: true }])
      expect(await at.captcha.solve(at.page.native)).toMatchObject({
        solved: [],
        skipped: [{ reason: 'expired' }],
        cost: 0,
      })
      at.grant.tokenTtlMs = 120_000
      expect(await at.captcha.solve(at.page.native, { which: 'all' })).toMatchObject({ solved: [{}] })
      expect(await find()).toMatchObject([{ answered: true, expired: false }])
    })

    engineTest('buys another token for an expired one as often as the policy allows', async () => {
      await visit('/named', RENDERED, { renewals: 2 })
      at.grant.tokenTtlMs = 100
      for (let count = 1; count <= 3; count++) {
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
        expect(await calls()).toBe(count)
        await eventually(async () => (await find())[0]?.expired === true)
      }
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'expired' }] })
      expect(at.grant.challenges).toHaveLength(3)
    })

    test('finds a widget that was reset before its token expired as due, and not as expired', async () => {
      await visit('/named')
      at.grant.tokenTtlMs = 300
      await at.captcha.solve(at.page.native)
      await at.page.evaluate('window.passed = 0; setTimeout(function () { passed = 1 }, 400); grecaptcha.reset(); 0')
      await until(at.page, 'passed')
      expect(await find()).toMatchObject([{ answered: false, due: true, expired: false }])
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
    })

    test('solves an invisible widget that is executed again after its token expired', async () => {
      await visit('/invisible-execute')
      await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      at.grant.tokenTtlMs = 500
      await at.captcha.solve(at.page.native)
      await eventually(async () => (await find())[0]?.answered === false)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [] })
      at.grant.tokenTtlMs = 120_000
      await at.page.click(GO)
      // It was due before as well, as an expired one: only now has the click arrived.
      await eventually(async () => {
        const [widget] = await find()
        return widget?.due === true && !widget.expired
      })
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ skipped: [], failed: [], solved: [{}] })
    })

    test('finds an invisible widget executed again although its first challenge stays visible', async () => {
      at.vendor.setBehavior(at.site.sitekey, { afterMs: 1_000 })
      await visit('/invisible-execute')
      await at.page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
      await at.page.click(GO)
      await eventually(async () => vendorClock.waiting > 0 && (await find())[0]?.due === true)
      at.grant.tokenTtlMs = 300
      await at.captcha.solve(at.page.native)
      await vendorClock.advance(1_000)
      const always = '<style>iframe[name^=c-] { visibility: visible !important }</style>'
      await at.page.evaluate(`document.head.insertAdjacentHTML('beforeend', '${always}'); 0`)
      await eventually(async () => (await find())[0]?.executed === true)
      await eventually(async () => (await find())[0]?.expired === true)
      await at.page.evaluate('void grecaptcha.execute(); 0')
      expect(await find()).toMatchObject([{ due: true, expired: false }])
    })

    test('gives the token to every caller of an invisible widget’s execute', async () => {
      await visit('/invisible-execute')
      const execute = 'grecaptcha.execute().then(function (token) { got.push(token) });'
      await at.page.evaluate(
        `submitLogin = function (token) { calls.push(token) }; window.got = []; ${execute.repeat(2)} 0`,
      )
      const { solved } = await at.captcha.solve(at.page.native)
      await until(at.page, 'got.length === 2')
      expect(await at.page.evaluate('got.join()')).toBe(`${solved[0]?.solution.token},${solved[0]?.solution.token}`)
      expect(await calls()).toBe(1)
    })

    test('spends nothing on an invisible widget whose page navigates within its grace', async () => {
      const clock = timedClock()
      await visit('/invisible-execute', RENDERED, { grace: '3s' }, { clock })
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      const solving = at.captcha.solve(at.page.native)
      await inGrace(clock)
      await at.page.goto(`${at.site.url}/tiny`)
      expect(await finish(clock, solving)).toMatchObject({ solved: [], skipped: [{ reason: 'removed' }] })
      expect(at.grant.challenges).toEqual([])
    })

    engineTest('pays once for each widget in two calls for one page', async () => {
      await visit('/named')
      const both = await Promise.all([at.captcha.solve(at.page.native), at.captcha.solve(at.page.native)])
      expect(at.grant.challenges).toHaveLength(1)
      expect(both[0].cost + both[1].cost).toBe(1000)
      expect(await calls()).toBe(1)
    })

    engineTest('solves a list, with the fields that the caller has changed', async () => {
      await visit('/v3')
      const which = (await find()).map((challenge) => ({ ...challenge, action: 'buy', minScore: 0.7 as const }))
      await at.captcha.solve(at.page.native, { which })
      expect(at.grant.challenges).toMatchObject([{ action: 'buy', minScore: 0.7 }])
      await expect(
        at.captcha.solve(at.page.native, { which: [{ ...which[0], id: 'no' } as never] }),
      ).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      })
    })
  })
}

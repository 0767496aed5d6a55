import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Captcha, CaptchaOptions } from '../../src/adapters/captcha.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { type StandInRecaptcha, startRecaptcha } from '../../src/testing/recaptcha.js'
import { type StandInSite, startSite, WELCOME } from '../../src/testing/site.js'
import { freePort } from '../support/proxies.js'
import { denied, type FakeGrant, fakeGrant } from './fake-grant.js'
import { eventually, type Tool, type ToolContext, type ToolPage, until } from './tool.js'

const GO = '#go'
const SUBMIT = '#login button'
const RENDERED = 'document.querySelector("iframe[name^=a-]")'

const UNKNOWN = '<div class="smart-captcha" data-sitekey="ysc1_stranger" style="height:100px"></div>'

/**
 * What every adapter has to do, whatever tool it stands on: find each variant, solve what is due and nothing else, put the
 * solution where the site's own code and server take it, survive pages that go away, and leave nothing behind.
 */
export function contract<P, E>(tool: Tool<P, E>): void {
  const vendorClock = manualClock(Date.now())
  let recaptcha: StandInRecaptcha
  let site: StandInSite
  let context: ToolContext<P, E>
  let page: ToolPage<P>
  let grant: FakeGrant
  let captcha: Captcha<P, E>

  beforeAll(async () => {
    const port = await freePort()
    recaptcha = await startRecaptcha({
      clock: vendorClock,
      port,
      url: `http://${tool.vendorHost ?? 'localhost'}:${port}`,
    })
    site = await startSite({ recaptcha, pages: { '/unknown': UNKNOWN } })
  })

  afterAll(async () => {
    await site?.close()
    await recaptcha?.close()
    await tool.close()
  })

  beforeEach(async () => {
    context = await tool.open()
  })

  afterEach(async () => {
    recaptcha.behave(site.sitekey, {})
    await context.close()
  })

  /** Guards the context and opens a page of the site in it. */
  async function visit(
    path: string,
    ready = RENDERED,
    policy: Omit<PolicyInput, 'origins'> = {},
    options: CaptchaOptions = {},
  ): Promise<void> {
    grant = fakeGrant(recaptcha, policy)
    captcha = await context.guard(grant, undefined, options)
    page = await context.newPage()
    await page.goto(`${site.url}${path}`)
    await until(page, ready)
  }

  /** Until the call of `find` is over and the wait for the grace is all that is under way: one timer, and it stays. */
  async function graceBegins(clock: ManualClock): Promise<void> {
    let quiet = 0
    await eventually(() => {
      quiet = clock.waiting === 1 ? quiet + 1 : 0
      return quiet > 10
    })
  }

  /** Lets the grace pass, and no more: calls into the page take what time they take. */
  async function finish<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
    await clock.advance(3_000)
    return promise
  }

  const find = async () => {
    const found = await captcha.find(page.native)
    expect(found.unknown).toEqual([])
    return [...found]
  }
  const calls = () => page.evaluate('calls.length')

  describe('finds and solves, until the server is content', () => {
    const pages = [
      ['/login', 'v2-checkbox', SUBMIT],
      ['/named', 'v2-checkbox', SUBMIT],
      ['/dotted', 'v2-checkbox', SUBMIT],
      ['/data-s', 'v2-checkbox', SUBMIT],
      ['/explicit', 'v2-checkbox', SUBMIT],
      ['/submits', 'v2-checkbox', undefined],
      ['/enterprise', 'enterprise-checkbox', SUBMIT],
      ['/csp/named', 'v2-checkbox', SUBMIT],
      ['/csp/explicit', 'v2-checkbox', SUBMIT],
    ] as const

    test.each(pages)('%s: %s', async (path, variant, submit) => {
      await visit(path)
      expect(await find()).toMatchObject([{ family: 'recaptcha', variant, sitekey: site.sitekey, due: true }])
      const { solved, cost } = await captcha.solve(page.native)
      expect(solved).toHaveLength(1)
      expect(cost).toBe(1000)
      if (submit) await page.click(submit)
      expect(await page.text('h1.good')).toBe(WELCOME)
      expect(grant.told).toEqual([{ token: solved[0]?.solution.token, ok: true, code: undefined }])
    })

    test.each([
      ['/invisible', 'v2-invisible', SUBMIT],
      ['/invisible-execute', 'v2-invisible', GO],
      ['/enterprise-invisible', 'enterprise-invisible', GO],
    ] as const)('%s: %s, once the page has set it off', async (path, variant, button) => {
      await visit(path)
      await page.click(button)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await find()).toMatchObject([{ variant, sitekey: site.sitekey, executed: true, visible: false }])
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [{ challenge: { variant } }] })
      expect(await page.text('h1.good')).toBe(WELCOME)
    })

    test.each([
      ['/v3', 'v3'],
      ['/enterprise-score', 'enterprise-score'],
    ] as const)('%s: %s, while the page waits for its execute', async (path, variant) => {
      await visit(path, RENDERED, { recaptchaV3: 'solve' })
      expect(await find()).toMatchObject([{ variant, due: false }])
      await page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await find()).toMatchObject([{ variant, sitekey: site.sitekey, action: 'login', executed: true }])
      await captcha.solve(page.native)
      expect(await page.text('h1.good')).toBe(WELCOME)
      expect(site.verified.at(-1)).toMatchObject({ success: true, action: 'login', score: 0.9 })
    })

    test('a score token that was got beforehand goes to the next execute of that sitekey, once', async () => {
      await visit('/v3')
      const { solved } = await captcha.solve(page.native, { which: 'all' })
      expect(solved).toHaveLength(1)
      const run = `grecaptcha.execute(${JSON.stringify(site.sitekey)}, { action: 'pay' })`
      expect(await page.evaluate(run)).toBe(solved[0]?.solution.token)
      expect(await page.evaluate(run)).not.toBe(solved[0]?.solution.token)
    })

    test('several widgets, of one sitekey too, are each found and solved', async () => {
      await visit('/several', 'document.querySelectorAll("iframe[name^=a-]").length === 3')
      const found = await find()
      expect(found).toHaveLength(3)
      expect(new Set(found.map(({ id }) => id)).size).toBe(3)
      const { solved } = await captcha.solve(page.native)
      const tokens = solved.map(({ solution }) => solution.token)
      expect(new Set(tokens).size).toBe(3)
      const read = 'JSON.stringify([...document.querySelectorAll("textarea")].map((field) => field.value))'
      expect(JSON.parse(String(await page.evaluate(read))).sort()).toEqual([...tokens].sort())
      const answers = '[grecaptcha.getResponse(0), grecaptcha.getResponse(1), grecaptcha.getResponse(2)].join()'
      expect(
        String(await page.evaluate(answers))
          .split(',')
          .sort(),
      ).toEqual([...tokens].sort())
      expect(await page.evaluate('grecaptcha.getResponse() === grecaptcha.getResponse(0)')).toBe(true)
      expect(await calls()).toBe(2)
    })
  })

  describe('tells what it found', () => {
    test('data-s and action', async () => {
      await visit('/data-s')
      expect(await find()).toMatchObject([{ dataS: 'one-time-value', action: 'login' }])
    })

    test('names a widget alike for as long as its document lives', async () => {
      await visit('/login', 'document.readyState === "complete"')
      const [first] = await find()
      await until(page, RENDERED)
      expect((await find())[0]?.id).toBe(first?.id)
      await page.goto(`${site.url}/login`)
      expect((await find())[0]?.id).not.toBe(first?.id)
    })

    test('a widget that its framework draws late, takes away and draws again', async () => {
      await visit('/late', 'window.grecaptcha && grecaptcha.render')
      expect(await find()).toEqual([])
      await page.evaluate('draw()')
      const [first] = await find()
      expect(first?.variant).toBe('v2-checkbox')
      await page.evaluate('draw()')
      const again = await find()
      expect(again).toHaveLength(1)
      expect(again[0]?.id).not.toBe(first?.id)
      const { solved } = await captcha.solve(page.native)
      expect(await page.evaluate('calls.join()')).toBe(solved[0]?.solution.token)
      expect(await page.evaluate('grecaptcha.getResponse(widget)')).toBe(solved[0]?.solution.token)
    })

    test('a widget that we do not know is told, and never solved', async () => {
      await visit('/unknown', 'true')
      const stranger = { family: 'unknown', vendor: 'yandex', pageUrl: `${site.url}/unknown`, visible: true }
      expect((await captcha.find(page.native)).unknown).toMatchObject([stranger])
      for (const which of ['due', 'all'] as const) {
        expect(await captcha.solve(page.native, { which })).toMatchObject({
          solved: [],
          failed: [],
          skipped: [{ challenge: stranger, reason: 'unknown' }],
        })
      }
      expect(grant.asked).toEqual([])
    })

    test('a page without a widget has none', async () => {
      await visit('/ordinary', 'true')
      expect(await find()).toEqual([])
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [], failed: [], cost: 0 })
    })
  })

  describe('looks into frames and shadow roots', () => {
    test('a frame of the same origin', async () => {
      await visit('/frame', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
      const [found] = await find()
      expect(found).toMatchObject({ pageUrl: `${site.url}/frame`, frameUrl: `${site.url}/login` })
      await captcha.solve(page.native)
      await page.clickInFrame('/login', SUBMIT)
      await eventually(() => site.verified.at(-1)?.success === true)
    })

    test('a frame of another origin', async () => {
      await visit('/cross-frame', 'true')
      await eventually(async () => (await find()).length === 1)
      expect(await find()).toMatchObject([{ pageUrl: `${site.url}/cross-frame`, frameUrl: `${site.otherUrl}/login` }])
      const { solved } = await captcha.solve(page.native)
      const sent = site.verified.length
      await page.clickInFrame(`${site.otherUrl}/login`, SUBMIT)
      await eventually(() => site.verified.length > sent)
      expect(site.verified.at(-1)).toMatchObject({ success: true })
      expect(solved[0]?.challenge.frameUrl).toBe(`${site.otherUrl}/login`)
    })

    test('a srcdoc frame is judged by the page around it', async () => {
      await visit('/srcdoc', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
      expect(await find()).toMatchObject([{ frameUrl: `${site.url}/srcdoc` }])
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [{}] })
    })

    test('a sandboxed frame has no origin, and keeps the address that no policy names', async () => {
      await visit('/sandboxed', 'true')
      await eventually(async () => (await find()).length === 1)
      expect(await find()).toMatchObject([{ frameUrl: 'about:srcdoc' }])
    })

    test('an open shadow root', async () => {
      await visit('/shadow', 'window.widget !== undefined')
      expect(await find()).toMatchObject([{ variant: 'v2-checkbox', visible: true, due: true }])
      const { solved } = await captcha.solve(page.native)
      expect(await page.evaluate('gotToken()')).toBe(solved[0]?.solution.token)
    })
  })

  describe('spends only on what is due', () => {
    test('a widget that a person answered is left alone, unless all are asked for', async () => {
      await visit('/named')
      await page.clickInFrame('/anchor', '#recaptcha-anchor')
      await page.clickInFrame('/bframe', '#recaptcha-verify-button')
      await until(page, 'calls.length')
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }], cost: 0 })
      expect(grant.asked).toEqual([])
      const { solved } = await captcha.solve(page.native, { which: 'all' })
      expect(await page.evaluate('grecaptcha.getResponse()')).toBe(solved[0]?.solution.token)
    })

    test('a widget that we answered is not answered twice', async () => {
      await visit('/named')
      await captcha.solve(page.native)
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
      expect(await calls()).toBe(1)
    })

    test('an invisible widget that was not set off is left alone', async () => {
      await visit('/invisible')
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'not-set-off' }] })
      expect(await calls()).toBe(0)
    })

    test('a hidden checkbox is left alone', async () => {
      await visit('/login')
      await page.evaluate('document.querySelector("main").style.display = "none"')
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
    })

    test('v3 is left to the browser by default', async () => {
      await visit('/v3')
      await page.click(GO)
      expect(await page.text('h1.good')).toBe(WELCOME)
      expect(site.verified.at(-1)).toMatchObject({ success: true, score: 0.1 })
      await page.goto(`${site.url}/v3`)
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'answers-by-itself' }] })
    })

    test('a held v3 execute goes on by itself when no solution comes by the deadline', async () => {
      await visit('/v3', RENDERED, { recaptchaV3: 'solve' }, { holdMs: 50 })
      await page.click(GO)
      expect(await page.text('h1.good')).toBe(WELCOME)
      expect(site.verified.at(-1)).toMatchObject({ score: 0.1 })
    })

    test('a held v3 execute goes on at once when the solve was denied', async () => {
      await visit('/v3', RENDERED, { recaptchaV3: 'solve' }, { holdMs: 1_000_000 })
      grant.answer = () => Promise.reject(denied())
      await page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await captcha.solve(page.native)).toMatchObject({ denied: [{}] })
      expect(await page.text('h1.good')).toBe(WELCOME)
    })

    test('an invisible widget that passes within its grace costs nothing', async () => {
      const clock = manualClock(Date.now())
      recaptcha.behave(site.sitekey, { passes: true, afterMs: 2_000 })
      await visit('/invisible-execute', RENDERED, { grace: '3s' }, { clock })
      await page.evaluate('submitLogin = function (token) { calls.push(token) }; grecaptcha.execute(); 0')
      await eventually(() => vendorClock.waiting > 0)
      const solving = captcha.solve(page.native)
      await graceBegins(clock)
      await vendorClock.advance(2_000)
      await until(page, 'calls.length')
      expect(await finish(clock, solving)).toMatchObject({ solved: [], skipped: [{ reason: 'passed-by-itself' }] })
      expect(grant.asked).toEqual([])
    })

    test('an invisible widget whose challenge opens is solved after its grace', async () => {
      const clock = manualClock(Date.now())
      await visit('/invisible-execute', RENDERED, { grace: '3s' }, { clock })
      await page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      const solving = captcha.solve(page.native)
      await graceBegins(clock)
      expect(grant.asked).toEqual([])
      expect(await finish(clock, solving)).toMatchObject({ solved: [{}] })
      expect(await page.text('h1.good')).toBe(WELCOME)
    })

    test('a challenge that stands open is closed once its widget is answered', async () => {
      await visit('/invisible-execute')
      await page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
      await page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      const shown =
        '[...document.querySelectorAll("iframe[name^=c-]")].some((f) => getComputedStyle(f).visibility === "visible")'
      await until(page, shown)
      const { solved } = await captcha.solve(page.native)
      expect(await page.evaluate(shown)).toBe(false)
      await until(page, 'window.promised')
      expect(await page.evaluate('promised')).toBe(solved[0]?.solution.token)
      expect(await calls()).toBe(1)
    })

    test('a solution that has grown too old is taken away again, and the page is told', async () => {
      await visit('/named')
      await page.evaluate('window.expired = 0; widgetExpired = function () { expired++ }; 0')
      await page.evaluate('document.querySelector(".g-recaptcha").dataset.expiredCallback = "widgetExpired"; 0')
      grant.livesMs = 200
      await captcha.solve(page.native)
      await until(page, 'expired')
      expect(await page.evaluate('grecaptcha.getResponse() + document.querySelector("textarea").value')).toBe('')
      expect(await find()).toMatchObject([{ answered: false, due: true, expired: true }])
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'expired' }], cost: 0 })
      grant.livesMs = 120_000
      expect(await captcha.solve(page.native, { which: 'all' })).toMatchObject({ solved: [{}] })
      expect(await find()).toMatchObject([{ answered: true, expired: false }])
    })

    test('a token that expired is asked for again as often as the policy says', async () => {
      await visit('/named', RENDERED, { renewals: 2 })
      grant.livesMs = 100
      for (let count = 1; count <= 3; count++) {
        expect(await captcha.solve(page.native)).toMatchObject({ solved: [{}] })
        expect(await calls()).toBe(count)
        await eventually(async () => (await find())[0]?.expired === true)
      }
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [], skipped: [{ reason: 'expired' }] })
      expect(grant.asked).toHaveLength(3)
    })

    test('a widget that was reset before its token was too old is asked for anew, and not expired', async () => {
      await visit('/named')
      grant.livesMs = 300
      await captcha.solve(page.native)
      await page.evaluate('window.passed = 0; setTimeout(function () { passed = 1 }, 400); grecaptcha.reset(); 0')
      await until(page, 'passed')
      expect(await find()).toMatchObject([{ answered: false, due: true, expired: false }])
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [{}] })
    })

    test('an invisible widget that is set off again after its token was too old is asked for anew', async () => {
      await visit('/invisible-execute')
      await page.evaluate('submitLogin = function (token) { calls.push(token) }; 0')
      await page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      grant.livesMs = 500
      await captcha.solve(page.native)
      await eventually(async () => (await find())[0]?.answered === false)
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [] })
      grant.livesMs = 120_000
      await page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [{}] })
    })

    test('an invisible widget whose page goes away within its grace costs nothing', async () => {
      const clock = manualClock(Date.now())
      await visit('/invisible-execute', RENDERED, { grace: '3s' }, { clock })
      await page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      const solving = captcha.solve(page.native)
      await graceBegins(clock)
      await page.goto(`${site.url}/tiny`)
      expect(await finish(clock, solving)).toMatchObject({ solved: [], skipped: [{ reason: 'gone' }] })
      expect(grant.asked).toEqual([])
    })

    test('two calls for one page pay once for each widget', async () => {
      await visit('/named')
      const both = await Promise.all([captcha.solve(page.native), captcha.solve(page.native)])
      expect(grant.asked).toHaveLength(1)
      expect(both[0].cost + both[1].cost).toBe(1000)
      expect(await calls()).toBe(1)
    })

    test('a list is solved as it is, with what the caller has added', async () => {
      await visit('/v3')
      const which = (await find()).map((challenge) => ({ ...challenge, action: 'buy', minScore: 0.7 as const }))
      await captcha.solve(page.native, { which })
      expect(grant.asked).toMatchObject([{ action: 'buy', minScore: 0.7 }])
      await expect(captcha.solve(page.native, { which: [{ ...which[0], id: 'no' } as never] })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      })
    })
  })

  describe('says how it ended', () => {
    test('a denial is a result, and a throw only where asked for', async () => {
      await visit('/login')
      grant.answer = () => Promise.reject(denied())
      const result = await captcha.solve(page.native)
      expect(result).toMatchObject({ solved: [], denied: [{ error: { code: 'ORIGIN_NOT_NAMED' } }], cost: 0 })
      await expect(captcha.solve(page.native, { throwOnDenied: true })).rejects.toMatchObject({ layer: 'origin' })
    })

    test('an aborted solve', async () => {
      await visit('/login')
      grant.answer = () => new Promise(() => {})
      const controller = new AbortController()
      const solving = captcha.solve(page.native, { signal: controller.signal })
      await eventually(() => grant.asked.length === 1)
      controller.abort()
      expect(await solving).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
    })

    test.each([
      ['navigates', (at: ToolPage<P>, url: string) => at.goto(url)],
      ['is closed', (at: ToolPage<P>) => at.close()],
    ])('a page that %s while a solve is under way', async (_, leave) => {
      await visit('/named')
      let aborted = false
      grant.answer = (__, { signal }) =>
        new Promise(() => {
          signal?.addEventListener('abort', () => {
            aborted = true
          })
        })
      const solving = captcha.solve(page.native)
      await eventually(() => grant.asked.length === 1)
      await leave(page, `${site.url}/named`)
      expect(await solving).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }], solved: [] })
      expect(aborted).toBe(true)
    })

    test('a token never goes into the page that came after', async () => {
      await visit('/named')
      grant.answer = async ({ sitekey }) => {
        await page.goto(`${site.url}/named?next`)
        return recaptcha.issue({ sitekey })
      }
      expect(await captcha.solve(page.native)).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }] })
      expect(await page.evaluate('document.querySelector("textarea")?.value || ""')).toBe('')
    })

    test('a page that only changes its address keeps its solve', async () => {
      await visit('/named')
      grant.answer = async ({ sitekey }) => {
        await page.evaluate('history.pushState({}, "", "/elsewhere"); location.hash = "there"; 0')
        return recaptcha.issue({ sitekey })
      }
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [{}], failed: [] })
    })

    test('a frame that is taken out while a solve is under way', async () => {
      await visit('/frame', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
      grant.answer = () => new Promise(() => {})
      const solving = captcha.solve(page.native)
      await eventually(() => grant.asked.length === 1)
      await page.evaluate('document.querySelector("iframe").remove()')
      expect(await solving).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }] })
    })

    test('a widget that is taken out while a solve is under way; its money is counted', async () => {
      await visit('/named')
      grant.answer = async ({ sitekey }) => {
        await page.evaluate('document.querySelector(".g-recaptcha").remove()')
        return recaptcha.issue({ sitekey })
      }
      const result = await captcha.solve(page.native)
      expect(result).toMatchObject({ failed: [{ error: { code: 'WIDGET_GONE' }, cost: 1000 }], cost: 1000 })
      expect(grant.told).toMatchObject([{ ok: false, code: 'WIDGET_GONE' }])
    })

    test('a widget that a person answers while a solve is under way keeps the person’s answer', async () => {
      await visit('/named')
      grant.answer = async ({ sitekey }) => {
        await page.clickInFrame('/anchor', '#recaptcha-anchor')
        await page.clickInFrame('/bframe', '#recaptcha-verify-button')
        await until(page, 'calls.length')
        return recaptcha.issue({ sitekey })
      }
      expect(await captcha.solve(page.native)).toMatchObject({ failed: [{ error: { code: 'WIDGET_GONE' } }] })
      expect(await calls()).toBe(1)
    })

    test.each([
      ['quotes and markup', `'"\`</script><!--\${1}\\`],
      ['line ends', 'a\nb\r\nc\u2028d\u2029e'],
      ['100 KB', 'x'.repeat(100_000)],
    ])('a solution with %s arrives as it is', async (_, token) => {
      await visit('/named')
      grant.answer = async () => token
      await captcha.solve(page.native)
      expect(JSON.parse(String(await page.evaluate('JSON.stringify(calls)')))).toEqual([token])
      expect(await page.evaluate('grecaptcha.getResponse()')).toBe(token)
    })

    test('a callback that throws is the page’s own business', async () => {
      await visit('/named')
      await page.evaluate('answered = function () { throw new Error("of the page") }; 0')
      expect(await captcha.solve(page.native)).toMatchObject({ solved: [{}] })
    })

    test('after a reset the widget is unanswered, and due again', async () => {
      await visit('/named')
      await captcha.solve(page.native)
      await page.evaluate('grecaptcha.reset(); 0')
      expect(await page.evaluate('grecaptcha.getResponse()')).toBe('')
      expect(await find()).toMatchObject([{ answered: false, due: true }])
    })
  })

  describe('refuses what is mistyped', () => {
    test.each([{ wich: 'all' }, { which: 'al' }, { which: null }])('%j', async (options) => {
      await visit('/named')
      await expect(captcha.solve(page.native, options as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      expect(grant.asked).toHaveLength(0)
    })
  })

  describe('leaves nothing behind', () => {
    const KEY = 'Symbol.for("solveguard")'

    test('a page sees nothing of it before the vendor’s script comes, and plain functions after it', async () => {
      await visit('/ordinary', 'true')
      expect(await page.evaluate('"grecaptcha" in window')).toBe(false)
      expect(await page.evaluate('Object.keys(window).filter((name) => /captcha|guard/i.test(name)).length')).toBe(0)
      await page.goto(`${site.url}/explicit`)
      await until(page, RENDERED)
      expect(
        await page.evaluate('[grecaptcha.render.name, grecaptcha.render.length, Object.keys(grecaptcha)].join("|")'),
      ).toMatch(/^render\|\d\|.*\brender\b/)
    })

    test('close takes everything out of open pages, and later pages have no trace', async () => {
      await visit('/explicit')
      await page.evaluate('window.before = grecaptcha.render; 0')
      await captcha.close()
      await captcha.close()
      expect(await page.evaluate(`${KEY} in window`)).toBe(false)
      expect(await page.evaluate('grecaptcha.render !== before')).toBe(true)
      expect(await page.evaluate('"set" in Object.getOwnPropertyDescriptor(grecaptcha, "execute")')).toBe(false)
      await page.goto(`${site.url}/explicit`)
      expect(await page.evaluate(`${KEY} in window`)).toBe(false)
      const other = await context.newPage()
      await other.goto(`${site.url}/tiny`)
      expect(await other.evaluate(`${KEY} in window`)).toBe(false)
      await expect(captcha.find(page.native)).rejects.toMatchObject({ code: 'GUARD_CLOSED' })
    })

    test('close ends what is under way', async () => {
      await visit('/login')
      grant.answer = () => new Promise(() => {})
      const solving = captcha.solve(page.native)
      await eventually(() => grant.asked.length === 1)
      await captcha.close()
      expect(await solving).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
    })
  })

  describe('comes late', () => {
    test('a page that was open before is served all the same, by what it shows and what the vendor keeps', async () => {
      page = await context.newPage()
      await page.goto(`${site.url}/explicit`)
      await until(page, RENDERED)
      grant = fakeGrant(recaptcha)
      captcha = await context.guard(grant)
      const { solved } = await captcha.solve(page.native)
      expect(await page.evaluate('gotToken()')).toBe(solved[0]?.solution.token)
      await page.click(SUBMIT)
      expect(await page.text('h1.good')).toBe(WELCOME)
    })
  })
}

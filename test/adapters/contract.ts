import { afterAll, describe, expect, test } from 'vitest'
import { WELCOME } from '../../src/testing/site/index.js'
import { denied, fakeGrant } from './fake-grant.js'
import { GO, RENDERED, SUBMIT, toolStage } from './stage.js'
import { eventually, type Tool, type ToolPage, until } from './tool.js'

const UNKNOWN = '<div class="smart-captcha" data-sitekey="ysc1_stranger" style="height:100px"></div>'

/**
 * The contract for every adapter: find each variant, solve what is due, inject the solution where the site's own code
 * and server read it, handle pages that are closed or navigate, and leave nothing behind.
 */
export function contract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  afterAll(() => tool.close())

  describe(tool.name, () => {
    const at = toolStage(tool, { '/unknown': UNKNOWN })
    const { visit, find, calls } = at

    describe('finds and solves, and the server accepts the token', () => {
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
        expect(await find()).toMatchObject([{ family: 'recaptcha', variant, sitekey: at.site.sitekey, due: true }])
        const { solved, cost } = await at.captcha.solve(at.page.native)
        expect(solved).toHaveLength(1)
        expect(cost).toBe(1000)
        if (submit) await at.page.click(submit)
        expect(await at.page.text('h1.good')).toBe(WELCOME)
        expect(at.grant.injections).toEqual([{ token: solved[0]?.solution.token, ok: true, code: undefined }])
      })

      test.each([
        ['/invisible', 'v2-invisible', SUBMIT],
        ['/invisible-execute', 'v2-invisible', GO],
        ['/enterprise-invisible', 'enterprise-invisible', GO],
      ] as const)('%s: %s, once the page has executed it', async (path, variant, button) => {
        await visit(path)
        await at.page.click(button)
        await eventually(async () => (await find())[0]?.due === true)
        expect(await find()).toMatchObject([{ variant, sitekey: at.site.sitekey, executed: true, visible: false }])
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{ challenge: { variant } }] })
        expect(await at.page.text('h1.good')).toBe(WELCOME)
      })

      test.each([
        ['/v3', 'v3'],
        ['/enterprise-score', 'enterprise-score'],
      ] as const)('%s: %s, while the page waits for its execute', async (path, variant) => {
        await visit(path, RENDERED, { recaptchaV3: 'solve' })
        expect(await find()).toMatchObject([{ variant, due: false }])
        await at.page.click(GO)
        await eventually(async () => (await find())[0]?.due === true)
        expect(await find()).toMatchObject([{ variant, sitekey: at.site.sitekey, action: 'login', executed: true }])
        await at.captcha.solve(at.page.native)
        expect(await at.page.text('h1.good')).toBe(WELCOME)
        expect(at.site.verified.at(-1)).toMatchObject({ success: true, action: 'login', score: 0.9 })
      })

      test('gives a score token that was bought before to the next execute of that sitekey, once', async () => {
        await visit('/v3')
        const { solved } = await at.captcha.solve(at.page.native, { which: 'all' })
        expect(solved).toHaveLength(1)
        const run = `grecaptcha.execute(${JSON.stringify(at.site.sitekey)}, { action: 'pay' })`
        expect(await at.page.evaluate(run)).toBe(solved[0]?.solution.token)
        expect(await at.page.evaluate(run)).not.toBe(solved[0]?.solution.token)
      })

      test('finds and solves each of several widgets, also with one sitekey', async () => {
        await visit('/several', 'document.querySelectorAll("iframe[name^=a-]").length === 3')
        const found = await find()
        expect(found).toHaveLength(3)
        expect(new Set(found.map(({ id }) => id)).size).toBe(3)
        const { solved } = await at.captcha.solve(at.page.native)
        const tokens = solved.map(({ solution }) => solution.token)
        expect(new Set(tokens).size).toBe(3)
        const read = 'JSON.stringify([...document.querySelectorAll("textarea")].map((field) => field.value))'
        expect(JSON.parse(String(await at.page.evaluate(read))).sort()).toEqual([...tokens].sort())
        const answers = '[grecaptcha.getResponse(0), grecaptcha.getResponse(1), grecaptcha.getResponse(2)].join()'
        expect(
          String(await at.page.evaluate(answers))
            .split(',')
            .sort(),
        ).toEqual([...tokens].sort())
        expect(await at.page.evaluate('grecaptcha.getResponse() === grecaptcha.getResponse(0)')).toBe(true)
        expect(await calls()).toBe(2)
      })
    })

    test('passes the load of the page with a solve: another one only for another document', async () => {
      await visit('/several', 'document.querySelectorAll("iframe[name^=a-]").length === 3')
      const solve = async () => {
        const before = at.grant.loads.length
        await at.captcha.solve(at.page.native, { which: 'all' })
        return at.grant.loads.slice(before)
      }
      const [load, ...others] = await solve()
      expect(load).toBeInstanceOf(Object)
      expect(others.map((other) => other === load)).toEqual([true, true])
      await at.page.evaluate('history.pushState({}, "", "/elsewhere"); location.hash = "here"; "done"')
      expect((await solve()).map((other) => other === load)).toEqual([true, true, true])
      await at.page.goto(`${at.site.url}/several`)
      await until(at.page, 'document.querySelectorAll("iframe[name^=a-]").length === 3')
      const after = await solve()
      expect(after.map((other) => other === load)).toEqual([false, false, false])
      expect(new Set(after).size).toBe(1)
    })

    describe('reports what it found', () => {
      test('reports data-s and action', async () => {
        await visit('/data-s')
        expect(await find()).toMatchObject([{ dataS: 'one-time-value', action: 'login' }])
      })

      test('keeps the id of a widget for as long as its document exists', async () => {
        await visit('/login', 'document.readyState === "complete"')
        const [first] = await find()
        await until(at.page, RENDERED)
        expect((await find())[0]?.id).toBe(first?.id)
        await at.page.goto(`${at.site.url}/login`)
        expect((await find())[0]?.id).not.toBe(first?.id)
      })

      test('finds a widget that its framework renders late, removes and renders again', async () => {
        await visit('/late', 'window.grecaptcha && grecaptcha.render')
        expect(await find()).toEqual([])
        await at.page.evaluate('draw()')
        const [first] = await find()
        expect(first?.variant).toBe('v2-checkbox')
        await at.page.evaluate('draw()')
        const again = await find()
        expect(again).toHaveLength(1)
        expect(again[0]?.id).not.toBe(first?.id)
        const { solved } = await at.captcha.solve(at.page.native)
        expect(await at.page.evaluate('calls.join()')).toBe(solved[0]?.solution.token)
        expect(await at.page.evaluate('grecaptcha.getResponse(widget)')).toBe(solved[0]?.solution.token)
      })

      test('reports a widget of no known family, and never solves it', async () => {
        await visit('/unknown', 'true')
        const stranger = { family: 'unknown', vendor: 'yandex', pageUrl: `${at.site.url}/unknown`, visible: true }
        expect((await at.captcha.find(at.page.native)).unknown).toMatchObject([stranger])
        for (const which of ['due', 'all'] as const) {
          expect(await at.captcha.solve(at.page.native, { which })).toMatchObject({
            solved: [],
            failed: [],
            skipped: [{ challenge: stranger, reason: 'unknown' }],
          })
        }
        expect(at.grant.challenges).toEqual([])
      })

      test('finds none in a page without a widget', async () => {
        await visit('/ordinary', 'true')
        expect(await find()).toEqual([])
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [], skipped: [], failed: [], cost: 0 })
      })
    })

    describe('scans frames and shadow roots', () => {
      test('solves in a frame of the same origin', async () => {
        await visit('/frame', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
        const [found] = await find()
        expect(found).toMatchObject({ pageUrl: `${at.site.url}/frame`, frameUrl: `${at.site.url}/login` })
        await at.captcha.solve(at.page.native)
        await at.page.clickInFrame('/login', SUBMIT)
        await eventually(() => at.site.verified.at(-1)?.success === true)
      })

      test('solves in a frame of another origin', async () => {
        await visit('/cross-frame', 'true')
        await eventually(async () => (await find()).length === 1)
        expect(await find()).toMatchObject([
          { pageUrl: `${at.site.url}/cross-frame`, frameUrl: `${at.site.otherUrl}/login` },
        ])
        const { solved } = await at.captcha.solve(at.page.native)
        const sent = at.site.verified.length
        await at.page.clickInFrame(`${at.site.otherUrl}/login`, SUBMIT)
        await eventually(() => at.site.verified.length > sent)
        expect(at.site.verified.at(-1)).toMatchObject({ success: true })
        expect(solved[0]?.challenge.frameUrl).toBe(`${at.site.otherUrl}/login`)
      })

      test('checks a srcdoc frame against its parent page', async () => {
        await visit('/srcdoc', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
        expect(await find()).toMatchObject([{ frameUrl: `${at.site.url}/srcdoc` }])
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
      })

      test('gives a sandboxed frame no origin, and a URL that no policy names', async () => {
        await visit('/sandboxed', 'true')
        await eventually(async () => (await find()).length === 1)
        expect(await find()).toMatchObject([{ frameUrl: 'about:srcdoc' }])
      })

      test('solves in an open shadow root', async () => {
        await visit('/shadow', 'window.widget !== undefined')
        expect(await find()).toMatchObject([{ variant: 'v2-checkbox', visible: true, due: true }])
        const { solved } = await at.captcha.solve(at.page.native)
        expect(await at.page.evaluate('gotToken()')).toBe(solved[0]?.solution.token)
      })
    })

    describe('reports how a solve ended', () => {
      test('returns a denial, and throws it only with throwOnDenied', async () => {
        await visit('/login')
        at.grant.answer = () => Promise.reject(denied())
        const result = await at.captcha.solve(at.page.native)
        expect(result).toMatchObject({ solved: [], denied: [{ error: { code: 'ORIGIN_NOT_NAMED' } }], cost: 0 })
        await expect(at.captcha.solve(at.page.native, { throwOnDenied: true })).rejects.toMatchObject({
          layer: 'origin',
        })
      })

      test('reports an aborted solve', async () => {
        await visit('/login')
        at.grant.answer = () => new Promise(() => {})
        const controller = new AbortController()
        const solving = at.captcha.solve(at.page.native, { signal: controller.signal })
        await eventually(() => at.grant.challenges.length === 1)
        controller.abort()
        expect(await solving).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
      })

      test.each([
        ['navigates', (at: ToolPage<P>, url: string) => at.goto(url)],
        ['is closed', (at: ToolPage<P>) => at.close()],
      ])('reports PAGE_GONE for a page that %s during a solve', async (_, leave) => {
        await visit('/named')
        let aborted = false
        at.grant.answer = (__, { signal }) =>
          new Promise(() => {
            signal?.addEventListener('abort', () => {
              aborted = true
            })
          })
        const solving = at.captcha.solve(at.page.native)
        await eventually(() => at.grant.challenges.length === 1)
        await leave(at.page, `${at.site.url}/named`)
        expect(await solving).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }], solved: [] })
        expect(aborted).toBe(true)
      })

      test('never injects a token into the next page', async () => {
        await visit('/named')
        at.grant.answer = async ({ sitekey }) => {
          await at.page.goto(`${at.site.url}/named?next`)
          return at.vendor.issue({ sitekey })
        }
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }] })
        expect(await at.page.evaluate('document.querySelector("textarea")?.value || ""')).toBe('')
      })

      test('continues the solve of a page that only changes its URL', async () => {
        await visit('/named')
        at.grant.answer = async ({ sitekey }) => {
          await at.page.evaluate('history.pushState({}, "", "/elsewhere"); location.hash = "there"; 0')
          return at.vendor.issue({ sitekey })
        }
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}], failed: [] })
      })

      test('reports PAGE_GONE for a frame that is removed during a solve', async () => {
        await visit('/frame', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
        at.grant.answer = () => new Promise(() => {})
        const solving = at.captcha.solve(at.page.native)
        await eventually(() => at.grant.challenges.length === 1)
        await at.page.evaluate('document.querySelector("iframe").remove()')
        expect(await solving).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }] })
      })

      test('reports a widget that is removed during a solve, with its cost', async () => {
        await visit('/named')
        at.grant.answer = async ({ sitekey }) => {
          await at.page.evaluate('document.querySelector(".g-recaptcha").remove()')
          return at.vendor.issue({ sitekey })
        }
        const result = await at.captcha.solve(at.page.native)
        expect(result).toMatchObject({ failed: [{ error: { code: 'WIDGET_GONE' }, cost: 1000 }], cost: 1000 })
        expect(at.grant.injections).toMatchObject([{ ok: false, code: 'WIDGET_GONE' }])
      })

      test('keeps the answer that a person gives during a solve', async () => {
        await visit('/named')
        at.grant.answer = async ({ sitekey }) => {
          await at.page.clickInFrame('/anchor', '#recaptcha-anchor')
          await at.page.clickInFrame('/bframe', '#recaptcha-verify-button')
          await until(at.page, 'calls.length')
          return at.vendor.issue({ sitekey })
        }
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ failed: [{ error: { code: 'WIDGET_GONE' } }] })
        expect(await calls()).toBe(1)
      })

      test.each([
        ['quotes and markup', `'"\`</script><!--\${1}\\`],
        ['line ends', 'a\nb\r\nc\u2028d\u2029e'],
        ['100 KB', 'x'.repeat(100_000)],
      ])('injects a token with %s unchanged', async (_, token) => {
        await visit('/named')
        at.grant.answer = async () => token
        await at.captcha.solve(at.page.native)
        expect(JSON.parse(String(await at.page.evaluate('JSON.stringify(calls)')))).toEqual([token])
        expect(await at.page.evaluate('grecaptcha.getResponse()')).toBe(token)
      })

      test('reports a solve whose callback throws as solved', async () => {
        await visit('/named')
        await at.page.evaluate('answered = function () { throw new Error("of the page") }; 0')
        expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}] })
      })

      test('finds a widget unanswered and due again after a reset', async () => {
        await visit('/named')
        await at.captcha.solve(at.page.native)
        await at.page.evaluate('grecaptcha.reset(); 0')
        expect(await at.page.evaluate('grecaptcha.getResponse()')).toBe('')
        expect(await find()).toMatchObject([{ answered: false, due: true }])
      })
    })

    describe('refuses mistyped options', () => {
      test.each([{ wich: 'all' }, { which: 'al' }, { which: null }])('%j', async (options) => {
        await visit('/named')
        await expect(at.captcha.solve(at.page.native, options as never)).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
        })
        expect(at.grant.challenges).toHaveLength(0)
      })
    })

    describe('leaves nothing behind', () => {
      const KEY = 'Symbol.for("solveguard")'

      test('shows the page nothing before the vendor’s script, and plain functions after it', async () => {
        await visit('/ordinary', 'true')
        expect(await at.page.evaluate('"grecaptcha" in window')).toBe(false)
        expect(await at.page.evaluate('Object.keys(window).filter((name) => /captcha|guard/i.test(name)).length')).toBe(
          0,
        )
        await at.page.goto(`${at.site.url}/explicit`)
        await until(at.page, RENDERED)
        expect(
          await at.page.evaluate(
            '[grecaptcha.render.name, grecaptcha.render.length, Object.keys(grecaptcha)].join("|")',
          ),
        ).toMatch(/^render\|\d\|.*\brender\b/)
      })

      test('removes everything from open pages on close, and later pages get nothing', async () => {
        await visit('/explicit')
        await at.page.evaluate('window.before = grecaptcha.render; 0')
        await at.captcha.close()
        await at.captcha.close()
        expect(await at.page.evaluate(`${KEY} in window`)).toBe(false)
        expect(await at.page.evaluate('grecaptcha.render !== before')).toBe(true)
        expect(await at.page.evaluate('"set" in Object.getOwnPropertyDescriptor(grecaptcha, "execute")')).toBe(false)
        await at.page.goto(`${at.site.url}/explicit`)
        expect(await at.page.evaluate(`${KEY} in window`)).toBe(false)
        const other = await at.context.newPage()
        await other.goto(`${at.site.url}/tiny`)
        expect(await other.evaluate(`${KEY} in window`)).toBe(false)
        await expect(at.captcha.find(at.page.native)).rejects.toMatchObject({ code: 'GUARD_CLOSED' })
      })

      test('aborts the solves under way on close', async () => {
        await visit('/login')
        at.grant.answer = () => new Promise(() => {})
        const solving = at.captcha.solve(at.page.native)
        await eventually(() => at.grant.challenges.length === 1)
        await at.captcha.close()
        expect(await solving).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
      })
    })

    describe('guards a context late', () => {
      test('solves in a page that was open before, by its document and the vendor’s own data', async () => {
        const page = await at.context.newPage()
        await page.goto(`${at.site.url}/explicit`)
        await until(page, RENDERED)
        const captcha = await at.context.guard(fakeGrant(at.vendor))
        const { solved } = await captcha.solve(page.native)
        expect(await page.evaluate('gotToken()')).toBe(solved[0]?.solution.token)
        await page.click(SUBMIT)
        expect(await page.text('h1.good')).toBe(WELCOME)
      })
    })
  })
}

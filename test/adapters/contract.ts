import { afterAll, describe, expect, test } from 'vitest'
import { WELCOME } from '../../src/testing/site/index.js'
import { denied, fakeGrant } from './fake-grant.js'
import { GO, RENDERED, SUBMIT, toolStage } from './stage.js'
import { engineTests, eventually, type Tool, type ToolPage, until } from './tool.js'
import { variantTests } from './variants-contract.js'

/**
 * The contract for every adapter: find and solve a widget of each kind of call into a page, inject the solution where
 * the site's own code and server read it, handle pages that are closed or navigate, and leave nothing behind.
 */
export function contract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  afterAll(() => tool.close())

  describe(tool.name, () => {
    const at = toolStage(tool)
    const { visit, find, calls } = at
    const engineTest = engineTests(tool)

    variantTests(at, {
      checkboxes: [
        ['/login', 'v2-checkbox', SUBMIT],
        ['/explicit', 'v2-checkbox', SUBMIT],
        ['/csp/named', 'v2-checkbox', SUBMIT],
      ],
      invisible: [['/invisible-execute', 'v2-invisible', GO]],
      scores: [['/v3', 'v3']],
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
      test('keeps the id of a widget for as long as its document exists', async () => {
        await visit('/login', 'document.readyState === "complete"')
        const [first] = await find()
        await until(at.page, RENDERED)
        expect((await find())[0]?.id).toBe(first?.id)
        await at.page.goto(`${at.site.url}/login`)
        expect((await find())[0]?.id).not.toBe(first?.id)
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
    })

    describe('reports how a solve ended', () => {
      engineTest('returns a denial, and throws it only with throwOnDenied', async () => {
        await visit('/login')
        at.grant.answer = () => Promise.reject(denied())
        const result = await at.captcha.solve(at.page.native)
        expect(result).toMatchObject({ solved: [], denied: [{ error: { code: 'ORIGIN_NOT_NAMED' } }], cost: 0 })
        await expect(at.captcha.solve(at.page.native, { throwOnDenied: true })).rejects.toMatchObject({
          layer: 'origin',
        })
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

      test('injects a token with quotes, markup and line ends, or of 100 KB, unchanged', async () => {
        await visit('/named')
        const tokens = [`'"\`</script><!--\${1}\\`, 'a\nb\r\nc\u2028d\u2029e', 'x'.repeat(100_000)]
        for (const token of tokens) {
          at.grant.answer = async () => token
          await at.captcha.solve(at.page.native, { which: 'all' })
          expect(JSON.parse(String(await at.page.evaluate('JSON.stringify(calls)'))).at(-1)).toBe(token)
          expect(await at.page.evaluate('grecaptcha.getResponse()')).toBe(token)
        }
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

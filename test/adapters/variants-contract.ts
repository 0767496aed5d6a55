import { describe, expect, test } from 'vitest'
import { WELCOME } from '../../src/testing/site/index.js'
import { GO, RENDERED, SUBMIT, type ToolStage, toolStage } from './stage.js'
import { engineTests, eventually, type Tool, type ToolPage } from './tool.js'

const UNKNOWN = '<div class="procaptcha" data-sitekey="stranger" style="height:100px"></div>'

/** Pages of the site, by how their widget is solved: their path, its variant, and what to click. */
interface Variants {
  /** Solved at once; then the form is sent. */
  readonly checkboxes: readonly (readonly [path: string, variant: string, submit: string | undefined])[]
  /** Solved once the page has executed it. */
  readonly invisible: readonly (readonly [path: string, variant: string, button: string])[]
  /** Solved while the page waits for its execute. */
  readonly scores: readonly (readonly [path: string, variant: string])[]
}

/** Finds and solves the widget of each page, and the server accepts the token. */
export function variantTests<P, E, Page extends ToolPage<P>>(
  at: ToolStage<P, E, Page>,
  { checkboxes, invisible, scores }: Variants,
): void {
  const { visit, find } = at

  describe('finds and solves, and the server accepts the token', () => {
    test.each(checkboxes)('%s: %s', async (path, variant, submit) => {
      await visit(path)
      expect(await find()).toMatchObject([{ family: 'recaptcha', variant, sitekey: at.site.sitekey, due: true }])
      const { solved, cost } = await at.captcha.solve(at.page.native)
      expect(solved).toHaveLength(1)
      expect(cost).toBe(1000)
      if (submit) await at.page.click(submit)
      expect(await at.page.text('h1.good')).toBe(WELCOME)
      expect(at.grant.injections).toEqual([{ token: solved[0]?.solution.token, ok: true, code: undefined }])
    })

    test.each(invisible)('%s: %s, once the page has executed it', async (path, variant, button) => {
      await visit(path)
      await at.page.click(button)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await find()).toMatchObject([{ variant, sitekey: at.site.sitekey, executed: true, visible: false }])
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{ challenge: { variant } }] })
      expect(await at.page.text('h1.good')).toBe(WELCOME)
    })

    test.each(scores)('%s: %s, while the page waits for its execute', async (path, variant) => {
      await visit(path, RENDERED, { recaptchaV3: 'solve' })
      expect(await find()).toMatchObject([{ variant, due: false }])
      await at.page.click(GO)
      await eventually(async () => (await find())[0]?.due === true)
      expect(await find()).toMatchObject([{ variant, sitekey: at.site.sitekey, action: 'login', executed: true }])
      await at.captcha.solve(at.page.native)
      expect(await at.page.text('h1.good')).toBe(WELCOME)
      expect(at.site.verified.at(-1)).toMatchObject({ success: true, action: 'login', score: 0.9 })
    })
  })
}

/**
 * What the scripts in a page and the engine decide, whichever tool carries their calls: run once for each browser. What
 * a tool can do wrong is in `contract`, which is run for every tool.
 */
export function variantsContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe(`${tool.name}: variants of pages`, () => {
    const at = toolStage(tool, { '/unknown': UNKNOWN })
    const { visit, find, calls } = at
    const engineTest = engineTests(tool)

    variantTests(at, {
      checkboxes: [
        ['/named', 'v2-checkbox', SUBMIT],
        ['/dotted', 'v2-checkbox', SUBMIT],
        ['/data-s', 'v2-checkbox', SUBMIT],
        ['/submits', 'v2-checkbox', undefined],
        ['/enterprise', 'enterprise-checkbox', SUBMIT],
        ['/csp/explicit', 'v2-checkbox', SUBMIT],
      ],
      invisible: [
        ['/invisible', 'v2-invisible', SUBMIT],
        ['/enterprise-invisible', 'enterprise-invisible', GO],
      ],
      scores: [['/enterprise-score', 'enterprise-score']],
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

    test('reports data-s and action', async () => {
      await visit('/data-s')
      expect(await find()).toMatchObject([{ dataS: 'one-time-value', action: 'login' }])
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
      const stranger = { family: 'unknown', vendor: 'prosopo', pageUrl: `${at.site.url}/unknown`, visible: true }
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

    test('solves in an open shadow root', async () => {
      await visit('/shadow', 'window.widget !== undefined')
      expect(await find()).toMatchObject([{ variant: 'v2-checkbox', visible: true, due: true }])
      const { solved } = await at.captcha.solve(at.page.native)
      expect(await at.page.evaluate('gotToken()')).toBe(solved[0]?.solution.token)
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

    engineTest('reports an aborted solve', async () => {
      await visit('/login')
      at.grant.answer = () => new Promise(() => {})
      const controller = new AbortController()
      const solving = at.captcha.solve(at.page.native, { signal: controller.signal })
      await eventually(() => at.grant.challenges.length === 1)
      controller.abort()
      expect(await solving).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
    })

    engineTest('refuses mistyped options', async () => {
      await visit('/named')
      for (const options of [{ wich: 'all' }, { which: 'al' }, { which: null }]) {
        await expect(at.captcha.solve(at.page.native, options as never)).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
        })
      }
      expect(at.grant.challenges).toHaveLength(0)
    })
  })
}

import type { Page } from 'playwright'
import { describe, expect, test } from 'vitest'
import type { Found } from '../../src/adapters/engine/finder.js'
import type { GuardContextOptions } from '../../src/adapters/engine/guard-driver.js'
import type { Solution } from '../../src/guard/types.js'
import { WELCOME } from '../../src/testing/site/index.js'
import type { NotifyFailure } from '../../src/widgets/notify-failure.js'
import { denied } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { inGrace, timedClock, type Vendor } from '../support/stage.js'
import { BEFORE, REUSED_WINDOWS } from './reused-windows.js'
import { expectSight } from './sight.js'
import type { Stage } from './stage.js'

/**
 * What the contract needs to know of a family: pages of its stand-in, and expressions that are evaluated in them. A
 * part that is left out is not tested, or the family has a test of its own for it.
 */
export interface FamilyContract {
  /** What the titles call a widget of the family, with its article. */
  readonly name: string
  /** The button that submits the form of a page. */
  readonly submit: string
  /** Waits until a page has rendered its widget, if the vendor's frames do not show that. */
  readonly rendered?: () => Promise<unknown>
  readonly options?: GuardContextOptions<Page>
  /** What find() says of the widget of each page in `pages`. */
  readonly found: object
  /** Pages with one widget that is due, and what is found of it besides and sent to the solver. */
  readonly pages: readonly (string | readonly [path: string, more: object])[]
  /** Checked after each solve of those, before the form is submitted. */
  readonly solved?: (solution: Solution) => Promise<void>
  /** Several widgets with one sitekey, their fields, and which form is submitted. */
  readonly several?: {
    readonly path: string
    readonly field: string
    readonly form?: number
    /** Checked with the values of the fields, and the tokens in the order of the result. */
    readonly check?: (fields: readonly string[], tokens: readonly string[]) => Promise<void>
  }
  /** Pages that are open before the context is guarded, and the token as the page reads it. */
  readonly openBefore?: {
    readonly paths: readonly string[]
    readonly token?: string
    /** Why the page's code is not notified, where its callback is out of reach. */
    readonly notifyFailure?: NotifyFailure
  }
  /**
   * A page whose widget is known, or whose code is reached, by what its calls were seen to be; and what is found of it
   * besides. It is opened in windows that had another document before.
   */
  readonly watched?: readonly [path: string, more: object]
  /** A page whose widget names its callback, and that name. */
  readonly named?: { readonly path: string; readonly callback: string }
  /** A page with a form, and the name of the field that the page has as well, with a value of before. */
  readonly restored?: { readonly path: string; readonly field: string }
  /**
   * A page whose HTML shows the widget, and the script without which nothing would use an answer. `tag`: the element,
   * where that script draws all such elements at once and none that comes later.
   */
  readonly blocked?: { readonly path: string; readonly script: string; readonly tag?: string }
  /**
   * A page with a form, and the element with the widget's field that the page copies once it is answered. `byObject`:
   * the vendor's object has the answer, wherever its drawing is. `sameId`: a drawing that replaces another one has
   * the same id, and the vendor's script answers for it.
   */
  readonly copied?: {
    readonly path: string
    readonly element: string
    readonly byObject?: true
    readonly sameId?: true
  }
  /** Whether the vendor's own script catches what the page's callback throws, and passes it on to the page. */
  readonly catches?: true
  /** A page whose vendor's script is loaded anew by `again`, and the token as the page's API then reports it. */
  readonly reloaded?: { readonly path: string; readonly again: string; readonly token: string }
  /** A page that renders its widget with `draw()`, and the vendor's API, once that is loaded. */
  readonly late?: { readonly path: string; readonly api: string; readonly remove?: string; readonly twice?: true }
  /** Pages whose vendor's script arrives after the answer, its address, and the fields that the server may read. */
  readonly early?: {
    readonly paths: readonly string[]
    readonly script: string
    readonly field: string
    /** In the place of `rendered`, where the answer ends the state that it waits for. */
    readonly rendered?: () => Promise<unknown>
  }
  /** A page whose `draw()` empties an element and renders into it, and the token as its latest widget reports it. */
  readonly redrawn?: { readonly path: string; readonly api: string; readonly token?: string; readonly run?: string }
  /** A page that renders into a frame's document by `drawInFrame()`, into a window's by `drawInWindow()`. */
  readonly elsewhere?: { readonly path: string; readonly api: string; readonly token: string; readonly field: string }
  /** Waits until the n-th drawing is in the page, where it is not at once. */
  readonly drawn?: (n: number) => Promise<unknown>
  /** What a person does to answer the widget. */
  readonly person?: { readonly path: string; readonly answers: () => Promise<unknown> }
  /** A widget that passes by itself after 2 s; `begins` starts it. */
  readonly grace?: { readonly path: string; readonly behavior: object; readonly begins?: () => Promise<unknown> }
  /** How the page resets its widget, and what is true when it has. */
  readonly reset?: { readonly paths: readonly string[]; readonly run: string; readonly done: string }
  /** What is true once a token has expired. */
  readonly expiry?: { readonly path: string; readonly prepare?: string; readonly done: string }
  /** How the vendor's challenge is opened over the page, and an expression that is true while it is. */
  readonly popup?: { readonly paths: readonly string[]; readonly opens: () => Promise<unknown>; readonly shown: string }
  /** What a denied solve must not change. */
  readonly denied?: { readonly path: string; readonly state: string | (() => Promise<unknown>) }
  /** A page with invalid arguments: what is found, how many widgets are malformed, and what is true after a solve. */
  readonly invalid?: {
    readonly path: string
    readonly found?: object
    readonly malformed?: number
    readonly done?: string
    /** Less than the default where a frame of the page never replies. */
    readonly evaluateMs?: number
  }
  /** What a page can see of the vendor's API, once `rendered`; `after` uses the API when the guard has gone. */
  readonly api?: {
    readonly path: string
    readonly rendered: string
    readonly look: string
    readonly after: () => Promise<unknown>
  }
}

/** Empties an element, and loads the vendor's script anew, as a page does that changes its language. */
export const scriptAnew = (element: string, api: string, script: string): string => `(() => {
  document.querySelector('${element}').replaceChildren()
  delete window.${api}
  const old = document.querySelector('script[src*="${script}"]')
  const anew = document.createElement('script')
  anew.src = old.src + (old.src.includes('?') ? '&' : '?') + 'hl=de'
  old.remove()
  document.head.append(anew)
})()`

/** What holds for the widgets of every family. */
export function familyContract<V extends Vendor>(at: Stage<V>, family: FamilyContract): void {
  const { name, submit, options = {} } = family

  const visit = async (path: string) => {
    await at.visit(path, {}, options)
    await family.rendered?.()
  }
  const visitDue = async (path: string) => {
    await visit(path)
    await at.due()
  }
  const accepted = async (button = submit) => {
    await at.page.click(button)
    await at.welcomed()
  }
  const notSolvedAgain = async () => {
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }], cost: 0 })
  }
  const dueAgain = async () => {
    await at.due()
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  }

  describe(`solves ${name} so that the server accepts the answer:`, () => {
    const pages = family.pages.map((page) => (typeof page === 'string' ? ([page, {}] as const) : page))
    test.each(pages)('%s', async (path, more) => {
      await visitDue(path)
      expect(await at.find()).toMatchObject([{ ...family.found, sitekey: at.sitekey, due: true, ...more }])
      const { solved, cost } = await at.captcha.solve(at.page)
      expect(solved).toMatchObject([{ told: true }])
      expect(cost).toBe(1000)
      expect(at.grant.challenges).toMatchObject([{ sitekey: at.sitekey, ...more }])
      if (solved[0]) await family.solved?.(solved[0].solution)
      await accepted()
      expect(at.grant.injections).toMatchObject([{ ok: true }])
    })

    const { several, openBefore, late, watched } = family

    if (watched) {
      const [path, more] = watched
      test.each(Object.entries(REUSED_WINDOWS))('%s', async (_, open) => {
        await at.guard({}, options)
        await at.open(BEFORE)
        const frame = await open(at, path)
        const page = frame.page()
        let found: Found | undefined
        await eventually(async () => {
          found = await at.captcha.find(page)
          return found[0]?.due === true
        })
        expect([...(found ?? [])]).toMatchObject([{ ...family.found, sitekey: at.sitekey, ...more }])
        expect(await at.captcha.solve(page)).toMatchObject({ solved: [{}] })
        expect(await frame.evaluate('calls.length')).toBe(1)
        await frame.click(submit)
        expect(await frame.textContent('h1.good')).toBe(WELCOME)
      })
    }

    if (several) {
      test('several widgets with the same sitekey, each with its own token', async () => {
        await at.visit(several.path)
        await eventually(async () => (await at.find()).filter(({ due }) => due).length === 3)
        const { solved } = await at.captcha.solve(at.page)
        const tokens = solved.map(({ solution }) => solution.token)
        expect(new Set(tokens).size).toBe(3)
        const fields = await at.page.$$eval(several.field, (all) => all.map((one) => (one as HTMLInputElement).value))
        expect([...fields].sort()).toEqual([...tokens].sort())
        await several.check?.(fields, tokens)
        await accepted(submit.replace('#login', `form:nth-of-type(${several.form ?? 2})`))
      })
    }

    test.each(openBefore?.paths ?? [])('%s, which was open before the context was guarded', async (path) => {
      await at.open(path)
      await at.rendered()
      await family.rendered?.()
      await at.guard({}, options)
      await at.due()
      expect(await at.find()).toMatchObject([{ sitekey: at.sitekey }])
      const { solved } = await at.captcha.solve(at.page)
      const notifyFailure = openBefore?.notifyFailure
      expect(solved).toMatchObject([notifyFailure ? { told: false, notifyFailure } : { told: true }])
      expect(at.grant.notifyFailed).toEqual(notifyFailure ? [notifyFailure] : [])
      if (openBefore?.token) expect(await at.page.evaluate(openBefore.token)).toBe(solved[0]?.solution.token)
      await accepted()
    })

    if (late) {
      test('a widget that is rendered late, removed and rendered again', async () => {
        await at.guard({}, options)
        await at.open(late.path)
        await at.page.waitForFunction(late.api)
        expect(await at.find()).toEqual([])
        await at.page.evaluate('draw()')
        if (late.remove) {
          await at.page.evaluate(late.remove)
          expect(await at.find()).toEqual([])
          await at.page.evaluate('draw()')
        }
        if (late.twice) await at.page.evaluate('draw()')
        await at.due()
        expect(await at.find()).toHaveLength(1)
        const { solved } = await at.captcha.solve(at.page)
        expect(await at.calls()).toEqual([solved[0]?.solution.token])
        await accepted()
      })
    }
  })

  if (family.early) {
    const { paths, script, field, rendered = family.rendered } = family.early

    test.each(paths)('%s: an answer that comes before the vendor’s script is in what that draws', async (path) => {
      await at.guard({}, options)
      await at.newPage()
      let release = () => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      await at.page.route(script, async (route) => {
        await released
        await route.continue()
      })
      await at.page.goto(`${at.site.url}${path}`, { waitUntil: 'commit' })
      await at.due()
      const { solved } = await at.captcha.solve(at.page)
      const token = solved[0]?.solution.token
      expect(token).toBeDefined()
      release()
      await at.rendered()
      await rendered?.()
      const values = () => at.page.$$eval(field, (all) => all.map((one) => (one as HTMLInputElement).value))
      await eventually(async () => (await values()).join() === token)
      expect(await at.find()).toMatchObject([{ answered: true }])
      await notSolvedAgain()
      await accepted()
    })
  }

  if (family.redrawn) {
    const { path, api, token, run = 'draw()' } = family.redrawn

    describe(`${name} whose element is emptied and rendered into again, without a word to the vendor:`, () => {
      const calls = async () => (await at.calls()).map((call) => String(call).split(' '))
      const draw = async (n: number) => {
        await at.page.evaluate(`void ${run}`)
        await family.drawn?.(n)
      }
      const start = async () => {
        await at.guard({}, options)
        await at.open(path)
        await at.page.waitForFunction(api)
      }

      test('is one widget, the latest, which is bought once and whose callback is called', async () => {
        await start()
        await draw(1)
        await at.due()
        await draw(2)
        await at.due()
        expect(await at.find()).toHaveLength(1)
        const { solved, failed } = await at.captcha.solve(at.page)
        expect(failed).toEqual([])
        expect(solved).toHaveLength(1)
        expect(at.grant.challenges).toHaveLength(1)
        const [call, ...others] = await calls()
        expect(others).toEqual([])
        expect(call?.[0]).toBe('2')
        if (token) expect(await at.page.evaluate(token)).toBe(call?.[1])
        await accepted()
      })

      test('is not answered by what answered the one before', async () => {
        await start()
        await draw(1)
        await at.due()
        await at.captcha.solve(at.page)
        await draw(2)
        await at.due()
        expect(await at.find()).toMatchObject([{ answered: false, due: true }])
        expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}], failed: [] })
        expect((await calls()).map(([n]) => n)).toEqual(['1', '2'])
        await accepted()
      })

      test('is none once its element is empty', async () => {
        await start()
        await draw(1)
        await at.due()
        await at.page.evaluate('here.replaceChildren()')
        // The browser lists a frame for a moment longer.
        await eventually(async () => (await at.find()).length === 0)
      })
    })
  }

  if (family.elsewhere) {
    const { path, api, token, field } = family.elsewhere

    describe(`${name} that one document draws into another is one widget, and both documents have its answer:`, () => {
      test.each(['drawInFrame', 'drawInWindow'])('%s', async (draw) => {
        await at.guard({}, options)
        await at.open(path)
        await at.page.waitForFunction(api)
        const popup = draw === 'drawInWindow' ? at.page.waitForEvent('popup') : undefined
        await at.page.evaluate(`${draw}()`)
        const other = popup ? (await popup).mainFrame() : at.page.frame('other')
        await at.due()
        expect(await at.find()).toHaveLength(1)
        if (popup) expect(await at.captcha.find(await popup)).toHaveLength(0)
        const { solved, failed } = await at.captcha.solve(at.page)
        expect(failed).toEqual([])
        expect(solved).toMatchObject([{ told: true }])
        expect(at.grant.challenges).toHaveLength(1)
        const answer = solved[0]?.solution.token
        expect(await at.calls()).toEqual([answer])
        expect(await at.page.evaluate(token)).toBe(answer)
        expect(await other?.inputValue(field)).toBe(answer)
        await notSolvedAgain()
        await other?.click('#login > button')
        expect(await other?.textContent('h1.good')).toBe(WELCOME)
      })

      test('a frame draws into the page around it', async () => {
        await at.guard({}, options)
        await at.open(path)
        await at.page.evaluate(`{ const frame = document.createElement('iframe')
          frame.name = 'inner'; frame.src = location.href; document.body.append(frame) }`)
        await eventually(() => at.page.frame('inner')?.url() === at.page.url())
        const inner = at.page.frame('inner')
        await inner?.waitForFunction(api)
        await inner?.evaluate('draw(parent.document)')
        await at.due()
        expect(await at.find()).toHaveLength(1)
        const { solved, failed } = await at.captcha.solve(at.page)
        expect(failed).toEqual([])
        expect(solved).toMatchObject([{ told: true }])
        expect(at.grant.challenges).toHaveLength(1)
        const answer = solved[0]?.solution.token
        expect(await inner?.evaluate('calls')).toEqual([answer])
        expect(await inner?.evaluate(token)).toBe(answer)
        expect(await at.page.inputValue(field)).toBe(answer)
        await notSolvedAgain()
        await accepted('#login > button')
      })
    })
  }

  describe(`pays only for ${name} that is due:`, () => {
    const { person, grace, reset, expiry, denied: refused } = family
    const [[path] = ['']] = family.pages.map((page) => (typeof page === 'string' ? ([page] as const) : page))

    test('where a person can see it, at least after scrolling', async () => {
      await visitDue(path)
      await expectSight((expression) => at.page.evaluate(expression), at.find)
    })

    if (person) {
      test('skips a widget that a person has answered', async () => {
        await visit(person.path)
        await person.answers()
        await at.page.waitForFunction('calls.length')
        await notSolvedAgain()
        expect(at.grant.challenges).toEqual([])
        await accepted()
      })
    }

    const { restored } = family
    if (restored) {
      test('a field of the page’s own, filled by browser or server as it was before, is no answer', async () => {
        await visitDue(restored.path)
        await at.page.evaluate((name) => {
          const own = document.createElement('input')
          Object.assign(own, { type: 'hidden', name, value: 'an-answer.of.before.1' })
          document.querySelector('form')?.prepend(own)
        }, restored.field)
        expect(await at.find()).toMatchObject([{ answered: false, due: true }])
        expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
        expect(await at.find()).toMatchObject([{ answered: true, due: false }])
        await accepted()
      })
    }

    if (grace) {
      test('a widget that passes within its grace costs nothing', async () => {
        const clock = timedClock()
        at.vendor.setBehavior(at.sitekey, { ...grace.behavior, afterMs: 2_000 })
        await at.visit(grace.path, { grace: '3s' }, { ...options, clock })
        await grace.begins?.()
        await eventually(() => at.vendorClock.waiting > 0)
        const solving = at.captcha.solve(at.page)
        await inGrace(clock)
        await at.vendorClock.advance(2_000)
        await at.page.waitForFunction('calls.length')
        await clock.advance(3_000)
        expect(await solving).toMatchObject({ solved: [], skipped: [{ reason: 'auto-passed' }] })
        expect(at.grant.challenges).toEqual([])
      })
    }

    test.each(reset?.paths ?? [])(
      'does not solve %s again after an injection, until the page resets it',
      async (path) => {
        await visitDue(path)
        await at.captcha.solve(at.page)
        await notSolvedAgain()
        await at.page.evaluate(reset?.run ?? '')
        await at.page.waitForFunction(reset?.done ?? '')
        await dueAgain()
      },
    )

    if (expiry) {
      test('removes a token that has expired, and lets the page know', async () => {
        await visitDue(expiry.path)
        if (expiry.prepare) await at.page.evaluate(expiry.prepare)
        at.grant.tokenTtlMs = 200
        await at.captcha.solve(at.page)
        await at.page.waitForFunction(expiry.done)
        await dueAgain()
      })
    }

    if (refused) {
      test('a denied solve changes nothing in the page', async () => {
        const { state } = refused
        const look = () => (typeof state === 'string' ? at.page.evaluate(state) : state())
        await visitDue(refused.path)
        const before = await look()
        at.grant.answer = () => Promise.reject(denied())
        expect(await at.captcha.solve(at.page)).toMatchObject({ denied: [{}] })
        expect(await look()).toEqual(before)
        expect(await at.calls()).toEqual([])
      })
    }
  })

  const { reloaded } = family
  if (reloaded) {
    test(`${name} whose script is loaded anew, as for another language, does not have the answer of the one before`, async () => {
      await visitDue(reloaded.path)
      await at.captcha.solve(at.page)
      expect(await at.page.evaluate(reloaded.token)).not.toBe('')
      await at.page.evaluate(`void (${reloaded.again})`)
      await eventually(async () => (await at.page.evaluate(`try { ${reloaded.token} } catch { 'none' }`)) === '')
      await dueAgain()
      const { solved } = await at.captcha.solve(at.page)
      expect(solved).toMatchObject([{ told: true }])
      expect(await at.page.evaluate(reloaded.token)).toBe(solved[0]?.solution.token)
      await accepted()
    })
  }

  const { copied } = family
  if (copied) {
    describe(`a copy of ${name} that has its answer is no answer, and is not bought:`, () => {
      const solve = async () => {
        await visitDue(copied.path)
        const { solved } = await at.captcha.solve(at.page)
        expect(solved).toHaveLength(1)
      }
      const copy = (make: string) =>
        at.page.evaluate(`{ const element = document.querySelector(${JSON.stringify(copied.element)})
          const form = element.closest('form'); ${make}; 0 }`)
      const reasons = async () => {
        const { solved, skipped, failed } = await at.captcha.solve(at.page)
        expect([solved, failed]).toEqual([[], []])
        expect(at.grant.challenges).toHaveLength(1)
        return new Set(skipped.map(({ reason }) => reason))
      }

      const beside = [
        ['beside it', 'element.after(element.cloneNode(true))'],
        ['before it', 'element.before(element.cloneNode(true))'],
        ['in a second form', 'const other = form.cloneNode(true); other.id = "other"; form.after(other)'],
        ['before its form', 'const other = form.cloneNode(true); other.id = "other"; form.before(other)'],
      ] as const
      test.each(beside)('%s, unanswered: the vendor’s own is bought, and nothing else', async (_, make) => {
        await visitDue(copied.path)
        await copy(make)
        const states = (await at.find()).map(({ due, copy }) => (copy ? 'copy' : due ? 'due' : 'neither'))
        // A part of a drawing, copied, is no widget of every vendor's.
        expect(states.filter((state) => state !== 'copy')).toEqual(['due'])
        expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{ told: true }], failed: [] })
        expect(at.grant.challenges).toHaveLength(1)
      })

      test.each(beside)('%s', async (_, make) => {
        await solve()
        await at.find()
        await copy(make)
        const found = await at.find()
        expect(found.filter(({ answered }) => answered)).toHaveLength(1)
        for (const { answered, due, copy } of found)
          expect({ due, copy }).toEqual({ due: false, copy: answered ? undefined : true })
        expect(await reasons()).toEqual(new Set(found.length > 1 ? ['answered', 'copy'] : ['answered']))
        // Without the mouse: a click where the button was has reached the frame that the copy loads.
        await at.page.locator(submit).dispatchEvent('click')
        await at.welcomed()
      })

      const inPlace = [
        ['cloneNode', 'form.replaceWith(form.cloneNode(true))'],
        ['innerHTML', 'form.outerHTML = form.outerHTML'],
      ] as const
      test.each(copied.byObject ? [] : inPlace)('in its place, by %s', async (_, make) => {
        await solve()
        await copy(make)
        const found = (await at.find()).filter(({ copy }) => !copy)
        expect(found.filter(({ answered }) => answered)).toEqual([])
      })

      test.each(copied.byObject || copied.sameId ? [] : inPlace)('in its place, unanswered, by %s', async (_, make) => {
        await visitDue(copied.path)
        await copy(make)
        expect(await at.find()).toMatchObject([{ due: false, copy: true }])
        expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'copy' }] })
        expect(at.grant.challenges).toEqual([])
      })
    })
  }

  const { popup } = family
  if (popup) {
    describe(`leaves the site’s own application visible, where the challenge of ${name} is in it:`, () => {
      test.each(popup.paths)('%s', async (path) => {
        // The vendor's script appends to what the page gives it as the body.
        await at.context.addInitScript(`Object.defineProperty(document, 'body', { configurable: true, get() {
          return document.querySelector('main') ?? document.documentElement.lastElementChild } })`)
        await visit(path)
        await at.page.evaluate(
          'HTMLFormElement.prototype.submit = function () {}; window.submitLogin = function () {}; 0',
        )
        await popup.opens()
        await at.page.waitForFunction(popup.shown)
        await at.due()
        expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
        expect(await at.page.evaluate(popup.shown)).toBe(false)
        expect(await at.page.isVisible('main h1')).toBe(true)
        expect(await at.page.isVisible('main #login')).toBe(true)
      })
    })
  }

  const { blocked, named, watched: throwing } = family
  if (blocked) {
    test.each([
      ['a blocker stops it', (page: Page) => page.route(blocked.script, (route) => route.abort('blockedbyclient'))],
      [
        'the page’s own policy forbids it',
        (page: Page) =>
          page.route(`**${blocked.path}`, async (route) => {
            const headers = { 'content-type': 'text/html', 'content-security-policy': "script-src 'unsafe-inline'" }
            await route.fulfill({ response: await route.fetch(), headers })
          }),
      ],
      [
        'a blocker answers with an empty script',
        (page: Page) => page.route(blocked.script, (route) => route.fulfill({ contentType: 'text/javascript' })),
      ],
      [
        'the page has none, seconds after it was loaded',
        (page: Page) =>
          page.route(`**${blocked.path}`, async (route) => {
            const response = await route.fetch()
            const body = (await response.text()).replace(/<script [^>]*src=[^>]*><\/script>/g, '')
            await route.fulfill({ response, body })
          }),
      ],
    ])(`buys nothing for ${name} whose script the page could not load, and says so: %s`, async (_, block) => {
      await at.guard({}, options)
      await at.newPage()
      await block(at.page)
      await at.page.goto(`${at.site.url}${blocked.path}`)
      await eventually(async () => (await at.find())[0]?.blocked === true)
      expect(await at.find()).toMatchObject([{ blocked: true, due: false, answered: false }])
      expect(await at.captcha.solve(at.page)).toMatchObject({
        solved: [],
        skipped: [{ reason: 'script-blocked' }],
        cost: 0,
      })
      expect(at.grant.challenges).toEqual([])
    })

    test.runIf(blocked.tag)(`buys no tag of ${name} that came after the vendor’s script had drawn all`, async () => {
      await visitDue(blocked.path)
      await at.page.evaluate((tag) => {
        const late = document.querySelector(tag)?.cloneNode(false) as Element
        late.removeAttribute('id')
        document.body.append(late)
      }, blocked.tag ?? '')
      expect(await at.find()).toMatchObject([{ due: true }])
      expect((await at.captcha.solve(at.page)).solved).toHaveLength(1)
      expect(at.grant.challenges).toHaveLength(1)
      await accepted()
    })

    test(`does not say that of ${name} whose script is inserted late, and on its way for seconds`, async () => {
      let arrive = () => {}
      const arrived = new Promise<void>((resolve) => (arrive = resolve))
      await at.guard({}, options)
      await at.newPage()
      await at.page.route(blocked.script, async (route) => {
        await arrived
        await route.continue()
      })
      await at.page.goto(`${at.site.url}/nothing`)
      await at.page.evaluate(async (path) => {
        const parsed = new DOMParser().parseFromString(await (await fetch(path)).text(), 'text/html')
        document.body.append(...parsed.body.childNodes, ...parsed.querySelectorAll('script'))
        // Scripts that were parsed elsewhere do not run.
        for (const inert of document.body.querySelectorAll('script')) {
          const script = document.createElement('script')
          for (const { name, value } of inert.attributes) script.setAttribute(name, value)
          script.textContent = inert.textContent
          inert.replaceWith(script)
        }
      }, blocked.path)
      await at.page.waitForFunction('Date.now() - performance.timing.loadEventEnd > 3_200')
      expect((await at.find())[0]?.blocked).toBe(undefined)
      arrive()
      await at.due()
      expect((await at.find())[0]?.blocked).toBe(undefined)
    })
  }

  if (throwing) {
    describe(`reports that the page of ${name} was not notified of its solution:`, () => {
      test('its callback throws, and the error reaches the page’s own handlers', async () => {
        await visitDue(throwing[0])
        await at.page.evaluate(`window.thrown = []
          addEventListener('error', function (event) { thrown.push(event.message); event.preventDefault() })
          calls.push = function () { throw new Error('of the page') }; 0`)
        const { solved } = await at.captcha.solve(at.page)
        expect(solved).toMatchObject([
          family.catches ? { told: true } : { told: false, notifyFailure: 'callback-threw' },
        ])
        await at.page.waitForFunction('thrown.length')
        expect(await at.page.evaluate('thrown')).toEqual(['Uncaught Error: of the page'])
        expect(at.grant.notifyFailed).toEqual(family.catches ? [] : ['callback-threw'])
        expect(at.grant.injections).toMatchObject([{ ok: true }])
      })

      test.runIf(named)('the page has no callback of the name that it gives', async () => {
        await visitDue(named?.path ?? '')
        await at.page.evaluate(`window.${named?.callback} = undefined; 0`)
        const { solved } = await at.captcha.solve(at.page)
        expect(solved).toMatchObject([{ told: false, notifyFailure: 'callback-missing' }])
        expect(at.grant.notifyFailed).toEqual(['callback-missing'])
      })
    })
  }

  const { invalid, api } = family
  if (!invalid && !api) return
  describe(`a hostile page with ${name}`, () => {
    if (invalid) {
      test('getters, proxies and invalid values among the arguments throw nothing', async () => {
        await at.guard({}, { ...options, evaluateMs: invalid.evaluateMs })
        await at.open(invalid.path)
        await at.due()
        const found = await at.captcha.find(at.page)
        expect([...found]).toMatchObject([{ sitekey: at.sitekey, due: true, ...invalid.found }])
        if (invalid.malformed !== undefined) expect(found.omitted.malformed).toBe(invalid.malformed)
        expect(await at.captcha.solve(at.page)).toMatchObject({
          solved: [{ challenge: { sitekey: at.sitekey } }],
          failed: [],
        })
        if (invalid.done) expect(await at.page.evaluate(invalid.done)).toBe(true)
      })
    }

    if (api) {
      test('the page observes the same API as without a guard', async () => {
        const plain = await (await at.browser.newContext()).newPage()
        await visit(api.path)
        await plain.goto(`${at.site.url}${api.path}`)
        for (const page of [at.page, plain]) await page.waitForFunction(api.rendered)
        expect(await at.page.evaluate(api.look)).toBe(await plain.evaluate(api.look))
        await plain.context().close()
        await at.captcha.close()
        expect(await at.page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
        await api.after()
      })
    }
  })
}

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ExtraPlugin } from '../../../src/adapters/extra/options.js'
import { SolveguardError } from '../../../src/base/errors.js'
import { type StandInSite, startSite } from '../../../src/testing/site/index.js'
import { type StandInHcaptcha, startHcaptcha } from '../../../src/testing/vendors/hcaptcha/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { type FakeGrant, fakeGrant } from '../fake-grant.js'
import { eventually } from '../tool.js'
import { type ExtraBrowser, type ExtraPage, launchExtra, ownPlugin } from './extra-browser.js'

// What scripts that were written for puppeteer-extra-plugin-recaptcha rely on: the facts that its own test suite has,
// and those that it promises in its types.

const explicit = (target: string, parameters: string, body: string, script = 'api.js', api = 'grecaptcha') =>
  `<!doctype html><title>Staging</title><body>${body}<script>window.solvedBy = []
var onSubmit = function (token) { solvedBy.push(token) }
window.begin = function () { ${api}.render('${target}', { sitekey: ' {{sitekey}}', ${parameters} }) }</script>
<script src="{{vendor}}/recaptcha/${script}?onload=begin&render=explicit" async defer></script>`

const BUTTON = '<form action="javascript:0"><input id="submit" type="submit" value="Sign in"></form>'

const PAGES = {
  '/enterprise-box': explicit(
    'here',
    "action: 'homepage'",
    '<form><div id="here"></div></form>',
    'enterprise.js',
    'grecaptcha.enterprise',
  ),
  '/button': explicit('submit', 'callback: onSubmit', BUTTON),
  '/isolated': explicit('submit', 'callback: onSubmit, isolated: true', BUTTON),
  '/unnamed': explicit('here', "callback: (() => () => {})(), theme: 'dark', size: 'compact'", '<div id="here"></div>'),
  '/hidden-box': explicit('here', '', '<div style="display:none"><div id="here"></div></div>'),
  // The vendor's state names elements of its own beside the one that the widget is in.
  '/other-first': `${explicit('here', '', '<p id="other" style="display:none"></p><div id="here"></div>')}<script>
const rendered = setInterval(() => {
  const clients = (window.___grecaptcha_cfg || {}).clients || {}
  if (!clients[0]) return
  clearInterval(rendered)
  clients[0] = { A: document.getElementById('other'), ...clients[0] }
})</script>`,
  '/low-box': explicit('here', '', '<div style="height:5000px"></div><div id="here"></div>'),
}

let recaptcha: StandInRecaptcha
let hcaptcha: StandInHcaptcha
let site: StandInSite
let grant: FakeGrant
let plugin: ExtraPlugin
let browser: ExtraBrowser
const pages: ExtraPage[] = []

beforeAll(async () => {
  recaptcha = await startRecaptcha()
  hcaptcha = await startHcaptcha()
  site = await startSite({ recaptcha, hcaptcha, pages: PAGES })
  grant = fakeGrant(recaptcha)
  plugin = ownPlugin('puppeteer-extra', grant)
  browser = await launchExtra('puppeteer-extra', [plugin])
})

afterEach(async () => {
  Object.assign(plugin.opts, {
    visualFeedback: false,
    throwOnError: false,
    solveScoreBased: false,
    solveInactiveChallenges: false,
    solveInViewportOnly: false,
  })
  grant.answer = async ({ family, sitekey }) => (family === 'hcaptcha' ? hcaptcha : recaptcha).issue({ sitekey })
  grant.challenges.length = 0
  for (const page of pages.splice(0)) await page.close()
})

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await site?.close()
  await recaptcha?.close()
  await hcaptcha?.close()
})

async function open(path: string, options: Partial<ExtraPlugin['opts']> = {}): Promise<ExtraPage> {
  Object.assign(plugin.opts, options)
  const page = await browser.newPage()
  pages.push(page)
  await page.goto(`${site.url}${path}`)
  return page
}

describe('findRecaptchas says of', () => {
  test('a checkbox: its number and its field, and nothing of what only others have', async () => {
    const page = await open('/login')
    const { captchas, filtered, error } = await page.findRecaptchas()
    expect([filtered, error]).toEqual([[], null])
    const [{ id, ...captcha } = { id: '' }] = captchas
    expect(id).not.toBe('')
    expect(Object.entries(captcha).filter(([, value]) => value === undefined)).toEqual([])
    expect(captcha).toStrictEqual({
      _vendor: 'recaptcha',
      _type: 'checkbox',
      sitekey: site.sitekey,
      s: null,
      url: `${site.url}/login`,
      widgetId: 0,
      display: {},
      hasResponseElement: true,
      isEnterprise: false,
      isInViewport: true,
      isInvisible: false,
    })
  })

  test('an Enterprise checkbox: its action, and its key without white space', async () => {
    const { captchas } = await (await open('/enterprise-box')).findRecaptchas()
    expect(captchas).toMatchObject([{ isEnterprise: true, action: 'homepage', sitekey: site.sitekey, widgetId: 0 }])
    expect(captchas[0]).not.toHaveProperty('callback')
  })

  test('an invisible one: its callback by name, its frame for a challenge, and whether that is open', async () => {
    const page = await open('/button', { solveInactiveChallenges: true })
    const { captchas } = await page.findRecaptchas()
    const [{ id, sitekey, display, ...rest } = { id: '', sitekey: '', display: {} }] = captchas
    const closed = {
      _vendor: 'recaptcha',
      _type: 'invisible',
      s: null,
      url: `${site.url}/button`,
      widgetId: 0,
      callback: 'onSubmit',
      hasResponseElement: true,
      isEnterprise: false,
      isInViewport: true,
      isInvisible: true,
      hasActiveChallengePopup: false,
      hasChallengeFrame: true,
    }
    expect(rest).toStrictEqual(closed)
    await page.evaluate('document.getElementById("submit").click()')
    await eventually(async () => (await page.findRecaptchas()).captchas[0]?.hasActiveChallengePopup === true)
    expect((await page.findRecaptchas()).captchas).toMatchObject([{ ...closed, hasActiveChallengePopup: true }])
  })

  test('an isolated one: a number from 100,000', async () => {
    const { filtered } = await (await open('/isolated')).findRecaptchas()
    expect(filtered).toMatchObject([
      { widgetId: 100_000, _type: 'invisible', filtered: true, filteredReason: 'solveInactiveChallenges' },
    ])
  })

  test.each([false, true])(
    'a score key: no frame for a challenge; with solveScoreBased %s',
    async (solveScoreBased) => {
      const page = await open('/v3', { solveScoreBased })
      const { captchas, filtered } = await page.findRecaptchas()
      expect([captchas.length, filtered.length]).toEqual(solveScoreBased ? [1, 0] : [0, 1])
      expect([...captchas, ...filtered]).toMatchObject([
        {
          _type: 'score',
          widgetId: 100_000,
          hasChallengeFrame: false,
          hasActiveChallengePopup: false,
          isInvisible: true,
          isInViewport: true,
          ...(!solveScoreBased && { filtered: true, filteredReason: 'solveScoreBased' }),
        },
      ])
    },
  )

  test('a callback without a name, a theme and a size', async () => {
    const { captchas } = await (await open('/unnamed')).findRecaptchas()
    expect(captchas).toMatchObject([{ callback: 'anonymous', display: { theme: 'dark', size: 'compact' } }])
  })

  test('a widget without a field: that it has none', async () => {
    const page = await open('/login')
    await page.findRecaptchas()
    await page.evaluate('for (const field of document.querySelectorAll("textarea")) field.remove()')
    expect((await page.findRecaptchas()).captchas).toMatchObject([{ hasResponseElement: false }])
  })

  test('a checkbox that no person can see: why it is left alone, and it is', async () => {
    const page = await open('/hidden-box')
    const left = { captchas: [], filtered: [{ _type: 'checkbox', filteredReason: 'solveInViewportOnly' }] }
    expect(await page.findRecaptchas()).toMatchObject(left)
    expect(await page.solveRecaptchas()).toMatchObject({ ...left, solutions: [], solved: [], error: null })
    expect(grant.challenges).toEqual([])
  })

  test('a checkbox whose state names another element first: in its own element', async () => {
    const page = await open('/other-first')
    await eventually(
      async () => `${await page.evaluate('(window.___grecaptcha_cfg?.clients?.[0]?.A ?? "").id')}` === 'other',
    )
    const found = [{ isInViewport: true, widgetId: 0, hasResponseElement: true }]
    const { captchas, filtered } = await page.findRecaptchas()
    expect([captchas, filtered]).toMatchObject([found, []])
    // It is still the same one when the other element is gone.
    await page.evaluate('document.getElementById("other").remove()')
    const { solutions } = await page.getRecaptchaSolutions(captchas)
    expect(await page.enterRecaptchaSolutions(solutions)).toMatchObject({ solved: [{ isSolved: true }], error: null })
    expect(await page.evaluate('document.querySelectorAll("textarea").length')).toBe(1)
  })

  test('a checkbox below the fold: that it is not in the viewport, and solves it unless that matters', async () => {
    const page = await open('/low-box', { solveInViewportOnly: true })
    expect(await page.solveRecaptchas()).toMatchObject({
      captchas: [],
      filtered: [{ isInViewport: false, filteredReason: 'solveInViewportOnly' }],
    })
    expect(grant.challenges).toEqual([])
    plugin.opts.solveInViewportOnly = false
    expect(await page.solveRecaptchas()).toMatchObject({ captchas: [{ isInViewport: false }], solved: [{}] })
  })

  test('an hCaptcha, by its checkbox or by its open challenge alone', async () => {
    const page = await open('/hcaptcha')
    const found = [{ _vendor: 'hcaptcha', url: `${site.url}/hcaptcha`, display: { size: 'normal' } }]
    await eventually(async () => (await page.findRecaptchas()).captchas.length === 1)
    const { captchas } = await page.findRecaptchas()
    expect(captchas).toMatchObject(found)
    expect(captchas[0]?.sitekey).toBe(site.sitekeys.hcaptcha)
    await page.evaluate('hcaptcha.execute(); document.querySelector("iframe[data-hcaptcha-widget-id]").remove()')
    expect((await page.findRecaptchas()).captchas).toMatchObject([{ _vendor: 'hcaptcha' }])
  })

  test('a page without a widget: nothing', async () => {
    const page = await open('/plain')
    expect(await page.findRecaptchas()).toEqual({ captchas: [], filtered: [], error: null })
    expect(await page.solveRecaptchas()).toEqual({ captchas: [], filtered: [], solutions: [], solved: [], error: null })
  })
})

describe('of several widgets', () => {
  test('each solution belongs to its widget, also when one fails, with a duration of its own', async () => {
    const page = await open('/several')
    await eventually(async () => (await page.findRecaptchas()).captchas.length === 3)
    const { captchas } = await page.findRecaptchas()
    const [first, second, third] = captchas
    let asked = 0
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    grant.answer = async ({ sitekey }) => {
      if (++asked === 2) throw new SolveguardError('CAPTCHA_UNSOLVABLE', 'The worker gave up.')
      if (sitekey === third?.sitekey) await held
      return recaptcha.issue({ sitekey })
    }
    const solving = page.solveRecaptchas()
    await eventually(async () => (await page.evaluate('calls.length')) === 1)
    release()
    const { solutions, solved, error } = await solving
    expect(solutions.map(({ id }) => id)).toEqual(captchas.map(({ id }) => id))
    expect(solutions.map(({ hasSolution }) => hasSolution)).toEqual([true, false, true])
    expect(solutions[1]?.error).toBe('CAPTCHA_UNSOLVABLE: The worker gave up.')
    expect(error).toBe(solutions[1]?.error)
    expect(solved.map(({ id }) => id)).toEqual([first?.id, third?.id])
    expect(solutions[2]?.duration).toBeGreaterThan(solutions[0]?.duration ?? Number.NaN)
    expect(second).not.toHaveProperty('error')
  })

  test('a callback is said to be called where one was, and a field to be filled where one is', async () => {
    const page = await open('/several')
    await eventually(async () => (await page.findRecaptchas()).captchas.length === 3)
    const { solved } = await page.solveRecaptchas()
    expect(solved.map(({ responseCallback }) => responseCallback)).toEqual([true, false, true])
    expect(solved.map(({ responseElement }) => responseElement)).toEqual([true, true, true])
    const score = await open('/v3', { solveScoreBased: true })
    expect(await score.solveRecaptchas()).toMatchObject({
      solved: [{ responseElement: false, responseCallback: false, isSolved: true }],
    })
  })
})

describe('money:', () => {
  test('of a known and an unknown widget, the known one is bought and returned', async () => {
    const page = await open('/login')
    const { captchas } = await page.findRecaptchas()
    const unknown = { ...captchas[0], id: '9-dffffffffffff-0' } as (typeof captchas)[0]
    const { solutions, error } = await page.getRecaptchaSolutions([unknown, ...captchas])
    expect(solutions).toMatchObject([
      { id: unknown.id, hasSolution: false },
      { id: captchas[0]?.id, hasSolution: true },
    ])
    expect(error).toMatch(/^WIDGET_GONE: /)
    expect(grant.challenges).toHaveLength(1)
    expect(await page.enterRecaptchaSolutions(solutions)).toMatchObject({ solved: [{ isSolved: true }], error: null })
  })

  test('with throwOnError, nothing is bought for a list with an unknown one', async () => {
    const page = await open('/login', { throwOnError: true })
    const { captchas } = await page.findRecaptchas()
    const unknown = { ...captchas[0], id: '9-dffffffffffff-0' } as (typeof captchas)[0]
    await expect(page.getRecaptchaSolutions([...captchas, unknown])).rejects.toMatchObject({ code: 'WIDGET_GONE' })
    expect(grant.challenges).toEqual([])
  })

  test('what was bought beside an error that is thrown is returned by the next call, and is not bought again', async () => {
    const page = await open('/several', { throwOnError: true })
    await eventually(async () => (await page.findRecaptchas()).captchas.length === 3)
    const { captchas } = await page.findRecaptchas()
    let asked = 0
    grant.answer = async ({ sitekey }) => {
      if (++asked === 2) throw new SolveguardError('SOLVER_BUSY', 'No free slot.')
      return recaptcha.issue({ sitekey })
    }
    await expect(page.getRecaptchaSolutions(captchas)).rejects.toMatchObject({ code: 'SOLVER_BUSY' })
    expect(asked).toBe(3)
    expect((await page.getRecaptchaSolutions(captchas)).solutions).toHaveLength(3)
    expect(asked).toBe(4)
    expect((await page.solveRecaptchas()).solved).toHaveLength(3)
    expect(asked).toBe(4)
  })

  test.each([
    ['a spread copy', <T>(solution: T): T => ({ ...solution })],
    ['a JSON copy', <T>(solution: T): T => JSON.parse(JSON.stringify(solution))],
    ['the solution itself', <T>(solution: T): T => solution],
  ])('%s of a solution is entered', async (_, copyOf) => {
    const page = await open('/named')
    const { captchas } = await page.findRecaptchas()
    const { solutions } = await page.getRecaptchaSolutions(captchas)
    const copies = solutions.map((one) => copyOf(one))
    expect(await page.enterRecaptchaSolutions(copies)).toMatchObject({ solved: [{ isSolved: true }], error: null })
    expect(await page.evaluate('calls.join()')).toBe(solutions[0]?.text)
    expect(grant.challenges).toHaveLength(1)
  })

  test('a solution without a token is reported, and not dropped', async () => {
    const page = await open('/named')
    const [{ id = '' } = {}] = (await page.findRecaptchas()).captchas
    const { solved, error } = await page.enterRecaptchaSolutions([{ _vendor: 'recaptcha', id, hasSolution: true }])
    expect(solved).toMatchObject([{ id, isSolved: false }])
    expect(error).toMatch(/^CHALLENGE_INVALID: /)
  })

  test.each([
    ['sitekey', 'another-sitekey'],
    ['url', 'https://elsewhere.example/'],
    ['s', 'one-time-value'],
    ['action', 'pay'],
  ] as const)('a captcha whose %s was changed is refused before anything is bought', async (field, value) => {
    const page = await open('/login')
    const { captchas } = await page.findRecaptchas()
    const edited = captchas.map((one) => ({ ...one, [field]: value }))
    const { solutions, error } = await page.getRecaptchaSolutions(edited)
    expect(solutions).toMatchObject([{ hasSolution: false }])
    expect(error).toMatch(new RegExp(`^CHALLENGE_INVALID: .*\`${field}\``))
    expect(grant.challenges).toEqual([])
  })

  test('a captcha of another page, or of a document that is gone, is refused before anything is bought', async () => {
    const [page, other] = [await open('/login'), await open('/login')]
    const { captchas } = await page.findRecaptchas()
    await other.findRecaptchas()
    expect((await other.getRecaptchaSolutions(captchas)).error).toMatch(/^WIDGET_GONE: /)
    await page.goto(`${site.url}/login`)
    expect((await page.getRecaptchaSolutions(captchas)).error).toMatch(/^WIDGET_GONE: /)
    expect(grant.challenges).toEqual([])
  })

  test('what the page has of a challenge is bought with it, and an answered one is not bought again', async () => {
    const page = await open('/data-s')
    const { captchas } = await page.findRecaptchas()
    expect(captchas).toMatchObject([{ s: 'one-time-value', action: 'login' }])
    await page.enterRecaptchaSolutions((await page.getRecaptchaSolutions(captchas)).solutions)
    expect(grant.challenges).toMatchObject([{ dataS: 'one-time-value', action: 'login' }])
    expect(await page.getRecaptchaSolutions(captchas)).toMatchObject({
      solutions: [{ hasSolution: false }],
      error: null,
    })
    expect(grant.challenges).toHaveLength(1)
  })
})

test('the plugin has the name and the options of the other one, without a guard or a key', () => {
  const provider = { id: '2captcha', token: '' }
  const { name, opts } = ownPlugin('puppeteer-extra', grant, { provider, solveScoreBased: true })
  expect(name).toBe('recaptcha')
  expect(opts).toEqual({
    visualFeedback: false,
    throwOnError: false,
    solveInViewportOnly: false,
    solveScoreBased: true,
    solveInactiveChallenges: false,
  })
})

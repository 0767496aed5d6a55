import { describe, expect, test } from 'vitest'
import type { Answer } from '../../../src/base/challenge.js'
import { startGeetest } from '../../../src/testing/vendors/geetest/index.js'
import { eventually } from '../../adapters/tool.js'
import { familyContract } from '../family-contract.js'
import { stage } from '../stage.js'

const SUBMIT = '#login button:not([class])'

const at = stage('geetest', startGeetest)
const drawn = () => at.page.waitForSelector('.geetest_btn, .geetest_btn_click')
const made = () => at.page.waitForFunction('window.captcha')
const fields = (names: readonly string[]) =>
  at.page.evaluate(
    `${JSON.stringify(names)}.map(name => [...document.querySelectorAll('input[name="' + name + '"]')].map(one => one.value).join())`,
  )

/** Requests a challenge from the site's server, as its own page does. */
const fresh = { geetestChallenge: () => at.page.evaluate<{ challenge: string }>('register()') }

familyContract(at, {
  elsewhere: {
    path: '/geetest-portal',
    api: 'window.initGeetest4',
    token: 'captcha.getValidate().pass_token',
    field: 'input[name="pass_token"]',
  },
  redrawn: { path: '/geetest-redrawn', api: 'window.initGeetest4', token: 'captcha.getValidate().pass_token' },
  drawn: (n) => at.page.waitForFunction(`window.captcha && made === ${n}`),
  restored: { path: '/geetest/v4', field: 'pass_token' },
  copied: { path: '/geetest/v4', element: '.geetest_captcha', byObject: true },
  name: 'a GeeTest',
  submit: SUBMIT,
  options: fresh,
  rendered: () => (at.page.url().endsWith('/bind') ? made() : drawn()),
  found: { family: 'geetest', visible: true },
  pages: [
    ['/geetest', { variant: 'v3' }],
    ['/geetest/server', { variant: 'v3', apiHost: 'api-na.geetest.com' }],
    ['/geetest/bind-form', { variant: 'v3' }],
    ['/geetest/v4', { variant: 'v4' }],
    ['/geetest/v4/shadow', { variant: 'v4' }],
  ],
  solved: async ({ fields }) => expect(await at.calls()).toEqual([fields]),
  watched: ['/geetest/v4', { variant: 'v4' }],
  openBefore: { paths: ['/geetest', '/geetest/v4'], notifyFailure: 'callback-out-of-reach' },
  reset: {
    paths: ['/geetest', '/geetest/v4'],
    run: 'captcha.reset()',
    done: `!captcha.getValidate() && [...document.querySelectorAll('input[name=geetest_validate], input[name=pass_token]')]
      .every((one) => one.value === '')`,
  },
  expiry: {
    path: '/geetest/v4',
    done: '!captcha.getValidate() && !document.querySelector("input[name=pass_token]").value',
  },
  popup: {
    paths: ['/geetest/bind', '/geetest/v4/bind'],
    opens: () => at.page.click('#go'),
    shown: `[...document.querySelectorAll('.geetest_panel, .geetest_box_wrap')].some((one) => one.checkVisibility())`,
  },
  denied: { path: '/geetest/v4', state: '!!captcha.getValidate()' },
  api: {
    path: '/geetest',
    rendered: 'document.querySelector(".geetest_btn")',
    look: `[initGeetest, Geetest, ...Object.getOwnPropertyNames(Geetest.prototype).sort().map((name) => Geetest.prototype[name])]
      .map((one) => [one.name, one.length].join()).join(';') + Object.keys(captcha) + (captcha instanceof Geetest) +
      Object.keys(window).filter((name) => /geetest/i.test(name) && !/_/.test(name))`,
    after: async () => expect(await at.page.evaluate('captcha.reset() === captcha')).toBe(true),
  },
})

describe('a GeeTest v3 whose element is emptied and drawn into again', () => {
  test('is one widget, the latest, and bought once', async () => {
    await at.guard({}, fresh)
    await at.open('/geetest-v3-redrawn')
    await at.page.evaluate('window.register = () => fetch("/geetest/register").then((reply) => reply.json())')
    for (const n of [1, 2]) {
      await at.page.evaluate('draw()')
      await at.page.waitForFunction(`window.made === ${n}`)
      await drawn()
    }
    expect(await at.find()).toMatchObject([{ variant: 'v3', due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}], failed: [], cost: 1000 })
    expect(String((await at.calls())[0])).toMatch(/^2 /)
    await at.page.click('#sign-in')
    await at.welcomed()
  })
})

test.each(['/geetest', '/geetest/v4'])('%s: a form that is bound after the answer receives it', async (path) => {
  await at.visit(path, {}, fresh)
  await drawn()
  await at.captcha.solve(at.page)
  await at.page.evaluate(`(() => {
    document.querySelector('#here').remove()
    captcha.bindForm('#login')
  })()`)
  await at.page.click(SUBMIT)
  await at.welcomed()
})

describe('solves a GeeTest so that the server accepts the answer:', () => {
  test.each(['/geetest/sends', '/geetest/v4/sends'])(
    '%s, which submits the result of getValidate in its callback',
    async (path) => {
      await at.visit(path, {}, fresh)
      await drawn()
      expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
      await at.welcomed()
    },
  )

  test.each(['/geetest/bind', '/geetest/v4/bind'])('%s, once the page has opened it', async (path) => {
    await at.visit(path, {}, fresh)
    await made()
    expect(await at.find()).toMatchObject([{ visible: false, executed: false, due: false }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    expect(at.grant.challenges).toEqual([])
    await at.page.click('#go')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, executed: true, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('a widget whose loader is in a bundle of the site', async () => {
    await at.visit('/geetest/bundled', {}, fresh)
    await drawn()
    await at.page.evaluate("window.register = () => fetch('/geetest/register').then((reply) => reply.json()); 0")
    expect(await at.find()).toMatchObject([{ variant: 'v3', sitekey: at.sitekey, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.fields])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('several widgets of both versions, each with its own answer', async () => {
    await at.visit('/geetest/several')
    await at.page.waitForFunction('made.first && made.second && made.third')
    at.vendor.setBehavior(at.sitekey, { challengesLast: true })
    const found = await at.find()
    expect(found.map(({ variant }) => variant).sort()).toEqual(['v3', 'v4', 'v4'])
    // The challenge that the widget has used is sent nevertheless, as there is no hook for another.
    await at.captcha.solve(at.page, { which: found.filter(({ variant }) => variant === 'v4') })
    const proofs = await fields(['pass_token'])
    const validated = await at.page.evaluate('[made.second, made.third].map(one => one.getValidate().pass_token)')
    expect(proofs).toEqual([(validated as string[]).join()])
    expect(new Set(validated as string[]).size).toBe(2)
    expect(await at.page.evaluate('made.first.getValidate()')).toBe(false)
    await at.page.click('form:nth-of-type(3) button:not([class])')
    await at.welcomed()
  })

  test('an instance of a class that was made before the context was guarded, by the page’s calls of its methods', async () => {
    await at.open('/geetest/bind')
    await made()
    await at.guard({}, fresh)
    await at.find()
    await at.page.click('#go')
    expect(await at.find()).toMatchObject([{ variant: 'v3', sitekey: at.sitekey, executed: true, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate('captcha.getValidate()')).toEqual(solved[0]?.solution.fields)
  })

  test('a widget that is rendered late, destroyed and rendered again', async () => {
    await at.visit('/geetest/v4/late')
    await at.page.waitForFunction('window.ready')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await drawn()
    expect(await at.find()).toHaveLength(1)
    await at.page.evaluate('captcha.destroy()')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await drawn()
    await at.page.evaluate('window.captcha = undefined; draw()')
    await made()
    expect(await at.find()).toHaveLength(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.fields])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

describe('pays only for a GeeTest that is due:', () => {
  test.each([
    ['/geetest', '.geetest_btn', '.geetest_slider_button'],
    ['/geetest/v4', '.geetest_btn_click', '.geetest_submit'],
  ])('skips %s if a person has answered it', async (path, button, submit) => {
    await at.visit(path)
    await drawn()
    await at.page.click(button)
    await at.page.click(submit)
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }], cost: 0 })
    expect(at.grant.challenges).toEqual([])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('keeps the answer of a person who answers during the solve', async () => {
    await at.visit('/geetest/v4')
    await drawn()
    at.grant.answer = async ({ sitekey }) => {
      await at.page.click('.geetest_btn_click')
      await at.page.click('.geetest_submit')
      await at.page.waitForFunction('calls.length')
      return at.vendor.issue({ sitekey })
    }
    const { failed } = await at.captcha.solve(at.page)
    expect(failed).toMatchObject([{ error: { code: 'WIDGET_GONE' } }])
    expect(await at.calls()).toHaveLength(1)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test.each(['/geetest/bind', '/geetest/v4/bind'])(
    '%s that passes by itself within its grace costs nothing',
    async (path) => {
      at.vendor.setBehavior(at.sitekey, { passes: true })
      await at.visit(path, { grace: '1s' })
      await made()
      await at.page.evaluate('document.getElementById("login").submit = function () {}; 0')
      await at.page.click('#go')
      const { solved, skipped } = await at.captcha.solve(at.page)
      expect(solved).toEqual([])
      expect(skipped).toMatchObject([{ reason: expect.stringMatching(/^(auto-passed|answered)$/) }])
      expect(at.grant.challenges).toEqual([])
    },
  )

  test.each(['/geetest/bind', '/geetest/v4/bind'])('skips %s if it was opened and closed again', async (path) => {
    await at.visit(path)
    await made()
    await at.page.click('#go')
    await at.page.click('.geetest_close')
    await eventually(async () => (await at.find())[0]?.executed === false)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    expect(at.grant.challenges).toEqual([])
  })

  test('does not list a widget in offline mode, for which the site’s server answers', async () => {
    await at.visit('/geetest/offline')
    await drawn()
    expect(await at.find()).toEqual([])
  })

  test('closes an open challenge when its widget is answered', async () => {
    for (const path of ['/geetest/bind', '/geetest/v4/bind']) {
      await at.visit(path, {}, fresh)
      await made()
      await at.page.evaluate('document.getElementById("login").submit = function () {}; 0')
      await at.page.click('#go')
      await at.page.waitForSelector('.geetest_close', { state: 'visible' })
      await at.captcha.solve(at.page)
      expect(await at.page.isVisible('.geetest_close')).toBe(false)
      await at.page.close()
      await at.captcha.close()
    }
  })
})

describe('a fresh challenge for a v3', () => {
  test('is requested before anything is bought, with the page and the found challenge', async () => {
    const seen: unknown[] = []
    await at.visit(
      '/geetest',
      {},
      {
        async geetestChallenge(page, found) {
          seen.push(page === at.page, found.family, found.variant, found.challenge, at.grant.challenges.length)
          return { challenge: 'fresh-1', gt: 'ignored' }
        },
      },
    )
    await drawn()
    const used = (await at.find())[0]?.challenge
    expect(used).toMatch(/^[\da-f]{32}$/)
    at.grant.answer = async () => answer('fresh-1')
    await at.captcha.solve(at.page)
    expect(seen).toEqual([true, 'geetest', 'v3', used, 0])
    expect(at.grant.challenges).toMatchObject([{ variant: 'v3', challenge: 'fresh-1' }])
  })

  test('is not requested for a v4, nor for a skipped widget', async () => {
    let asked = 0
    const geetestChallenge = async () => ({ challenge: `fresh-${++asked}` })
    await at.visit('/geetest/v4', {}, { geetestChallenge })
    await drawn()
    await at.captcha.solve(at.page)
    await at.page.goto(`${at.site.url}/geetest/bind`)
    await made()
    await at.captcha.solve(at.page)
    expect(asked).toBe(0)
  })

  test('is the one in the page, if there is no hook for another', async () => {
    await at.visit('/geetest')
    await drawn()
    const used = (await at.find())[0]?.challenge
    at.grant.answer = async () => answer('any')
    await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ challenge: used }])
  })

  test.each<[string, () => unknown, RegExp]>([
    ['throws', () => Promise.reject(new Error('secret-of-the-page')), /geetestChallenge/],
    [
      'throws at once',
      () => {
        throw new Error('secret-of-the-page')
      },
      /geetestChallenge/,
    ],
    ['returns nothing', async () => undefined, /geetestChallenge/],
    ['returns a text', async () => 'x', /geetestChallenge/],
    ['returns an invalid challenge', async () => ({ challenge: 'a b\u0000' }), /geetestChallenge/],
    ['returns a challenge that is too long', async () => ({ challenge: 'x'.repeat(1e6) }), /geetestChallenge/],
    [
      'has a getter that throws',
      async () => ({
        get challenge() {
          throw new Error('secret-of-the-page')
        },
      }),
      /geetestChallenge/,
    ],
  ])('is invalid if the hook %s, and nothing is bought', async (_, geetestChallenge, message) => {
    await at.visit('/geetest', {}, { geetestChallenge: geetestChallenge as never })
    await drawn()
    const { failed } = await at.captcha.solve(at.page)
    expect(failed).toMatchObject([{ error: { code: 'CHALLENGE_INVALID', message: expect.stringMatching(message) } }])
    expect(failed[0]?.error.message).not.toContain('secret-of-the-page')
    expect(at.grant.challenges).toEqual([])
  })

  test('is awaited for ten seconds at most', async () => {
    const clock = (await import('../../../src/testing/clock.js')).manualClock(Date.now())
    let called = false
    await at.visit(
      '/geetest',
      {},
      {
        clock,
        geetestChallenge: () => {
          called = true
          return new Promise(() => {})
        },
      },
    )
    await drawn()
    const solving = at.captcha.solve(at.page)
    await eventually(() => called && clock.waiting > 0)
    await clock.advance(10_000)
    expect(await solving).toMatchObject({ failed: [{ error: { code: 'CHALLENGE_INVALID' } }] })
    expect(at.grant.challenges).toEqual([])
  })
})

const answer = (challenge: string): Answer => ({
  token: 'v',
  fields: { geetest_challenge: challenge, geetest_validate: 'v', geetest_seccode: 'v|jordan' },
})

describe('a hostile page with a GeeTest', () => {
  test('does not inject an answer into the next page if the page has navigated meanwhile', async () => {
    await at.visit('/geetest/v4')
    await drawn()
    let answerNow = () => {}
    at.grant.answer = (challenge) =>
      new Promise((resolve) => {
        answerNow = () => resolve(at.vendor.issue({ sitekey: challenge.sitekey }))
      })
    const solving = at.captcha.solve(at.page)
    await eventually(() => at.grant.challenges.length === 1)
    await at.page.goto(`${at.site.url}/geetest/v4`)
    await drawn()
    answerNow()
    expect(await solving).toMatchObject({ solved: [], failed: [{ error: { code: 'PAGE_GONE' } }] })
    expect(await fields(['pass_token', 'captcha_output'])).toEqual(['', ''])
    expect(await at.calls()).toEqual([])
    expect(await at.page.evaluate('!!captcha.getValidate()')).toBe(false)
  })

  test('getters, proxies and invalid values among the arguments throw nothing', async () => {
    await at.visit('/geetest-odd')
    await at.page.waitForFunction('made === 2')
    const found = await at.find()
    expect(found.toSorted((one, other) => one.variant.localeCompare(other.variant))).toMatchObject([
      { variant: 'v3', sitekey: at.sitekey, challenge: undefined, apiHost: undefined },
      { variant: 'v4', sitekey: at.sitekey },
    ])
    const { solved } = await at.captcha.solve(at.page, { which: found.filter(({ variant }) => variant === 'v4') })
    expect(solved).toHaveLength(1)
    expect(await at.page.evaluate('thrown')).toBe(1)
  })

  test('a thousand calls of the page do not push its widget out of the log', async () => {
    await at.visit('/geetest/v4')
    await drawn()
    await at.page.evaluate('for (let n = 0; n < 1000; n++) { captcha.onSuccess(function () {}); captcha.reset() }')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, due: true }])
  })
})

describe('a GeeTest whose vendor draws it after it was answered', () => {
  test('v3: has the answer in the fields that it draws', async () => {
    await at.guard({}, fresh)
    await at.newPage()
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    await at.page.route('**/get.php*', async (route) => {
      await released
      await route.continue()
    })
    await at.page.goto(`${at.site.url}/geetest`)
    await made()
    const found = await at.find()
    const { solved } = await at.captcha.solve(at.page, { which: found })
    release()
    await drawn()
    const validate = solved[0]?.solution.fields?.geetest_validate
    await eventually(async () => (await at.page.inputValue('input[name=geetest_validate]')) === validate)
    expect(await at.find()).toMatchObject([{ answered: true }])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

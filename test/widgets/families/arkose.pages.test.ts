import { describe, expect, test } from 'vitest'
import { startArkose } from '../../../src/testing/vendors/arkose/index.js'
import { eventually } from '../../adapters/tool.js'
import { familyContract } from '../family-contract.js'
import { stage } from '../stage.js'

const SUBMIT = '#login button'

const at = stage('arkose', startArkose, /\/enforcement\.|\/fc\/gc\//)
const shown = () => at.page.waitForFunction('window.shown')
const callNone = () => at.page.evaluate('HTMLFormElement.prototype.submit = function () {}; 0')
const verify = async (index = 0) => {
  await eventually(async () => (await at.frames()[index]?.isVisible('#verify')) === true)
  await at.frames()[index]?.click('#verify')
}

familyContract(at, {
  copied: { path: '/arkose/box', element: '[data-pkey]' },
  blocked: { path: '/arkose/box', script: '**/fc/api/**' },
  redrawn: { path: '/arkose-redrawn', api: 'window.draw' },
  name: 'an Arkose',
  submit: SUBMIT,
  rendered: () => at.page.waitForFunction('window.shown || window.enforcement || document.querySelector("iframe")'),
  found: { family: 'arkose', variant: 'arkose', visible: true },
  pages: [['/arkose/inline', { blob: 'inline-blob' }], '/arkose/declared-before'],
  async solved({ token }) {
    expect(at.grant.challenges).toMatchObject([{ apiHost: new URL(at.vendor.url).host }])
    expect(await at.calls()).toEqual([token])
    expect(await at.page.isVisible('iframe')).toBe(false)
  },
  named: { path: '/arkose/box', callback: 'answered' },
  watched: ['/arkose/inline', { blob: 'inline-blob' }],
  person: { path: '/arkose/inline', answers: verify },
  grace: {
    path: '/arkose/runs',
    behavior: { suppresses: true },
    async begins() {
      await callNone()
      await at.page.click('#go')
    },
  },
  expiry: { path: '/arkose/box', done: '!document.querySelector("input[name=fc-token]").value' },
  popup: {
    paths: ['/arkose', '/arkose/runs'],
    async opens() {
      await at.page.waitForFunction('window.enforcement')
      await at.page.click('#go')
    },
    shown: 'getComputedStyle(document.querySelector("iframe")).visibility === "visible"',
  },
  denied: { path: '/arkose/inline', state: () => at.page.isVisible('iframe') },
  api: {
    path: '/arkose',
    rendered: 'window.enforcement',
    look: `Object.entries(enforcement).map(([name, one]) => [name, one.name, one.length].join()).join(';') +
      [setupEnforcement.name, setupEnforcement.length, Object.keys(window).filter((name) => /enforcement/i.test(name))]`,
    async after() {
      await callNone()
      await at.page.click('#go')
      await verify()
      await at.page.waitForFunction('calls.length')
    },
  },
})

describe('solves an Arkose so that the server accepts the token:', () => {
  test.each([
    ['/arkose', undefined],
    ['/arkose/runs', 'one-time-blob'],
  ])('%s, once the page has executed it and its challenge is open', async (path, blob) => {
    await at.visit(path)
    await at.page.waitForFunction('window.enforcement')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, visible: false, executed: false, due: false }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    expect(at.grant.challenges).toEqual([])
    await at.page.click('#go')
    await shown()
    expect(await at.find()).toMatchObject([{ visible: true, executed: true, due: true, blob }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('a widget whose callback is assigned after its script has run', async () => {
    await at.guard()
    await at.open('/arkose/assigned')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await shown()
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('several widgets whose scripts share a callback, each with its own token', async () => {
    await at.visit('/arkose/several')
    await at.framed(2)
    await eventually(async () => (await at.find()).filter(({ visible }) => visible).length === 2)
    const keys = (await at.find()).map(({ sitekey }) => sitekey)
    expect(new Set(keys).size).toBe(2)
    const { solved } = await at.captcha.solve(at.page)
    const calls = (await at.calls()) as string[]
    expect([...calls].sort()).toEqual(solved.map(({ solution }) => solution.token).sort())
    await at.page.click('form:nth-of-type(2) button')
    await at.welcomed()
    expect(calls[1]).toContain(at.site.verified.at(-1)?.success ? 'pk=' : 'refused')
  })

  test('a widget in a frame of another origin', async () => {
    await at.guard()
    await at.open('/arkose/frame')
    await eventually(async () => (await at.find())[0]?.due === true)
    expect(await at.find()).toMatchObject([{ frameUrl: `${at.site.otherUrl}/arkose/inline`, blob: 'inline-blob' }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    const inner = at.page.frames().find((frame) => frame.url().endsWith('/arkose/inline'))
    await inner?.click(SUBMIT)
    await eventually(() => at.site.verified.at(-1)?.success === true)
  })

  test('a box of the older kind', async () => {
    await at.visit('/arkose/box')
    await at.page.waitForSelector('iframe')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, visible: true, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    const token = solved[0]?.solution.token
    expect(await at.calls()).toEqual([token])
    for (const name of ['fc-token', 'verification-token']) {
      expect(await at.page.inputValue(`input[name="${name}"]`)).toBe(token)
    }
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('boxes with the same key, each with its own token', async () => {
    await at.visit('/arkose/boxes')
    await at.framed(2)
    const { solved } = await at.captcha.solve(at.page)
    const fields = await at.page.$$eval('input[name="fc-token"]', (all) =>
      all.map((one) => (one as HTMLInputElement).value),
    )
    expect(new Set(fields).size).toBe(2)
    expect([...fields].sort()).toEqual(solved.map(({ solution }) => solution.token).sort())
    await at.page.click('form:nth-of-type(2) button')
    await at.welcomed()
  })

  test('a widget that was rendered before the context was guarded, with its token in the page’s fields', async () => {
    await at.open('/arkose/inline')
    await shown()
    await at.guard()
    await at.page.evaluate(`document.forms[0].insertAdjacentHTML('beforeend', '<input name="fc-token">')`)
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, visible: true, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.inputValue('input[name="fc-token"]')).toBe(solved[0]?.solution.token)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

describe('pays only for an Arkose that is due:', () => {
  test('skips a box of the older kind that a person has answered', async () => {
    await at.visit('/arkose/box')
    await verify()
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    expect(at.grant.challenges).toEqual([])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('skips a widget whose challenge was closed again', async () => {
    await at.visit('/arkose')
    await at.page.waitForFunction('window.enforcement')
    await at.page.click('#go')
    await shown()
    await at.frames()[0]?.click('#close')
    await eventually(async () => (await at.find())[0]?.executed === false)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
  })

  test('does not solve a widget again after an injection, until the page resets it', async () => {
    await at.visit('/arkose/inline')
    await shown()
    await at.captcha.solve(at.page)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await at.page.evaluate('enforcement.reset()')
    expect(await at.find()).toMatchObject([{ answered: false, executed: false }])
    await at.page.evaluate('enforcement.run()')
    await eventually(async () => (await at.find())[0]?.visible === true)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    expect(await at.calls()).toHaveLength(2)
  })
})

test('an Arkose whose script the page could not load is said to be so', async () => {
  await at.guard()
  await at.newPage()
  await at.page.route('**/v2/*/api.js', (route) => route.abort('blockedbyclient'))
  await at.page.goto(`${at.site.url}/arkose/inline`)
  await eventually(async () => (await at.find())[0]?.blocked === true)
  expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'script-blocked' }] })
})

describe('a hostile page with an Arkose', () => {
  test('does not inject a token into the next page if the page has navigated meanwhile', async () => {
    await at.visit('/arkose/inline')
    await shown()
    let answerNow = () => {}
    at.grant.answer = ({ sitekey }) =>
      new Promise((resolve) => {
        answerNow = () => resolve(at.vendor.issue({ sitekey }))
      })
    const solving = at.captcha.solve(at.page)
    await eventually(() => at.grant.challenges.length === 1)
    await at.page.goto(`${at.site.url}/arkose/box`)
    await at.page.waitForSelector('iframe')
    const before = await at.page.inputValue('input[name="fc-token"]')
    answerNow()
    expect(await solving).toMatchObject({ solved: [], failed: [{ error: { code: 'PAGE_GONE' } }] })
    expect(await at.page.inputValue('input[name="fc-token"]')).toBe(before)
    expect(await at.calls()).toEqual([])
  })

  test('invalid configurations, callbacks and values throw nothing in the page and are not sent to a solver', async () => {
    await at.visit('/arkose-odd')
    await eventually(async () => (await at.find()).some(({ visible }) => visible))
    const found = (await at.find()).filter(({ visible }) => visible)
    expect(found).toMatchObject([{ sitekey: at.sitekey, blob: undefined, due: true }])
    const { solved, failed } = await at.captcha.solve(at.page, { which: found })
    expect([solved.length, failed.length]).toEqual([1, 0])
    await at.page.waitForFunction('thrown === 2')
    expect(await at.page.evaluate('[done, Object.prototype.get]')).toEqual([1, undefined])
  })
})

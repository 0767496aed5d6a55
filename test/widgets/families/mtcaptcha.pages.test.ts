import { describe, expect, test } from 'vitest'
import { startMtcaptcha } from '../../../src/testing/vendors/mtcaptcha/index.js'
import { denied } from '../../adapters/fake-grant.js'
import { eventually } from '../../adapters/tool.js'
import { stage } from '../stage.js'

const FIELD = 'input[name="mtcaptcha-verifiedtoken"]'
const SUBMIT = '#login button'
const at = stage('mtcaptcha', startMtcaptcha, /\/mtcv1\/client\/iframe\.html/)

/** Opens a page, and waits until its widgets show themselves. */
async function visit(...args: Parameters<typeof at.visit>): Promise<void> {
  await at.visit(...args)
  await at.due()
}

const value = () => at.page.inputValue(FIELD)

/** Types what the stand-in's picture says. */
async function type(n = 0): Promise<void> {
  const frame = at.frames()[n]
  await frame?.fill('input', 'bike')
  await frame?.click('button')
}

describe('an MTCaptcha is found and solved, until the server is content:', () => {
  test.each([
    '/mtcaptcha',
    '/mtcaptcha/named',
    '/mtcaptcha/asks',
    '/mtcaptcha/shadow',
    '/csp/mtcaptcha',
    '/csp/mtcaptcha/named',
  ])('%s', async (path) => {
    await visit(path)
    expect(await at.find()).toMatchObject([
      { family: 'mtcaptcha', variant: 'mtcaptcha', sitekey: at.sitekey, visible: true, executed: false, due: true },
    ])
    const { solved, cost } = await at.captcha.solve(at.page)
    expect(solved).toHaveLength(1)
    expect(cost).toBe(1000)
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.grant.injections).toMatchObject([{ ok: true }])
  })

  test('by a page that sends its form as soon as it is verified', async () => {
    await visit('/mtcaptcha/submits')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('the solver is told the action, and the server hears it again', async () => {
    await visit('/mtcaptcha/named')
    await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ family: 'mtcaptcha', sitekey: at.sitekey, action: 'login' }])
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.site.verified.at(-1)).toMatchObject({ action: 'login' })
  })

  test('every place that the page may read an answer from has it', async () => {
    await visit('/mtcaptcha/named')
    const { solved } = await at.captcha.solve(at.page)
    const token = solved[0]?.solution.token
    expect(await value()).toBe(token)
    expect(await at.page.evaluate('[mtcaptcha.getVerifiedToken(), mtcaptcha.getVerifiedToken("mtcaptcha")]')).toEqual([
      token,
      token,
    ])
    expect(await at.page.evaluate('mtcaptcha.getStatus()')).toMatchObject({
      domID: 'mtcaptcha',
      isVerified: true,
      isVisible: true,
      verifiedToken: token,
    })
    expect(await at.calls()).toEqual([token])
  })

  test('several of one sitekey are told apart', async () => {
    await at.visit('/mtcaptcha/several')
    await eventually(async () => (await at.find()).filter(({ due }) => due).length === 3)
    const { solved } = await at.captcha.solve(at.page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    const fields = await at.page.$$eval(FIELD, (all) => all.map((one) => (one as HTMLInputElement).value))
    expect([...fields].sort()).toEqual([...tokens].sort())
    const asked = '[1, 2, 3].map(function (n) { return mtcaptcha.getVerifiedToken("mtcaptcha-" + n) })'
    expect(await at.page.evaluate(asked)).toEqual(fields)
    expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(fields[0])
    expect(await at.calls()).toEqual(tokens)
    await at.page.evaluate('mtcaptcha.resetUI("mtcaptcha-2")')
    expect(await at.page.evaluate(asked)).toEqual([fields[0], null, fields[2]])
    await at.page.click('form:nth-of-type(3) button')
    await at.welcomed()
  })

  test('one that was there before the context was guarded', async () => {
    await at.open('/mtcaptcha/named')
    await at.framed()
    await at.guard()
    await at.due()
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(solved[0]?.solution.token)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('one that is drawn late, removed, and drawn again', async () => {
    await at.guard()
    await at.open('/mtcaptcha/explicit')
    await at.page.waitForFunction('window.mtcaptcha')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.page.evaluate('mtcaptcha.destroyUI()')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.due()
    expect(await at.find()).toHaveLength(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

describe('of an MTCaptcha only what is due is paid for:', () => {
  test('one that a person has answered is left alone', async () => {
    await visit('/mtcaptcha/named')
    await type()
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    expect(at.grant.challenges).toEqual([])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('one that is verified unseen is not paid for, neither before nor after it has passed', async () => {
    at.vendor.setBehavior(at.sitekey, { passes: true, afterMs: 2_000 })
    await at.visit('/mtcaptcha/named')
    await eventually(() => at.vendorClock.waiting > 0)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
    await at.vendorClock.advance(2_000)
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    expect(at.grant.challenges).toEqual([])
  })

  test('where a solve is denied, nothing in the page has changed', async () => {
    await visit('/mtcaptcha/named')
    at.grant.answer = () => Promise.reject(denied())
    expect(await at.captcha.solve(at.page)).toMatchObject({ denied: [{}] })
    expect(await value()).toBe('')
    expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(null)
    expect(await at.calls()).toEqual([])
  })

  test('one that we answered is not answered twice, until the page resets it', async () => {
    await visit('/mtcaptcha')
    await at.captcha.solve(at.page)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await at.page.evaluate('mtcaptcha.resetUI()')
    expect(await at.page.evaluate('[mtcaptcha.getVerifiedToken(), mtcaptcha.getStatus().isVerified]')).toEqual([
      null,
      false,
    ])
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })

  test('a token that has grown too old is taken away again, and the page is told', async () => {
    await visit('/mtcaptcha/named')
    at.grant.tokenTtlMs = 200
    const { solved } = await at.captcha.solve(at.page)
    await at.page.waitForFunction('calls.length > 1')
    expect(await at.calls()).toEqual([solved[0]?.solution.token, null])
    expect(await value()).toBe('')
    expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(null)
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
  })
})

describe('a hostile page with an MTCaptcha', () => {
  test('getters, proxies and odd values in its configuration are survived', async () => {
    await at.guard()
    await at.open('/mtcaptcha-odd')
    const found = await at.captcha.find(at.page)
    expect([...found]).toMatchObject([{ sitekey: at.sitekey, action: undefined, due: true }])
    expect(found.omitted.malformed).toBe(2)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}], failed: [] })
    expect(await at.page.evaluate('alerted')).toBe(0)
  })

  test('a page sees the API as it would without us, once nothing of ours stands before it', async () => {
    await visit('/mtcaptcha')
    const look =
      'Object.entries(mtcaptcha).map(function (one) { return [one[0], one[1].name, one[1].length].join() }).join(";")'
    const before = await at.page.evaluate(look)
    await at.captcha.solve(at.page)
    expect(await at.page.evaluate(look)).toBe(before)
    await at.captcha.close()
    expect(await at.page.evaluate(look)).toBe(before)
    expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(null)
    expect(await at.page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
  })
})

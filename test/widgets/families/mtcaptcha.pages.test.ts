import { describe, expect, test } from 'vitest'
import { startMtcaptcha } from '../../../src/testing/vendors/mtcaptcha/index.js'
import { denied } from '../../adapters/fake-grant.js'
import { eventually } from '../../adapters/tool.js'
import { stage } from '../stage.js'

const FIELD = 'input[name="mtcaptcha-verifiedtoken"]'
const SUBMIT = '#login button'
const at = stage('mtcaptcha', startMtcaptcha, /\/mtcv1\/client\/iframe\.html/)

/** Opens a page, and waits until its widgets are visible. */
async function visit(...args: Parameters<typeof at.visit>): Promise<void> {
  await at.visit(...args)
  await at.due()
}

const value = () => at.page.inputValue(FIELD)

/** Types the text of the stand-in's picture. */
async function type(n = 0): Promise<void> {
  const frame = at.frames()[n]
  await frame?.fill('input', 'bike')
  await frame?.click('button')
}

describe('solves an MTCaptcha so that the server accepts the token:', () => {
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

  test('by a page that submits its form as soon as it is verified', async () => {
    await visit('/mtcaptcha/submits')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('sends the action to the solver, and the server receives it', async () => {
    await visit('/mtcaptcha/named')
    await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ family: 'mtcaptcha', sitekey: at.sitekey, action: 'login' }])
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.site.verified.at(-1)).toMatchObject({ action: 'login' })
  })

  test('every place from which the page may read an answer has it', async () => {
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

  test('several widgets with the same sitekey, each with its own token', async () => {
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

  test('a widget that was rendered before the context was guarded', async () => {
    await at.open('/mtcaptcha/named')
    await at.framed()
    await at.guard()
    await at.due()
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(solved[0]?.solution.token)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a widget that is rendered late, removed, and rendered again', async () => {
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

describe('pays only for an MTCaptcha that is due:', () => {
  test('skips a widget that a person has answered', async () => {
    await visit('/mtcaptcha/named')
    await type()
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    expect(at.grant.challenges).toEqual([])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('a widget that the vendor verifies invisibly costs nothing, before and after it has passed', async () => {
    at.vendor.setBehavior(at.sitekey, { passes: true, afterMs: 2_000 })
    await at.visit('/mtcaptcha/named')
    await eventually(() => at.vendorClock.waiting > 0)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
    await at.vendorClock.advance(2_000)
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    expect(at.grant.challenges).toEqual([])
  })

  test('a denied solve changes nothing in the page', async () => {
    await visit('/mtcaptcha/named')
    at.grant.answer = () => Promise.reject(denied())
    expect(await at.captcha.solve(at.page)).toMatchObject({ denied: [{}] })
    expect(await value()).toBe('')
    expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(null)
    expect(await at.calls()).toEqual([])
  })

  test('does not solve a widget again after an injection, until the page resets it', async () => {
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

  test('removes a token that has expired, and calls the page’s callback', async () => {
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
  test('getters, proxies and invalid values in its configuration throw nothing', async () => {
    await at.guard()
    await at.open('/mtcaptcha-odd')
    const found = await at.captcha.find(at.page)
    expect([...found]).toMatchObject([{ sitekey: at.sitekey, action: undefined, due: true }])
    expect(found.omitted.malformed).toBe(2)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}], failed: [] })
    expect(await at.page.evaluate('alerted')).toBe(0)
  })

  test('the page observes the same API as without a guard, once the overrides are removed', async () => {
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

import { describe, expect, test } from 'vitest'
import { startMtcaptcha } from '../../../src/testing/vendors/mtcaptcha/index.js'
import { eventually } from '../../adapters/tool.js'
import { familyContract } from '../family-contract.js'
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

const ask = '[1, 2, 3].map(function (n) { return mtcaptcha.getVerifiedToken("mtcaptcha-" + n) })'

familyContract(at, {
  restored: { path: '/mtcaptcha', field: 'mtcaptcha-verifiedtoken' },
  early: { paths: ['/mtcaptcha'], script: '**/mtcaptcha.min.js', field: 'input[name=mtcaptcha-verifiedtoken]' },
  redrawn: { path: '/mtcaptcha-redrawn', api: 'window.mtcaptcha', token: "mtcaptcha.getVerifiedToken('here')" },
  copied: { path: '/mtcaptcha', element: '.mtcaptcha', sameId: true },
  name: 'an MTCaptcha',
  submit: SUBMIT,
  found: { family: 'mtcaptcha', variant: 'mtcaptcha', visible: true, executed: false },
  pages: [
    '/mtcaptcha',
    '/mtcaptcha/named',
    '/mtcaptcha/asks',
    '/mtcaptcha/shadow',
    '/csp/mtcaptcha',
    '/csp/mtcaptcha/named',
  ],
  several: {
    path: '/mtcaptcha/several',
    field: FIELD,
    form: 3,
    async check(fields, tokens) {
      expect(await at.page.evaluate(ask)).toEqual(fields)
      expect(await at.page.evaluate('mtcaptcha.getVerifiedToken()')).toBe(fields[0])
      expect(await at.calls()).toEqual(tokens)
      await at.page.evaluate('mtcaptcha.resetUI("mtcaptcha-2")')
      expect(await at.page.evaluate(ask)).toEqual([fields[0], null, fields[2]])
    },
  },
  blocked: { path: '/mtcaptcha', script: '**/mtcaptcha*.js*', tag: '.mtcaptcha' },
  named: { path: '/mtcaptcha/named', callback: 'keep' },
  watched: ['/mtcaptcha/named', {}],
  openBefore: { paths: ['/mtcaptcha/named'], token: 'mtcaptcha.getVerifiedToken()' },
  late: { path: '/mtcaptcha/explicit', api: 'window.mtcaptcha', remove: 'mtcaptcha.destroyUI()' },
  person: { path: '/mtcaptcha/named', answers: type },
  reset: {
    paths: ['/mtcaptcha'],
    run: 'mtcaptcha.resetUI()',
    done: 'mtcaptcha.getVerifiedToken() === null && !mtcaptcha.getStatus().isVerified',
  },
  expiry: {
    path: '/mtcaptcha/named',
    done: `calls.length === 2 && calls[1] === null && document.querySelector('${FIELD}').value === '' &&
      mtcaptcha.getVerifiedToken() === null`,
  },
  denied: {
    path: '/mtcaptcha/named',
    state: `[mtcaptcha.getVerifiedToken(), document.querySelector('${FIELD}').value]`,
  },
  invalid: { path: '/mtcaptcha-odd', found: { action: undefined }, malformed: 2, done: 'alerted === 0' },
})

describe('solves an MTCaptcha so that the server accepts the token:', () => {
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
})

describe('pays only for an MTCaptcha that is due:', () => {
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
})

describe('a hostile page with an MTCaptcha', () => {
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

import { describe, expect, test } from 'vitest'
import { startTurnstile } from '../../../src/testing/vendors/turnstile/index.js'
import { eventually } from '../../adapters/tool.js'
import { familyContract, scriptAnew } from '../family-contract.js'
import { stage } from '../stage.js'

const FIELD = 'input[name="cf-turnstile-response"]'
const SUBMIT = '#login button'

const at = stage('turnstile', startTurnstile, /\/turnstile\/f\//)

familyContract(at, {
  elsewhere: {
    path: '/turnstile-portal',
    api: 'window.turnstile',
    token: 'turnstile.getResponse(widget)',
    field: FIELD,
  },
  restored: { path: '/turnstile', field: 'cf-turnstile-response' },
  early: { paths: ['/turnstile', '/turnstile/named'], script: '**/api.js*', field: FIELD },
  redrawn: { path: '/turnstile-redrawn', api: 'window.turnstile', token: 'turnstile.getResponse(widget)' },
  reloaded: {
    path: '/turnstile/named',
    again: scriptAnew('.cf-turnstile', 'turnstile', 'api.js'),
    token: 'turnstile.getResponse() ?? ""',
  },
  copied: { path: '/turnstile/named', element: '.cf-turnstile' },
  name: 'a Turnstile',
  submit: SUBMIT,
  found: { family: 'turnstile', variant: 'turnstile' },
  pages: [
    '/turnstile',
    ['/turnstile/named', { action: 'login', cData: 'order-17' }],
    '/turnstile/field',
    '/turnstile/fieldless',
    ['/turnstile/explicit', { action: 'pay', cData: 'order-18' }],
    '/turnstile/compat',
    '/turnstile/compat-explicit',
    '/turnstile/shadow',
    '/turnstile/closed',
    ['/csp/turnstile/named', { action: 'login' }],
    ['/csp/turnstile/explicit', { action: 'pay' }],
  ],
  several: {
    path: '/turnstile/several',
    field: FIELD,
    // By name, selector and element.
    async check(fields) {
      const read = await at.page.evaluate(`[
        turnstile.getResponse('#first'), turnstile.getResponse(document.getElementById('second')),
        turnstile.getResponse(widget), turnstile.getResponse()]`)
      expect(read).toEqual([fields[0], fields[1], fields[2], fields[2]])
      expect(await at.page.evaluate('turnstile.isExpired(widget)')).toBe(false)
    },
  },
  blocked: { path: '/turnstile', script: '**/api.js*', tag: '.cf-turnstile' },
  named: { path: '/turnstile/named', callback: 'answered' },
  watched: ['/turnstile/explicit', { action: 'pay', cData: 'order-18' }],
  // The page's arguments are not known: the sitekey is in the URL of the widget's frame, the name is its field's.
  openBefore: {
    paths: ['/turnstile/explicit'],
    token: 'turnstile.getResponse(widget)',
    notifyFailure: 'callback-out-of-reach',
  },
  late: { path: '/turnstile/late', api: 'window.turnstile', remove: 'turnstile.remove(widget)', twice: true },
  person: {
    path: '/turnstile/explicit',
    async answers() {
      await at.frames()[0]?.click('#box')
    },
  },
  grace: { path: '/turnstile/named', behavior: { does: 'pass' } },
  reset: {
    paths: ['/turnstile/explicit'],
    run: 'turnstile.reset(widget)',
    done: 'turnstile.getResponse(widget) === undefined',
  },
  expiry: {
    path: '/turnstile',
    prepare: `window.expired = 0; window.tooOld = function () { expired++ };
      document.querySelector('.cf-turnstile').dataset.expiredCallback = 'tooOld'; 0`,
    done: `expired && document.querySelector('${FIELD}').value === ''`,
  },
  denied: {
    path: '/turnstile/explicit',
    state: `[turnstile.getResponse(widget), document.querySelector('${FIELD}').value]`,
  },
  invalid: { path: '/turnstile-odd' },
  api: {
    path: '/turnstile/explicit',
    rendered: 'window.widget',
    look: `Object.entries(turnstile).map(([name, one]) => [name, one.name, one.length].join()).join(';') +
      String(Object.getPrototypeOf(turnstile) === Object.prototype)`,
    after: () => at.page.evaluate('turnstile.reset()'),
  },
})

describe('solves a Turnstile so that the server accepts the token:', () => {
  test.each(['/turnstile/execute', '/turnstile/executes'])('%s, once the page has executed it', async (path) => {
    await at.visit(path)
    expect(await at.find()).toMatchObject([{ executed: false, due: false }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    await at.page.click('#go')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, executed: true, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('in compat mode, with both fields filled and no reCAPTCHA listed', async () => {
    await at.visit('/turnstile/compat')
    const { solved } = await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ family: 'turnstile' }])
    const token = solved[0]?.solution.token
    expect(await at.page.inputValue('input[name="g-recaptcha-response"]')).toBe(token)
    expect(await at.page.inputValue(FIELD)).toBe(token)
    expect(await at.page.evaluate('grecaptcha.getResponse()')).toBe(token)
    expect(await at.calls()).toEqual([token])
  })

  test('in compat mode an element with reCAPTCHA’s class is no reCAPTCHA while Turnstile’s script is loading', async () => {
    await at.guard()
    await at.newPage()
    await at.page.route('**/api.js*', (route) => route.abort())
    await at.page.goto(`${at.site.url}/turnstile/compat`)
    expect(await at.find()).toMatchObject([{ family: 'turnstile', sitekey: at.sitekey }])
  })
})

describe('pays only for a Turnstile that is due:', () => {
  test('skips a widget that has passed by itself', async () => {
    at.vendor.setBehavior(at.sitekey, { does: 'pass' })
    await at.visit('/turnstile/named')
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.site.verified.at(-1)).toMatchObject({ action: 'login', cdata: 'order-17' })
  })

  test('skips an invisible widget', async () => {
    await at.visit('/turnstile')
    await at.page.evaluate('document.querySelector("main").style.display = "none"')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'hidden' }] })
  })

  test.each(['2x00000000000000000000AB', '2x00000000000000000000BB'])(
    'does not answer the blocking test key %s',
    async (key) => {
      await at.visit(`/turnstile?sitekey=${key}`)
      expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'blocking-test-key' }] })
      expect(at.grant.challenges).toEqual([])
    },
  )

  test('sends a blocking test key to the solver if the policy solves test keys', async () => {
    await at.visit('/turnstile?sitekey=2x00000000000000000000AB', { testKeys: 'solve' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
  })

  test('does not list Cloudflare’s own page, shown before a whole site, as a widget of the site', async () => {
    await at.visit('/turnstile')
    await at.page.evaluate('window._cf_chl_opt = {}; 0')
    const found = await at.captcha.find(at.page)
    expect(found).toHaveLength(0)
    expect(found.unknown).toMatchObject([{ vendor: 'cloudflare-challenge-page' }])
  })
})

describe('a hostile page with a Turnstile', () => {
  test('redefined built-ins and methods change neither what is found nor where the solution is injected', async () => {
    await at.visit('/turnstile-builtins')
    await eventually(async () => (await at.page.evaluate('window.bitten')) === true)
    expect(await at.find()).toMatchObject([{ family: 'turnstile', sitekey: at.sitekey, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.inputValue(FIELD)).toBe(solved[0]?.solution.token)
  })

  test('a thousand calls of the page do not push its widget out of the log', async () => {
    await at.visit('/turnstile/execute')
    await at.page.evaluate('for (let n = 0; n < 1000; n++) { turnstile.reset(widget); turnstile.execute(widget) }')
    expect(await at.find()).toMatchObject([{ sitekey: at.sitekey, executed: true }])
  })
})

describe('a Turnstile that its page', () => {
  test('loads the vendor’s script for a second time is one widget', async () => {
    await at.visit('/turnstile/named')
    await at.page.evaluate(async () => {
      const old = document.querySelector<HTMLScriptElement>('script[src*="api.js"]')
      const again = Object.assign(document.createElement('script'), { src: `${old?.src}` })
      const loaded = new Promise((resolve) => again.addEventListener('load', resolve))
      document.head.append(again)
      await loaded
    })
    await at.due()
    expect(await at.find()).toHaveLength(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate('calls')).toEqual([solved[0]?.solution.token])
  })

  test('executes again without a reset gives the page the answer that it has', async () => {
    await at.visit('/turnstile/execute')
    await at.page.evaluate('HTMLFormElement.prototype.submit = function () {}; turnstile.execute(widget); 0')
    await at.due()
    const { solved } = await at.captcha.solve(at.page)
    const token = solved[0]?.solution.token
    await at.page.evaluate('turnstile.execute(widget, { callback: (token) => { window.again = token } }); 0')
    await eventually(async () => (await at.page.evaluate('window.again')) === token)
    await at.page.evaluate('turnstile.reset(widget); turnstile.execute(widget); 0')
    await at.due()
    expect(await at.find()).toMatchObject([{ answered: false, executed: true, due: true }])
  })
})

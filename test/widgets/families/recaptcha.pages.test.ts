import { describe, expect, test } from 'vitest'
import { startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { waitCall } from '../../../src/widgets/calls.js'
import { eventually } from '../../adapters/tool.js'
import { fixturePages } from '../../support/fixture-pages.js'
import { familyContract } from '../family-contract.js'
import { stage } from '../stage.js'

const SUBMIT = '#login button'

const head = `<!doctype html><title>Sign in</title><script>window.calls = []; window.answered = function (token) { calls.push(token) };
window.submitLogin = function (token) { calls.push(token); document.getElementById('login').submit() }</script>`
const login = (inner: string) => `<form id="login" method="post" action="/login">${inner}</form>`
const api = (query = '', script = 'api.js') =>
  `<script src="{{vendor}}/recaptcha/${script}${query}" async defer></script>`
const button = (more: string, text = 'Sign in') =>
  `<button class="g-recaptcha" data-sitekey="{{sitekey}}" data-callback="submitLogin" ${more}>${text}</button>`

/** As npm `recaptcha-v3` and what builds on it: rendered by the page, executed by number. */
const numbered = (
  render: string,
  then = 'document.getElementById("token").value = token; calls.push(token); this.submit()',
) => `
document.getElementById('login').addEventListener('submit', function (event) {
  event.preventDefault()
  ${render.startsWith('enterprise') ? 'grecaptcha.enterprise' : 'grecaptcha'}.execute(window.client, { action: 'login' }).then(function (token) { ${then} }.bind(this))
})
window.begin = function () { window.client = grecaptcha.${render} }`

const TOKEN = '<input type="hidden" name="g-recaptcha-response" id="token">'
const PAGES: Record<string, string> = {
  '/bound-twice': `${head}<form method="post" action="/login">${button('')}</form>${login(button('', 'Two'))}${api()}`,
  '/bound-outside': `${head}${login(TOKEN)}${button('')}${api()}
<script>window.submitLogin = function (token) { document.getElementById('token').value = token; document.getElementById('login').submit() }</script>`,
  '/bound-action': `${head}${login(button('data-action="login"'))}${api()}`,
  '/score/rendered': `${head}${login(`${TOKEN}<button>Sign in</button>`)}<script>${numbered(
    "render({ sitekey: '{{sitekey}}', badge: 'inline' })",
  )}</script>${api('?render=explicit&onload=begin')}`,
  '/score/inline': `${head}${login(`${TOKEN}<button>Sign in</button>`)}<div id="badge"></div><script>${numbered(
    "render('badge', { sitekey: '{{sitekey}}', badge: 'inline', size: 'invisible' })",
  )}</script>${api('?render=explicit&onload=begin')}`,
  '/score/app-check': `${head}${login(`${TOKEN}<button>Sign in</button>`)}<div id="badge" style="display: none"></div><script>${numbered(
    "render(document.getElementById('badge'), { sitekey: '{{sitekey}}', size: 'invisible' })",
  )}</script>${api('?onload=begin')}`,
  '/score/field': `${head}${login('<div id="badge"></div><button>Sign in</button>')}<script>${numbered(
    "render('badge', { sitekey: '{{sitekey}}', badge: 'inline', size: 'invisible', callback: answered })",
    'document.getElementById("login").submit()',
  )}</script>${api('?render=explicit&onload=begin')}`,
  '/score/called': `${head}<script>window.begin = function () {
  window.client = grecaptcha.render({ sitekey: '{{sitekey}}', callback: answered }) }</script>${api('?render=explicit&onload=begin')}`,
  '/score/enterprise': `${head}${login(`${TOKEN}<button>Sign in</button>`)}<div id="badge"></div><script>${numbered(
    "enterprise.render('badge', { sitekey: '{{sitekey}}', badge: 'inline', size: 'invisible' })",
  )}</script>${api('?render=explicit&onload=begin', 'enterprise.js')}`,
  '/reloaded': `${head}${login('<div id="here"></div><button>Sign in</button>')}<script>window.begin = function () {
  window.client = grecaptcha.render('here', { sitekey: '{{sitekey}}', callback: answered }) }</script>${api('?render=explicit&onload=begin')}`,
  '/nothing': `${head}`,
  '/left-over': `${head}${login(`${TOKEN}<div class="g-recaptcha" data-sitekey="{{sitekey}}"></div><button>Sign in</button>`)}
<script>document.getElementById('login').addEventListener('submit', function (event) {
  if (document.getElementById('token').value) return
  event.preventDefault()
  var form = this
  grecaptcha.execute('{{sitekey}}', { action: 'login' }).then(function (token) { document.getElementById('token').value = token; form.requestSubmit() })
})</script>${api('?render={{sitekey}}')}`,
}

const at = stage('recaptcha', startRecaptcha, /\/anchor\?/, { pages: async () => ({ ...fixturePages(), ...PAGES }) })

familyContract(at, {
  elsewhere: {
    path: '/recaptcha-portal',
    api: 'window.grecaptcha?.render',
    token: 'grecaptcha.getResponse(widget)',
    field: 'textarea',
  },
  blocked: { path: '/login', script: '**/api.js*', tag: '.g-recaptcha' },
  copied: { path: '/named', element: '.g-recaptcha' },
  name: 'a reCAPTCHA',
  submit: SUBMIT,
  found: { family: 'recaptcha' },
  pages: ['/login', '/explicit'],
  restored: { path: '/login', field: 'g-recaptcha-response' },
  early: { paths: ['/login', '/named'], script: '**/api.js*', field: 'textarea' },
  redrawn: { path: '/recaptcha-redrawn', api: 'window.grecaptcha?.render', token: 'grecaptcha.getResponse(widget)' },
  denied: { path: '/login', state: 'grecaptcha.getResponse()' },
})

const SCORES = ['/score/rendered', '/score/inline', '/score/app-check', '/score/field', '/bound-action']
const asked = () => eventually(async () => (await at.find())[0]?.due === true)

describe('an invisible reCAPTCHA that is bound to a button', () => {
  test.each(['/bound-twice', '/bound-outside'])('%s: each button is one widget', async (path) => {
    await at.visit(path)
    const buttons = path === '/bound-twice' ? 2 : 1
    await at.framed(buttons)
    const found = await at.find()
    expect(found.map(({ variant, due }) => [variant, due])).toEqual(Array(buttons).fill(['v2-invisible', false]))
    await at.page.click(path === '/bound-twice' ? SUBMIT : 'button')
    await eventually(async () => (await at.find()).some(({ due }) => due))
    expect(await at.find()).toHaveLength(buttons)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}], cost: 1000 })
    expect(at.grant.challenges).toHaveLength(1)
    await at.welcomed()
  })
})

describe('a v3 that the page has rendered, or bound to a button,', () => {
  test.each(SCORES)('%s: is left alone by default', async (path) => {
    await at.visit(path)
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{}] })
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.site.verified.at(-1)).toMatchObject({ success: true, action: 'login', score: 0.1 })
    expect(at.grant.challenges).toEqual([])
  })

  test.each(SCORES)('%s: is v3 with its action while the page waits for it', async (path) => {
    at.vendor.setBehavior(at.sitekey, { afterMs: 1_000_000 })
    await at.visit(path)
    await at.page.click(SUBMIT)
    await eventually(async () => (await at.find())[0]?.variant === 'v3')
    expect(await at.find()).toMatchObject([{ variant: 'v3', action: 'login', sitekey: at.sitekey }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'passive' }] })
    expect(at.grant.challenges).toEqual([])
  })

  test.each(SCORES)('%s: is held with the policy, and the server accepts the solution', async (path) => {
    await at.visit(path, { recaptchaV3: 'solve' })
    await at.page.click(SUBMIT)
    await asked()
    expect(await at.find()).toMatchObject([{ variant: 'v3', action: 'login', executed: true }])
    await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ variant: 'v3', sitekey: at.sitekey, action: 'login' }])
    await at.welcomed()
    expect(at.site.verified.at(-1)).toMatchObject({ success: true, action: 'login', score: 0.9 })
  })

  test.each(SCORES)('%s: continues at the deadline as without us', async (path) => {
    await at.visit(path, { recaptchaV3: 'solve' }, { holdMs: 50 })
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(at.site.verified.at(-1)).toMatchObject({ success: true, action: 'login', score: 0.1 })
  })

  test('a token that was bought before answers the next execute by number, once, and the callback', async () => {
    await at.visit('/score/called')
    const { solved } = await at.captcha.solve(at.page, { which: 'all' })
    const token = solved[0]?.solution.token
    expect(token).toBeDefined()
    expect(await at.calls()).toEqual([])
    const run = `grecaptcha.execute(window.client, { action: 'login' })`
    expect(await at.page.evaluate(run)).toBe(token)
    expect(await at.calls()).toEqual([token])
    expect(await at.page.evaluate(run)).not.toBe(token)
  })

  test('/v3: executed before the guard came, it is said to be not held, and the next call is held', async () => {
    await at.open('/v3')
    await at.page.waitForFunction('window.grecaptcha && grecaptcha.execute')
    await at.guard({ recaptchaV3: 'solve' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'not-held' }] })
    expect(await at.find()).toMatchObject([{ unheld: true, due: false }])
    const execute = `grecaptcha.execute('${at.sitekey}', { action: 'login' })`
    await at.page.evaluate(`void ${execute}.then(function (token) { window.got = token })`)
    await eventually(async () => (await at.find()).some(({ due, unheld }) => due && !unheld))
    const { solved } = await at.captcha.solve(at.page)
    await at.page.waitForFunction('window.got')
    expect(await at.page.evaluate('got')).toBe(solved[0]?.solution.token)
    expect(at.grant.challenges).toHaveLength(1)
  })

  test('/v3: a guard that was there in time says nothing of the kind', async () => {
    await at.visit('/v3', { recaptchaV3: 'solve' })
    await at.page.waitForFunction('window.grecaptcha && grecaptcha.execute')
    expect((await at.find()).map(({ unheld }) => unheld)).toEqual([undefined])
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'passive' }] })
  })

  test('an Enterprise key that is executed with an action is reported as ambiguous, and left alone', async () => {
    at.vendor.setBehavior(at.sitekey, { afterMs: 1_000_000 })
    await at.visit('/score/enterprise')
    await at.page.click(SUBMIT)
    await eventually(async () => (await at.find())[0]?.variant === 'enterprise-score')
    expect(await at.find()).toMatchObject([{ action: 'login', ambiguousWith: 'enterprise-invisible' }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'passive' }] })
  })

  test.each(['/score/enterprise', '/score/inline'])(
    '%s: a challenge that opens shows that it is no score widget',
    async (path) => {
      at.vendor.setBehavior(at.sitekey, { challengesActions: true })
      await at.visit(path)
      await at.page.click(SUBMIT)
      await asked()
      const [widget] = await at.find()
      expect(widget?.variant).toMatch(/invisible$/)
      expect(widget?.ambiguousWith).toBeUndefined()
      expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
      await at.welcomed()
    },
  )
})

describe('a reCAPTCHA whose script is loaded anew, as for another language,', () => {
  test.each(['/named', '/reloaded'])(
    '%s: a number that is given out again does not inherit the answer',
    async (path) => {
      await at.visit(path)
      await at.captcha.solve(at.page)
      expect(await at.find()).toMatchObject([{ answered: true }])
      await at.page.evaluate(`(() => {
      delete window.grecaptcha; delete window.___grecaptcha_cfg; delete window.__google_recaptcha_client
      document.querySelector('.g-recaptcha, #here').replaceChildren()
      for (const frame of document.querySelectorAll('iframe')) frame.parentElement.remove()
      const old = document.querySelector('script[src*="api.js"]'), script = document.createElement('script')
      script.src = old.src + (old.src.includes('?') ? '&' : '?') + 'hl=de'
      old.remove()
      document.head.append(script)
    })()`)
      await at.page.waitForSelector('iframe[name^=a-]', { state: 'attached' })
      expect(await at.find()).toMatchObject([{ answered: false, due: true }])
      expect(await at.page.evaluate('grecaptcha.getResponse(0)')).toBe('')
      const { solved } = await at.captcha.solve(at.page)
      expect(solved).toHaveLength(1)
      expect(await at.page.evaluate('grecaptcha.getResponse(0)')).toBe(solved[0]?.solution.token)
      await at.page.click(SUBMIT)
      await at.welcomed()
    },
  )
})

test('a v3 call that waits for a token still does when the script is loaded anew meanwhile', async () => {
  await at.visit('/left-over', { recaptchaV3: 'solve' })
  await at.page.waitForSelector('iframe[name^=a-]', { state: 'attached' })
  await at.page.evaluate(`(() => {
    const old = document.querySelector('script[src*="api.js"]'), script = document.createElement('script')
    grecaptcha.execute(new URL(old.src).searchParams.get('render'), { action: 'login' }).then((token) => {
      window.token = token
    })
    window.___grecaptcha_cfg = undefined
    script.src = old.src + '&hl=de'
    document.head.append(script)
  })()`)
  await at.page.waitForFunction('document.querySelectorAll("iframe[name^=a-]").length === 2')
  expect((await at.find()).filter(({ due }) => due)).toMatchObject([{ variant: 'v3', action: 'login' }])
  const { solved } = await at.captcha.solve(at.page)
  expect(await at.page.evaluate('window.token')).toBe(solved[0]?.solution.token)
})

test.each(['/nothing', '/reloaded'])(
  '%s: a v3 that is rendered and executed by number at once when a script is loaded (anew) is held',
  async (path) => {
    await at.guard({ recaptchaV3: 'solve' })
    await at.open(path)
    if (path === '/reloaded') await at.due()
    await at.page.evaluate(`(() => {
      delete window.grecaptcha; delete window.___grecaptcha_cfg; delete window.__google_recaptcha_client
      window.loaded = () => grecaptcha.ready(() => {
        const container = document.body.appendChild(document.createElement('div'))
        const number = grecaptcha.render(container, { sitekey: '${at.sitekey}', badge: 'inline', size: 'invisible' })
        grecaptcha.execute(number, { action: 'login' }).then((token) => { window.token = token })
      })
      const script = document.createElement('script')
      script.src = '${at.vendor.url}/recaptcha/api.js?render=explicit&onload=loaded'
      document.head.append(script)
    })()`)
    await eventually(async () => (await at.find()).some(({ executed }) => executed))
    const [widget] = (await at.find()).filter(({ executed }) => executed)
    expect(widget).toMatchObject({ variant: 'v3', action: 'login', due: true })
    const { solved } = await at.captcha.solve(at.page, { which: 'all' })
    expect(solved.map(({ solution }) => solution.token)).toContain(await at.page.evaluate('window.token'))
  },
)

test('where a page is scrolled to ends no wait for a change, and what it shows does', async () => {
  await at.visit('/login')
  await at.due()
  await at.page.evaluate('document.body.style.height = "9000px"; 0')
  const request = { max: 50, frames: [], families: ['recaptcha'] } as const
  const wait = (ms: number) => at.page.evaluate(waitCall('a ticket', request, ms, { families: [] }))
  const scrolled = wait(1500)
  await at.page.evaluate(
    'document.querySelector(".g-recaptcha").scrollIntoView({ block: "center" }); document.body.click(); 0',
  )
  expect(await scrolled).toBe('{"result":"ended"}')
  const hidden = wait(60_000)
  await at.page.evaluate('document.querySelector(".g-recaptcha").style.display = "none"; 0')
  expect(await hidden).toBe('{"result":"changed"}')
})

describe('a tag that the vendor never draws, because its script came with a v3 key,', () => {
  test('is no second widget', async () => {
    await at.visit('/left-over')
    expect(await at.find()).toMatchObject([{ variant: 'v3', due: false }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'passive' }] })
  })

  test('is none either while that script is on its way', async () => {
    await at.guard()
    await at.newPage()
    await at.page.route('**/api.js*', () => {})
    await at.page.goto(`${at.site.url}/left-over`, { waitUntil: 'commit' })
    await at.page.waitForSelector('script[src*="api.js"]', { state: 'attached' })
    expect(await at.find()).toMatchObject([{ variant: 'v3', due: false }])
  })

  test('a stored token arrives after the form’s own submit event, so that the page can submit again', async () => {
    await at.visit('/left-over')
    const { solved } = await at.captcha.solve(at.page, { which: 'all' })
    await at.page.click(SUBMIT)
    await at.welcomed()
    expect(await at.site.verified.at(-1)).toMatchObject({ score: 0.9 })
    expect(solved).toHaveLength(1)
  })
})

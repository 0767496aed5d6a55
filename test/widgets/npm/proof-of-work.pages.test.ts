import { createChallenge, type Payload, pbkdf2, verifySolution } from 'altcha/lib'
import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Captcha } from '../../../src/adapters/engine/captcha.js'
import { guardContext } from '../../../src/adapters/playwright/index.js'
import type { PolicyInput } from '../../../src/policy/schema.js'
import { type StandInSite, startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInAltcha, startAltcha } from '../../../src/testing/vendors/altcha/index.js'
import { type StandInCap, startCap } from '../../../src/testing/vendors/cap/index.js'
import { eventually } from '../../adapters/tool.js'
import { type Rig, rig } from '../../guard/support.js'
import { widgetBrowser } from '../../support/browser.js'
import { bundle } from './bundle.js'

let altcha: StandInAltcha
let cap: StandInCap
let site: StandInSite
let context: BrowserContext
let page: Page
let captcha: Captcha<Page>
let guarded: Rig

const signIn = (family: string, widget: string, more = '') =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title><body>
<form id="login" method="post" action="/${family}/login"><label>E-mail <input name="user"></label>${widget}<button>Sign in</button></form>
<script>window.CAP_CUSTOM_WASM_URL='/no.wasm';window.CAP_SILENT=true;${more}</script><script src="/${family}/widget.js"></script></body></html>`

/** No delay: by default the widget waits half a second so that people see its progress. */
const altchaWith = (attributes = '', more = '') =>
  `<altcha-widget challenge="{{vendor}}/challenge" configuration='{"minDuration":0${more}}' ${attributes}></altcha-widget>`
const capWith = (attributes = '') =>
  `<cap-widget data-cap-api-endpoint="{{vendor}}/{{sitekey}}/" ${attributes}></cap-widget>`

beforeAll(async () => {
  const [altchaWidget, capWidget] = await Promise.all([bundle('altcha.ts'), bundle('cap.ts')])
  ;[altcha, cap] = await Promise.all([startAltcha(), startCap()])
  site = await startSite({
    altcha,
    cap,
    pages: {
      '/altcha/widget.js': altchaWidget,
      '/cap/widget.js': capWidget,
      '/altcha': signIn('altcha', altchaWith()),
      '/altcha/switch': signIn('altcha', altchaWith('type="switch" name="proof"')),
      '/altcha/onload': signIn('altcha', altchaWith('auto="onload"')),
      '/altcha/onsubmit': signIn('altcha', altchaWith('auto="onsubmit"')),
      '/altcha/floating': signIn('altcha', altchaWith('display="floating"')),
      '/altcha/two': `${signIn('altcha', altchaWith())}<form method="post" action="/altcha/login">${altchaWith()}</form>`,
      '/altcha/nowhere': signIn('altcha', '<altcha-widget challenge="/altcha/there-is-none"></altcha-widget>'),
      '/altcha/cookie': signIn('altcha', altchaWith('', ',"setCookie":{"name":"proof"}')),
      '/altcha/late': signIn('altcha', '<div id="here"></div>'),
      '/altcha/hosted': signIn(
        'altcha',
        '<altcha-widget challenge="{{vendor}}/challenge?apiKey=key_1b2"></altcha-widget>',
      ),
      '/altcha/shadow': `<div id="host"></div><script>document.getElementById('host').attachShadow({mode:'open'}).innerHTML=
\`<form method="post" action="/altcha/login">${altchaWith()}<button>Sign in</button></form>\`</script><script src="/altcha/widget.js"></script>`,
      '/cap': signIn('cap', capWith()),
      '/cap/field': signIn('cap', capWith('data-cap-hidden-field-name="proof"')),
      '/cap/required': signIn('cap', capWith('required')),
      '/cap/hidden': signIn('cap', capWith('style="display:none"')),
      '/cap/code': signIn(
        'cap',
        '<input type="hidden" name="cap-token">',
        `addEventListener('load',function(){window.cap=new Cap({apiEndpoint:'{{vendor}}/{{sitekey}}/'});
cap.addEventListener('solve',function(event){document.querySelector('[name=cap-token]').value=event.detail.token})});`,
      ),
    },
  })
})

afterAll(async () => {
  await Promise.all([site?.close(), altcha?.close(), cap?.close()])
})

beforeEach(async () => {
  context = await (await widgetBrowser()).newContext()
})

afterEach(async () => {
  altcha.setBehavior({})
  cap.setBehavior(site.sitekeys.cap, {})
  await context.close()
})

/** Guards the context with a guard that has no key, and opens a page. */
async function visit(path: string, policy: Partial<PolicyInput> = {}): Promise<void> {
  guarded = await rig({
    policy: { origins: [site.url], ...policy },
    secret: { kind: 'none', place: 'nowhere', fetch: () => Promise.reject(new Error('no key was ever needed')) },
  })
  captcha = await guardContext(guarded.guard, context)
  page = await context.newPage()
  await page.goto(`${site.url}${path}`)
}

const find = async () => [...(await captcha.find(page))]
/** Waits until the vendor's script has rendered the element. */
const upgraded = (element: string) => page.waitForFunction((name) => customElements.get(name), element)

describe.each([
  ['altcha', 'self-hosted', '/altcha', 'altcha-widget'],
  ['altcha', 'self-hosted', '/altcha/shadow', 'altcha-widget'],
  ['altcha', 'key_1b2', '/altcha/hosted', 'altcha-widget'],
  ['cap', 'a0b1c2d3e4', '/cap', 'cap-widget'],
  ['cap', 'a0b1c2d3e4', '/cap/required', 'cap-widget'],
])('%s with sitekey %s at %s', (family, sitekey, path, element) => {
  test('is found, and answered by the browser at no cost', async () => {
    await visit(path)
    await upgraded(element)
    await eventually(async () => (await find())[0]?.due === true)
    expect(await find()).toMatchObject([{ family, variant: family, sitekey, visible: true, answered: false }])
    const result = await captcha.solve(page)
    expect(result).toMatchObject({ solved: [{ challenge: { family }, solution: { cost: 0, taskId: '' } }], cost: 0 })
    expect(result.solved[0]?.solution.token).not.toBe('')
    expect(await find()).toMatchObject([{ answered: true, due: false }])
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    await page.click('text=Sign in')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
    expect(guarded.service.requests).toEqual([])
    expect((await guarded.guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })
})

describe('in the audit record', () => {
  test.each(['altcha', 'cap'])('records %s as proof of work, before and after it', async (family) => {
    await visit(`/${family}`)
    await upgraded(`${family}-widget`)
    const events: string[] = []
    for (const name of ['authorized', 'solved', 'failed', 'denied'] as const) {
      guarded.guard.on(name, () => void events.push(name))
    }
    await captcha.solve(page)
    expect(events).toEqual(['authorized', 'solved'])
    const records = guarded.audit.records.filter((record) => record.solveguard.challenge)
    expect(records).toMatchObject([
      { event: { action: 'authorized', outcome: 'success', code: 'PROOF_OF_WORK' } },
      { event: { action: 'solved', outcome: 'success', code: 'PROOF_OF_WORK' }, solveguard: { cost_micros: 0 } },
    ])
    expect(records.map(({ solveguard }) => solveguard.solver)).toEqual(['browser', 'browser'])
    expect(new Set(records.map(({ solveguard }) => solveguard.solve_id)).size).toBe(1)
  })

  test('denies a page whose origin is not listed, and does not touch its widget', async () => {
    await visit('/altcha', { origins: ['https://staging.example.com'] })
    await upgraded('altcha-widget')
    const before = altcha.challenges
    const { solved, unnamed } = await captcha.solve(page)
    expect(solved).toEqual([])
    expect(unnamed).toMatchObject([{ error: { code: 'ORIGIN_NOT_NAMED', layer: 'origin' } }])
    expect(altcha.challenges).toBe(before)
    expect(await page.getAttribute('.altcha', 'data-state')).toBe('unverified')
  })

  test('starts nothing without a record', async () => {
    await visit('/cap')
    await upgraded('cap-widget')
    const before = cap.issued.length
    guarded.audit.failWith(new Error('disk full'))
    expect(await captcha.solve(page)).toMatchObject({ denied: [{ error: { code: 'AUDIT_UNAVAILABLE' } }] })
    guarded.audit.failWith(undefined)
    expect(cap.issued).toHaveLength(before)
  })
})

describe('starts only a widget that is due:', () => {
  test('waits for a widget that started by itself', async () => {
    await visit('/altcha/onload')
    await upgraded('altcha-widget')
    const before = altcha.challenges
    const { solved, skipped } = await captcha.solve(page)
    // It may have finished first.
    expect(solved.length + skipped.filter(({ reason }) => reason === 'answered').length).toBe(1)
    expect(altcha.challenges - before).toBeLessThanOrEqual(1)
    await page.click('text=Sign in')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('skips a widget that starts when the form is submitted', async () => {
    await visit('/altcha/onsubmit')
    await upgraded('altcha-widget')
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'passive' }] })
    await page.click('text=Sign in')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('a floating widget is hidden until then, and is answered if it is selected', async () => {
    await visit('/altcha/floating')
    await upgraded('altcha-widget')
    await page.waitForSelector('.altcha:not([data-visible])', { state: 'attached' })
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'hidden' }] })
    expect(await captcha.solve(page, { which: 'all' })).toMatchObject({ solved: [{ solution: { cost: 0 } }] })
    await page.click('text=Sign in')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('skips a hidden Cap, and waits for one that the page’s code has started', async () => {
    await visit('/cap/hidden')
    await upgraded('cap-widget')
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'hidden' }] })
    await visit('/cap/code')
    await page.waitForFunction('window.cap')
    expect(await captcha.solve(page)).toMatchObject({ skipped: [{ reason: 'hidden' }] })
    await page.evaluate('void cap.solve()')
    const { solved, skipped } = await captcha.solve(page)
    expect(solved.length + skipped.filter(({ reason }) => reason === 'answered').length).toBe(1)
    await page.click('text=Sign in')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })

  test('does not list a widget before its script has run', async () => {
    await page?.close()
    await context.route('**/widget.js', (route) => route.abort())
    await visit('/altcha')
    expect(await find()).toMatchObject([{ visible: false, due: false }])
    await visit('/cap')
    expect(await find()).toMatchObject([{ visible: false, due: false }])
  })
})

describe('works in every setup of a page:', () => {
  test('two widgets at once', async () => {
    await visit('/altcha/two')
    await upgraded('altcha-widget')
    await eventually(async () => (await find()).filter(({ due }) => due).length === 2)
    const { solved } = await captcha.solve(page)
    expect(new Set(solved.map(({ solution }) => solution.token)).size).toBe(2)
  })

  test('a field with another name', async () => {
    await visit('/altcha/switch')
    await upgraded('altcha-widget')
    const { solved } = await captcha.solve(page)
    expect(solved[0]?.solution.token).toBe(await page.inputValue('input[name=proof]'))
    await visit('/cap/field')
    await upgraded('cap-widget')
    const after = await captcha.solve(page)
    expect(after.solved[0]?.solution.token).toBe(await page.inputValue('input[name=proof]'))
  })

  test('does not read an answer that is kept in a cookie', async () => {
    await visit('/altcha/cookie')
    await upgraded('altcha-widget')
    expect(await captcha.solve(page)).toMatchObject({ solved: [{ solution: { token: '' } }] })
    expect(await page.evaluate('document.cookie')).toMatch(/^proof=./)
  })

  test('a challenge from its own server library, in version 2 of the protocol', async () => {
    const secret = 'the site’s own'
    const { deriveKey } = pbkdf2
    const challenge = await createChallenge({
      algorithm: 'PBKDF2/SHA-256',
      cost: 10,
      counter: 20,
      deriveKey,
      hmacSignatureSecret: secret,
    })
    await visit('/altcha/late')
    await upgraded('altcha-widget')
    await page.evaluate((json) => {
      const widget = document.createElement('altcha-widget')
      widget.setAttribute('challenge', json)
      document.getElementById('here')?.replaceChildren(widget)
    }, JSON.stringify(challenge))
    await eventually(async () => (await find())[0]?.due === true)
    const { solved } = await captcha.solve(page)
    const payload = JSON.parse(Buffer.from(solved[0]?.solution.token ?? '', 'base64').toString()) as Payload
    expect(payload.challenge.parameters.algorithm).toBe('PBKDF2/SHA-256')
    const verified = await verifySolution({ ...payload, deriveKey, hmacSignatureSecret: secret })
    expect(verified).toMatchObject({ verified: true, expired: false })
  })

  test('rendered late, reset, removed and rendered again', async () => {
    await visit('/altcha/late')
    await upgraded('altcha-widget')
    const draw = () =>
      page.evaluate((url) => {
        const widget = document.createElement('altcha-widget')
        widget.setAttribute('challenge', url)
        document.getElementById('here')?.replaceChildren(widget)
      }, altcha.challengeUrl)
    await draw()
    await eventually(async () => (await find())[0]?.due === true)
    const first = await captcha.solve(page)
    expect(first.solved).toHaveLength(1)
    await page.evaluate(`document.querySelector('altcha-widget').reset()`)
    await eventually(async () => (await find())[0]?.due === true)
    expect((await captcha.solve(page)).solved).toHaveLength(1)
    await draw()
    await eventually(async () => (await find())[0]?.due === true)
    const again = await captcha.solve(page)
    expect(again.solved[0]?.challenge.id).not.toBe(first.solved[0]?.challenge.id)
    await page.click('text=Sign in')
    expect(await page.textContent('h1.good')).toBe(WELCOME)
  })
})

describe('without an answer', () => {
  test('reports ALTCHA’s own message, and the next solve starts again', async () => {
    await visit('/altcha')
    await upgraded('altcha-widget')
    altcha.setBehavior({ fails: true })
    const { failed } = await captcha.solve(page)
    expect(failed).toMatchObject([{ error: { code: 'WIDGET_FAILED', message: expect.stringContaining('500') } }])
    expect(guarded.audit.records.at(-1)).toMatchObject({
      event: { action: 'failed', outcome: 'failure' },
      error: { code: 'WIDGET_FAILED' },
    })
    altcha.setBehavior({})
    expect((await captcha.solve(page)).solved).toHaveLength(1)
  })

  test.each([
    ['challenge', 'network_error'],
    ['redeem', 'invalid_solution'],
  ] as const)('reports the code of Cap’s rejected %s, and throws nothing in the page', async (fails, code) => {
    // At the first move of the mouse, which Chromium may make up, Cap's script begins to work in advance.
    await context.addInitScript(`addEventListener('mousemove', (event) => event.stopImmediatePropagation(), true)`)
    await visit('/cap')
    await upgraded('cap-widget')
    const errors: Error[] = []
    page.on('pageerror', (error) => errors.push(error))
    cap.setBehavior(site.sitekeys.cap, { fails })
    const { failed } = await captcha.solve(page)
    expect(failed).toMatchObject([{ error: { code: 'WIDGET_FAILED', message: expect.stringContaining(code) } }])
    expect(errors).toEqual([])
    cap.setBehavior(site.sitekeys.cap, {})
    expect((await captcha.solve(page)).solved).toHaveLength(1)
  })

  /** A challenge that is never answered. */
  async function hangs(policy: Partial<PolicyInput> = {}): Promise<void> {
    await context.route('**/challenge', () => {})
    await visit('/altcha', policy)
    await upgraded('altcha-widget')
  }
  const verifying = () => page.waitForSelector('.altcha[data-state=verifying]')

  test('ends at the deadline', async () => {
    await hangs({ deadline: '1s' })
    expect(await captcha.solve(page)).toMatchObject({ failed: [{ error: { code: 'SOLVE_TIMEOUT' } }] })
  })

  test('ends when its caller aborts', async () => {
    await hangs()
    const controller = new AbortController()
    const solving = captcha.solve(page, { signal: controller.signal })
    await verifying()
    controller.abort()
    expect(await solving).toMatchObject({ failed: [{ error: { code: 'SOLVE_ABORTED' } }] })
  })

  test('ends when the guard closes', async () => {
    await hangs()
    const solving = captcha.solve(page)
    await verifying()
    await guarded.guard.close()
    expect(await solving).toMatchObject({ failed: [{ error: { code: 'GUARD_CLOSED' } }] })
  })

  test('ends when the page is closed', async () => {
    await hangs()
    const solving = captcha.solve(page)
    await verifying()
    await page.goto('about:blank')
    expect(await solving).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }] })
  })

  test('ends when the widget is removed', async () => {
    await hangs()
    const solving = captcha.solve(page)
    await verifying()
    await page.evaluate(`document.querySelector('altcha-widget').remove()`)
    expect(await solving).toMatchObject({ failed: [{ error: { code: 'WIDGET_GONE' } }] })
  })

  test('fails without a browser, which would compute the answer', async () => {
    await visit('/altcha')
    const solving = guarded.guard.solve({ family: 'altcha', variant: 'altcha', sitekey: 'x', pageUrl: site.url })
    await expect(solving).rejects.toMatchObject({
      code: 'FAMILY_UNSUPPORTED',
      message: expect.stringContaining('captcha.solve(page)'),
    })
  })
})

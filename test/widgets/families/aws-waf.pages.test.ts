import { describe, expect, test } from 'vitest'
import { startAwsWaf } from '../../../src/testing/vendors/aws-waf/index.js'
import { eventually } from '../../adapters/tool.js'
import { familyContract } from '../family-contract.js'
import { stage } from '../stage.js'

const SUBMIT = '#login button'
const at = stage('aws-waf', startAwsWaf)

/** Opens a page, and waits until it has rendered its puzzle. */
async function visit(...args: Parameters<typeof at.visit>): Promise<void> {
  await at.visit(...args)
  await at.due()
}

const cookies = async () => (await at.context.cookies()).filter(({ name }) => name === 'aws-waf-token')

/** Waits until the vendor's script has its own token, for which no puzzle was solved. */
const silent = () => eventually(async () => (await cookies()).length === 1)

familyContract(at, {
  redrawn: { path: '/aws-waf-redrawn', api: 'window.AwsWafCaptcha' },
  name: 'a CAPTCHA of Amazon WAF',
  submit: SUBMIT,
  found: { family: 'aws-waf', variant: 'widget', visible: true, executed: false },
  pages: ['/aws-waf', '/aws-waf/object', '/aws-waf/shadow', '/csp/aws-waf'],
  solved: async ({ token }) => expect(await at.calls()).toEqual([token]),
  watched: ['/aws-waf/object', {}],
  denied: {
    path: '/aws-waf',
    async state() {
      await silent()
      return cookies()
    },
  },
  invalid: {
    path: '/aws-waf-odd',
    malformed: 2,
    done: 'thrown.join() === "no arguments,a getter" && calls.length === 1 && alerted === 0',
  },
  api: {
    path: '/aws-waf/object',
    rendered: 'document.querySelector("awswaf-captcha")',
    look: `[Object.entries(AwsWafCaptcha).map(function (one) { return [one[0], one[1].name, one[1].length].join() }).join(';'),
      Object.getPrototypeOf(AwsWafCaptcha) === Object.prototype, Object.keys(settings).join(),
      settings.onSuccess === Object.getPrototypeOf(settings).onSuccess].join()`,
    async after() {
      await at.page.click('#amzn-btn-verify-internal')
      await at.page.waitForFunction('settings.got.length')
    },
  },
})

describe('solves a CAPTCHA of Amazon WAF so that the firewall accepts the token:', () => {
  test.each(['/aws-waf/submits', '/aws-waf/fetches'])('%s, by what the page does in its callback', async (path) => {
    await visit(path)
    await silent()
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('the firewall rejects a token for which no puzzle was solved', async () => {
    await visit('/aws-waf')
    await silent()
    await at.page.click(SUBMIT)
    expect(await at.page.textContent('h1.bad')).toMatch(/did not accept/)
  })

  test('the injected token replaces the one of the vendor’s script', async () => {
    await visit('/aws-waf')
    await silent()
    const [before] = await cookies()
    const { solved } = await at.captcha.solve(at.page)
    const kept = await cookies()
    expect(kept).toMatchObject([
      { value: solved[0]?.solution.token, path: '/', httpOnly: false, domain: before?.domain },
    ])
    expect(await at.page.evaluate('AwsWafIntegration.getToken()')).toBe(solved[0]?.solution.token)
    expect(await at.page.evaluate('AwsWafIntegration.hasToken()')).toBe(true)
  })

  test('sets the cookie only for the listed domain that includes the host, if the page lists domains for its tokens', async () => {
    await at.context.addInitScript(
      'window.awsWafCookieDomainList = ["elsewhere.localhost", 7, "taging.localhost", "staging.localhost"]',
    )
    await at.guard()
    await at.newPage()
    const host = `app.staging.localhost:${new URL(at.site.url).port}`
    await at.page.goto(`http://${host}/aws-waf`)
    await at.due()
    await silent()
    // A token from before the page listed its domains.
    await at.page.evaluate('document.cookie = "aws-waf-token=of-another-time; path=/"')
    await at.captcha.solve(at.page)
    // Another process of the browser stores what a page sets, and may not have done so yet.
    await expect.poll(cookies).toMatchObject([{ domain: '.staging.localhost', path: '/' }])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('sends the key and the address of the script to the solver', async () => {
    await visit('/aws-waf')
    await at.captcha.solve(at.page)
    expect(at.sitekey.length).toBeGreaterThan(800)
    expect(at.grant.challenges).toMatchObject([
      { family: 'aws-waf', sitekey: at.sitekey, scriptUrl: `${at.vendor.url}/jsapi.js` },
    ])
  })

  test('several widgets on a page, each with its own callback, which is called once', async () => {
    await at.visit('/aws-waf/several')
    await eventually(async () => (await at.find()).length === 3)
    const { solved } = await at.captcha.solve(at.page)
    const tokens = solved.map(({ solution }) => solution.token)
    expect(new Set(tokens).size).toBe(3)
    expect(await at.calls()).toEqual(tokens)
    await at.page.click('form:nth-of-type(2) button')
    await at.welcomed()
  })

  test('a widget that is rendered late, removed, rendered again elsewhere, and rendered again in its place', async () => {
    await at.guard()
    await at.open('/aws-waf/late')
    await at.page.waitForFunction('window.AwsWafCaptcha')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.page.evaluate('document.getElementById("app").replaceChildren()')
    expect(await at.find()).toEqual([])
    await at.page.evaluate('draw()')
    await at.captcha.solve(at.page)
    expect(await at.find()).toMatchObject([{ answered: true, due: false }])
    await at.page.evaluate('again()')
    expect(await at.find()).toMatchObject([{ answered: false, due: true }])
    const { solved } = await at.captcha.solve(at.page)
    expect((await at.calls()).at(-1)).toBe(solved[0]?.solution.token)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})

describe('pays only for a CAPTCHA of Amazon WAF that is due:', () => {
  test.each(['/aws-waf', '/aws-waf/object'])('skips a widget that a person has solved: %s', async (path) => {
    await visit(path)
    await at.page.click('#amzn-btn-verify-internal')
    await at.page.waitForFunction('calls.length')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }], cost: 0 })
    expect(at.grant.challenges).toEqual([])
    await at.page.click(SUBMIT)
    await at.welcomed()
  })

  test('keeps the answer of a person who solves the widget during the solve', async () => {
    await visit('/aws-waf')
    const sell = at.grant.answer
    at.grant.answer = async (...args) => {
      await at.page.click('#amzn-btn-verify-internal')
      await at.page.waitForFunction('calls.length')
      return sell(...args)
    }
    expect(await at.captcha.solve(at.page)).toMatchObject({ failed: [{ error: { code: 'WIDGET_GONE' } }] })
    expect(await at.calls()).toHaveLength(1)
  })

  test('skips a hidden widget', async () => {
    await visit('/aws-waf')
    await at.page.evaluate('document.getElementById("here").style.display = "none"; 0')
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'hidden' }] })
  })

  test('does not touch a page without a call of its own, such as the one shown before a whole site', async () => {
    await at.guard()
    await at.open('/aws-waf/late')
    await at.page.evaluate('document.getElementById("app").append(document.createElement("awswaf-captcha")); 0')
    const found = await at.captcha.find(at.page)
    expect([...found]).toEqual([])
    expect(found.unknown).toMatchObject([{ vendor: 'amazon-waf' }])
  })
})

describe('a hostile page, or a hostile solver, with Amazon WAF’s CAPTCHA', () => {
  test.each(['a; domain=evil.example', 'a;b', 'a b', 'a\nb', '', 'ü', '"', 'a,b', 'x\\'])(
    'refuses a token that could contain more than a cookie’s value: %j',
    async (token) => {
      await visit('/aws-waf')
      at.grant.answer = async () => token
      expect(await at.captcha.solve(at.page)).toMatchObject({ failed: [{ error: { code: 'WIDGET_GONE' } }] })
      expect(await at.calls()).toEqual([])
      expect(at.grant.injections).toMatchObject([{ ok: false, code: 'WIDGET_GONE' }])
    },
  )
})

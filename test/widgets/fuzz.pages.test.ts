import fc from 'fast-check'
import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Captcha } from '../../src/adapters/engine/captcha.js'
import { guardContext } from '../../src/adapters/playwright/index.js'
import { CODES, SolveguardError } from '../../src/base/errors.js'
import { parseChallenge } from '../../src/guard/admission/parse-challenge.js'
import { startRecaptcha } from '../../src/testing/vendors/recaptcha/index.js'
import { type FakeGrant, fakeGrant } from '../adapters/fake-grant.js'
import { widgetBrowser } from '../support/browser.js'

/*
 * Generated pages: elements of every family with any text in their attributes, and vendors' globals with any value.
 * Such a page may be recognized as invalid or pass as a real one. It may not make an adapter throw an error without a
 * code, hang, send a service what a guard would reject, or run its text as code.
 */

const RUNS = 60

let context: BrowserContext
let page: Page
let grant: FakeGrant
let captcha: Captcha<Page>
let vendor: Awaited<ReturnType<typeof startRecaptcha>>
let html = ''

beforeAll(async () => {
  vendor = await startRecaptcha()
})
afterAll(async () => {
  await vendor?.close()
})
beforeEach(async () => {
  context = await (await widgetBrowser()).newContext()
  // No request leaves: the test answers for the page, and everything else is missing.
  await context.route('**/*', (route) =>
    route.request().isNavigationRequest() && route.request().frame().parentFrame() === null
      ? route.fulfill({ contentType: 'text/html', body: html })
      : route.abort(),
  )
  grant = fakeGrant(vendor)
  captcha = await guardContext(grant, context, undefined, { evaluateMs: 2_000 })
  page = await context.newPage()
})
afterEach(() => context.close())

const CLASSES = [
  'g-recaptcha',
  'h-captcha',
  'cf-turnstile',
  'frc-captcha',
  'mtcaptcha',
  'geetest_holder',
  'captcha',
  'x',
]
const TAGS = ['div', 'button', 'iframe', 'textarea', 'input', 'altcha-widget', 'cap-widget', 'form', 'svg', 'template']
const ATTRIBUTES = [
  'data-sitekey',
  'data-callback',
  'data-size',
  'data-action',
  'data-s',
  'data-bind',
  'data-cdata',
  'data-response-field-name',
  'data-pkey',
  'data-puzzle-endpoint',
  'data-start',
  'data-cap-api-endpoint',
  'challengeurl',
  'auto',
  'name',
  'id',
  'src',
  'value',
]
const NAMES = [
  'g-recaptcha-response',
  'h-captcha-response',
  'cf-turnstile-response',
  'fc-token',
  'mtcaptcha-verifiedtoken',
]

const KEYS = [
  '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
  '0x4AAAAAAAAAAAAAAAAAAAAA',
  '10000000-ffff-ffff-ffff-000000000001',
  'a'.repeat(3_000),
]
const ATTACKS = [
  'window.ran=1',
  'ran=1',
  'javascript:window.ran=1',
  '"><script>window.ran=1</script>',
  "');window.ran=1;//",
  'constructor.constructor',
  '__proto__',
  'toString',
  'document.write',
  '\u2028window.ran=1',
  '\u0000',
  'https://www.google.com/recaptcha/api2/anchor?k=%00&co=%F0%9F%92%A9',
  'https://newassets.hcaptcha.com/captcha/v1/x/static/hcaptcha.html#frame=checkbox&id=%&sitekey=%22',
  'https://challenges.cloudflare.com/cdn-cgi/challenge-platform/h/b/turnstile/f/ov2/av0/rch/x/0x4AAA/',
]

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ATTACKS) },
  { weight: 2, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
)

interface Element {
  readonly tag: string
  readonly kind: string
  readonly attributes: readonly (readonly [string, string])[]
  readonly inShadow: boolean
  readonly within: readonly Element[]
}

const { element } = fc.letrec<{ element: Element }>((tie) => ({
  element: fc.record({
    tag: fc.constantFrom(...TAGS),
    kind: fc.constantFrom(...CLASSES),
    attributes: fc.array(fc.tuple(fc.constantFrom(...ATTRIBUTES), text), { maxLength: 6 }),
    inShadow: fc.boolean(),
    within: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant([]),
      fc.array(tie('element'), { maxLength: 3 }),
    ),
  }),
}))

/** Values of a vendor's global, as source. */
const VALUES = [
  'null',
  '7',
  '"x"',
  '[]',
  '{}',
  '(function(){throw 1})',
  '(function(){return{}})',
  'new Proxy({},{get:function(){throw 1}})',
  'new Proxy({},{ownKeys:function(){return["a","a"]}})',
  '(function(){var o={};o.o=o;return o})()',
  '{render:5,execute:null,getResponse:function(){throw 1},ready:{}}',
  '{clients:{0:{a:{b:{sitekey:{},callback:"window.ran=1"}}}}}',
  '{clients:[{x:{sitekey:"k",callback:"constructor"}}],count:1e9}',
  '{sitekey:"window.ran=1",renderQueue:[[]]}',
]
const GLOBALS = [
  'grecaptcha',
  '___grecaptcha_cfg',
  'hcaptcha',
  'turnstile',
  'initGeetest',
  'initGeetest4',
  'mtcaptcha',
  'mtcaptchaConfig',
  'AwsWafCaptcha',
  'frcaptcha',
  'friendlyChallenge',
  'fc',
  'ArkoseEnforcement',
]

const anyPage = fc.record({
  elements: fc.array(element, { minLength: 1, maxLength: 5 }),
  globals: fc.array(fc.tuple(fc.constantFrom(...GLOBALS), fc.constantFrom(...VALUES)), { maxLength: 4 }),
})

/** The page as source. Attributes are set by script, so that the page itself runs nothing of them. */
function source({
  elements,
  globals,
}: {
  elements: readonly Element[]
  globals: readonly (readonly [string, string])[]
}): string {
  const json = JSON.stringify(elements)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
  const sets = globals.map(([name, value]) => `try{window[${JSON.stringify(name)}]=${value}}catch(e){}`).join('\n')
  return `<!doctype html><body><script>${sets}
function make(all, parent) { all.forEach(function (one) {
  var el = document.createElement(one.tag); el.className = one.kind
  one.attributes.forEach(function (pair) {
    // A javascript: address is code of the page itself.
    try { if (!(pair[0] === 'src' && /^javascript/i.test(pair[1]))) el.setAttribute(pair[0], pair[1]) } catch (e) {}
  })
  var inner = el
  if (one.inShadow) { try { inner = el.attachShadow({ mode: 'open' }) } catch (e) {} }
  make(one.within, inner); parent.appendChild(el)
}) }
make(${json}, document.body)</script></body>`
}

test('any page: errors have codes, no call hangs, no challenge breaks the guard’s bounds, and none of its text runs', async () => {
  let widgets = 0
  let asked = 0
  await fc.assert(
    fc.asyncProperty(anyPage, async (made) => {
      html = source(made)
      grant.challenges.length = 0
      await page.goto('https://staging.example.com/', { waitUntil: 'commit' })
      await page.waitForLoadState('domcontentloaded')
      try {
        const found = await inTime(captcha.find(page))
        widgets += found.length
        expect(found.length).toBeLessThanOrEqual(50)
        expect(grant.challenges).toEqual([])
        const { solved, failed, skipped, denied } = await inTime(captcha.solve(page, { which: 'all' }))
        for (const { error } of [...failed, ...denied]) named(error)
        expect(solved.length + failed.length + skipped.length + denied.length).toBeLessThanOrEqual(50)
      } catch (error) {
        named(error)
      }
      for (const challenge of grant.challenges) {
        asked++
        try {
          parseChallenge({ ...challenge })
        } catch (error) {
          named(error)
        }
      }
      expect(await page.evaluate('window.ran')).toBeUndefined()
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  )
  // Not every page is invalid: some have widgets that are listed and solved.
  expect(widgets).toBeGreaterThan(0)
  expect(asked).toBeGreaterThan(0)
})

function named(error: unknown): void {
  if (!(error instanceof SolveguardError)) throw error
  expect(Object.keys(CODES)).toContain(error.code)
}

/** Every call into a page is bounded, here at two seconds: a call that takes ten times as long hangs. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it hangs')), 20_000)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

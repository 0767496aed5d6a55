import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Captcha } from '../../src/adapters/engine/captcha.js'
import { guardContext } from '../../src/adapters/playwright/index.js'
import { type StandInSite, startSite } from '../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../src/testing/vendors/recaptcha/index.js'
import { findCall, NO_SCRIPTS, waitCall } from '../../src/widgets/calls.js'
import { parseFound } from '../../src/widgets/parse.js'
import { type FakeGrant, fakeGrant } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'
import { sharedBrowser } from '../support/browser.js'
import { fixturePages } from '../support/fixture-pages.js'
import { inGrace, timedClock } from '../support/stage.js'

let recaptcha: StandInRecaptcha
let site: StandInSite
let context: BrowserContext
let page: Page
let grant: FakeGrant
let captcha: Captcha<Page>

beforeAll(async () => {
  recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha, pages: fixturePages() })
})

afterAll(async () => {
  await site?.close()
  await recaptcha?.close()
})

beforeEach(async () => {
  context = await (await sharedBrowser()).newContext()
  grant = fakeGrant(recaptcha)
  captcha = await guardContext(grant, context, undefined, { evaluateMs: 2_000 })
  page = await context.newPage()
})

afterEach(() => context.close())

const visit = (path: string) => page.goto(`${site.url}${path}`)
const onlyTheRealOne = () => [{ sitekey: site.sitekey, variant: 'v2-checkbox', due: true }]

test('of ten thousand widgets lists fifty, counts the others, and pays for none that is not selected', async () => {
  await visit('/many')
  const found = await captcha.find(page)
  expect(found).toHaveLength(50)
  expect(found.omitted).toEqual({ widgets: 9_950, malformed: 0, malformedWidgets: [], unresponsive: 0, frames: 0 })
  expect(grant.challenges).toEqual([])
})

test('drops and counts a sitekey of a megabyte, or with invalid characters', async () => {
  await visit('/huge-sitekey')
  const found = await captcha.find(page)
  expect(found).toMatchObject(onlyTheRealOne())
  expect(found.omitted.malformed).toBe(2)
  expect(found.omitted.malformedWidgets).toEqual([
    { family: 'recaptcha', problem: expect.stringMatching(/^Its sitekey has /), pageUrl: `${site.url}/huge-sitekey` },
    { family: 'recaptcha', problem: expect.stringMatching(/^Its sitekey has /), pageUrl: `${site.url}/huge-sitekey` },
  ])
  expect((await captcha.solve(page)).omitted).toEqual(found.omitted)
})

test('a wait that finds nothing else says what is wrong with a widget', async () => {
  await visit('/tiny')
  await page.evaluate(`document.body.innerHTML = '<div class="g-recaptcha" data-sitekey="{{ sitekey }}"></div>'; 0`)
  await expect(captcha.waitFor(page, { timeout: 200 })).rejects.toMatchObject({
    code: 'WAIT_TIMEOUT',
    message:
      'No widget was due in the page within 200 ms. A widget was left out as malformed: recaptcha. ' +
      'Its sitekey has a character that none has: U+007B, number 1 of 13.',
  })
})

test('getters that throw, cycles, proxies, endless and wide objects in the vendor’s state throw nothing', async () => {
  await visit('/getters')
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
})

test('redefined built-ins change neither what is found nor where the solution is injected', async () => {
  await visit('/builtins?spare')
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
  const { solved } = await captcha.solve(page)
  expect(await page.inputValue('textarea[name="g-recaptcha-response"]')).toBe(solved[0]?.solution.token)
})

test('our own code still finds the widget where redefined built-ins make the browser tool fail', async () => {
  await visit('/builtins')
  await expect(captcha.find(page)).rejects.toMatchObject({ code: 'PAGE_UNRESPONSIVE' })
  const devtools = await context.newCDPSession(page)
  const request = { max: 50, frames: [], families: [] }
  const call = { expression: findCall(request, { observer: true, core: true, families: ['recaptcha'] }) }
  const { result } = await devtools.send('Runtime.evaluate', call)
  expect(parseFound(result.value)).toMatchObject({ widgets: [{ challenge: { sitekey: site.sitekey } }], malformed: 0 })
})

test('elements with the names of methods break nothing', async () => {
  await visit('/clobber')
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
  const { solved } = await captcha.solve(page)
  expect(await page.inputValue('textarea[name="g-recaptcha-response"]')).toBe(solved[0]?.solution.token)
})

test('an API that throws or is frozen behaves as without a guard', async () => {
  await visit('/throws-render')
  expect(await page.evaluate('seen')).toEqual(['vendor', 5, true])
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
  await captcha.close()
  expect(await page.evaluate('Symbol.for("solveguard") in window')).toBe(false)
})

test('looks a callback’s name up, and never runs it as code', async () => {
  await visit('/names')
  expect(await captcha.solve(page)).toMatchObject({ solved: [{}, {}, {}, {}], failed: [] })
  expect(await page.evaluate('alerted')).toBe(0)
})

test.each([
  ['nothing', 'undefined'],
  ['a number', '5'],
  ['no JSON', '"{"'],
  ['JSON of another kind', '"[1,2]"'],
  ['an object', '({ widgets: [] })'],
  ['two megabytes', '"x".repeat(2e6)'],
  ['deep JSON', '"[".repeat(9e4) + "]".repeat(9e4)'],
  ['something that throws', '({ toString: function () { throw 1 }, toJSON: function () { throw 1 } })'],
])('a page that replies %s in the place of our code receives nothing, and nothing is spent', async (_, lie) => {
  await visit('/liar')
  await page.evaluate(`window.lie = ${lie}; 0`)
  const found = await captcha.find(page).catch((error: { code?: string }) => error.code)
  if (typeof found === 'string') expect(found).toBe('PAGE_UNRESPONSIVE')
  else expect(found).toHaveLength(0)
  expect(grant.challenges).toEqual([])
})

test('a page that reports widgets in the place of our code receives no token', async () => {
  await visit('/liar')
  const widget = { id: 'abc-0', family: 'recaptcha', kind: 'checkbox', enterprise: false, sitekey: 'made-up' }
  const state = { visible: true, answered: false, executed: false, challenged: false }
  const head = { doc: 'abc', secret: '0'.repeat(64), origin: 'https://other.example', omitted: -5 }
  const lie = { ...head, widgets: [{ ...widget, ...state }, null, 7] }
  await page.evaluate(`window.lie = ${JSON.stringify(JSON.stringify(lie))}; 0`)
  const found = await captcha.find(page)
  expect(found).toMatchObject([{ sitekey: 'made-up', pageUrl: `${site.url}/liar` }])
  expect(found.omitted).toMatchObject({ widgets: 0, malformed: 2 })
  expect(await captcha.solve(page)).toMatchObject({ failed: [{ error: { code: 'PAGE_GONE' } }] })
  // It does not draw a pad for the token, so none is bought.
  expect(grant.challenges).toEqual([])
})

test.each([
  ['a page', '/named', (origin: string) => page.goto(`${origin}/impostor`)],
  ['a frame', '/frame', (origin: string) => page.frames()[1]?.goto(`${origin}/impostor`)],
])(
  '%s of another origin that is loaded during a solve and replies in the place of our code receives no token',
  async (_, path, leave) => {
    await visit(path)
    await eventually(async () => (await captcha.find(page))[0]?.due === true)
    grant.answer = async ({ sitekey }) => {
      await leave(site.otherUrl)
      return recaptcha.issue({ sitekey })
    }
    expect(await captcha.solve(page)).toMatchObject({ solved: [], failed: [{ error: { code: 'PAGE_GONE' } }] })
    expect(
      await page
        .frames()
        .at(path === '/frame' ? 1 : 0)
        ?.evaluate('got'),
    ).toEqual([])
  },
)

test('buys nothing for a page of another origin that is loaded within the grace and replies in the place of our code', async () => {
  const clock = timedClock()
  captcha = await guardContext(fakeGrant(recaptcha, { grace: '3s' }), context, undefined, { clock })
  await visit('/invisible-execute')
  await page.waitForSelector('iframe[name^=a-]')
  await page.click('#go')
  await eventually(async () => (await captcha.find(page))[0]?.due === true)
  const solving = captcha.solve(page)
  await inGrace(clock)
  await page.goto(`${site.otherUrl}/impostor`)
  await clock.advance(3_000)
  expect(await solving).toMatchObject({ solved: [], failed: [], skipped: [{ reason: 'removed' }] })
  expect(await page.evaluate('got')).toEqual([])
})

test('does not judge a sandboxed frame by the parent page’s origin that it claims', async () => {
  await visit('/tiny')
  const html = fixturePages()['/impostor']?.replace('var got', `var claims = ${JSON.stringify(site.url)}, got`)
  await page.evaluate(
    `{ const frame = document.createElement('iframe'); frame.sandbox = 'allow-scripts'; frame.srcdoc = ${JSON.stringify(html).replaceAll('</', '<\\/')}; document.body.append(frame) }`,
  )
  await eventually(async () => (await captcha.find(page)).length === 1)
  expect(await captcha.find(page)).toMatchObject([{ pageUrl: `${site.url}/tiny`, frameUrl: 'about:srcdoc' }])
})

test('a frame of another origin that navigates to a vendor’s address causes no solve for the page', async () => {
  await visit('/tiny')
  await page.evaluate(
    `{ const ad = document.createElement('iframe'); ad.src = ${JSON.stringify(`${site.otherUrl}/tiny`)}; document.body.append(ad); 0 }`,
  )
  await eventually(() => page.frames()[1]?.url().endsWith('/tiny') === true)
  await page
    .frames()[1]
    ?.evaluate('window.name = "a-0123456789ab"; location.href = "/recaptcha/api2/anchor?k=drain&size=normal"; 0')
  await eventually(() => page.frames()[1]?.url().includes('/anchor') === true)
  expect(await captcha.find(page)).toHaveLength(0)
  expect(await captcha.solve(page, { which: 'all' })).toMatchObject({ solved: [], failed: [] })
  expect(grant.challenges).toEqual([])
})

test('solves a widget in a blank frame that its page has written, under the page’s origin', async () => {
  await visit('/tiny')
  const html = `<form><div class="g-recaptcha" data-sitekey="${site.sitekey}"></div></form>`
  await page.evaluate(
    `{ const frame = document.createElement('iframe'); document.body.append(frame); const inner = frame.contentDocument
    inner.open(); inner.write(${JSON.stringify(html)}); inner.close() }`,
  )
  expect(await captcha.find(page)).toMatchObject([{ frameUrl: `${site.url}/tiny` }])
  expect(await captcha.solve(page)).toMatchObject({ solved: [{}], failed: [] })
})

test('a reply longer than the bound, from a page in the place of our code, never leaves the page', async () => {
  await visit('/liar')
  await page.evaluate('window.lie = "x".repeat(1e6 + 1); 0')
  const request = { max: 50, frames: [], families: [] }
  expect(await page.evaluate(findCall(request, NO_SCRIPTS))).toBe(null)
  expect(await page.evaluate(waitCall('ticket', request, 1_000, NO_SCRIPTS).replace('main.wait', 'main.find'))).toBe(
    null,
  )
  await page.evaluate('window.lie = "x".repeat(1e6); 0')
  expect(await page.evaluate(findCall(request, NO_SCRIPTS))).toHaveLength(1e6)
})

test.each([
  [
    'executes a widget by an invalid id',
    'grecaptcha.execute(Symbol()), grecaptcha.execute({ toString: function () { throw 1 } })',
  ],
  ['redefines its readyState', 'Object.defineProperty(document, "readyState", { get: function () { throw 1 } })'],
])('finds the widgets of a page that %s', async (_, odd) => {
  await visit('/named')
  await page.waitForSelector('iframe[name^=a-]')
  await page.evaluate(`try { ${odd} } catch {} 0`)
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
})

test('a widget keeps its id, however many others its page renders beside it', async () => {
  await visit('/tiny')
  const box = (key: string) => `<div class="g-recaptcha" data-sitekey="${key}"></div>`
  await page.evaluate(`document.body.innerHTML = ${JSON.stringify(`${box(site.sitekey)}<p></p>`)}; 0`)
  const names = new Set<string | undefined>()
  const all = new Set<string>()
  while (all.size <= 1_100) {
    await page.evaluate(`document.querySelector('p').innerHTML = ${JSON.stringify(box('other').repeat(49))}; 0`)
    const found = await captcha.find(page)
    names.add(found.find(({ sitekey }) => sitekey === site.sitekey)?.id)
    for (const { id } of found) all.add(id)
  }
  expect([...names]).toHaveLength(1)
})

test('counts a widget whose facts throw when they are read, and still finds the others', async () => {
  await visit('/login')
  await page.evaluate('window.getComputedStyle = function () { throw 1 }; 0')
  const found = await captcha.find(page)
  expect(found).toHaveLength(0)
  expect(found.omitted.widgets).toBeGreaterThan(0)
})

test('searches hundreds of shadow roots, and counts those beyond the bound', async () => {
  await visit('/tiny')
  const add = `for (let n = 0; n < 400; n++) { const host = document.createElement('p'); document.body.append(host)
    host.attachShadow({ mode: 'open' }).innerHTML = n === 399 ? '<div class="g-recaptcha" data-sitekey="${site.sitekey}"></div>' : '' } 0`
  await page.evaluate(add)
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
  await page.evaluate(`${add}; ${add}`)
  expect((await captcha.find(page)).omitted.frames).toBe(201)
})

test('finds the widgets of the other frames where one frame blocks its thread', async () => {
  await visit('/hangs-beside')
  await page.waitForFunction('document.querySelector("iframe")')
  await new Promise((resolve) => setTimeout(resolve, 600))
  const found = await captcha.find(page)
  expect(found).toMatchObject(onlyTheRealOne())
  expect(found.omitted.unresponsive).toBe(1)
})

test('a page that blocks its thread is reported as unresponsive', async () => {
  await visit('/hangs')
  await new Promise((resolve) => setTimeout(resolve, 600))
  await expect(captcha.find(page)).rejects.toMatchObject({ code: 'PAGE_UNRESPONSIVE' })
})

test('a crashed page is reported as such', async () => {
  await visit('/login')
  const crashed = page.waitForEvent('crash')
  await page.goto('chrome://crash').catch(() => undefined)
  await crashed
  await expect(captcha.solve(page)).rejects.toMatchObject({ code: expect.stringMatching(/^PAGE_/) })
})

test('of a hundred and fifty frames searches a hundred, and counts the others', async () => {
  // A browser on a busy machine opens that many slowly.
  const patient = await guardContext(grant, context, undefined, { evaluateMs: 25_000 })
  await visit('/frames')
  const found = await patient.find(page)
  expect(found).toMatchObject(onlyTheRealOne())
  expect(found.omitted.frames).toBe(51)
})

test('searches nested shadow roots, up to a bound', async () => {
  await visit('/shadows')
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
})

test('finds a widget in a closed shadow root by the vendor’s frame', async () => {
  await visit('/closed')
  await page.waitForFunction('document.readyState === "complete"')
  expect(await captcha.find(page)).toMatchObject(onlyTheRealOne())
  const { solved } = await captcha.solve(page)
  expect(await page.inputValue('textarea[name="g-recaptcha-response"]')).toBe(solved[0]?.solution.token)
})

test('a page that lists the properties of the vendor’s object gets the same list as without a guard', async () => {
  const plain = await (await (await sharedBrowser()).newContext()).newPage()
  const seen = []
  for (const one of [page, plain]) {
    await one.goto(`${site.url}/asks`)
    await one.waitForFunction('window.widget !== undefined')
    seen.push(await one.evaluate('seen'))
  }
  await plain.context().close()
  const [guarded, unguarded] = seen as { before: string; after: string }[]
  expect(guarded?.after).toBe(unguarded?.after)
  // Everything but its prototype, until the last function is assigned.
  expect(guarded?.before.replace('|false|[object', '|true|[object')).toBe(unguarded?.before)
  await captcha.solve(page)
  expect(await page.evaluate('got')).toBe(await page.inputValue('textarea'))
})

test('a closed page is reported as such', async () => {
  await page.close()
  await expect(captcha.find(page)).rejects.toMatchObject({ code: 'PAGE_GONE' })
})

test('a blank page has no widgets', async () => {
  expect(await captcha.find(page)).toHaveLength(0)
})

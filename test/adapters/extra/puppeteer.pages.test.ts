import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { addExtra } from 'puppeteer-extra'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { CHROMIUM_FLAGS, findBrowser } from '../../../scripts/find-browser.mjs'
import solveguard, { type PluginOptions } from '../../../src/adapters/extra/puppeteer.js'
import { usd } from '../../../src/policy/money.js'
import { type StandInSite, startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { denied, type FakeGrant, fakeGrant } from '../fake-grant.js'
import { eventually } from '../tool.js'
import { expectDenied, nameOnly, startUnnamedPage } from './unnamed-page.js'

const RENDERED = '!!document.querySelector("iframe[name^=a-]")'

let recaptcha: StandInRecaptcha
let site: StandInSite
let executablePath = ''
let grant: FakeGrant
const browsers: Browser[] = []

beforeAll(async () => {
  executablePath = (await findBrowser({ windows: false }))?.path ?? ''
  recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha })
})

afterEach(async () => {
  for (const browser of browsers.splice(0)) await browser.close()
})

afterAll(async () => {
  await site?.close()
  await recaptcha?.close()
})

/** Starts a browser of puppeteer-extra with the plugin, as its users do. */
async function launch(options: Partial<PluginOptions> = {}): Promise<Browser> {
  grant = fakeGrant(recaptcha)
  const extra = addExtra(puppeteer as never)
  extra.use(solveguard({ guard: Promise.resolve(grant), ...options }))
  // Its own types of a browser are those of an older puppeteer.
  const browser: Browser = (await extra.launch({ executablePath, args: CHROMIUM_FLAGS })) as never
  browsers.push(browser)
  return browser
}

async function visit(page: Page, path: string): Promise<void> {
  await page.goto(`${site.url}${path}`)
  await page.waitForFunction(RENDERED)
}

async function open(path: string, options: Partial<PluginOptions> = {}): Promise<Page> {
  const page = await (await launch(options)).newPage()
  await visit(page, path)
  return page
}

const heading = async (page: Page) =>
  (await page.waitForSelector('h1.good'))?.evaluate((element) => element.textContent)

test('solveRecaptchas returns the plugin’s shapes, and the server accepts the token', async () => {
  const page = await open('/login')
  const { captchas, filtered, solutions, solved, error } = await page.solveRecaptchas()
  expect(error).toBeNull()
  expect(filtered).toEqual([])
  expect(captchas).toMatchObject([
    { _vendor: 'recaptcha', _type: 'checkbox', sitekey: site.sitekey, isInvisible: false, url: `${site.url}/login` },
  ])
  const id = captchas[0]?.id
  expect(solutions).toMatchObject([{ id, hasSolution: true, providerCaptchaId: '1', requestAt: expect.any(Date) }])
  expect(solved).toMatchObject([{ id, isSolved: true, responseElement: true, solvedAt: expect.any(Date) }])
  expect(await page.$eval('textarea', (field) => field.value)).toBe(solutions[0]?.text)
  expect(JSON.stringify(solutions)).not.toContain(solutions[0]?.text)
  await page.click('#login button')
  expect(await heading(page)).toBe(WELCOME)
})

test('finds, buys and injects in three steps', async () => {
  const page = await open('/named')
  const { captchas } = await page.findRecaptchas()
  const { solutions, error } = await page.getRecaptchaSolutions(captchas)
  expect(error).toBeNull()
  expect(await page.evaluate('calls.length')).toBe(0)
  expect(await page.enterRecaptchaSolutions(solutions)).toMatchObject({ solved: [{ isSolved: true }], error: null })
  expect(await page.evaluate('calls.join()')).toBe(solutions[0]?.text)
  expect(grant.challenges).toHaveLength(1)
  expect(grant.injections).toMatchObject([{ token: solutions[0]?.text, ok: true }])
})

test('injects a token from elsewhere', async () => {
  const page = await open('/named')
  const [captcha] = (await page.findRecaptchas()).captchas
  const solution = { _vendor: 'recaptcha' as const, id: captcha?.id ?? '', text: 'of-my-own', hasSolution: true }
  expect(await page.enterRecaptchaSolutions([solution])).toMatchObject({ solved: [{ isSolved: true }] })
  expect(await page.evaluate('calls.join()')).toBe('of-my-own')
  expect(grant.challenges).toEqual([])
  await visit(page, '/named')
  expect(await page.enterRecaptchaSolutions([solution])).toMatchObject({ solved: [{ isSolved: false }] })
})

test('findCaptchas and solveCaptchas return solveguard’s own shapes', async () => {
  const page = await open('/login')
  expect(await page.findCaptchas()).toMatchObject([{ family: 'recaptcha', due: true }])
  expect(await page.solveCaptchas()).toMatchObject({ solved: [{}], cost: 1_000 })
  expect(await page.solveCaptchas()).toMatchObject({ solved: [], skipped: [{ reason: 'answered' }] })
})

test('runs nothing in a page or frame that the policy does not name, and a solve there is denied', async () => {
  await using there = await startUnnamedPage()
  const page = await open('/login')
  nameOnly(grant, site.url)
  await page.evaluate(
    (src) => void document.body.append(Object.assign(document.createElement('iframe'), { src })),
    there.url,
  )
  const frame = await page.waitForFrame(there.url)
  await expectDenied(frame, grant, there)
  grant.unnamedPlaces.length = 0
  await page.goto(there.url)
  await expectDenied(page, grant, there)
})

test('buys nothing for an answered widget', async () => {
  const page = await open('/named')
  await page.solveRecaptchas()
  expect(await page.solveRecaptchas()).toMatchObject({
    captchas: [{}],
    solutions: [{ hasSolution: false }],
    solved: [],
    error: null,
  })
  expect(grant.challenges).toHaveLength(1)
})

test('pays once for two simultaneous calls', async () => {
  const page = await open('/named')
  const both = await Promise.all([page.solveRecaptchas(), page.solveRecaptchas()])
  expect(both.map(({ error }) => error)).toEqual([null, null])
  expect(grant.challenges).toHaveLength(1)
  expect(await page.evaluate('calls.length')).toBe(1)
})

test('gives each frame the methods for its own widgets', async () => {
  const page = await (await launch()).newPage()
  await page.goto(`${site.url}/frame`)
  const frame = page.frames().find((one) => one.url().endsWith('/login'))
  await frame?.waitForFunction(RENDERED)
  expect(await page.mainFrame().findRecaptchas()).toMatchObject({ captchas: [] })
  expect(await page.mainFrame().solveCaptchas()).toMatchObject({ solved: [] })
  expect(await frame?.findRecaptchas()).toMatchObject({ captchas: [{ url: `${site.url}/login` }] })
  expect(await frame?.solveRecaptchas()).toMatchObject({ solved: [{ isSolved: true }] })
})

test.each([
  ['/v3', 'score', 'solveScoreBased'],
  ['/invisible', 'invisible', 'solveInactiveChallenges'],
] as const)('filters %s, unless the option for %s widgets is set', async (path, type, option) => {
  const left = await open(path)
  expect(await left.solveRecaptchas()).toMatchObject({
    captchas: [],
    filtered: [{ _type: type, filtered: true, filteredReason: option }],
    solved: [],
  })
  expect(grant.challenges).toEqual([])
  const page = await open(path, { [option]: true })
  expect(await page.solveRecaptchas()).toMatchObject({ captchas: [{ _type: type }], filtered: [], solved: [{}] })
})

test('returns a denial as an error, or throws it with throwOnError', async () => {
  const page = await open('/login')
  grant.answer = () => Promise.reject(denied())
  const result = await page.solveRecaptchas()
  expect(result).toMatchObject({ solutions: [{ hasSolution: false }], solved: [] })
  expect(result.error).toMatch(/^ORIGIN_NOT_NAMED: /)
  const strict = await open('/login', { throwOnError: true })
  grant.answer = () => Promise.reject(denied())
  await expect(strict.solveRecaptchas()).rejects.toMatchObject({ code: 'ORIGIN_NOT_NAMED', layer: 'origin' })
  const { captchas } = await strict.findRecaptchas()
  await expect(strict.getRecaptchaSolutions(captchas)).rejects.toMatchObject({ code: 'ORIGIN_NOT_NAMED' })
})

test('applies a policy for each context, and serves a page that was open before', async () => {
  const narrowings: unknown[] = []
  const policy = vi.fn(() => ({ budget: { perDay: usd(0.01) } }))
  const narrow = (narrowing: unknown) => {
    narrowings.push(narrowing)
    return grant
  }
  const guard = { ...fakeGrant(recaptcha), narrow }
  const browser = await launch({ guard, policy })
  const [first] = await browser.pages()
  await first?.goto(`${site.url}/login`)
  await first?.waitForFunction(RENDERED)
  expect(await first?.solveRecaptchas()).toMatchObject({ solved: [{}] })
  const context = await browser.createBrowserContext()
  const page = await context.newPage()
  await visit(page, '/login')
  expect(await page.solveRecaptchas()).toMatchObject({ solved: [{}] })
  expect(policy.mock.calls).toEqual([[browser.defaultBrowserContext()], [context]])
  expect(narrowings).toHaveLength(2)
})

test.each([
  ['a guard promise that rejects', () => Promise.reject(new Error('no guard')), 'no guard'],
  ['an object that is no guard', () => ({}), 'createGuard'],
])('%s stops the launch', async (_, guard, message) => {
  const extra = addExtra(puppeteer as never)
  const launched: Browser[] = []
  const launching = puppeteer.launch.bind(puppeteer)
  vi.spyOn(puppeteer, 'launch').mockImplementation(async (options) => {
    const browser = await launching(options)
    launched.push(browser)
    return browser
  })
  extra.use(solveguard({ guard: guard() as PluginOptions['guard'] }))
  await expect(extra.launch({ executablePath, args: CHROMIUM_FLAGS })).rejects.toThrow(message)
  vi.restoreAllMocks()
  browsers.push(...launched)
})

test('warns of a key in the options without showing it, and refuses unsupported options', async () => {
  const warnings: Error[] = []
  const hear = (warning: Error): void => void warnings.push(warning)
  process.on('warning', hear)
  const guard = fakeGrant(recaptcha)
  const provider = { id: '2captcha', token: 'k3y-in-the-code' }
  expect(() => solveguard({ guard, provider, visualFeedback: true })).not.toThrow()
  const refused = [
    () => solveguard({ provider } as never),
    () => solveguard(undefined as never),
    () => solveguard({ guard, provider: { fn: async () => ({}) } }),
    () => solveguard({ guard, polciy: {} } as PluginOptions),
  ]
  for (const refuse of refused) expect(refuse).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(refused[0]).toThrow(/'2captcha' .*solver: twoCaptcha\(\)/)
  await eventually(() => warnings.length >= 2)
  process.off('warning', hear)
  expect(warnings[0]).toMatchObject({ code: 'SOLVEGUARD_KEY_IN_CODE' })
  expect(warnings.map(String).join()).not.toContain('k3y-in-the-code')
})

import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { addExtra as addPlaywrightExtra } from 'playwright-extra'
import puppeteer, { type BrowserContext as PuppeteerContext, type Page as PuppeteerPage } from 'puppeteer-core'
import { addExtra } from 'puppeteer-extra'
import { CHROMIUM_FLAGS, findBrowser } from '../scripts/find-browser.mjs'
import type { Captcha } from '../src/adapters/engine/captcha.js'
import { guardContext } from '../src/adapters/playwright/index.js'
import { type FakeGrant, fakeGrant, type Seller } from '../test/adapters/fake-grant.js'

// Without its types: they add methods with the same names as ours to Puppeteer's pages.
const require = createRequire(import.meta.url)
const RecaptchaPlugin: unknown = require('puppeteer-extra-plugin-recaptcha')

/** The plugin only knows the vendor's own hosts, so the browser resolves one of them to the stand-in. */
export const VENDOR = 'www.recaptcha.net'

/** The methods of a Puppeteer page with puppeteer-extra-plugin-recaptcha. */
export interface Plugged {
  findRecaptchas(): Promise<{ captchas: { id: string; sitekey: string; _vendor: 'recaptcha' | 'hcaptcha' }[] }>
  enterRecaptchaSolutions(solutions: object[]): Promise<{ solved: { isSolved?: boolean }[] }>
}

/** Without the types of the methods that our own plugin adds under the same names. */
export type PluggedPage = Omit<PuppeteerPage, keyof Plugged> & Plugged

/** The same browser binary three times: driven by Playwright, and by Puppeteer and by Playwright with the plugin. */
export interface Browsers extends AsyncDisposable {
  readonly ours: Browser
  newPluggedPage(): Promise<PluggedPage>
  newPluggedPlaywrightPage(): Promise<Omit<Page, keyof Plugged> & Plugged>
  /** Its pages have the plugin's methods, if their types say so or not. */
  newPluggedContext(): Promise<PuppeteerContext>
}

export async function openBrowsers(flags: readonly string[] = []): Promise<Browsers> {
  const found = await findBrowser()
  if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
  const options = { executablePath: found.path, args: [...CHROMIUM_FLAGS, ...flags] }
  const extra = addExtra(puppeteer as never)
  // Its types do not match what it exports.
  const plugin = RecaptchaPlugin as () => Parameters<typeof extra.use>[0]
  extra.use(plugin())
  const playwrightExtra = addPlaywrightExtra(chromium)
  playwrightExtra.use(plugin())
  const [ours, theirs, theirsInPlaywright] = await Promise.all([
    chromium.launch(options),
    extra.launch(options),
    playwrightExtra.launch(options),
  ])
  return {
    ours,
    newPluggedPage: async () => (await theirs.newPage()) as never,
    newPluggedPlaywrightPage: async () => (await theirsInPlaywright.newPage()) as never,
    newPluggedContext: async () => (await theirs.createBrowserContext()) as never,
    async [Symbol.asyncDispose]() {
      await Promise.all([ours.close(), theirs.close(), theirsInPlaywright.close()])
    },
  }
}

/** A guarded page in its own context. */
export interface GuardedPage {
  readonly context: BrowserContext
  readonly page: Page
  readonly captcha: Captcha<Page>
  readonly grant: FakeGrant
}

export async function guardedPage(browser: Browser, vendor: Seller): Promise<GuardedPage> {
  const context = await browser.newContext()
  const grant = fakeGrant(vendor)
  const captcha = await guardContext(grant, context)
  return { context, captcha, grant, page: await context.newPage() }
}

/** The time that an action takes, ms. */
export async function time(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await action()
  return performance.now() - start
}

const WAIT_MS = 10_000

/** Waits until something is true, for ten seconds at most. @throws Error after that */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + WAIT_MS
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`It did not happen in ${WAIT_MS / 1000} s: ${what}.`)
    await sleep(5)
  }
}

/** On a busy machine, a benchmark measures fewer rounds, not for longer. */
const MIN_ROUNDS = 5

/**
 * Times several actions in turn, each round in another order. The first rounds are warm-up and are not counted.
 *
 * @param maxMs after this time no more rounds are measured than `MIN_ROUNDS`
 */
export async function inTurn(
  actions: readonly (() => Promise<number>)[],
  rounds: number,
  warmUp: number,
  maxMs: number,
): Promise<number[][]> {
  const took = actions.map((): number[] => [])
  const end = performance.now() + maxMs
  for (let round = 0; round < warmUp + rounds; round++) {
    if (round >= warmUp + MIN_ROUNDS && performance.now() > end) break
    for (let step = 0; step < actions.length; step++) {
      const index = (step + round) % actions.length
      const ms = (await actions[index]?.()) ?? Number.NaN
      if (round >= warmUp) took[index]?.push(ms)
    }
  }
  return took
}

// What a user who writes TypeScript calls. `npm run check` compiles it against the packed package, as an ES module and
// as CommonJS.
import type { BrowserContext, Page } from 'playwright-core'
import type { Browser, Page as PuppeteerPage } from 'puppeteer-core'
import {
  type Challenge,
  createGuard,
  DeniedError,
  formatUsd,
  type Guard,
  type Money,
  type Solution,
  usd,
} from 'solveguard'
import { type AlertChannel, slackAlerts } from 'solveguard/alerts'
import { jsonlAudit, verifyAudit } from 'solveguard/audit'
import { fileLedger, memoryLedger } from 'solveguard/ledger'
import { guardContext } from 'solveguard/playwright'
import solveguardPlaywright from 'solveguard/playwright-extra'
import { test as captchaTest, expect, type SuiteGuardOptions } from 'solveguard/playwright-test'
import CaptchaReporter from 'solveguard/playwright-test-reporter'
import { guardContext as guardPuppeteer } from 'solveguard/puppeteer'
import solveguardPuppeteer, {
  type CaptchaInfo,
  type CaptchaSolution,
  type CaptchaSolved,
  type FilteredCaptcha,
  type GetSolutionsResult,
  type SolveRecaptchasResult,
} from 'solveguard/puppeteer-extra'
import { envSecret, type SecretProvider } from 'solveguard/secrets'
import { captchaAI } from 'solveguard/solvers'
import { startSolverService } from 'solveguard/testing'
import { guardContext as guardSession, type WebDriverSession } from 'solveguard/webdriver'

const channel: AlertChannel = slackAlerts({ url: 'https://hooks.slack.com/services/T/B/x' })

export async function makeGuard(): Promise<Guard> {
  const secret: SecretProvider = envSecret('SOLVEGUARD_KEY')
  return createGuard({
    name: 'checkout-tests',
    solver: captchaAI(),
    secret,
    policy: {
      origins: ['https://staging.example.com', 'https://*.qa.example.com'],
      budget: { perDay: usd(5), perMinute: 20, concurrent: 10, alertsAt: [0.5, 0.8] },
      schedule: { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] },
      key: { rotateEvery: '60d' },
    },
    ledger: process.env.CI ? memoryLedger() : fileLedger({ dir: '.solveguard' }),
    audit: jsonlAudit({ dir: '.solveguard' }),
    alerts: [channel],
  })
}

export async function solve(guard: Guard, context: BrowserContext, page: Page): Promise<string> {
  const captcha = await guardContext(guard, context, { budget: { perDay: usd(0.5) } })
  const found = await captcha.find(page)
  const result = await captcha.solve(page, { which: 'all' })
  const cost: Money = result.cost
  return `${found.length} found, ${result.solved.length} solved for ${formatUsd(cost)}`
}

export async function solveInPuppeteer(guard: Guard, browser: Browser): Promise<Money> {
  const captcha = await guardPuppeteer(guard, browser.defaultBrowserContext(), { budget: { perDay: usd(0.5) } })
  return (await captcha.solve(await browser.newPage())).cost
}

/** playwright-extra's types do not match Playwright's newest, so they are left out here. */
export async function solveInPlaywrightExtra(guard: Guard, extra: PlaywrightExtra, page: Page): Promise<string | null> {
  extra.use(solveguardPlaywright({ guard, policy: (context) => (context.pages().length > 9 ? {} : undefined) }))
  return (await page.solveRecaptchas()).error
}

/** puppeteer-extra's types need the package `puppeteer`; its `use` takes no more than this. */
export function useInPuppeteerExtra(guard: Guard, extra: PuppeteerExtra): unknown {
  return extra.use(solveguardPuppeteer({ guard, policy: { budget: { perDay: usd(0.5) } } }))
}

interface PuppeteerExtra {
  use(plugin: { _isPuppeteerExtraPlugin: boolean; [name: string]: unknown }): unknown
}

interface PlaywrightExtra {
  use(plugin: { _isPuppeteerExtraPlugin: boolean; name?: string }): unknown
}

/** What scripts that were written for puppeteer-extra-plugin-recaptcha do, unchanged. */
export async function asBefore(page: PuppeteerPage): Promise<string[]> {
  const { captchas, filtered, error } = await page.findRecaptchas()
  if (error) throw new Error(error.message || error)
  const lines: string[] = []
  for (const { _vendor, id, sitekey, widgetId, display, callback, hasResponseElement, url } of captchas) {
    lines.push(`${_vendor} ${id} ${sitekey} ${widgetId} ${display?.size} ${callback} ${hasResponseElement} ${url}`)
  }
  const wanted: CaptchaInfo[] = captchas.filter((one) => one._type !== 'score' && one.isInViewport)
  const reasons: string[] = filtered.map((one: FilteredCaptcha) => one.filteredReason)
  const bought: GetSolutionsResult = await page.getRecaptchaSolutions(wanted, { id: '2captcha', token: 'x' })
  if (bought.error) console.warn(bought.error.message, String(bought.error))
  const solutions: CaptchaSolution[] = bought.solutions.map((one) => ({ ...one, text: one.text }))
  const own: CaptchaSolution = { _vendor: 'recaptcha', id: captchas[0]?.id, text: 'token', hasSolution: true }
  const entered = await page.enterRecaptchaSolutions([...solutions, own])
  for (const solved of entered.solved) if (!solved.isSolved) lines.push(`${solved.id}: ${solved.error}`)
  const all: SolveRecaptchasResult = await page.solveRecaptchas()
  const seconds = all.solutions.reduce((sum, { duration }) => sum + (duration || 0), 0)
  const first: CaptchaSolved | undefined = all.solved[0]
  if (all.error) console.log((all.error as Error).stack, all.error.toString())
  for (const frame of page.mainFrame().childFrames()) await frame.solveRecaptchas()
  return [...lines, ...reasons, `${seconds}`, `${first?.solvedAt?.toISOString()}`]
}

export async function solveInSession(guard: Guard, session: WebDriverSession): Promise<Money> {
  await using captcha = await guardSession(guard, session, { budget: { perDay: usd(0.5) } })
  return (await captcha.solve({ which: 'all' })).cost
}

export async function solveOne(guard: Guard, challenge: Challenge): Promise<Solution | Date | undefined> {
  guard.on('denied', ({ code, layer }) => console.log(code, layer))
  try {
    return await guard.solve(challenge, { signal: AbortSignal.timeout(1000) })
  } catch (error) {
    if (error instanceof DeniedError) return error.retryAt
    throw error
  }
}

captchaTest.use({ captchaPolicy: { budget: { perDay: usd(0.2) } }, captchaOptions: { extendTimeout: false } })
export const suite: SuiteGuardOptions = { policy: { origins: ['https://staging.example.com'] }, withoutKey: 'skip' }
captchaTest('sign in', async ({ page, captcha, captchaGuard }) => {
  const { cost }: { cost: Money } = await captcha.solve()
  await captcha.solve(page, { which: 'all' })
  expect(cost).toBeLessThan((await captchaGuard.status()).day.cap)
})
export const reporter = new CaptchaReporter()

// @ts-expect-error a plain number is not a Money
export const wrong: Money = 5
// @ts-expect-error an unknown family
export const unknown: Challenge['family'] = 'riddle'

export { startSolverService, verifyAudit }

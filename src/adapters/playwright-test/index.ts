import type {
  Expect,
  Locator,
  Page,
  PlaywrightTestArgs,
  PlaywrightTestOptions,
  PlaywrightWorkerArgs,
  PlaywrightWorkerOptions,
  TestInfo,
  TestType,
} from 'playwright/test'
import { SolveguardError } from '../../base/errors.js'
import { createGuard, type GuardOptions } from '../../guard/create.js'
import type { Grant, Guard, NarrowingInput, Solution } from '../../guard/types.js'
import { formatUsd, micros } from '../../policy/money.js'
import type {
  AutoOptions,
  AutoSolving,
  Captcha,
  CaptchaOptions,
  SolveGridOptions,
  SolveImageOptions,
  SolvePageOptions,
  WaitForOptions,
} from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import type { SolveResult } from '../engine/result.js'
import { guardContext } from '../playwright/index.js'
import { type CaptchaMatchers, matchers, registerCaptcha } from './matchers.js'
import { loadRunner } from './runner.js'
import { ATTACHMENT_NAME, formatCounts, summarizeSpending, type WidgetReport, widgetReports } from './spending.js'

export type { UnknownWidget, VendorEvidence as Sign } from '../../widgets/unknown.js'
export type {
  AutoOptions,
  AutoResult,
  AutoSolving,
  CaptchaOptions,
  SolveGridOptions,
  SolveImageOptions,
  SolvePageOptions,
  WaitForOptions,
} from '../engine/captcha.js'
export type { Found, Omitted } from '../engine/finder.js'
export type { GeetestChallengeProvider } from '../engine/geetest-challenge.js'
export type { Skipped, SkipReason, SolveResult } from '../engine/result.js'
export type { CaptchaMatchers } from './matchers.js'
export type { TestSpending, WidgetReport } from './spending.js'

/** The CAPTCHAs of a test's pages: those of its `context`. Without a page, the test's own `page` is meant. */
export interface TestCaptcha {
  /** The grant that the test solves under. */
  readonly grant: Grant
  /**
   * The widgets of a page. Spends nothing and changes nothing.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`
   */
  find(page?: Page): Promise<Found>
  /**
   * Solves what is due in the test's own page. A denial is a result, not a throw, unless `throwOnDenied` is set.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `CONFIG_INVALID`; `DeniedError` with `throwOnDenied`
   * @example
   * await captcha.solve()
   * await captcha.solve({ which: 'all', throwOnDenied: true })
   */
  solve(options?: SolvePageOptions): Promise<SolveResult>
  /** The same in another page of the test's context. */
  solve(page: Page, options?: SolvePageOptions): Promise<SolveResult>
  /**
   * Waits until a widget is due in the test's own page. Spends nothing.
   * @throws SolveguardError `WAIT_TIMEOUT`, `SOLVE_ABORTED`, `PAGE_GONE`, `CONFIG_INVALID`
   */
  waitFor(options?: WaitForOptions): Promise<Found>
  /**
   * Solves whatever becomes due in the test's own page from now on, until it is stopped or the test ends.
   * @throws SolveguardError `CONFIG_INVALID`
   */
  auto(options?: AutoOptions): AutoSolving
  /** Has the text of a picture read, and typed into a field: see `Captcha.solveImage`. */
  solveImage(element: Locator, options?: SolveImageOptions<Locator>): Promise<Solution>
  /** Has it said which of nine pictures are meant, and clicks those: see `Captcha.solveGrid`. */
  solveGrid(options: SolveGridOptions<Locator>): Promise<Solution>
}

/** What each test may use and set. */
export interface CaptchaTestArgs {
  /** Finds and solves CAPTCHAs in the test's pages. */
  captcha: TestCaptcha
  /**
   * What each test may do at most: never more than the guard. Default: what the guard may.
   * @example
   * test.use({ captchaPolicy: { budget: { perDay: usd(0.2) } } })
   */
  captchaPolicy: NarrowingInput | undefined
  /**
   * How each test's pages are worked on.
   * @example
   * test.use({ captchaOptions: { geetestChallenge: (page) => page.evaluate(askTheServer) } })
   */
  captchaOptions: CaptchaOptions<Page>
}

/** What each worker has and can be set. */
export interface CaptchaWorkerArgs {
  /**
   * What the guard is made of. Set it in the configuration's `use`; where the key is to come from elsewhere than
   * `SOLVEGUARD_KEY`, as a fixture function, which runs in the worker: `async ({}, use) => use({ secret: envSecret('MY_KEY'), … })`.
   */
  captchaGuardOptions: GuardOptions | undefined
  /** The worker's guard. It is made before the browser is started, so that no browser inherits the key. */
  captchaGuard: Guard
}

type BaseTest = TestType<PlaywrightTestArgs & PlaywrightTestOptions, PlaywrightWorkerArgs & PlaywrightWorkerOptions>

const runner = loadRunner()
const base: BaseTest = runner.test

/**
 * Playwright's `test`, with `captcha` for each test, and one guard for each worker. All workers whose guards have one name
 * share its budget. What a test spent stands in its report, as the annotation and the attachment `captchas`.
 *
 * @example
 * test('sign in', async ({ page, captcha }) => {
 *   await page.goto('/login')
 *   await captcha.solve()
 *   await page.getByRole('button', { name: 'Sign in' }).click()
 * })
 */
export const test = base.extend<CaptchaTestArgs, CaptchaWorkerArgs>({
  captchaGuardOptions: [undefined, { option: true, scope: 'worker' }],
  captchaPolicy: [undefined, { option: true }],
  captchaOptions: [{}, { option: true }],
  captchaGuard: [
    async ({ captchaGuardOptions }, use) => {
      if (!captchaGuardOptions) throw missingOptions()
      await using guard = await createGuard(captchaGuardOptions)
      await use(guard)
    },
    { scope: 'worker', auto: true },
  ],
  async captcha({ captchaGuard, captchaPolicy, captchaOptions, context, page }, use, info) {
    const options = { ...captchaOptions, subject: subjectOf(info) }
    const captcha = await guardContext(captchaGuard, context, captchaPolicy ?? {}, options)
    registerCaptcha(context, captcha)
    const seen: WidgetReport[] = []
    await use(createTestCaptcha(captcha, page, seen))
    await captcha.close()
    if (seen.length > 0) await report(info, captcha.grant, seen)
  },
})

/**
 * Playwright's own `expect`, with `toHaveNoCaptcha` for pages.
 *
 * @example
 * await expect(page).toHaveNoCaptcha()
 */
export const expect: Expect<CaptchaMatchers> = runner.expect.extend(matchers)

function missingOptions(): SolveguardError {
  return new SolveguardError(
    'CONFIG_INVALID',
    "Say which pages may be solved on, in playwright.config.ts: use: { captchaGuardOptions: { name: 'my-suite', " +
      "policy: { origins: ['https://staging.example.com'] } } }",
  )
}

/**
 * Each call is a step of the trace and the report, at the line of the test that made it: a boxed step's place is the caller of
 * the function that awaits it.
 */
function createTestCaptcha(captcha: Captcha<Page, Locator>, own: Page, seen: WidgetReport[]): TestCaptcha {
  return {
    grant: captcha.grant,
    async find(page = own) {
      return await test.step('captcha.find', () => captcha.find(page), { box: true })
    },
    async waitFor(options) {
      return await test.step('captcha.waitFor', () => captcha.waitFor(own, options), { box: true })
    },
    // What it solves, it solves between other steps: none of its own.
    auto: (options) => captcha.auto(own, options),
    async solveImage(element, options) {
      return await test.step('captcha.solveImage', () => captcha.solveImage(element, options), { box: true })
    },
    async solveGrid(options) {
      return await test.step('captcha.solveGrid', () => captcha.solveGrid(options), { box: true })
    },
    async solve(first?: Page | SolvePageOptions, second?: SolvePageOptions) {
      const [page, options] = isPage(first) ? [first, second] : [own, first]
      const solve = async () => {
        const { throwOnDenied, ...others } = options ?? {}
        const result = await captcha.solve(page, others)
        seen.push(...widgetReports(result))
        if (throwOnDenied && result.denied[0]) throw result.denied[0].error
        return result
      }
      return await test.step('captcha.solve', solve, { box: true })
    },
  }
}

function isPage(value: Page | SolvePageOptions | undefined): value is Page {
  return value !== undefined && 'mainFrame' in value
}

function subjectOf({ titlePath, project }: TestInfo): string {
  return [project.name, ...titlePath].filter((part) => part !== '').join(' › ')
}

async function report(info: TestInfo, grant: Grant, widgets: readonly WidgetReport[]): Promise<void> {
  // The test's budget is its own, so that the ledger knows what it took, solves that were given up included.
  const { day } = await grant.status()
  const spending = summarizeSpending(widgets, micros(day.spent + day.reserved))
  info.annotations.push({
    type: ATTACHMENT_NAME,
    description: `${formatCounts(spending)}; ${formatUsd(spending.spent)} spent`,
  })
  await info.attach(ATTACHMENT_NAME, { body: JSON.stringify(spending, null, 2), contentType: 'application/json' })
}

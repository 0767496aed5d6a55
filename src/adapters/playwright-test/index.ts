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
import { createGuard } from '../../guard/create.js'
import type { GuardOptions } from '../../guard/options.js'
import type { Grant, Guard, NarrowingInput, Solution } from '../../guard/types.js'
import { formatUsd, micros } from '../../policy/money.js'
import type { AutoOptions, AutoSolving } from '../engine/auto.js'
import type { Captcha, CaptchaOptions } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import type { SolveGridOptions, SolveImageOptions } from '../engine/pictures.js'
import type { SolveResult } from '../engine/result.js'
import type { SolvePageOptions } from '../engine/solve-page.js'
import type { WaitForOptions } from '../engine/wait.js'
import { guardContext } from '../playwright/index.js'
import { type CaptchaMatchers, matchers, registerCaptcha } from './matchers.js'
import { loadRunner } from './runner.js'
import { ATTACHMENT_NAME, formatCounts, summarizeSpending, type WidgetReport, widgetReports } from './spending.js'

export type * from '../engine/public-types.js'
export type { CaptchaMatchers } from './matchers.js'
export type { TestSpending, WidgetReport } from './spending.js'

/** The CAPTCHAs in a test's pages: those of its `context`. Without a page argument, the test's own `page` is used. */
export interface TestCaptcha {
  /** The grant under which the test solves. */
  readonly grant: Grant
  /**
   * Lists the widgets of a page. Spends nothing and changes nothing.
   *
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `CONFIG_INVALID` (not a page of this context)
   * @example
   * expect(await captcha.find()).toHaveLength(1)
   */
  find(page?: Page): Promise<Found>
  /**
   * Solves what is due in the test's own page. A denial is a result, not a throw, unless `throwOnDenied` is set.
   *
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `CONFIG_INVALID`
   * @throws DeniedError only with `throwOnDenied`
   * @example
   * await captcha.solve()
   * await captcha.solve({ which: 'all', throwOnDenied: true })
   */
  solve(options?: SolvePageOptions): Promise<SolveResult>
  /** The same in another page of the test's context. */
  solve(page: Page, options?: SolvePageOptions): Promise<SolveResult>
  /**
   * Waits until a widget is due in the test's own page. Spends nothing.
   *
   * @throws SolveguardError `WAIT_TIMEOUT`, `SOLVE_ABORTED`, `PAGE_GONE`, `CONFIG_INVALID`
   * @example
   * await captcha.waitFor({ timeout: 10_000 })
   */
  waitFor(options?: WaitForOptions): Promise<Found>
  /**
   * Solves each widget of the test's own page as it becomes due, until it is stopped or the test ends.
   *
   * @throws SolveguardError `CONFIG_INVALID`
   * @example
   * captcha.auto({ maxSolves: 3 })
   */
  auto(options?: AutoOptions): AutoSolving
  /**
   * Gets the text in a picture, and types it into a field: see `Captcha.solveImage`.
   *
   * @throws DeniedError if a layer denies it
   * @throws SolveguardError as `Captcha.solveImage` does
   * @example
   * await captcha.solveImage(page.locator('img.captcha'), { into: page.locator('#answer') })
   */
  solveImage(element: Locator, options?: SolveImageOptions<Locator>): Promise<Solution>
  /**
   * Gets which of nine pictures an instruction means, and clicks them: see `Captcha.solveGrid`.
   *
   * @throws DeniedError if a layer denies it
   * @throws SolveguardError as `Captcha.solveGrid` does
   * @example
   * await captcha.solveGrid({ cells: await page.locator('.cell').all(), instruction: page.locator('.instruction') })
   */
  solveGrid(options: SolveGridOptions<Locator>): Promise<Solution>
}

/** The fixtures and options of each test. */
export interface CaptchaTestArgs {
  /** Finds and solves CAPTCHAs in the test's pages. */
  captcha: TestCaptcha
  /**
   * What each test may do at most: never more than the guard.
   * @default what the guard may do
   * @example
   * test.use({ captchaPolicy: { budget: { perDay: usd(0.2) } } })
   */
  captchaPolicy: NarrowingInput | undefined
  /**
   * Time limits for each test's pages, and `geetestChallenge`.
   * @default {}
   * @example
   * test.use({ captchaOptions: { geetestChallenge: (page) => page.evaluate(askTheServer) } })
   */
  captchaOptions: CaptchaOptions<Page>
}

/** The fixtures and options of each worker. */
export interface CaptchaWorkerArgs {
  /**
   * The options of the worker's guard. Set them in the configuration's `use`. If the key does not come from
   * `SOLVEGUARD_KEY`, set them as a fixture function, which runs in the worker:
   * `async ({}, use) => use({ secret: envSecret('MY_KEY'), … })`.
   * @default none; a test then fails with `CONFIG_INVALID`
   */
  captchaGuardOptions: GuardOptions | undefined
  /** The worker's guard. It is created before the browser is started, so that no browser inherits the key. */
  captchaGuard: Guard
}

type BaseTest = TestType<PlaywrightTestArgs & PlaywrightTestOptions, PlaywrightWorkerArgs & PlaywrightWorkerOptions>

const runner = loadRunner()
const base: BaseTest = runner.test

/**
 * Playwright's `test`, with `captcha` for each test, and one guard for each worker. All workers whose guards have the
 * same name share its budget. The report has what each test spent, as the annotation and the attachment `captchas`.
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
    'Name the origins that may be solved on, in playwright.config.ts: ' +
      "use: { captchaGuardOptions: { name: 'my-suite', policy: { origins: ['https://staging.example.com'] } } }",
  )
}

/**
 * Each call is a step of the trace and the report, at the line of the test that made it: the location of a boxed step
 * is the caller of the function that awaits it.
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
    // Not a step: it solves while other steps run.
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
        const [denial] = result.denied
        if (throwOnDenied && denial) throw denial.error
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
  // The test has a budget of its own, so the ledger has all that it took, also for solves that were given up.
  const { day } = await grant.status()
  const spending = summarizeSpending(widgets, micros(day.spent + day.reserved))
  info.annotations.push({
    type: ATTACHMENT_NAME,
    description: `${formatCounts(spending)}; ${formatUsd(spending.spent)} spent`,
  })
  await info.attach(ATTACHMENT_NAME, { body: JSON.stringify(spending, null, 2), contentType: 'application/json' })
}

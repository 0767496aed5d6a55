import { randomUUID } from 'node:crypto'
import type {
  Expect,
  Page,
  PlaywrightTestArgs,
  PlaywrightTestOptions,
  PlaywrightWorkerArgs,
  PlaywrightWorkerOptions,
  TestInfo,
  TestType,
} from 'playwright/test'
import { SolveguardError } from '../../base/errors.js'
import { createGuardOver } from '../../guard/create.js'
import { SpendingMeter } from '../../guard/spending/meter.js'
import type { Guard, NarrowingInput } from '../../guard/types.js'
import type { CaptchaOptions } from '../engine/captcha.js'
import { guardContext } from '../playwright/index.js'
import { codeInName } from './code-in-name.js'
import { type CaptchaMatchers, matchers, registerCaptcha } from './matchers.js'
import { observedGrant } from './observed-grant.js'
import { SKIPPED_WITHOUT_KEY, type TestReport } from './report.js'
import { loadRunner } from './runner.js'
import { type StandInSuite, standInSuite } from './stand-ins.js'
import { hasNoKey, type SuiteGuardOptions, type SuiteKey, takeKey } from './suite-key.js'
import { createTestCaptcha, type TestCaptcha } from './test-captcha.js'
import { TestTime } from './test-time.js'
import { WorkerSpending } from './worker-spending.js'

export type * from '../engine/public-types.js'
export type { CaptchaMatchers, MatcherResult } from './matchers.js'
export type { SuiteBudget, TestSpending, WidgetReport } from './report.js'
export type { SuiteGuardOptions, WithoutKey } from './suite-key.js'
export type { TestCaptcha } from './test-captcha.js'

/** Time limits for a test's pages, what only its pages can supply, and the test's own time. */
export interface TestCaptchaOptions extends CaptchaOptions<Page> {
  /**
   * Whether the time that solves take is added to the test's timeout: the time in which at least one was under way.
   * @default true
   */
  extendTimeout?: boolean | undefined
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
   * Time limits for each test's pages, `geetestChallenge`, and `extendTimeout`.
   * @default {}
   * @example
   * test.use({ captchaOptions: { geetestChallenge: (page) => page.evaluate(askTheServer) } })
   */
  captchaOptions: TestCaptchaOptions
}

/** The fixtures and options of each worker. */
export interface CaptchaWorkerArgs {
  /**
   * The options of the worker's guard. Set them in the configuration's `use`. If the key does not come from
   * `SOLVEGUARD_KEY`, set them as a fixture function, which runs in the worker:
   * `async ({}, use) => use({ secret: envSecret('MY_KEY'), … })`.
   * @default none; a test that uses `captcha` then fails with `CONFIG_INVALID`
   */
  captchaGuardOptions: SuiteGuardOptions | undefined
  /**
   * The worker's guard, created when a test first uses it, or `captcha`. The key is taken out of the environment before
   * the browser is started, whether the guard is used or not.
   */
  captchaGuard: Guard
}

/** What the fixtures need of each other. */
interface InternalWorkerArgs {
  /** Taken out of the environment before the browser starts. */
  captchaKey: SuiteKey
  captchaSuite: Suite
  captchaSpending: WorkerSpending
}

interface InternalTestArgs {
  /** What the test asked for; attached to the test when all its other fixtures have ended. */
  captchaReport: TestReport
  /** Skips the test, before anything is started for it. */
  captchaKeyNeeded: undefined
}

/** How a worker solves. */
interface Suite {
  /** What is done in place of solving with the key, where there is none. */
  readonly withoutKey?: 'skip' | 'stand-ins' | undefined
  readonly standIns?: StandInSuite | undefined
}

type BaseTest = TestType<PlaywrightTestArgs & PlaywrightTestOptions, PlaywrightWorkerArgs & PlaywrightWorkerOptions>

/** Longer than a store of keys or a ledger may take to say that it does not answer: then the error says so. */
const WORKER_FIXTURE_TIMEOUT_MS = 120_000
/** Reading the ledger at a test's end takes nothing of the time of the test. */
const REPORT_TIMEOUT_MS = 30_000

const runner = loadRunner()
const base: BaseTest = runner.test

const withKey = base.extend<InternalTestArgs, CaptchaWorkerArgs & InternalWorkerArgs>({
  captchaGuardOptions: [undefined, { option: true, scope: 'worker' }],
  captchaKey: [
    async ({ captchaGuardOptions }, use) => use(takeKey(captchaGuardOptions)),
    { scope: 'worker', auto: true, box: true },
  ],
  captchaSuite: [
    async ({ captchaKey: { options, withoutKey } }, use) => {
      if (!options) throw missingOptions()
      if (withoutKey === 'fail' || !(await hasNoKey(options))) return use({})
      if (withoutKey === 'skip') return use({ withoutKey })
      await using standIns = await standInSuite(options)
      await use({ withoutKey, standIns })
    },
    { scope: 'worker', box: true, timeout: WORKER_FIXTURE_TIMEOUT_MS },
  ],
  captchaSpending: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern here
    async ({}, use) => use(new WorkerSpending(currentTest)),
    { scope: 'worker', box: true },
  ],
  captchaGuard: [
    async ({ captchaKey: { options }, captchaSuite: { standIns, withoutKey }, captchaSpending }, use) => {
      if (!options) throw missingOptions()
      const meter = new SpendingMeter()
      await using guard = await codeInName(() => createGuardOver(standIns?.options ?? options, { meter }))
      captchaSpending.watch({ guard, meter, withoutKey })
      await use(guard)
    },
    { scope: 'worker', timeout: WORKER_FIXTURE_TIMEOUT_MS },
  ],
  // Begins before all other fixtures, and ends after them.
  captchaReport: [
    async ({ captchaSpending }, use, info) => {
      await use(captchaSpending.begin(info))
      await captchaSpending.end()
    },
    { auto: true, box: true, timeout: REPORT_TIMEOUT_MS },
  ],
  captchaKeyNeeded: [
    async ({ captchaSuite: { withoutKey } }, use, info) => {
      if (withoutKey === 'skip') info.skip(true, SKIPPED_WITHOUT_KEY)
      await use(undefined)
    },
    { box: true },
  ],
})

type CaptchaTest = TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & CaptchaTestArgs,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & CaptchaWorkerArgs
>

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
export const test: CaptchaTest = withKey.extend<CaptchaTestArgs>({
  captchaPolicy: [undefined, { option: true }],
  captchaOptions: [{}, { option: true }],
  // In this order: a test that is skipped needs no guard and no browser.
  async captcha(
    {
      captchaKeyNeeded,
      captchaKey,
      captchaSuite,
      captchaGuard,
      captchaReport: report,
      captchaPolicy,
      captchaOptions,
      context,
      page,
    },
    use,
    info,
  ) {
    void captchaKeyNeeded
    const { extendTimeout = true, ...options } = captchaOptions
    await captchaSuite.standIns?.route(context)
    const time = extendTimeout ? new TestTime(info, () => performance.now()) : undefined
    let isOver = false
    const own = captchaGuard.narrow(captchaPolicy ?? {}, { name: budgetName(info), subject: subjectOf(info) })
    const boundMs = longestSolveMs(own.policy)
    const timed = <T>(run: () => Promise<T>) => (time ? time.giveBack(boundMs, run) : run())
    const grant = observedGrant(own, { solving: timed, used: () => report.asked() })
    const captcha = await guardContext(grant, context, undefined, options)
    registerCaptcha(context, captcha, report)
    await use(
      createTestCaptcha({
        captcha,
        page,
        report,
        timed,
        step: test.step,
        isOver: () => isOver,
        failsWithoutKey: captchaKey.withoutKey === 'fail',
      }),
    )
    isOver = true
    time?.end()
    await captcha.close()
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

/** What a call takes beyond its solve: finding the widget, and putting the solution into the page. */
const AROUND_A_SOLVE_MS = 15_000
const DEFAULT_GRACE_MS = 3_000
const DEFAULT_DEADLINE_MS = 180_000

/** The longest time in ms that a solve may take by the policy. */
function longestSolveMs({ deadlineMs = DEFAULT_DEADLINE_MS, graceMs = DEFAULT_GRACE_MS }: Guard['policy']): number {
  return deadlineMs + graceMs + AROUND_A_SOLVE_MS
}

/** A budget that no other test shares, by a name that shows whose it is: alerts and the audit log have it. */
function budgetName({ title }: TestInfo): string {
  const readable = title.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '')
  return `${readable.slice(0, 50)}.${randomUUID().slice(0, 8)}`
}

function subjectOf({ titlePath, project }: TestInfo): string {
  return [project.name, ...titlePath].filter((part) => part !== '').join(' › ')
}

/** The test that runs, or whose hooks run. */
function currentTest(): TestInfo | undefined {
  try {
    return runner.test.info()
  } catch {
    return undefined
  }
}

import type { Locator, Page, TestType } from 'playwright/test'
import { DeniedError, SolveguardError } from '../../base/errors.js'
import type { Grant, Solution } from '../../guard/types.js'
import { ZERO } from '../../policy/money.js'
import type { AutoOptions, AutoSolving } from '../engine/auto.js'
import type { Captcha } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import type { SolveGridOptions, SolveImageOptions } from '../engine/pictures.js'
import type { Outcome, SolveResult } from '../engine/result.js'
import type { SolvePageOptions } from '../engine/solve-page.js'
import type { WaitForOptions } from '../engine/wait.js'
import { type CallerLocation, callerLocation } from './caller.js'
import { codeInName } from './code-in-name.js'
import { autoTitle, oneTitle, reasonOf, solveTitle, type TestReport } from './report.js'

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
   * Solves what is due in the test's own page. It takes as long as the service does, usually 10 to 60 s: that time is
   * added to the test's timeout (`extendTimeout`). A denial is a result, not a throw, unless `throwOnDenied` is set.
   *
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `CONFIG_INVALID`
   * @throws DeniedError `SECRET_MISSING`, unless `withoutKey` says something else; others only with `throwOnDenied`
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

/** What the captcha of a test is made of. */
export interface TestCaptchaParts {
  /** The test's captcha, under an observed grant. */
  readonly captcha: Captcha<Page, Locator>
  /** The test's own page. */
  readonly page: Page
  readonly report: TestReport
  readonly step: TestType<object, object>['step']
  /** Runs a whole call, whose time is given back to the test. */
  readonly timed: <T>(run: () => Promise<T>) => Promise<T>
  /** Whether the test has ended: it has no further steps. */
  readonly isOver: () => boolean
  /** Whether a denial for want of a key is thrown. */
  readonly failsWithoutKey: boolean
}

/** A call of the user's test. What it cost and solved is reported when it has ended. */
interface Call {
  readonly method: string
  readonly location: CallerLocation | undefined
  /** ms. */
  readonly took: () => number
  /** The title of the step that reports it; undefined as long as it has no outcome. */
  title?: string
  /** Why something was denied, or failed: a step each, inside that one. */
  reasons?: readonly string[]
}

/**
 * The captcha of a test. Each call is a step of the trace and the report, at the line of the test that made it: the
 * location of a boxed step is the caller of the function that awaits it. A step's title is final when the step begins,
 * so what a solve came to is a step of its own behind it.
 */
export function createTestCaptcha(parts: TestCaptchaParts): TestCaptcha {
  const { captcha, page: own, report, step, timed, isOver, failsWithoutKey } = parts

  async function reportStep({ title, location, reasons = [] }: Call): Promise<void> {
    if (title === undefined || isOver()) return
    const at = location ? { location } : {}
    const inside = async () => {
      for (const reason of reasons) await step(reason, () => {}, at)
    }
    await step(title, inside, at).catch(() => undefined)
  }

  /** Runs a solve of one picture, which throws what it could not do. */
  async function picture(call: Call, element: Locator | undefined, run: () => Promise<Solution>): Promise<Solution> {
    const shown = { family: call.method === 'solveImage' ? 'image' : 'bls', pageUrl: element?.page().url() ?? '' }
    try {
      const solution = await timed(run)
      report.addPicture(shown, solution)
      call.title = oneTitle(call.method, 'solved', solution.cost, call.took())
      return solution
    } catch (error) {
      if (!(error instanceof SolveguardError)) throw error
      report.addError(shown, error)
      const outcome = `${error instanceof DeniedError ? 'denied' : 'failed'}: ${error.code}`
      call.title = oneTitle(call.method, outcome, ZERO, call.took())
      call.reasons = [reasonOf(error)]
      throw error
    }
  }

  async function solvePage(call: Call, page: Page, options: SolvePageOptions = {}): Promise<SolveResult> {
    const { throwOnDenied, ...others } = options
    const result = await timed(() => captcha.solve(page, others))
    report.addResult(result)
    call.title = solveTitle(result, call.took())
    call.reasons = [...new Set([...result.denied, ...result.failed].map(({ error }) => reasonOf(error)))]
    const denial = throwOnDenied ? result.denied[0] : failsWithoutKey && result.denied.find(isWithoutKey)
    if (denial) throw denial.error
    return result
  }

  return {
    grant: captcha.grant,
    async find(page = own) {
      return await step('captcha.find', () => codeInName(() => captcha.find(page)), { box: true })
    },
    async waitFor(options) {
      return await step('captcha.waitFor', () => codeInName(() => captcha.waitFor(own, options)), { box: true })
    },
    // Not one step: it solves while other steps run.
    auto(options) {
      const { location, took } = callOf('auto')
      const onOutcome = (outcome: Outcome) => {
        report.addOutcome(outcome)
        if (outcome.kind !== 'skipped') {
          const reasons = outcome.kind === 'solved' ? [] : [reasonOf(outcome.error)]
          void reportStep({ method: 'auto', location, took, title: autoTitle(outcome, took()), reasons })
        }
        options?.onOutcome?.(outcome)
      }
      return captcha.auto(own, { ...options, onOutcome })
    },
    async solveImage(element, options) {
      const call = callOf('solveImage')
      const solve = () => picture(call, element, () => captcha.solveImage(element, options))
      try {
        return await step('captcha.solveImage', () => codeInName(solve), { box: true })
      } finally {
        await reportStep(call)
      }
    },
    async solveGrid(options) {
      const call = callOf('solveGrid')
      const solve = () => picture(call, options?.cells?.[0], () => captcha.solveGrid(options))
      try {
        return await step('captcha.solveGrid', () => codeInName(solve), { box: true })
      } finally {
        await reportStep(call)
      }
    },
    async solve(first?: Page | SolvePageOptions, second?: SolvePageOptions) {
      const call = callOf('solve')
      const solve = () => (isPage(first) ? solvePage(call, first, second) : solvePage(call, own, first))
      try {
        return await step('captcha.solve', () => codeInName(solve), { box: true })
      } finally {
        await reportStep(call)
      }
    },
  }
}

function callOf(method: string): Call {
  const started = performance.now()
  return { method, location: callerLocation(new Error().stack), took: () => performance.now() - started }
}

function isWithoutKey({ error }: SolveResult['denied'][number]): boolean {
  return error.code === 'SECRET_MISSING'
}

function isPage(value: Page | SolvePageOptions | undefined): value is Page {
  return value !== undefined && 'mainFrame' in value
}

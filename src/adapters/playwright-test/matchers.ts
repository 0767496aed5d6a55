import type { BrowserContext, Page } from 'playwright/test'
import type { Captcha } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import { unnamedPage } from '../engine/result.js'
import { reasonOf, type TestReport } from './report.js'

/** What is known of a running test. */
interface Running {
  readonly captcha: Pick<Captcha<Page>, 'find'>
  readonly report: Pick<TestReport, 'widgets'>
}

/** Running tests, by context. */
const running = new WeakMap<BrowserContext, Running>()

/** From now on, `expect(page)` uses this captcha for the pages of the context. */
export function registerCaptcha(context: BrowserContext, captcha: Running['captcha'], report: Running['report']): void {
  running.set(context, { captcha, report })
}

/** The matchers that `expect` has besides Playwright's own. */
export interface CaptchaMatchers {
  /**
   * Waits until no widget in the page is due: none that a person would have to deal with now. Answered widgets, and
   * those that the page has not executed, are not due. Spends nothing.
   *
   * @param options `timeout`: how long to wait, ms; default: that of the configuration's `expect`, else 5,000
   *
   * @throws Error if the test does not use the fixture `captcha`
   * @throws DeniedError `ORIGIN_NOT_NAMED` if the policy does not name the page's origin: nothing is known of it then
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`
   * @example
   * await captcha.solve()
   * await expect(page).toHaveNoCaptcha()
   */
  toHaveNoCaptcha(page: Page, options?: { timeout?: number | undefined }): Promise<MatcherResult>
}

/** What a matcher returns to the test runner. */
export interface MatcherResult {
  /** Whether the expectation holds. */
  readonly pass: boolean
  /** Says what was found in its place. */
  readonly message: () => string
}

/** The pauses between scans of a page, ms; the last one is repeated. */
const PAUSES_MS = [0, 100, 250, 500]
const DEFAULT_TIMEOUT_MS = 5_000

export const matchers = {
  async toHaveNoCaptcha(
    this: { readonly isNot: boolean; readonly timeout?: number | undefined },
    page: Page,
    options: { timeout?: number | undefined } = {},
  ): Promise<MatcherResult> {
    const test = running.get(page.context())
    if (!test) {
      throw new Error('expect(page).toHaveNoCaptcha() needs a guarded page: use the fixture `captcha` in this test.')
    }
    const end = Date.now() + (options.timeout ?? this.timeout ?? DEFAULT_TIMEOUT_MS)
    for (let scan = 0; ; scan++) {
      const found = await test.captcha.find(page)
      const due = found.filter((widget) => widget.due)
      const denial = unnamedPage(found.unnamed)?.error
      // Nothing is known of such a page.
      if (denial?.code === 'ORIGIN_NOT_NAMED') throw denial
      const pass = due.length === 0
      const pause = PAUSES_MS[Math.min(scan, PAUSES_MS.length - 1)] ?? 0
      if (pass !== this.isNot || Date.now() + pause > end)
        return { pass, message: () => failureMessage(page, due, test.report) }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  },
}

function failureMessage(page: Page, due: readonly Found[number][], { widgets }: Running['report']): string {
  const where = page.url().split(/[?#]/, 1)[0]
  if (due.length === 0) return `Expected a CAPTCHA that is due at ${where}, and there is none.`
  const lines = due.map(({ family, variant, sitekey, frameUrl }) => {
    const frame = frameUrl === undefined ? '' : `, in the frame ${frameUrl.split(/[?#]/, 1)[0]}`
    return `  ${family} ${variant}, sitekey ${sitekey}${frame}`
  })
  const reasons = new Set(
    widgets.flatMap(({ outcome, code, message = '' }) =>
      code ? [`  ${outcome}: ${reasonOf({ code, message })}`] : [],
    ),
  )
  const reasonLines =
    reasons.size > 0
      ? ['What this test asked to solve, and was not solved:', ...reasons]
      : ['Solve it with `await captcha.solve()`.']
  return [`Expected no CAPTCHA that is due at ${where}, and there is:`, ...lines, ...reasonLines].join('\n')
}

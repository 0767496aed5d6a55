import type { BrowserContext, Page } from 'playwright/test'
import type { Captcha } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'

/** The contexts of tests under way, and who looks into their pages. */
const captchas = new WeakMap<BrowserContext, Pick<Captcha<Page>, 'find'>>()

/** Lets `expect(page)` look into the pages of a context from now on. */
export function registerCaptcha(context: BrowserContext, captcha: Pick<Captcha<Page>, 'find'>): void {
  captchas.set(context, captcha)
}

/** What `expect` can do besides Playwright's own. */
export interface CaptchaMatchers {
  /**
   * Waits until no widget in the page is due: none that a person would now have to deal with. Answered widgets, and those that the
   * page has not set off, are in nobody's way. Spends nothing.
   *
   * @example
   * await captcha.solve()
   * await expect(page).toHaveNoCaptcha()
   */
  toHaveNoCaptcha(page: Page, options?: { timeout?: number | undefined }): Promise<MatcherResult>
}

interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

/** How long the looks at a page are apart. */
const PAUSES_MS = [0, 100, 250, 500]
const DEFAULT_TIMEOUT_MS = 5_000

export const matchers = {
  async toHaveNoCaptcha(
    this: { readonly isNot: boolean; readonly timeout?: number | undefined },
    page: Page,
    options: { timeout?: number | undefined } = {},
  ): Promise<MatcherResult> {
    const captcha = captchas.get(page.context())
    if (!captcha) {
      throw new Error(
        'expect(page).toHaveNoCaptcha() looks into pages that are guarded: use the fixture `captcha` in this test.',
      )
    }
    const end = Date.now() + (options.timeout ?? this.timeout ?? DEFAULT_TIMEOUT_MS)
    for (let look = 0; ; look++) {
      const due = (await captcha.find(page)).filter((widget) => widget.due)
      const pass = due.length === 0
      const pause = PAUSES_MS[Math.min(look, PAUSES_MS.length - 1)] ?? 0
      if (pass !== this.isNot || Date.now() + pause > end) return { pass, message: () => failureMessage(page, due) }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  },
}

function failureMessage(page: Page, due: readonly Found[number][]): string {
  const where = page.url().split(/[?#]/, 1)[0]
  if (due.length === 0) return `Expected a CAPTCHA that has to be dealt with at ${where}, and there is none.`
  const lines = due.map(({ family, variant, sitekey, frameUrl }) => {
    const frame = frameUrl === undefined ? '' : `, in the frame ${frameUrl.split(/[?#]/, 1)[0]}`
    return `  ${family} ${variant}, sitekey ${sitekey}${frame}`
  })
  return [
    `Expected no CAPTCHA that has to be dealt with at ${where}, and there is:`,
    ...lines,
    'Solve it with `await captcha.solve()`, or look at what became of that: a denial is a result, not a throw.',
  ].join('\n')
}

import { systemClock } from '../../base/clock.js'
import type { Grant, NarrowingInput } from '../../guard/types.js'
import { type Captcha, DEFAULT_EVALUATE_MS } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import { type GuardContextOptions, guardDriver } from '../engine/guard-driver.js'
import type { SolveResult } from '../engine/result.js'
import type { SolvePageOptions } from '../engine/solve-page.js'
import { BidiDriver } from './bidi.js'
import { ClassicDriver, checkWindow } from './classic.js'
import { Mutex } from './mutex.js'
import { connectSession, type SeleniumDriver, type WebDriverSession } from './session.js'

export type * from '../engine/public-types.js'
export type { SeleniumBidi, SeleniumDriver, WebDriverSession } from './session.js'

/** CAPTCHAs in the windows of one WebDriver session. A page is named by its window handle. */
export interface SessionCaptcha extends Omit<Captcha<string>, 'find' | 'solve'> {
  /**
   * Lists the widgets of a window. Spends nothing and changes nothing.
   *
   * @param window default: the current window
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID` (not a window handle)
   * @example
   * const due = (await captcha.find()).filter((widget) => widget.due)
   */
  find(window?: string): Promise<Found>
  /**
   * Solves what is due in the current window. A denial is a result, not a throw, unless `throwOnDenied` is set.
   *
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID`
   * @throws DeniedError only with `throwOnDenied`
   * @example
   * const { solved, denied } = await captcha.solve()
   */
  solve(options?: SolvePageOptions): Promise<SolveResult>
  /** The same in another window. */
  solve(window: string, options?: SolvePageOptions): Promise<SolveResult>
  /**
   * Runs your own commands while solveguard runs none. Needed only for commands that are sent before a `find` or a
   * `solve` has returned, and not with WebDriver BiDi: each call leaves the session as it found it.
   *
   * @returns what `commands` returns
   * @throws what `commands` throws
   * @example
   * const solving = captcha.solve()
   * const title = await captcha.alone(() => driver.getTitle())
   */
  alone<T>(commands: () => Promise<T>): Promise<T>
}

/**
 * Guards a WebDriver session: the CAPTCHAs in its windows are found and solved under the guard's policy, or under a
 * narrower one. It uses WebDriver BiDi if the session was started with it, else the commands of classic WebDriver.
 *
 * @param guard the guard, or a grant of it
 * @param session selenium-webdriver's driver, WebdriverIO's browser, or another `WebDriverSession`
 * @param narrowing what this session may do at most
 * @throws SolveguardError `CONFIG_INVALID` if `session` is no session, or has no current window of a browser, and for
 *   an invalid narrowing
 * @example
 * const captcha = await guardContext(guard, driver, { budget: { perDay: usd(0.5) } })
 * await driver.get('https://staging.example.com/login')
 * const { solved, denied } = await captcha.solve()
 */
export async function guardContext(
  guard: Grant,
  session: WebDriverSession | SeleniumDriver,
  narrowing?: NarrowingInput,
  options: GuardContextOptions<string> = {},
): Promise<SessionCaptcha> {
  const { commands, bidi } = await connectSession(session)
  const { clock = systemClock, evaluateMs = DEFAULT_EVALUATE_MS } = options
  const classic = bidi ? undefined : new ClassicDriver(commands, evaluateMs, clock)
  const mutex = classic?.visitor.mutex ?? new Mutex()
  const driver = classic ?? new BidiDriver(bidi as NonNullable<typeof bidi>)
  const captcha = await guardDriver(guard, driver, narrowing, options)
  const current = () => mutex.runExclusive(() => commands.window())
  return {
    ...captcha,
    async find(window) {
      if (window !== undefined) checkWindow(window)
      return captcha.find(window ?? (await current()))
    },
    async solve(first?: string | SolvePageOptions, second?: SolvePageOptions) {
      const [window, solveOptions] = typeof first === 'string' ? [first, second] : [await current(), first ?? second]
      checkWindow(window)
      return captcha.solve(window, solveOptions)
    },
    alone: (run) => mutex.runExclusive(run),
  }
}

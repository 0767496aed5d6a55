import type { Grant, NarrowingInput } from '../../guard/types.js'
import type { Captcha, SolvePageOptions } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import { type GuardContextOptions, guardDriver } from '../engine/guard-driver.js'
import type { SolveResult } from '../engine/result.js'
import { BidiDriver } from './bidi.js'
import { ClassicDriver, checkWindow } from './classic.js'
import { Mutex } from './mutex.js'
import { connect, type SeleniumDriver, type WebDriverSession } from './session.js'

export type { UnknownWidget, VendorEvidence as Sign } from '../../widgets/unknown.js'
export type { Captcha, CaptchaOptions, SolvePageOptions } from '../engine/captcha.js'
export type { Found, Omitted } from '../engine/finder.js'
export type { GeetestChallengeProvider } from '../engine/geetest-challenge.js'
export type { GuardContextOptions } from '../engine/guard-driver.js'
export type { Skipped, SkipReason, SolveResult } from '../engine/result.js'
export type { SeleniumDriver, WebDriverSession } from './session.js'

const EVALUATE_MS = 5_000

/** CAPTCHAs in the windows of one WebDriver session. A page is named by its window handle. */
export interface SessionCaptcha extends Omit<Captcha<string>, 'find' | 'solve'> {
  /**
   * The widgets of the current window, or of another one. Spends nothing and changes nothing.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`
   */
  find(window?: string): Promise<Found>
  /**
   * Solves what is due in the current window. A denial is a result, not a throw, unless `throwOnDenied` is set.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID`; `DeniedError` with
   *   `throwOnDenied`
   * @example
   * const { solved, denied } = await captcha.solve()
   */
  solve(options?: SolvePageOptions): Promise<SolveResult>
  /** The same in another window. */
  solve(window: string, options?: SolvePageOptions): Promise<SolveResult>
  /**
   * Runs commands of your own while none of ours is under way. Needed only for those that are sent while a `find` or a
   * `solve` has not returned yet, and not with WebDriver BiDi: other than that each leaves the session as it found it.
   *
   * @returns what `commands` returns
   * @example
   * const solving = captcha.solve()
   * const title = await captcha.alone(() => driver.getTitle())
   */
  alone<T>(commands: () => Promise<T>): Promise<T>
}

/**
 * Guards a WebDriver session: the CAPTCHAs in its windows are found and solved under the guard's policy, or under a narrower
 * one. By WebDriver BiDi where the session was started with it, else by the commands of classic WebDriver.
 *
 * @param guard the guard, or a grant of it
 * @param session selenium-webdriver's driver, WebdriverIO's browser, or what has the commands of `WebDriverSession`
 * @param narrowing what this session may do at most
 * @throws SolveguardError `CONFIG_INVALID` for what is no session, or is in no window of a browser, and for a narrowing that
 *   is none
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
  const { commands, bidi } = await connect(session)
  const classic = bidi ? undefined : new ClassicDriver(commands, options.evaluateMs ?? EVALUATE_MS)
  const turns = classic?.visitor.mutex ?? new Mutex()
  const driver = classic ?? new BidiDriver(bidi as NonNullable<typeof bidi>)
  const captcha = await guardDriver(guard, driver, narrowing, options)
  const current = () => turns.runExclusive(() => commands.window())
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
    alone: (run) => turns.runExclusive(run),
  }
}

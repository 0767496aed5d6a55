import { type Clock, systemClock } from '../../base/clock.js'
import type { Grant, Solution } from '../../guard/types.js'
import { observerCall, undoCall } from '../../widgets/calls.js'
import type { Driver, DriverFrame, DriverPage } from '../driver.js'
import { type AutoOptions, type AutoSolving, solveAutomatically } from './auto.js'
import { Finder, type Found, toFound } from './finder.js'
import { challengeRefresher, type GeetestChallengeProvider } from './geetest-challenge.js'
import { PictureSolver, type SolveGridOptions, type SolveImageOptions } from './pictures.js'
import type { SolveResult } from './result.js'
import { PageSolver, type SolvePageOptions } from './solve-page.js'
import { evaluateWithTimeout } from './timeouts.js'
import type { SolveTools } from './tools.js'
import { isVendorFrame } from './vendor-frames.js'
import { type WaitForOptions, waitForWidgets } from './wait.js'

export type { AutoOptions, AutoResult, AutoSolving } from './auto.js'
export type { SolveGridOptions, SolveImageOptions } from './pictures.js'
export type { SolvePageOptions } from './solve-page.js'
export type { WaitForOptions } from './wait.js'

/** CAPTCHAs in the pages of one browser context: pages are of type `P`, elements of type `E`. */
export interface Captcha<P, E = never> extends AsyncDisposable {
  /** The grant that it solves under. */
  readonly grant: Grant
  /**
   * The widgets of a page. Spends nothing and changes nothing.
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`
   */
  find(page: P): Promise<Found>
  /**
   * Solves what is due in a page, all at once, and puts the solutions where the page's own code reads them. A widget that
   * another call is already at is not solved twice.
   *
   * @returns what became of each widget; a denial is a result, not a throw
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID` (a list that is not from
   *   this page); `DeniedError` with `throwOnDenied`
   * @example
   * const { solved, cost } = await captcha.solve(page)
   */
  solve(page: P, options?: SolvePageOptions): Promise<SolveResult>
  /**
   * Waits until there is a widget in a page: by default one that `solve` would now solve. The page says when it is worth another look, so that
   * nothing is done meanwhile. Goes on over navigations, and looks into frames that come late. Spends nothing.
   *
   * @returns the widgets that were waited for
   * @throws SolveguardError `WAIT_TIMEOUT`, `SOLVE_ABORTED`, `PAGE_GONE`, `GUARD_CLOSED`, `CONFIG_INVALID`
   * @example
   * await captcha.waitFor(page, { timeout: 10_000 })
   * await captcha.solve(page)
   */
  waitFor(page: P, options?: WaitForOptions): Promise<Found>
  /**
   * Solves whatever becomes due in a page, until it is told to stop, the page or the captcha is closed, or `most` is reached. One asking of a
   * widget is solved once: what failed, or was denied, is left alone until the page asks anew, or until the denial's `retryAt`.
   *
   * @throws SolveguardError `CONFIG_INVALID`
   * @example
   * await using solving = captcha.auto(page)
   * await page.goto('https://staging.example.com/login')
   */
  auto(page: P, options?: AutoOptions): AutoSolving
  /**
   * Has the text of a picture read, and types it into a field. The picture is the one that the page shows now: it is not asked for
   * again. The guard's layers hold as for any solve, by the page and frame that the element stands in.
   *
   * @param element an `img`, a `canvas`, what holds one of them, or anything else, which is then seen as it is painted
   * @returns the solution; its `token` is the text
   * @throws DeniedError where a layer says no
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `WIDGET_GONE` (no such element, or no picture in it), `CHALLENGE_INVALID` (a
   *   picture of less than 100 bytes or more than 1 MiB), and whatever else goes wrong: what is asked for is one thing
   * @example
   * await captcha.solveImage(page.locator('img.captcha'), { into: page.locator('#answer'), numeric: 1 })
   */
  solveImage(element: E, options?: SolveImageOptions<E>): Promise<Solution>
  /**
   * Has it said which of nine pictures an instruction means (BLS), and clicks those.
   *
   * @returns the solution; its `token` is the list of cells, counted from 1, such as `[1,4,7]`
   * @throws as `solveImage` does; `CONFIG_INVALID` for other than nine cells
   * @example
   * await captcha.solveGrid({ cells: await page.locator('.cell').all(), instruction: page.locator('.instruction') })
   */
  solveGrid(options: SolveGridOptions<E>): Promise<Solution>
  /** Aborts what is under way and takes everything of ours out of the context and its pages. */
  close(): Promise<void>
}

/** Limits on the time that a context's pages are given, and what its pages have to be asked for. */
export interface CaptchaOptions<P = unknown> {
  clock?: Clock | undefined
  /** How long one call into a frame may take, ms. Default: 5,000. */
  evaluateMs?: number | undefined
  /** With `recaptchaV3: 'solve'`, for how long the page's `execute` is held for a solution, ms. Default: 20,000. */
  holdMs?: number | undefined
  /** How to get a GeeTest v3 a fresh `challenge`. Default: the one that the page was seen with, which its widget may have used up. */
  geetestChallenge?: GeetestChallengeProvider<P> | undefined
}

const EVALUATE_MS = 5_000
const HOLD_MS = 20_000

/**
 * The part that all adapters share: finds, solves and injects through a driver, under a grant.
 */
export async function createCaptcha<P, E>(
  grant: Grant,
  driver: Driver<P, E>,
  { clock = systemClock, evaluateMs = EVALUATE_MS, holdMs = HOLD_MS, geetestChallenge }: CaptchaOptions<P> = {},
): Promise<Captcha<P, E>> {
  const observer = observerCall(grant.policy.recaptchaV3 === 'solve' ? holdMs : 0)
  const uninstall = await driver.install(observer)
  await inAllFrames(observer, (frame) => !isVendorFrame(frame.url()))

  const natives = new WeakMap<DriverPage, P>()
  const tools: SolveTools = {
    grant,
    clock,
    evaluateMs,
    finder: new Finder(clock, evaluateMs),
    refreshChallenge: challengeRefresher(geetestChallenge, (page) => natives.get(page), clock),
  }
  const closing = new AbortController()
  const solver = new PageSolver(tools, closing.signal)
  const pictures = new PictureSolver(tools, driver, closing.signal)
  let closed: Promise<unknown> | undefined

  async function inAllFrames(script: string, wanted = (_: DriverFrame) => true): Promise<void> {
    const pages = await driver.pages()
    const frames = pages.flatMap((page) => (page.isClosed() ? [] : page.frames().filter(wanted)))
    await Promise.all(frames.map((frame) => evaluateWithTimeout(clock, frame, script, evaluateMs)))
  }

  async function close(): Promise<void> {
    closing.abort()
    tools.finder.close()
    // In this order: a document that comes in between still has the script.
    closed ??= uninstall()
      .catch(() => undefined)
      .then(() => inAllFrames(undoCall))
      .catch(() => undefined)
    await closed
  }

  function viewOf(page: P): DriverPage {
    const view = driver.page(page)
    natives.set(view, page)
    return view
  }

  return {
    grant,
    async find(page) {
      return toFound(await solver.scan(viewOf(page)))
    },
    solve: async (page, options = {}) => solver.solve(viewOf(page), options),
    waitFor: async (page, options = {}) =>
      toFound(await waitForWidgets(tools, solver, viewOf(page), options, closing.signal)),
    auto: (page, options = {}) => solveAutomatically(tools, solver, viewOf(page), options, closing.signal),
    solveImage: async (element, options) => pictures.solveImage(element, options),
    solveGrid: async (options) => pictures.solveGrid(options),
    close,
    [Symbol.asyncDispose]: close,
  }
}

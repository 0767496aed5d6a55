import { type Clock, systemClock } from '../../base/clock.js'
import type { Grant, Solution } from '../../guard/types.js'
import { observerCall, undoCall } from '../../widgets/calls.js'
import type { Driver, DriverFrame, DriverPage } from '../driver.js'
import { type AutoOptions, type AutoSolving, solveAutomatically } from './auto.js'
import { DocumentPreparer } from './document-preparer.js'
import { Finder, type Found, toFound } from './finder.js'
import { boundedUrl } from './frame-url.js'
import { challengeRefresher, type GeetestChallengeProvider } from './geetest-challenge.js'
import { NamedFrames } from './named-frames.js'
import { PictureSolver, type SolveGridOptions, type SolveImageOptions } from './pictures.js'
import type { SolveResult } from './result.js'
import { PageSolver, type SolvePageOptions } from './solve-page.js'
import type { SolveTools } from './tools.js'
import { isVendorFrame } from './vendor-frames.js'
import { type WaitForOptions, waitForWidgets } from './wait.js'

/** CAPTCHAs in the pages of one browser context: pages are of type `P`, elements of type `E`. */
export interface Captcha<P, E = never> extends AsyncDisposable {
  /** The grant under which it solves. */
  readonly grant: Grant
  /**
   * Lists the widgets of a page. Spends nothing and changes nothing.
   *
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID` (not a page of this
   *   context)
   * @example
   * const due = (await captcha.find(page)).filter((widget) => widget.due)
   */
  find(page: P): Promise<Found>
  /**
   * Solves what is due in a page, all at once, and puts the solutions where the page's own code reads them. A widget
   * that another call is solving is not solved twice.
   *
   * @returns the outcome for each widget; a denial is a result, not a throw
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID` (for example a list
   *   that is not from this page)
   * @throws DeniedError only with `throwOnDenied`
   * @example
   * const { solved, cost } = await captcha.solve(page)
   */
  solve(page: P, options?: SolvePageOptions): Promise<SolveResult>
  /**
   * Waits until a page has a widget: by default one that `solve` would solve now. The page reports its changes, so an
   * unchanged page is scanned only every 15 seconds. Continues over navigations, and into frames that are added later.
   * Spends nothing.
   *
   * @returns the widgets that were waited for
   * @throws SolveguardError `WAIT_TIMEOUT`, `SOLVE_ABORTED`, `PAGE_GONE`, `GUARD_CLOSED`, `CONFIG_INVALID`
   * @example
   * await captcha.waitFor(page, { timeout: 10_000 })
   * await captcha.solve(page)
   */
  waitFor(page: P, options?: WaitForOptions): Promise<Found>
  /**
   * Solves each widget of a page as it becomes due, until it is stopped, the page or the captcha is closed, or
   * `maxSolves` is reached. Each time that the page asks for an answer, it is solved once: what failed or was denied is
   * left alone until the page asks again, or until the denial's `retryAt`.
   *
   * @throws SolveguardError `CONFIG_INVALID`
   * @example
   * await using solving = captcha.auto(page)
   * await page.goto('https://staging.example.com/login')
   */
  auto(page: P, options?: AutoOptions): AutoSolving
  /**
   * Gets the text in a picture, and types it into a field. The picture is the one that the page shows now: it is not
   * requested again. The guard's layers apply as for any solve, with the page and frame of the element.
   *
   * @param element an `img`, a `canvas`, an element with one of them in it, or any other, of which a screenshot is
   *   taken
   * @returns the solution; its `token` is the text
   * @throws DeniedError if a layer denies it
   * @throws SolveguardError `PAGE_GONE`, `WIDGET_GONE` (no such element, or no picture in it), `CHALLENGE_INVALID` (a
   *   picture of less than 100 bytes or more than 1 MiB), `CONFIG_INVALID`, `GUARD_CLOSED`, and every code of
   *   `guard.solve`: the call is for one solve, so it returns no error as a result
   * @example
   * await captcha.solveImage(page.locator('img.captcha'), { into: page.locator('#answer'), numeric: 1 })
   */
  solveImage(element: E, options?: SolveImageOptions<E>): Promise<Solution>
  /**
   * Gets which of nine pictures an instruction means (BLS), and clicks them.
   *
   * @returns the solution; its `token` is the list of cells, counted from 1, such as `[1,4,7]`
   * @throws DeniedError if a layer denies it
   * @throws SolveguardError as `solveImage` does; `CONFIG_INVALID` also for other than nine cells
   * @example
   * await captcha.solveGrid({ cells: await page.locator('.cell').all(), instruction: page.locator('.instruction') })
   */
  solveGrid(options: SolveGridOptions<E>): Promise<Solution>
  /**
   * Aborts what is under way, and removes everything of solveguard from the context and its pages.
   * @example
   * await captcha.close()
   */
  close(): Promise<void>
}

/** Time limits for a context's pages, and what only its pages can supply. */
export interface CaptchaOptions<P = unknown> {
  /**
   * The time, for tests.
   * @default the system's clock
   */
  clock?: Clock | undefined
  /**
   * How long one call into a frame may take, ms.
   * @default 5_000
   */
  evaluateMs?: number | undefined
  /**
   * Whether the scripts that `find` needs are sent ahead, in the background, to a document in which a vendor's frame
   * has appeared, if the policy names its origin. The first `find` or `solve` in a page then takes about as long as a
   * first `evaluate`. It needs a tool that reports the navigations of frames: not classic WebDriver.
   * @default true
   */
  prepare?: boolean | undefined
  /**
   * With `recaptchaV3: 'solve'`: how long the page's `execute` is held for a solution, ms.
   * @default 20_000
   */
  holdMs?: number | undefined
  /**
   * How to get a new `challenge` for GeeTest v3.
   * @default the challenge that was found in the page, which the page's own widget may have used up
   */
  geetestChallenge?: GeetestChallengeProvider<P> | undefined
}

export const DEFAULT_EVALUATE_MS = 5_000
const DEFAULT_HOLD_MS = 20_000

/** Finds, solves and injects through a driver, under a grant: what all adapters share. */
export async function createCaptcha<P, E>(
  grant: Grant,
  driver: Driver<P, E>,
  {
    clock = systemClock,
    evaluateMs = DEFAULT_EVALUATE_MS,
    holdMs = DEFAULT_HOLD_MS,
    prepare = true,
    geetestChallenge,
  }: CaptchaOptions<P> = {},
): Promise<Captcha<P, E>> {
  const named = new NamedFrames(grant, clock, evaluateMs)
  const observer = observerCall(grant.policy.recaptchaV3 === 'solve' ? holdMs : 0, grant.policy.origins)
  const isNamed = (address: string) => grant.originDenial('frame', boundedUrl(address)) === undefined
  const uninstall = await driver.install(observer, isNamed)
  await inAllFrames(observer, (frame) => !isVendorFrame(frame.url()))

  const nativePages = new WeakMap<DriverPage, P>()
  const tools: SolveTools = {
    grant,
    clock,
    evaluateMs,
    finder: new Finder(clock, evaluateMs, named),
    frames: named,
    refreshChallenge: challengeRefresher(geetestChallenge, (page) => nativePages.get(page), clock),
  }
  const preparer = prepare ? new DocumentPreparer(driver, tools.finder) : undefined
  const closing = new AbortController()
  const solver = new PageSolver(tools, closing.signal)
  const pictures = new PictureSolver(tools, driver, closing.signal)
  let closed: Promise<unknown> | undefined

  async function inAllFrames(script: string, wanted = (_: DriverFrame) => true): Promise<void> {
    const pages = await driver.pages()
    const open = pages.filter((page) => !page.isClosed())
    await Promise.all(
      open.flatMap((page) =>
        page
          .frames()
          .filter(wanted)
          .map((frame) => named.evaluate(page, frame, script)),
      ),
    )
  }

  async function close(): Promise<void> {
    closing.abort()
    preparer?.close()
    tools.finder.close()
    named.close()
    // In this order: a document that is created in between still has the script.
    closed ??= uninstall()
      .catch(() => undefined)
      .then(() => inAllFrames(undoCall))
      .catch(() => undefined)
    await closed
  }

  function viewOf(page: P): DriverPage {
    const view = driver.page(page)
    preparer?.renew()
    nativePages.set(view, page)
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

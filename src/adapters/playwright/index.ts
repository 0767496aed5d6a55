import type { BrowserContext, Frame, Locator, Page } from 'playwright-core'
import type { SolveguardError } from '../../base/errors.js'
import type { Grant, NarrowingInput } from '../../guard/types.js'
import { undoCall } from '../../widgets/calls.js'
import {
  type Driver,
  type DriverFrame,
  type DriverPage,
  type FrameElementReading,
  readFrameElement,
} from '../driver.js'
import type { Captcha } from '../engine/captcha.js'
import { type GuardContextOptions, guardDriver, hasMethods, invalidArgument } from '../engine/guard-driver.js'
import { memoizeWeak } from '../engine/memoize-weak.js'

export type { UnknownWidget, VendorEvidence as Sign } from '../../widgets/unknown.js'
export type {
  AutoOptions,
  AutoResult,
  AutoSolving,
  Captcha,
  CaptchaOptions,
  SolveGridOptions,
  SolveImageOptions,
  SolvePageOptions,
  WaitForOptions,
} from '../engine/captcha.js'
export type { Found, Omitted } from '../engine/finder.js'
export type { GeetestChallengeProvider } from '../engine/geetest-challenge.js'
export type { GuardContextOptions } from '../engine/guard-driver.js'
export type { Outcome, Skipped, SkipReason, SolveResult } from '../engine/result.js'

/**
 * Guards a Playwright browser context: its pages' CAPTCHAs are found and solved under the guard's policy, or under a
 * narrower one.
 *
 * @param guard the guard, or a grant of it
 * @param narrowing what this context may do at most
 * @throws SolveguardError `CONFIG_INVALID` for a narrowing, a guard or a context that is none
 * @example
 * const captcha = await guardContext(guard, context, { budget: { perDay: usd(0.5) } })
 * await page.goto('https://staging.example.com/login')
 * const { solved, denied } = await captcha.solve(page)
 */
export function guardContext(
  guard: Grant,
  context: BrowserContext,
  narrowing?: NarrowingInput,
  options: GuardContextOptions<Page> = {},
): Promise<Captcha<Page, Locator>> {
  return guardDriver(guard, playwrightDriver(context), narrowing, options)
}

function playwrightDriver(context: BrowserContext): Driver<Page, Locator> {
  const frameOf: (frame: Frame) => DriverFrame = memoizeWeak(
    (frame: Frame): DriverFrame => ({
      url: () => frame.url(),
      name: () => frame.name(),
      parent() {
        const parent = frame.parentFrame()
        return parent ? frameOf(parent) : undefined
      },
      isDetached: () => frame.isDetached(),
      async frameElement() {
        const element = await frame.frameElement()
        return element
          .evaluate(readFrameElement as (element: Node) => FrameElementReading)
          .finally(() => element.dispose())
      },
      evaluate: (expression) => frame.evaluate(expression),
      evaluateAsync: (expression) => frame.evaluate(expression),
    }),
  )

  const pageOf: (page: Page) => DriverPage = memoizeWeak(
    (page: Page): DriverPage => ({
      frames() {
        const main = page.mainFrame()
        return [main, ...page.frames().filter((frame) => frame !== main)].map(frameOf)
      },
      isClosed: () => page.isClosed(),
      watch(watcher) {
        const navigated = (frame: Frame) => watcher.navigated(frameOf(frame))
        const detached = (frame: Frame) => watcher.detached(frameOf(frame))
        const gone = () => watcher.gone()
        page.on('framenavigated', navigated).on('framedetached', detached).on('close', gone).on('crash', gone)
        return () => {
          page.off('framenavigated', navigated).off('framedetached', detached).off('close', gone).off('crash', gone)
        }
      },
    }),
  )

  return {
    page(page) {
      if (!hasMethods(page, 'context')) throw invalidArgument('Say which page: captcha.solve(page).')
      if (page.context() === context) return pageOf(page)
      throw foreign()
    },
    async element(locator, ms) {
      if (!hasMethods(locator, 'elementHandle'))
        throw invalidArgument("Name elements by locators: page.locator('img.captcha').")
      const page = locator.page()
      if (page.context() !== context) throw foreign()
      const handle = await locator.elementHandle({ timeout: ms })
      const frame = await handle.ownerFrame()
      if (!frame) throw new Error('It stands in no frame.')
      return {
        page: pageOf(page),
        frame: frameOf(frame),
        evaluate: (run) => handle.evaluate(run as (element: Node) => unknown),
        screenshot: () => handle.screenshot({ timeout: ms }),
        fill: (text) => handle.fill(text, { timeout: ms }),
        click: () => handle.click({ timeout: ms }),
        dispose: () => handle.dispose(),
      }
    },
    pages: () => context.pages().map(pageOf),
    async install(script) {
      // Pages and browsers have some of the same methods.
      if (!hasMethods(context, 'addInitScript', 'newPage'))
        throw invalidArgument(
          'guardContext takes a browser context second: await browser.newContext(), or page.context().',
        )
      const installed: { dispose(): Promise<void> } | undefined = await context.addInitScript({ content: script })
      // Older versions take no script back: another one undoes it then, in each document to come, before the page's own run.
      return async () => (installed ? installed.dispose() : void (await context.addInitScript({ content: undoCall })))
    },
  }
}

function foreign(): SolveguardError {
  return invalidArgument('This page belongs to another browser context than the guarded one.')
}

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
import { fillField } from '../engine/picture-scripts.js'

export type * from '../engine/public-types.js'

import { watchFrameNavigations } from '../engine/frame-navigations.js'

/**
 * Guards a Playwright browser context: the CAPTCHAs in its present and future pages are found and solved under the
 * guard's policy, or under a narrower one.
 *
 * @param guard the guard, or a grant of it
 * @param context `await browser.newContext()`, or `page.context()`
 * @param narrowing what this context may do at most
 * @throws SolveguardError `CONFIG_INVALID` for an invalid narrowing, or for an argument of the wrong kind
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
      if (!hasMethods(page, 'context')) throw invalidArgument('Pass the page: captcha.solve(page).')
      if (page.context() === context) return pageOf(page)
      throw foreignPage()
    },
    async element(locator, ms) {
      if (!hasMethods(locator, 'elementHandle'))
        throw invalidArgument("Name elements by locators: page.locator('img.captcha').")
      const page = locator.page()
      if (page.context() !== context) throw foreignPage()
      const handle = await locator.elementHandle({ timeout: ms })
      const frame = await handle.ownerFrame()
      if (!frame) throw new Error('The element is in no frame.')
      return {
        page: pageOf(page),
        frame: frameOf(frame),
        evaluate: (run) => handle.evaluate(run as (element: Node) => unknown),
        screenshot: () => handle.screenshot({ timeout: ms }),
        async fill(text) {
          await handle.waitForElementState('editable', { timeout: ms })
          const fill = fillField as (element: Node, text: string) => boolean
          if (!(await handle.evaluate(fill, text))) throw new Error('The field cannot be typed into.')
        },
        click: () => handle.click({ timeout: ms }),
        dispose: () => handle.dispose(),
      }
    },
    watchFrames(report) {
      return watchFrameNavigations<Page, Frame>(
        {
          open: () => context.pages(),
          onOpened(add) {
            context.on('page', add)
            return () => void context.off('page', add)
          },
          listen(page, navigated, closed) {
            page.on('framenavigated', navigated).on('close', closed)
            return () => void page.off('framenavigated', navigated).off('close', closed)
          },
          viewsOf: (page, frame) => ({ page: pageOf(page), frame: frameOf(frame) }),
        },
        report,
      )
    },
    pages: () => context.pages().map(pageOf),
    async install(script) {
      // A page and a browser each have one of these methods.
      if (!hasMethods(context, 'addInitScript', 'newPage'))
        throw invalidArgument(
          'guardContext takes a browser context second: await browser.newContext(), or page.context().',
        )
      const installed: { dispose(): Promise<void> } | undefined = await context.addInitScript({ content: script })
      // Older versions cannot remove a script: there a second script undoes it in each new document, before the page's
      // own scripts run.
      return async () => (installed ? installed.dispose() : void (await context.addInitScript({ content: undoCall })))
    },
  }
}

function foreignPage(): SolveguardError {
  return invalidArgument('This page belongs to another browser context than the guarded one.')
}

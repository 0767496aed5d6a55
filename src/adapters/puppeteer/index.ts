import type { BrowserContext, ElementHandle, Frame, Page, Target } from 'puppeteer-core'
import type { SolveguardError } from '../../base/errors.js'
import type { Grant, NarrowingInput } from '../../guard/types.js'
import { type Driver, type DriverFrame, type DriverPage, readFrameElement } from '../driver.js'
import type { Captcha } from '../engine/captcha.js'
import { type GuardContextOptions, guardDriver, hasMethods, invalidArgument } from '../engine/guard-driver.js'
import { memoizeWeak } from '../engine/memoize-weak.js'
import { fillField } from '../engine/picture-scripts.js'

export type * from '../engine/public-types.js'

import { watchFrameNavigations } from '../engine/frame-navigations.js'

/**
 * Guards a Puppeteer browser context: the CAPTCHAs in its present and future pages are found and solved under the
 * guard's policy, or under a narrower one.
 *
 * @param guard the guard, or a grant of it
 * @param context `browser.defaultBrowserContext()`, or one from `browser.createBrowserContext()`
 * @param narrowing what this context may do at most
 * @throws SolveguardError `CONFIG_INVALID` for an invalid narrowing, or for an argument of the wrong kind
 * @example
 * const captcha = await guardContext(guard, browser.defaultBrowserContext(), { budget: { perDay: usd(0.5) } })
 * await page.goto('https://staging.example.com/login')
 * const { solved, denied } = await captcha.solve(page)
 */
export function guardContext(
  guard: Grant,
  context: BrowserContext,
  narrowing?: NarrowingInput,
  options: GuardContextOptions<Page> = {},
): Promise<Captcha<Page, ElementHandle | null>> {
  return guardDriver(guard, puppeteerDriver(context), narrowing, options)
}

function puppeteerDriver(context: BrowserContext): Driver<Page, ElementHandle | null> {
  /** Puppeteer's own list of pages is a promise. */
  const open = new Set<Page>()
  /** Called with each page that is opened. */
  const openCallbacks = new Set<(page: Page) => void>()

  const frameOf: (frame: Frame) => DriverFrame = memoizeWeak(
    (frame: Frame): DriverFrame => ({
      url: () => frame.url(),
      name: () => frame.name(),
      parent() {
        const parent = frame.parentFrame()
        return parent ? frameOf(parent) : undefined
      },
      isDetached: () => frame.detached,
      async frameElement() {
        const element = await frame.frameElement()
        if (!element) throw new Error('The frame has no element.')
        return element.evaluate(readFrameElement).finally(() => element.dispose())
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
        // `error` is Puppeteer's word for a crash.
        page.on('framenavigated', navigated).on('framedetached', detached).on('close', gone).on('error', gone)
        return () => {
          page.off('framenavigated', navigated).off('framedetached', detached).off('close', gone).off('error', gone)
        }
      },
    }),
  )

  return {
    page(page) {
      if (!hasMethods(page, 'browserContext')) throw invalidArgument('Pass the page: captcha.solve(page).')
      if (page.browserContext() === context) return pageOf(page)
      throw foreignPage()
    },
    async element(handle) {
      if (!hasMethods(handle, 'asElement') || !handle)
        throw invalidArgument("Name elements by handles: await page.$('img.captcha'), which is null if there is none.")
      const page = handle.frame.page()
      if (page.browserContext() !== context) throw foreignPage()
      return {
        page: pageOf(page),
        frame: frameOf(handle.frame),
        evaluate: (run) => handle.evaluate(run),
        screenshot: () => handle.screenshot(),
        async fill(text) {
          if (!(await handle.evaluate(fillField, text))) throw new Error('The field cannot be typed into.')
        },
        click: () => handle.click(),
        // The handle is the caller's own.
        dispose: async () => {},
      }
    },
    watchFrames(report) {
      return watchFrameNavigations<Page, Frame>(
        {
          open: () => open,
          onOpened(add) {
            openCallbacks.add(add)
            return () => void openCallbacks.delete(add)
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
    pages: () => [...open].map(pageOf),
    async install(script) {
      // A browser has a context's methods too.
      if (!hasMethods(context, 'newPage', 'pages', 'on') || hasMethods(context, 'defaultBrowserContext'))
        throw invalidArgument(
          'guardContext takes a browser context second: browser.defaultBrowserContext(), or ' +
            'await browser.createBrowserContext().',
        )
      /** By page: a function that removes the script. */
      const installed = new Map<Page, Promise<() => Promise<void>>>()
      const add = (page: Page): void => {
        if (installed.has(page)) return
        open.add(page)
        installed.set(page, installIn(page, script))
        for (const opened of openCallbacks) opened(page)
        page.once('close', () => {
          open.delete(page)
          installed.delete(page)
        })
      }
      const created = async (target: Target): Promise<void> => {
        if (`${target.type()}` !== 'page') return
        // Null, or a rejection, for a page that was closed at once.
        const page = await target.page().catch(() => null)
        if (!page) return
        add(page)
        // A page that another one opened may have documents already, or a window that its first document leaves behind.
        for (const frame of page.frames()) frame.evaluate(`${script};0`).catch(() => undefined)
      }
      context.on('targetcreated', created)
      for (const page of await context.pages()) add(page)
      await Promise.all(installed.values())
      return async () => {
        context.off('targetcreated', created)
        await Promise.all([...installed.values()].map(async (remove) => (await remove)()))
      }
    },
  }
}

function foreignPage(): SolveguardError {
  return invalidArgument('This page belongs to another browser context than the guarded one.')
}

/** Runs a script in a page's new documents. A page that is closed meanwhile needs no script. */
async function installIn(page: Page, script: string): Promise<() => Promise<void>> {
  try {
    const { identifier } = await page.evaluateOnNewDocument(script)
    return () => page.removeScriptToEvaluateOnNewDocument(identifier).catch(() => undefined)
  } catch {
    return async () => {}
  }
}

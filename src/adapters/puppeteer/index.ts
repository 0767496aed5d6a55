import type { BrowserContext, ElementHandle, Frame, Page, Target } from 'puppeteer-core'
import type { SolveguardError } from '../../base/errors.js'
import type { Grant, NarrowingInput } from '../../guard/types.js'
import { type Driver, type DriverFrame, type DriverPage, readFrameElement } from '../driver.js'
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
 * Guards a Puppeteer browser context: its pages' CAPTCHAs are found and solved under the guard's policy, or under a
 * narrower one. Pages that are open already and pages to come are guarded alike.
 *
 * @param guard the guard, or a grant of it
 * @param context `browser.defaultBrowserContext()`, or one from `browser.createBrowserContext()`
 * @param narrowing what this context may do at most
 * @throws SolveguardError `CONFIG_INVALID` for a narrowing, a guard or a context that is none
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
  /** Puppeteer gives the list of pages only to those who wait for it. */
  const open = new Set<Page>()

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
        if (!element) throw new Error('It stands in no element.')
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
      if (!hasMethods(page, 'browserContext')) throw invalidArgument('Say which page: captcha.solve(page).')
      if (page.browserContext() === context) return pageOf(page)
      throw foreign()
    },
    async element(handle) {
      if (!hasMethods(handle, 'asElement') || !handle)
        throw invalidArgument("Name elements by handles: await page.$('img.captcha'), which is null if there is none.")
      const page = handle.frame.page()
      if (page.browserContext() !== context) throw foreign()
      return {
        page: pageOf(page),
        frame: frameOf(handle.frame),
        evaluate: (run) => handle.evaluate(run),
        screenshot: () => handle.screenshot(),
        async fill(text) {
          await handle.focus()
          // What is typed goes wherever the focus is, and takes the place of what is selected.
          const ready = await handle.evaluate((field) => {
            ;(field as HTMLInputElement).select?.()
            return field.isConnected && (field.getRootNode() as Document | ShadowRoot).activeElement === field
          })
          if (!ready) throw new Error('The field cannot be typed into.')
          await handle.type(text)
        },
        click: () => handle.click(),
        // It is the caller's own.
        dispose: async () => {},
      }
    },
    pages: () => [...open].map(pageOf),
    async install(script) {
      // A browser has the methods of a context too.
      if (!hasMethods(context, 'newPage', 'pages', 'on') || hasMethods(context, 'defaultBrowserContext'))
        throw invalidArgument(
          'guardContext takes a browser context second: browser.defaultBrowserContext(), or await browser.createBrowserContext().',
        )
      /** By page, how the script is taken out again. */
      const installed = new Map<Page, Promise<() => Promise<void>>>()
      const add = (page: Page): void => {
        if (installed.has(page)) return
        open.add(page)
        installed.set(page, installIn(page, script))
        page.once('close', () => {
          open.delete(page)
          installed.delete(page)
        })
      }
      const created = async (target: Target): Promise<void> => {
        if (`${target.type()}` !== 'page') return
        // Null, or an error, for a page that was closed at once.
        const page = await target.page().catch(() => null)
        if (page) add(page)
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

function foreign(): SolveguardError {
  return invalidArgument('This page belongs to another browser context than the guarded one.')
}

/** Has a script run in a page's documents to come. A page that goes away meanwhile needs nothing. */
async function installIn(page: Page, script: string): Promise<() => Promise<void>> {
  try {
    const { identifier } = await page.evaluateOnNewDocument(script)
    return () => page.removeScriptToEvaluateOnNewDocument(identifier).catch(() => undefined)
  } catch {
    return async () => {}
  }
}

import type { Browser, ElementHandle, Page, Target } from 'puppeteer-core'
import { guardContext } from '../../src/adapters/puppeteer/index.js'
import { type ElementPage, type ElementTool, eventually, runBefore } from './tool.js'

function toolPage(page: Page): ElementPage<Page, ElementHandle | null> {
  return {
    native: page,
    goto: async (url) => void (await page.goto(url)),
    evaluate: (expression) => page.evaluate(expression),
    // Locators wait until the element has stopped moving.
    click: (selector) => page.locator(selector).click(),
    async clickInFrame(address, selector) {
      const find = () => page.frames().find((one) => one.url().includes(address))
      await eventually(() => find() !== undefined)
      // Before it has loaded, the frame does not handle clicks.
      await eventually(async () => (await find()?.evaluate('document.readyState')) === 'complete')
      await find()?.locator(selector).click()
    },
    async text(selector) {
      const element = await page.waitForSelector(selector)
      return (await element?.evaluate(({ textContent }) => textContent)) ?? ''
    },
    beforeCalls(run) {
      runBefore(page.mainFrame(), 'evaluate', run)
    },
    close: () => page.close(),
    async element(selector, address) {
      const frame = address === undefined ? undefined : page.frames().find((one) => one.url().includes(address))
      return (frame ?? page).waitForSelector(selector)
    },
    elements: (selector) => page.$$(selector),
  }
}

/** Puppeteer, with a browser that is started on first use. */
export function puppeteerTool(name: string, start: () => Promise<Browser>): ElementTool<Page, ElementHandle | null> {
  let launched: Promise<Browser> | undefined
  return {
    name,
    callsOfASolve: 5,
    popups: true,
    // The same site as the page, and so the same process: Puppeteer may miss a frame of another process that was only
    // just added, and wait for it for ever. Frames of other processes have tests of their own.
    vendorHost: '127.0.0.1',
    async open() {
      launched ??= start()
      const context = await (await launched).createBrowserContext()
      return {
        guard: (grant, narrowing, options) => guardContext(grant, context, narrowing, options),
        newPage: async () => toolPage(await context.newPage()),
        async opened(run) {
          const created = new Promise<Target>((resolve) => void context.once('targetcreated', resolve))
          await run()
          const page = await (await created).page()
          if (!page) throw new Error('What was opened is no page.')
          return toolPage(page)
        },
        close: () => context.close(),
      }
    },
    close: async () => (await launched)?.close(),
  }
}

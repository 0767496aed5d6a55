import type { Frame, Page } from 'playwright'
import { eventually } from '../adapters/tool.js'

/** Where a page with a widget is opened from: a page of the site without one. */
export const BEFORE = '/ordinary'

/** A page of the tests' context, and its site. */
interface Opened {
  readonly page: Page
  readonly site: { readonly url: string }
}

/** What replaces the document of a window, and keeps the window. */
const write = (html: string) => `document.open(); document.write(${JSON.stringify(html)}); document.close(); 0`

const read = async (at: Opened, path: string) => (await fetch(`${at.site.url}${path}`)).text()

/**
 * The ways by which a page comes into a window that had another document before, often its first, empty one. Each opens
 * a path from `BEFORE`, and returns the page's frame.
 */
export const REUSED_WINDOWS: Readonly<Record<string, (at: Opened, path: string) => Promise<Frame>>> = {
  async 'a pop-up of the same origin'({ page }, path) {
    const opened = page.waitForEvent('popup')
    await page.evaluate(`window.open(${JSON.stringify(path)}); 0`)
    return (await opened).mainFrame()
  },
  async 'a pop-up that its opener touches'({ page }, path) {
    const opened = page.waitForEvent('popup')
    await page.evaluate(`window.open(${JSON.stringify(path)}).opened = true; 0`)
    return (await opened).mainFrame()
  },
  async 'a pop-up that its opener writes'(at, path) {
    const opened = at.page.waitForEvent('popup')
    await at.page.evaluate(
      `(function (document) { ${write(await read(at, path))} })(window.open('', 'written').document)`,
    )
    return (await opened).mainFrame()
  },
  async 'a frame that its page touches before it loads'({ page }, path) {
    await page.evaluate(`(function (frame) {
      frame.src = ${JSON.stringify(path)}
      frame.width = frame.height = 700
      document.body.append(frame)
      frame.contentWindow.touched = true
    })(document.createElement('iframe')); 0`)
    const find = () => page.frames().find((frame) => frame.url().endsWith(path))
    await eventually(() => find() !== undefined)
    return find() as Frame
  },
  async 'a frame that its page writes'(at, path) {
    await at.page.evaluate(`(function (frame) {
      frame.width = frame.height = 700
      frame.name = 'written'
      document.body.append(frame);
      (function (document) { ${write(await read(at, path))} })(frame.contentDocument)
    })(document.createElement('iframe')); 0`)
    return at.page.frame('written') as Frame
  },
  async 'a document that is opened and written again'(at, path) {
    await at.page.evaluate(write(await read(at, path)))
    return at.page.mainFrame()
  },
  async 'a page with other content'(at, path) {
    await at.page.setContent(await read(at, path))
    return at.page.mainFrame()
  },
}

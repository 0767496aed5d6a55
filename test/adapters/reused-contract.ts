import { describe, expect, test } from 'vitest'
import { WELCOME } from '../../src/testing/site/index.js'
import { GO, toolStage } from './stage.js'
import { eventually, type Tool, type ToolPage, until } from './tool.js'

/** What replaces the document of a window, and keeps the window. */
const written = async (url: string) =>
  `document.open(); document.write(${JSON.stringify(await (await fetch(url)).text())}); document.close()`

/**
 * The contract for every adapter: windows that outlive their first document are watched. Shown with v3, whose `execute`
 * is held only where the vendor's API was watched before the page called it.
 */
export function reusedContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe('watches a window that had another document before', () => {
    const at = toolStage(tool)
    const visitFirst = (path = '/ordinary') =>
      at.visit(path, 'document.readyState === "complete"', { recaptchaV3: 'solve' })
    const READY = 'window.grecaptcha && grecaptcha.execute'

    /** The page's `execute` is held, and answered with what was bought. */
    async function solvesWhatIsHeld(page: Page): Promise<void> {
      await eventually(async () => (await at.captcha.find(page.native))[0]?.due === true)
      expect([...(await at.captcha.find(page.native))]).toMatchObject([
        { variant: 'v3', action: 'login', executed: true },
      ])
      expect(await at.captcha.solve(page.native)).toMatchObject({ solved: [{}] })
      await eventually(() => at.site.verified.at(-1)?.success === true)
      expect(at.site.verified.at(-1)).toMatchObject({ success: true, action: 'login', score: 0.9 })
    }

    test.runIf(tool.popups)('a pop-up of the same origin', async () => {
      await visitFirst()
      const opened = await at.context.opened?.(() => at.page.evaluate('window.open("/v3"); 0'))
      if (!opened) throw new Error('The tool opens no pop-ups.')
      await until(opened, READY)
      await opened.click(GO)
      await solvesWhatIsHeld(opened)
      expect(await opened.text('h1.good')).toBe(WELCOME)
      await opened.close()
    })

    test('a frame that its page touches before it loads', async () => {
      await visitFirst()
      await at.page.evaluate(
        `void function (frame) {
          frame.src = '/v3'
          frame.width = frame.height = 700
          document.body.append(frame)
          frame.contentWindow.touched = true
        }(document.createElement('iframe')); 0`,
      )
      await until(at.page, 'frames[0].grecaptcha && frames[0].grecaptcha.execute')
      await at.page.clickInFrame('/v3', GO)
      await solvesWhatIsHeld(at.page)
    })

    test('a document that is opened and written again', async () => {
      await visitFirst()
      await at.page.evaluate(`${await written(`${at.site.url}/v3`)}; 0`)
      await until(at.page, READY)
      await at.page.click(GO)
      await solvesWhatIsHeld(at.page)
      expect(await at.page.text('h1.good')).toBe(WELCOME)
    })
  })
}

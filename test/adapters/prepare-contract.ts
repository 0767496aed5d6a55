import { describe, expect, test } from 'vitest'
import { RENDERED, toolStage } from './stage.js'
import { eventually, type Tool, type ToolPage, until } from './tool.js'

/** The core script is in the document. */
const PREPARED = '!!window[Symbol.for("solveguard")]?.main'
/** A frame with the address of a vendor's frame, that loads nothing. */
const addFrame = (address: string) =>
  `document.body.append(Object.assign(document.createElement('iframe'), { src: ${JSON.stringify(address)} })); 0`

/** The contract for adapters of tools that report the navigations of frames: the first `find` is prepared. */
export function prepareContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe(`${tool.name}: prepares a document for the first find`, () => {
    const at = toolStage(tool)

    test('once a vendor’s frame is in it, and in the next document again', async () => {
      await at.visit('/named')
      await until(at.page, PREPARED)
      await at.page.goto(`${at.site.url}/named?next`)
      await until(at.page, PREPARED)
      const [found, ...others] = await at.find()
      expect(found).toMatchObject({ family: 'recaptcha', due: true, pageUrl: `${at.site.url}/named?next` })
      expect(others).toEqual([])
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{ told: true }] })
      expect(await at.calls()).toBe(1)
    })

    test('in a frame of the page, and not in the page around it', async () => {
      await at.visit('/frame', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
      await until(
        at.page,
        `(() => { const window = document.querySelector("iframe").contentWindow; return ${PREPARED} })()`,
      )
      expect(await at.page.evaluate(PREPARED)).toBe(false)
    })

    test('not in a page without a vendor’s frame, and not with `prepare: false`', async () => {
      await at.visit('/ordinary', 'true')
      await at.page.evaluate(addFrame('/ordinary?inner'))
      await until(at.page, 'document.querySelector("iframe").contentDocument.readyState === "complete"')
      expect(await at.page.evaluate(PREPARED)).toBe(false)
      await at.captcha.close()
      await at.visit('/named', RENDERED, {}, { prepare: false })
      await until(at.page, 'document.readyState === "complete"')
      expect(await at.page.evaluate(PREPARED)).toBe(false)
      expect(await at.find()).toHaveLength(1)
      expect(await at.page.evaluate(PREPARED)).toBe(true)
    })

    test('not once it is closed', async () => {
      await at.visit('/ordinary', 'true')
      await at.captcha.close()
      await at.page.goto(`${at.site.url}/named`)
      await until(at.page, RENDERED)
      await until(at.page, 'document.readyState === "complete"')
      expect(await at.page.evaluate(PREPARED)).toBe(false)
    })

    test('a page that navigates, hangs or is closed meanwhile changes nothing', async () => {
      await at.visit('/named')
      for (let round = 0; round < 5; round++) await at.page.goto(`${at.site.url}/named?${round}`)
      await at.page.evaluate(
        `setTimeout(() => { for (const end = performance.now() + 300; performance.now() < end;); }, 0); ${addFrame(
          `${at.vendor.url}/recaptcha/api2/anchor?k=x`,
        )}`,
      )
      const other = await at.context.newPage()
      await other.goto(`${at.site.url}/named`)
      await other.close()
      await eventually(async () => (await at.find()).length > 0)
      await at.page.close()
    })
  })
}

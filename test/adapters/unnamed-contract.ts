import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Gate } from '../../src/guard/admission/gate.js'
import { parsePolicy } from '../../src/policy/schema.js'
import { RENDERED, toolStage } from './stage.js'
import { startThief, type Thief } from './thief.js'
import { eventually, type Tool, type ToolPage, until } from './tool.js'

/**
 * A frame or page that no policy names may answer every script that runs in it, with texts that end a process. So none
 * runs there, and what its page has replaced is never called.
 */
export function unnamedContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe(`${tool.name}: frames that the policy does not name`, () => {
    const at = toolStage(tool)
    let thief: Thief

    beforeAll(async () => {
      thief = await startThief({ flood: true })
    })
    afterAll(() => thief?.[Symbol.asyncDispose]())
    beforeEach(() => thief.reset())

    const visit = async (path: string, ready?: string) => {
      await at.visit(path, ready)
      const gate = new Gate(parsePolicy({ origins: [at.site.url] }))
      at.grant.unnamed = (what, address) => gate.originDenial(what, address)
    }
    /** Nothing that the page has replaced was called, so it has recorded nothing. */
    const expectUntouched = async () => {
      await thief.settled()
      expect(
        thief
          .recorded()
          .match(/^\[.+\]$/gm)
          ?.filter((texts) => texts !== '[]') ?? [],
      ).toEqual([])
    }
    const addFrame = (address: string) =>
      at.page.evaluate(
        `document.body.append(Object.assign(document.createElement('iframe'), { src: ${JSON.stringify(address)} })); 0`,
      )

    test('are not evaluated in, and listed; the widgets of the page are found and solved', async () => {
      await visit('/named')
      await addFrame(thief.url)
      await eventually(() => thief.recorded().includes('/recorded'))
      const found = await at.captcha.find(at.page.native)
      expect(found).toHaveLength(1)
      expect(found.unnamed).toMatchObject([
        { pageUrl: `${at.site.url}/named`, error: { code: 'ORIGIN_NOT_NAMED', layer: 'origin' } },
      ])
      const { solved, unnamed } = await at.captcha.solve(at.page.native)
      expect(solved).toHaveLength(1)
      expect(unnamed).toHaveLength(1)
      expect(at.grant.unnamedPlaces).toEqual([])
      await expect(at.captcha.waitFor(at.page.native, { timeout: 500 })).rejects.toMatchObject({ code: 'WAIT_TIMEOUT' })
      await at.captcha.close()
      await expectUntouched()
    })

    test('a page that is not named is not evaluated in, and a solve of it is denied', async () => {
      await visit('/named')
      await at.page.goto(thief.url)
      await eventually(() => thief.recorded().includes('/recorded'))
      const found = await at.captcha.find(at.page.native)
      expect(found).toEqual([])
      expect(found.unnamed).toMatchObject([{ pageUrl: thief.url, frameUrl: undefined }])
      expect(at.grant.unnamedPlaces).toEqual([])
      expect(await at.captcha.solve(at.page.native)).toMatchObject({
        solved: [],
        denied: [{ error: { code: 'ORIGIN_NOT_NAMED' } }],
        unnamed: [{ pageUrl: thief.url }],
      })
      // A solve is denied on the record; a look is not.
      expect(at.grant.unnamedPlaces).toEqual([{ pageUrl: thief.url, frameUrl: undefined }])
      await expect(at.captcha.solve(at.page.native, { throwOnDenied: true })).rejects.toMatchObject({
        code: 'ORIGIN_NOT_NAMED',
      })
      await expect(at.captcha.waitFor(at.page.native, { timeout: 100 })).rejects.toThrow(/not named in policy\.origins/)
      await expectUntouched()
      // The next page is looked into again.
      await at.page.goto(`${at.site.url}/named`)
      await until(at.page, RENDERED)
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}], unnamed: [] })
    })

    test('a blank frame of the page is looked into', async () => {
      await visit('/srcdoc', 'document.querySelector("iframe").contentWindow.grecaptcha?.render')
      expect(await at.captcha.solve(at.page.native)).toMatchObject({ solved: [{}], unnamed: [] })
    })

    test('a sandboxed frame, which has no origin, is not', async () => {
      await visit('/sandboxed', 'true')
      const found = await at.captcha.find(at.page.native)
      expect(found).toEqual([])
      expect(found.unnamed).toMatchObject([{ frameUrl: 'about:srcdoc', error: { code: 'ORIGIN_OPAQUE' } }])
    })
  })
}

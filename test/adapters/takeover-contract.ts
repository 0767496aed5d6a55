import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { denied } from './fake-grant.js'
import { toolStage } from './stage.js'
import { startThief, type Thief } from './thief.js'
import type { Tool, ToolPage } from './tool.js'

/** How long after the solution was bought the page navigates by itself, ms. */
const OFFSETS = [0, 1, 3, 8, 20]

/**
 * A page of another origin takes the place of the one for which a token was bought, at any moment: it reads everything
 * that is evaluated in it, and never gets the token.
 */
export function takeoverContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe(`${tool.name}: another page takes the place of the widget's`, () => {
    const at = toolStage(tool)
    let thief: Thief
    let token = ''

    beforeAll(async () => {
      thief = await startThief()
    })
    afterAll(() => thief?.[Symbol.asyncDispose]())

    beforeEach(async () => {
      await at.visit('/named')
      token = `token-${randomUUID()}`
      thief.reset()
    })

    async function expectNothingStolen(): Promise<void> {
      await thief.settled()
      const recorded = thief.recorded()
      expect(recorded).not.toContain(token)
      expect(recorded).not.toContain([...token].map((letter) => letter.charCodeAt(0)).join(','))
      expect(recorded).not.toContain(Buffer.from(token).toString('hex'))
      expect(recorded).not.toContain(Buffer.from(token).toString('base64').replace(/=+$/, ''))
    }

    const buy = async ({ pageUrl }: { pageUrl: string }): Promise<string> => {
      if (!pageUrl.startsWith(at.site.url)) throw denied()
      return token
    }

    test.each(Array.from({ length: tool.callsOfASolve }, (_, index) => index + 1))(
      'right before call %i of a solve into its page',
      async (nth) => {
        at.grant.answer = buy
        let calls = 0
        let navigating = false
        at.page.beforeCalls(async () => {
          if (navigating || ++calls !== nth) return
          navigating = true
          await at.page.goto(thief.url)
        })
        const result = await at.captcha.solve(at.page.native).catch((error: unknown) => error)
        expect(calls).toBeGreaterThanOrEqual(nth)
        expect(result).not.toMatchObject({ denied: [{}] })
        await expectNothingStolen()
      },
    )

    test.each(OFFSETS)('%i ms after the solution was bought', async (ms) => {
      at.grant.answer = async (challenge) => {
        await at.page.evaluate(`setTimeout(() => { location.href = ${JSON.stringify(thief.url)} }, ${ms}); 0`)
        return buy(challenge)
      }
      await at.captcha.solve(at.page.native)
      await expectNothingStolen()
    })
  })
}

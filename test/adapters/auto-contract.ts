import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../src/adapters/engine/result.js'
import { DeniedError, SolveguardError } from '../../src/base/errors.js'
import { WELCOME } from '../../src/testing/site/index.js'
import { denied } from './fake-grant.js'
import { toolStage } from './stage.js'
import { eventually, type Tool, type ToolPage, until } from './tool.js'

/** The contract for every adapter's `auto`. */
export function autoContract<P, E, Page extends ToolPage<P>>(tool: Tool<P, E, Page>): void {
  describe('auto', () => {
    const at = toolStage(tool)

    test('solves what becomes due on each page, until it is stopped', async () => {
      await at.visit('/tiny', 'true')
      const outcomes: Outcome[] = []
      const solving = at.captcha.auto(at.page.native, { onOutcome: (outcome) => void outcomes.push(outcome) })
      for (let count = 1; count <= 2; count++) {
        await at.page.goto(`${at.site.url}/submits`)
        expect(await at.page.text('h1.good')).toBe(WELCOME)
        await eventually(() => outcomes.length >= count)
      }
      expect(await solving.stop()).toEqual({ solved: 2, denied: 0, failed: 0, cost: 2000 })
      expect(outcomes.map(({ kind }) => kind)).toEqual(['solved', 'solved'])
      await at.page.goto(`${at.site.url}/named`)
      await eventually(async () => (await at.captcha.find(at.page.native))[0]?.due === true)
      expect(at.grant.challenges).toHaveLength(2)
    })

    test('solves once each time that the page asks: also after a reset', async () => {
      await at.visit('/named')
      await using _solving = at.captcha.auto(at.page.native)
      await until(at.page, 'calls.length === 1')
      await at.page.evaluate('grecaptcha.reset(); 0')
      await until(at.page, 'calls.length === 2')
      expect(at.grant.challenges).toHaveLength(2)
    })

    test('does not repeat a solve that failed or was denied', async () => {
      for (const error of [denied(), new SolveguardError('CAPTCHA_UNSOLVABLE', 'No.')]) {
        await at.visit('/named')
        at.grant.answer = () => Promise.reject(error)
        const outcomes: Outcome[] = []
        const solving = at.captcha.auto(at.page.native, { onOutcome: (outcome) => void outcomes.push(outcome) })
        await eventually(() => outcomes.length === 1)
        await at.page.evaluate(
          'window.ticks = 0; setInterval(function () { ticks++; document.body.append("x") }, 20); 0',
        )
        await until(at.page, 'ticks > 20')
        await solving.stop()
        expect(at.grant.challenges).toHaveLength(1)
        await at.captcha.close()
      }
    })

    test('repeats a denied solve at its retryAt', async () => {
      await at.visit('/named')
      const later = new DeniedError('RATE_EXCEEDED', 'Later.', { retryAt: new Date(Date.now() + 700) })
      const usual = at.grant.answer
      at.grant.answer = (challenge, options) => {
        at.grant.answer = usual
        void options
        return challenge ? Promise.reject(later) : Promise.reject(later)
      }
      await using _solving = at.captcha.auto(at.page.native)
      await until(at.page, 'calls.length === 1')
      expect(at.grant.challenges).toHaveLength(2)
      expect(Date.now()).toBeGreaterThanOrEqual(later.retryAt?.getTime() ?? 0)
    })

    test('ends when its page is closed, and solves nothing without a widget', async () => {
      await at.visit('/ordinary', 'true')
      const solving = at.captcha.auto(at.page.native)
      await at.page.close()
      expect(await solving.ended).toEqual({ solved: 0, denied: 0, failed: 0, cost: 0 })
      expect(at.grant.challenges).toEqual([])
    })

    test('ends at maxSolves', async () => {
      await at.visit('/named')
      const solving = at.captcha.auto(at.page.native, { maxSolves: 1 })
      expect(await solving.ended).toMatchObject({ solved: 1 })
    })

    test('refuses mistyped options', async () => {
      await at.visit('/tiny', 'true')
      for (const options of [{ most: 0 }, { moost: 1 }]) {
        expect(() => at.captcha.auto(at.page.native, options as never)).toThrow(/auto\(\)/)
      }
    })
  })
}

import { describe, expect, test } from 'vitest'
import { startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { eventually } from '../../adapters/tool.js'
import { appStage } from './apps-stage.js'

const { at, start, press, signIn, answer } = appStage('recaptcha', startRecaptcha, {
  app: { file: 'react-google-recaptcha-v3.tsx' },
  strict: { file: 'react-google-recaptcha-v3.tsx', development: true },
})

const SOLVE = { recaptchaV3: 'solve' } as const
const scores = () => at.site.verified.map(({ score }) => score)
const asked = () => eventually(async () => (await at.find()).some(({ executed }) => executed))

describe('react-google-recaptcha-v3', () => {
  test('without the policy the page receives the vendor’s own token', async () => {
    await start('app')
    expect(await signIn()).toBe('accepted')
    expect(scores().at(-1)).toBe(0.1)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'passive' }], cost: 0 })
    expect(at.grant.challenges).toEqual([])
  })

  test.each([
    ['v3', {}],
    ['enterprise-score', { enterprise: '' }],
  ])(
    '%s: with the policy, executeRecaptcha is held and resolves with the solution',
    async (variant, query: Record<string, string>) => {
      await start('app', query, SOLVE)
      await press('Sign in')
      await asked()
      const { solved } = await at.captcha.solve(at.page)
      expect(at.grant.challenges).toMatchObject([{ variant, sitekey: at.sitekey, action: 'login' }])
      expect(solved).toHaveLength(1)
      expect(await answer()).toBe('accepted')
      expect(at.site.verified.at(-1)).toMatchObject({ score: 0.9, action: 'login' })
    },
  )

  test('an earlier solution answers the next executeRecaptcha, and no other', async () => {
    await start('app', {}, SOLVE)
    await eventually(async () => (await at.find()).length === 1)
    await at.captcha.solve(at.page, { which: 'all' })
    expect(await signIn()).toBe('accepted')
    expect(scores().at(-1)).toBe(0.9)
    await press('Sign in')
    await asked()
    expect(at.grant.challenges).toHaveLength(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
    expect(at.grant.challenges).toHaveLength(2)
  })

  test('after a denied solve the page receives the vendor’s own token', async () => {
    await start('app', {}, SOLVE)
    at.grant.answer = async () => {
      throw new Error('for this test')
    }
    await press('Sign in')
    await asked()
    await expect(at.captcha.solve(at.page)).rejects.toThrow('for this test')
    expect(await answer()).toBe('accepted')
    expect(scores().at(-1)).toBe(0.1)
  })

  test('removed and rendered again, which deletes what the vendor’s script has created', async () => {
    await start('app', {}, SOLVE)
    for (let time = 0; time < 2; time++) {
      await press('Sign in')
      await asked()
      await at.captcha.solve(at.page)
      expect(await answer()).toBe('accepted')
      expect(scores().at(-1)).toBe(0.9)
      await press('Form')
      await eventually(async () => (await at.page.locator('.grecaptcha-badge').count()) === 0)
      await press('Form')
    }
    expect(at.grant.challenges).toHaveLength(2)
  })

  test('in Strict Mode, which loads the vendor’s script twice', async () => {
    await start('strict', { strict: '' }, SOLVE)
    await press('Sign in')
    await asked()
    await at.captcha.solve(at.page)
    expect(at.grant.challenges).toHaveLength(1)
    expect(await answer()).toBe('accepted')
    expect(scores().at(-1)).toBe(0.9)
  })
})

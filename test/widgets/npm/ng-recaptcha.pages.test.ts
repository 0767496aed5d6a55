import { describe, expect, test } from 'vitest'
import { startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { eventually } from '../../adapters/tool.js'
import { appStage } from './apps-stage.js'
import { formContract } from './form-contract.js'

const stage = appStage('recaptcha', startRecaptcha, {
  app: { file: 'ng-recaptcha.ts' },
})
const { at, start, dues, press, signIn, answer, callbacks } = stage

describe('ng-recaptcha', () => {
  formContract(stage, 'app')

  test('a checkbox as the control of a reactive form', async () => {
    await start('app')
    await dues(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ variant: 'v2-checkbox', sitekey: at.sitekey }])
    expect(await callbacks()).toEqual([['resolved', 0, solved[0]?.solution.token]])
    expect(await signIn()).toBe('accepted')
  })

  test('an invisible widget that the button executes', async () => {
    await start('app', { app: 'invisible' })
    await at.page.waitForSelector('.grecaptcha-badge', { state: 'attached' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    await press('Sign in')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
  })

  test.each([
    ['leave', 0.1],
    ['solve', 0.9],
  ] as const)('the v3 service, with recaptchaV3: %s', async (recaptchaV3, score) => {
    await start('app', { app: 'score' }, { recaptchaV3 })
    await press('Sign in')
    if (recaptchaV3 === 'solve') {
      await eventually(async () => (await at.find()).some(({ executed }) => executed))
      await at.captcha.solve(at.page)
    }
    expect(await answer()).toBe('accepted')
    expect(at.site.verified.at(-1)).toMatchObject({ score, action: 'login' })
  })

  test('removes a token that has expired, and solves again', async () => {
    await start('app', {}, { renewals: 1 })
    await dues(1)
    at.grant.tokenTtlMs = 100
    await at.captcha.solve(at.page)
    await at.page.waitForFunction(() => window.callbacks.some(([, , token]) => token === null))
    expect(await signIn()).toBe('refused')
    at.grant.tokenTtlMs = 120_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })
})

import { describe, expect, test } from 'vitest'
import { startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { appStage } from './apps-stage.js'
import { formContract } from './form-contract.js'

const stage = appStage('recaptcha', startRecaptcha, {
  app: { file: 'react-google-recaptcha.tsx' },
  strict: { file: 'react-google-recaptcha.tsx', development: true },
})
const { at, start, dues, press, signIn, answer, callbacks, waitForCallback } = stage

describe('react-google-recaptcha', () => {
  formContract(stage, 'app', { by: 'ref', strict: 'strict' })

  test.each([
    ['its onChange', {}, 'v2-checkbox'],
    ['its ref', { by: 'ref' }, 'v2-checkbox'],
    ['its ref, from Enterprise', { by: 'ref', enterprise: '' }, 'enterprise-checkbox'],
    ['its onChange, from recaptcha.net', { net: '' }, 'v2-checkbox'],
  ])('a checkbox, with the token from %s', async (_, query: Record<string, string>, variant) => {
    await start('app', query)
    await dues(1)
    const { solved } = await at.captcha.solve(at.page)
    const apiHost = 'net' in query ? 'recaptcha.net' : undefined
    expect(at.grant.challenges).toMatchObject([{ variant, sitekey: at.sitekey, pageUrl: at.page.url() }])
    expect(at.grant.challenges[0]?.apiHost).toBe(apiHost)
    expect(await callbacks()).toEqual([['change', 0, solved[0]?.solution.token]])
    expect(await signIn()).toBe('accepted')
  })

  test('an invisible widget, with a form that awaits executeAsync', async () => {
    await start('app', { by: 'async' })
    await at.page.waitForSelector('.grecaptcha-badge', { state: 'attached' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    await press('Sign in')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
    // Once more: each executeAsync has its own answer.
    await press('Reset')
    await press('Sign in')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
    expect(at.grant.challenges).toHaveLength(2)
  })

  test('removes a token that has expired through onExpired, and solves again', async () => {
    await start('app', { by: 'ref', expired: '' }, { renewals: 1 })
    await dues(1)
    at.grant.tokenTtlMs = 100
    await at.captcha.solve(at.page)
    await waitForCallback('expired')
    expect(await signIn()).toBe('refused')
    at.grant.tokenTtlMs = 120_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })

  test('without onExpired, calls onChange with null when a token expires', async () => {
    await start('app')
    await dues(1)
    at.grant.tokenTtlMs = 100
    await at.captcha.solve(at.page)
    await at.page.waitForFunction('callbacks.length === 2')
    expect((await callbacks())[1]).toEqual(['change', 0, null])
  })
})

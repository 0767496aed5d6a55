import { describe, expect, test } from 'vitest'
import { startFriendly } from '../../../src/testing/vendors/friendly/index.js'
import { appStage } from './apps-stage.js'
import { formContract } from './form-contract.js'

const stage = appStage('friendly', startFriendly, {
  v1: { file: 'friendly-challenge.tsx' },
  v2: { file: 'friendly-sdk.tsx' },
  'v1-strict': { file: 'friendly-challenge.tsx', development: true },
  'v2-strict': { file: 'friendly-sdk.tsx', development: true },
})
const { at, start, dues, signIn, callbacks, waitForCallback } = stage

describe.each([
  ['friendly-challenge', 'v1', ['callback', 'field']],
  ['@friendlycaptcha/sdk', 'v2', ['event', 'handle', 'field']],
] as const)('%s', (_, app, ways) => {
  formContract(stage, app, { strict: `${app}-strict` })

  test.each(ways)('idle, with the token from its %s', async (by) => {
    await start(app, { by })
    await dues(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ family: 'friendly', variant: app, sitekey: at.sitekey }])
    const calls = await callbacks()
    expect(calls).toEqual([[app === 'v1' ? 'done' : 'complete', 0, solved[0]?.solution.token]])
    // The form is used afterwards: that does not start the vendor's own work, and the answer stays.
    await at.page.fill('input[name=user]', 'tester@example.com')
    expect(await signIn()).toBe('accepted')
    expect(await callbacks()).toEqual(calls)
  })
})

describe('@friendlycaptcha/sdk', () => {
  test('started by the form, it passes by itself within the grace and costs nothing', async () => {
    at.vendor.setBehavior(at.sitekey, { passes: true })
    await start('v2', { start: 'focus', by: 'handle' }, { grace: '20s' })
    await dues(1)
    await at.page.fill('input[name=user]', 'tester@example.com')
    await waitForCallback('complete')
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }], cost: 0 })
    expect(await signIn()).toBe('accepted')
    expect(at.grant.challenges).toEqual([])
  })

  test('solves a widget that waits for a click', async () => {
    await start('v2', { start: 'auto' })
    await at.page.waitForFunction(() => document.querySelector('iframe.frc-i-widget'))
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })

  test('removes a token that has expired, and solves again', async () => {
    await start('v2', { by: 'handle' }, { renewals: 1 })
    await dues(1)
    at.grant.tokenTtlMs = 100
    await at.captcha.solve(at.page)
    await waitForCallback('expire')
    at.grant.tokenTtlMs = 300_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })
})

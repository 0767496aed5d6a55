import { describe, expect, test } from 'vitest'
import { startFriendly } from '../../../src/testing/friendly.js'
import { appStage } from './apps-stage.js'

const { at, start, dues, press, signIn, told, toldOf } = appStage('friendly', startFriendly, {
  v1: { file: 'friendly-challenge.tsx' },
  v2: { file: 'friendly-sdk.tsx' },
  'v1-strict': { file: 'friendly-challenge.tsx', development: true },
  'v2-strict': { file: 'friendly-sdk.tsx', development: true },
})

describe.each([
  ['friendly-challenge', 'v1', ['callback', 'field']],
  ['@friendlycaptcha/sdk', 'v2', ['event', 'handle', 'field']],
] as const)('%s', (_, app, ways) => {
  test.each(ways)('at rest, with the token from its %s', async (by) => {
    await start(app, { by })
    await dues(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(at.grant.asked).toMatchObject([{ family: 'friendly', variant: app, sitekey: at.sitekey }])
    const calls = await told()
    expect(calls).toEqual([[app === 'v1' ? 'done' : 'complete', 0, solved[0]?.solution.token]])
    // Somebody uses the form afterwards: that does not set the vendor's own work off over the answer.
    await at.page.fill('input[name=user]', 'tester@example.com')
    expect(await signIn()).toBe('accepted')
    expect(await told()).toEqual(calls)
  })

  test('drawn late, taken out and drawn again', async () => {
    await start(app, { late: '' })
    expect(await at.find()).toEqual([])
    for (let time = 0; time < 2; time++) {
      await press('Form')
      await dues(1)
      await at.captcha.solve(at.page)
      expect(await signIn()).toBe('accepted')
      await press('Form')
      expect(await at.find()).toEqual([])
    }
  })

  test('two on one page have a token each', async () => {
    await start(app, { many: '2' })
    await dues(2)
    const { solved } = await at.captcha.solve(at.page)
    expect(new Set(solved.map(({ solution }) => solution.token)).size).toBe(2)
    expect(await signIn(0)).toBe('accepted')
    expect(await signIn(1)).toBe('accepted')
  })

  test('reset, it is due again', async () => {
    await start(app)
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
    expect(await signIn()).toBe('refused')
    await press('Reset')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })

  test('in Strict Mode, which does everything twice', async () => {
    await start(`${app}-strict`, { strict: '' })
    await dues(1)
    await at.captcha.solve(at.page)
    expect(at.grant.asked).toHaveLength(1)
    expect(await signIn()).toBe('accepted')
  })
})

describe('@friendlycaptcha/sdk', () => {
  test('set off by the form, it passes by itself within the grace, for nothing', async () => {
    at.vendor.behave(at.sitekey, { passes: true })
    await start('v2', { start: 'focus', by: 'handle' }, { grace: '20s' })
    await dues(1)
    await at.page.fill('input[name=user]', 'tester@example.com')
    await toldOf('complete')
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }], cost: 0 })
    expect(await signIn()).toBe('accepted')
    expect(at.grant.asked).toEqual([])
  })

  test('one that waits for a click is solved', async () => {
    await start('v2', { start: 'auto' })
    await at.page.waitForFunction(() => document.querySelector('iframe.frc-i-widget'))
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })

  test('a token that is too old is taken back, and another one is solved for', async () => {
    await start('v2', { by: 'handle' }, { renewals: 1 })
    await dues(1)
    at.grant.livesMs = 100
    await at.captcha.solve(at.page)
    await toldOf('expire')
    at.grant.livesMs = 300_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })
})

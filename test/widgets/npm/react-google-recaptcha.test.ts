import { describe, expect, test } from 'vitest'
import { startRecaptcha } from '../../../src/testing/recaptcha.js'
import { appStage } from './apps-stage.js'

const { at, start, dues, press, signIn, answer, told, toldOf } = appStage('recaptcha', startRecaptcha, {
  app: { file: 'react-google-recaptcha.tsx' },
  strict: { file: 'react-google-recaptcha.tsx', development: true },
})

describe('react-google-recaptcha', () => {
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
    expect(at.grant.asked).toMatchObject([{ variant, sitekey: at.sitekey, pageUrl: at.page.url() }])
    expect(at.grant.asked[0]?.apiHost).toBe(apiHost)
    expect(await told()).toEqual([['change', 0, solved[0]?.solution.token]])
    expect(await signIn()).toBe('accepted')
  })

  test('an invisible one, whose executeAsync the form waits for', async () => {
    await start('app', { by: 'async' })
    await at.page.waitForSelector('.grecaptcha-badge', { state: 'attached' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-set-off' }] })
    await press('Sign in')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
    // And once more: each executeAsync has an answer of its own.
    await press('Reset')
    await press('Sign in')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
    expect(at.grant.asked).toHaveLength(2)
  })

  test('drawn late, taken out and drawn again', async () => {
    await start('app', { late: '', by: 'ref' })
    expect(await at.find()).toEqual([])
    await press('Form')
    await dues(1)
    const [first] = await at.find()
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
    await press('Form')
    expect(await at.find()).toEqual([])
    await press('Form')
    await dues(1)
    expect((await at.find())[0]?.id).not.toBe(first?.id)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })

  test('two on one page have a token each', async () => {
    await start('app', { many: '2', by: 'ref' })
    await dues(2)
    const { solved } = await at.captcha.solve(at.page)
    expect(new Set(solved.map(({ solution }) => solution.token)).size).toBe(2)
    expect(new Set((await told()).map(([, n]) => n))).toEqual(new Set([0, 1]))
    expect(await signIn(0)).toBe('accepted')
    expect(await signIn(1)).toBe('accepted')
  })

  test('a token that is too old is taken back, by onExpired, and another one is solved for', async () => {
    await start('app', { by: 'ref', expired: '' }, { renewals: 1 })
    await dues(1)
    at.grant.livesMs = 100
    await at.captcha.solve(at.page)
    await toldOf('expired')
    expect(await signIn()).toBe('refused')
    at.grant.livesMs = 120_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })

  test('without onExpired, onChange is told that there is none any more', async () => {
    await start('app')
    await dues(1)
    at.grant.livesMs = 100
    await at.captcha.solve(at.page)
    await at.page.waitForFunction('told.length === 2')
    expect((await told())[1]).toEqual(['change', 0, null])
  })

  test('reset by its ref, it is due again', async () => {
    await start('app', { by: 'ref' })
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
    expect(await signIn()).toBe('refused')
    await press('Reset')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })

  test('in Strict Mode, which draws it twice', async () => {
    await start('strict', { strict: '' })
    await dues(1)
    await at.captcha.solve(at.page)
    expect(at.grant.asked).toHaveLength(1)
    expect(await signIn()).toBe('accepted')
  })
})

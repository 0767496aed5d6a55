import { describe, expect, test } from 'vitest'
import { startHcaptcha } from '../../../src/testing/hcaptcha.js'
import { appStage } from './apps-stage.js'

const { at, start, dues, press, signIn, answer, told, toldOf } = appStage('hcaptcha', startHcaptcha, {
  react: { file: 'react-hcaptcha.tsx' },
  strict: { file: 'react-hcaptcha.tsx', development: true },
  vue: { file: 'vue3-hcaptcha.ts' },
})

describe('@hcaptcha/react-hcaptcha', () => {
  test.each(['verify', 'ref'])('a checkbox, with the token from %s', async (by) => {
    await start('react', { by })
    await dues(1)
    await at.captcha.solve(at.page)
    expect(at.grant.asked).toMatchObject([{ family: 'hcaptcha', variant: 'checkbox', sitekey: at.sitekey }])
    const [[name, , token] = []] = await told()
    expect(name).toBe('verify')
    expect(await signIn()).toBe('accepted')
    expect(at.vendor.issued.find((issued) => issued.token === token)?.used).toBe(true)
  })
})

describe.each(['react', 'vue'])('%s', (app) => {
  test('an invisible one, whose asynchronous execute the form waits for', async () => {
    await start(app, { by: 'async' })
    await at.page.waitForSelector('iframe[data-hcaptcha-widget-id]', { state: 'attached' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-set-off' }] })
    for (let time = 0; time < 2; time++) {
      await press('Sign in')
      await dues(1)
      await at.captcha.solve(at.page)
      expect(await answer()).toBe('accepted')
      await press('Reset')
    }
    const rqdata = app === 'react' ? 'one-time-rqdata' : undefined
    expect(at.grant.asked.map((one) => [one.variant, one.rqdata])).toEqual([
      ['invisible', rqdata],
      ['invisible', rqdata],
    ])
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

  test('a token that is too old is taken back, and another one is solved for', async () => {
    await start(app, { by: app === 'react' ? 'ref' : 'verify' }, { renewals: 1 })
    await dues(1)
    at.grant.livesMs = 100
    await at.captcha.solve(at.page)
    await toldOf(app === 'react' ? 'expire' : 'expired')
    at.grant.livesMs = 120_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
    expect((await told()).filter(([name]) => name === 'error')).toEqual([])
  })

  test('reset by its ref, it is due again', async () => {
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
})

test('@hcaptcha/react-hcaptcha in Strict Mode, which draws it twice', async () => {
  await start('strict', { strict: '' })
  await dues(1)
  await at.captcha.solve(at.page)
  expect(at.grant.asked).toHaveLength(1)
  expect(await signIn()).toBe('accepted')
})

test('@hcaptcha/vue3-hcaptcha: the rqdata that it sets is told to the solver', async () => {
  await start('vue', { rqdata: 'set-rqdata' })
  await dues(1)
  await at.captcha.solve(at.page)
  expect(at.grant.asked).toMatchObject([{ rqdata: 'set-rqdata' }])
  const [[name, , token, key] = []] = await told()
  expect([name, typeof token, typeof key]).toEqual(['verify', 'string', 'string'])
  expect(await signIn()).toBe('accepted')
})

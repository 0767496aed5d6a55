import { describe, expect, test } from 'vitest'
import { startHcaptcha } from '../../../src/testing/vendors/hcaptcha/index.js'
import { appStage } from './apps-stage.js'
import { formContract } from './form-contract.js'

const stage = appStage('hcaptcha', startHcaptcha, {
  react: { file: 'react-hcaptcha.tsx' },
  strict: { file: 'react-hcaptcha.tsx', development: true },
  vue: { file: 'vue3-hcaptcha.ts' },
})
const { at, start, dues, press, signIn, answer, callbacks, waitForCallback } = stage

describe('@hcaptcha/react-hcaptcha', () => {
  test.each(['verify', 'ref'])('a checkbox, with the token from %s', async (by) => {
    await start('react', { by })
    await dues(1)
    await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([{ family: 'hcaptcha', variant: 'checkbox', sitekey: at.sitekey }])
    const [[name, , token] = []] = await callbacks()
    expect(name).toBe('verify')
    expect(await signIn()).toBe('accepted')
    expect(at.vendor.issued.find((issued) => issued.token === token)?.used).toBe(true)
  })
})

describe.each(['react', 'vue'])('%s', (app) => {
  formContract(stage, app, { strict: app === 'react' ? 'strict' : undefined })

  test('an invisible widget, with a form that awaits its asynchronous execute', async () => {
    await start(app, { by: 'async' })
    await at.page.waitForSelector('iframe[data-hcaptcha-widget-id]', { state: 'attached' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    for (let time = 0; time < 2; time++) {
      await press('Sign in')
      await dues(1)
      await at.captcha.solve(at.page)
      expect(await answer()).toBe('accepted')
      await press('Reset')
    }
    const rqdata = app === 'react' ? 'one-time-rqdata' : undefined
    expect(at.grant.challenges.map((one) => [one.variant, one.rqdata])).toEqual([
      ['invisible', rqdata],
      ['invisible', rqdata],
    ])
  })

  test('removes a token that has expired, and solves again', async () => {
    await start(app, { by: app === 'react' ? 'ref' : 'verify' }, { renewals: 1 })
    await dues(1)
    at.grant.tokenTtlMs = 100
    await at.captcha.solve(at.page)
    await waitForCallback(app === 'react' ? 'expire' : 'expired')
    at.grant.tokenTtlMs = 120_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
    expect((await callbacks()).filter(([name]) => name === 'error')).toEqual([])
  })
})

test('@hcaptcha/vue3-hcaptcha: sends the rqdata that it sets to the solver', async () => {
  await start('vue', { rqdata: 'set-rqdata' })
  await dues(1)
  await at.captcha.solve(at.page)
  expect(at.grant.challenges).toMatchObject([{ rqdata: 'set-rqdata' }])
  const [[name, , token, key] = []] = await callbacks()
  expect([name, typeof token, typeof key]).toEqual(['verify', 'string', 'string'])
  expect(await signIn()).toBe('accepted')
})

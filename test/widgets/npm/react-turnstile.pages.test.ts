import { describe, expect, test } from 'vitest'
import { startTurnstile } from '../../../src/testing/vendors/turnstile/index.js'
import { eventually } from '../../adapters/tool.js'
import { appStage } from './apps-stage.js'
import { formContract } from './form-contract.js'

const stage = appStage('turnstile', startTurnstile, {
  app: { file: 'react-turnstile.tsx' },
  strict: { file: 'react-turnstile.tsx', development: true },
})
const { at, start, dues, press, signIn, answer, callbacks, waitForCallback } = stage

describe('@marsidev/react-turnstile', () => {
  formContract(stage, 'app', { by: 'ref', strict: 'strict' })

  test.each(['success', 'ref', 'field'])('with the token from its %s', async (by) => {
    await start('app', { by })
    await dues(1)
    const { solved } = await at.captcha.solve(at.page)
    expect(at.grant.challenges).toMatchObject([
      { family: 'turnstile', sitekey: at.sitekey, action: 'login', cData: 'order-0' },
    ])
    expect(await callbacks()).toEqual([['success', 0, solved[0]?.solution.token]])
    expect(await signIn()).toBe('accepted')
  })

  test('a widget that passes by itself within the grace costs nothing', async () => {
    at.vendor.setBehavior(at.sitekey, { does: 'pass' })
    await start('app', {}, { grace: '10s' })
    await waitForCallback('success')
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }], cost: 0 })
    expect(await signIn()).toBe('accepted')
    expect(at.grant.challenges).toEqual([])
  })

  test('the widget renews its own token at no cost', async () => {
    at.vendor.setBehavior(at.sitekey, { does: 'pass' })
    await at.context.clock.install()
    await start('app', { by: 'ref' })
    await waitForCallback('success')
    await at.context.clock.fastForward(300_000)
    await at.page.waitForFunction(() => window.callbacks.length === 3)
    expect((await callbacks()).map(([name]) => name)).toEqual(['success', 'expire', 'success'])
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'answered' }] })
    expect(await signIn()).toBe('accepted')
  })

  test('execution: execute, executed through its ref', async () => {
    await start('app', { by: 'execute' })
    await eventually(async () => (await at.find()).length === 1)
    expect(await at.captcha.solve(at.page)).toMatchObject({ skipped: [{ reason: 'not-executed' }] })
    await press('Sign in')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
  })

  test('removes a token that has expired, and solves again', async () => {
    await start('app', { by: 'ref' }, { renewals: 1 })
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

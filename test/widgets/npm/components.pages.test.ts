import { describe, expect, test } from 'vitest'
import { startCaptchafox } from '../../../src/testing/vendors/captchafox/index.js'
import { startHcaptcha } from '../../../src/testing/vendors/hcaptcha/index.js'
import { startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { startTurnstile } from '../../../src/testing/vendors/turnstile/index.js'
import { startYandex } from '../../../src/testing/vendors/yandex/index.js'
import { eventually } from '../../adapters/tool.js'
import { type AppStage, appStage } from './apps-stage.js'
import { canOf } from './components.js'
import { formContract } from './form-contract.js'

/** A component that renders a widget. */
function rendersAWidget<V>(stage: AppStage<V>, name: string, app: string, query: Record<string, string> = {}): void {
  const can = canOf(name)
  const { at, start, dues, callbacks, signIn, waitForCallback } = stage

  test('its callback and the server get the token', async () => {
    await start(app, query)
    await dues(1)
    const { solved } = await at.captcha.solve(at.page)
    expect((await callbacks()).filter(([name]) => name === 'verified')).toEqual([
      ['verified', 0, solved[0]?.solution.token],
    ])
    expect(await signIn()).toBe('accepted')
    expect(at.grant.challenges).toHaveLength(1)
  })

  formContract(stage, app, { query, can })

  if (!can.expires) return
  test('is notified that its token has expired, and is solved again', async () => {
    await start(app, query, { renewals: 1 })
    await dues(1)
    at.grant.tokenTtlMs = 100
    await at.captcha.solve(at.page)
    await waitForCallback('expired')
    at.grant.tokenTtlMs = 120_000
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await signIn()).toBe('accepted')
  })
}

/** A component, or a service, that executes a v3 key. */
function asksForAScore<V>(stage: AppStage<V>, app: string, query: Record<string, string> = {}): void {
  const { at, start, press, answer } = stage

  test.each([
    ['leave', 0.1],
    ['solve', 0.9],
  ] as const)('with recaptchaV3: %s', async (recaptchaV3, score) => {
    await start(app, query, { recaptchaV3 })
    await press('Sign in')
    if (recaptchaV3 === 'solve') {
      await eventually(async () => (await at.find()).some(({ executed }) => executed))
      await at.captcha.solve(at.page)
      expect(at.grant.challenges).toMatchObject([{ variant: 'v3', sitekey: at.sitekey, action: 'login' }])
    }
    expect(await answer()).toBe('accepted')
    expect(at.site.verified.at(-1)).toMatchObject({ score, action: 'login' })
    if (recaptchaV3 === 'leave') expect(at.grant.challenges).toEqual([])
  })
}

describe('reCAPTCHA', () => {
  const stage = appStage('recaptcha', startRecaptcha, {
    checkbox: { file: 'react-checkbox.tsx' },
    score: { file: 'react-score.tsx' },
    load: { file: 'recaptcha-v3.ts' },
    vue: { file: 'vue-widgets.ts' },
    'vue-score': { file: 'vue-recaptcha-v3.ts' },
    ngx: { file: 'ngx-captcha.ts' },
    ng2: { file: 'ng-recaptcha.ts', alias: { 'ng-recaptcha': 'ng-recaptcha-2' } },
  })

  describe.each(['reaptcha', 'react-recaptcha', '@google-recaptcha/react'])('%s', (component) => {
    rendersAWidget(stage, component, 'checkbox', { component })
  })
  describe.each(['vue-recaptcha', 'vue3-recaptcha2'])('%s', (component) => {
    rendersAWidget(stage, component, 'vue', { component })
  })
  describe('ngx-captcha', () => {
    rendersAWidget(stage, 'ngx-captcha', 'ngx')
    asksForAScore(stage, 'ngx', { app: 'score' })
  })
  describe('ng-recaptcha-2', () => {
    formContract(stage, 'ng2')
    asksForAScore(stage, 'ng2', { app: 'score' })
  })
  describe.each(['@wojtekmaj/react-recaptcha-v3', 'next-recaptcha-v3', '@google-recaptcha/react'])(
    '%s',
    (component) => {
      asksForAScore(stage, 'score', { component })
    },
  )
  describe('recaptcha-v3', () => asksForAScore(stage, 'load'))
  describe('recaptcha-v3 with an inline badge', () => asksForAScore(stage, 'load', { inline: '' }))
  describe('vue-recaptcha-v3', () => asksForAScore(stage, 'vue-score'))
})

describe('Turnstile', () => {
  const stage = appStage('turnstile', startTurnstile, {
    react: { file: 'turnstile.tsx' },
    vue: { file: 'vue-widgets.ts' },
    ngx: { file: 'ngx-turnstile.ts' },
    svelte: { file: 'svelte-turnstile.ts' },
  })

  describe('react-turnstile', () => rendersAWidget(stage, 'react-turnstile', 'react'))
  describe('vue-turnstile', () => rendersAWidget(stage, 'vue-turnstile', 'vue', { component: 'vue-turnstile' }))
  describe('@nuxtjs/turnstile', () =>
    rendersAWidget(stage, '@nuxtjs/turnstile', 'vue', { component: '@nuxtjs/turnstile' }))
  describe('ngx-turnstile', () => rendersAWidget(stage, 'ngx-turnstile', 'ngx'))
  describe('svelte-turnstile', () => rendersAWidget(stage, 'svelte-turnstile', 'svelte'))
})

describe('hCaptcha', () => {
  const stage = appStage('hcaptcha', startHcaptcha, { loader: { file: 'hcaptcha-loader.ts' } })
  describe('@hcaptcha/loader', () => rendersAWidget(stage, '@hcaptcha/loader', 'loader'))
})

describe('CaptchaFox', () => {
  const stage = appStage('captchafox', startCaptchafox, { react: { file: 'captchafox.tsx' } })
  describe('@captchafox/react', () => {
    rendersAWidget(stage, '@captchafox/react', 'react')
    isExecuted(stage, { hidden: '' })
  })
})

describe('Yandex SmartCaptcha', () => {
  const stage = appStage('yandex', startYandex, { react: { file: 'yandex.tsx' } })
  describe('@yandex/smart-captcha', () => {
    rendersAWidget(stage, '@yandex/smart-captcha', 'react')
    isExecuted(stage, { invisible: '' })
  })
})

/** Without a box, and executed when the form is sent. */
function isExecuted<V>({ at, start, dues, press, answer }: AppStage<V>, query: Record<string, string>): void {
  test('without a box, executed when the form is sent', async () => {
    await start('react', query)
    await eventually(async () => (await at.find()).length === 1)
    await press('Sign in')
    await dues(1)
    await at.captcha.solve(at.page)
    expect(await answer()).toBe('accepted')
  })
}

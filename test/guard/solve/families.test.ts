import { describe, expect, it } from 'vitest'
import type { Challenge } from '../../../src/base/challenge.js'
import { capMonster } from '../../../src/solvers/cap-monster.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import type { Solver } from '../../../src/solvers/solver.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { AWS_WAF, CAPTCHAFOX, FRIENDLY, MTCAPTCHA } from '../../solvers/contract.js'
import { challenge, rig } from '../support.js'

const turnstile: Challenge = {
  family: 'turnstile',
  variant: 'turnstile',
  sitekey: '0x4AAAAAAAC3DHQFLr1GavRN',
  pageUrl: challenge.pageUrl,
}

describe('a Turnstile challenge', () => {
  it('is submitted with all its parameters, and its token is valid for five minutes', async () => {
    const { guard, service } = await rig()
    const before = Date.now()
    const { expiresAt } = await guard.solve({ ...turnstile, action: 'pay', cData: 'order-17', pageData: 'p' })
    expect(service.tasks).toMatchObject([
      { fields: { method: 'turnstile', sitekey: turnstile.sitekey, action: 'pay', data: 'order-17', pagedata: 'p' } },
    ])
    expect(expiresAt.getTime()).toBeGreaterThan(before + 290_000)
  })

  it.each([
    ['variant', { variant: 'v3' }],
    ['cData', { cData: 'x'.repeat(256) }],
    ['cData', { cData: 'a\nb' }],
    ['pageData', { pageData: 'x'.repeat(4_097) }],
    ['pageData', { pageData: 5 }],
  ])('with an invalid %s is refused', async (field, invalid) => {
    const { guard, service } = await rig()
    await expect(guard.solve({ ...turnstile, ...invalid } as Challenge)).rejects.toMatchObject({
      code: 'CHALLENGE_INVALID',
      message: expect.stringContaining(`challenge.${field}`),
    })
    expect(service.requests).toHaveLength(0)
  })

  it('with the vendor’s blocking test key is refused, unless policy.testKeys is solve', async () => {
    const blocking = { ...turnstile, sitekey: '2x00000000000000000000AB' }
    const strict = await rig()
    await expect(strict.guard.solve(blocking)).rejects.toMatchObject({ code: 'TEST_KEY_BLOCKS' })
    expect(strict.service.requests).toHaveLength(0)
    const { guard, service } = await rig({ policy: { testKeys: 'solve' } })
    await guard.solve(blocking)
    expect(service.tasks).toHaveLength(1)
  })
})

describe('an hCaptcha challenge', () => {
  const hcaptcha: Challenge = { ...turnstile, family: 'hcaptcha', variant: 'checkbox', sitekey: '5a1c0000-cafe' }

  it('is refused, before anything is sent, for a solver that does not support the family', async () => {
    const { guard, service } = await rig()
    await expect(guard.solve(hcaptcha)).rejects.toMatchObject({
      code: 'FAMILY_UNSUPPORTED',
      message: expect.stringMatching(/^The solver captchaai cannot do the family hcaptcha\. .*olver/),
    })
    expect(service.requests).toHaveLength(0)
  })

  it('with invalid rqdata is refused', async () => {
    const { guard } = await rig()
    for (const rqdata of ['x'.repeat(4_097), 'a\nb', 5]) {
      await expect(guard.solve({ ...hcaptcha, rqdata } as Challenge)).rejects.toMatchObject({
        code: 'CHALLENGE_INVALID',
        message: expect.stringContaining('challenge.rqdata'),
      })
    }
  })

  it('with a published test key is answered at no cost', async () => {
    const { guard, service } = await rig()
    const { token, cost } = await guard.solve({ ...hcaptcha, sitekey: '10000000-ffff-ffff-ffff-000000000001' })
    expect([token, cost]).toEqual(['10000000-aaaa-bbbb-cccc-000000000001', 0])
    expect(service.requests).toHaveLength(0)
  })
})

describe('a Friendly Captcha challenge', () => {
  const friendly: Challenge = { ...turnstile, family: 'friendly', variant: 'v2', sitekey: 'FCMSTANDIN000001' }

  it('with an invalid script address is refused', async () => {
    const { guard } = await rig()
    for (const scriptUrl of ['javascript:alert(1)', `https://a.example/${'x'.repeat(2_048)}`, 'https://\n', 5]) {
      await expect(guard.solve({ ...friendly, scriptUrl } as Challenge)).rejects.toMatchObject({
        code: 'CHALLENGE_INVALID',
        message: expect.stringContaining('challenge.scriptUrl'),
      })
    }
  })

  it('is solved by CaptchaAI, with its version', async () => {
    const { guard, service } = await rig()
    const { token } = await guard.solve(friendly)
    expect(service.tasks).toMatchObject([{ family: 'friendly', answer: token }])
    expect(service.requests[0]?.fields).toMatchObject({ method: 'friendly_captcha', version: 'v2' })
  })
})

describe('a CaptchaFox challenge', () => {
  it('is refused before anything is sent where the page has no proxy, and the message says what to set', async () => {
    const { guard, service } = await rig()
    await expect(guard.solve(CAPTCHAFOX)).rejects.toMatchObject({
      code: 'FAMILY_UNSUPPORTED',
      message: expect.stringContaining('cannot solve captchafox without a proxy: set policy.pageProxy'),
    })
    expect(service.requests).toHaveLength(0)
  })
})

describe('a GeeTest challenge', () => {
  const v3: Challenge = {
    ...turnstile,
    family: 'geetest',
    variant: 'v3',
    sitekey: '5a1c0000',
    challenge: 'd93591bdf786',
  }
  const v4: Challenge = { ...turnstile, family: 'geetest', variant: 'v4', sitekey: 'e392e1d7' }

  it('is solved with all the fields that the site’s server verifies', async () => {
    const { guard, service } = await rig()
    const third = await guard.solve({ ...v3, apiHost: 'api-na.geetest.com' })
    expect(service.tasks).toMatchObject([
      { fields: { gt: v3.sitekey, challenge: v3.challenge, api_server: 'api-na.geetest.com' } },
    ])
    expect(Object.keys(third.fields ?? {})).toEqual(['geetest_challenge', 'geetest_validate', 'geetest_seccode'])
    expect(third.token).toBe(third.fields?.geetest_validate)
    const fourth = await guard.solve({ ...v4, challenge: 'unused by v4' })
    expect(fourth.fields).toMatchObject({ captcha_id: v4.sitekey, pass_token: fourth.token })
    expect(JSON.stringify(fourth)).not.toContain(fourth.token)
  })

  it.each(['a b', '', 'x'.repeat(257), 5, undefined])('with the invalid challenge %j is refused', async (invalid) => {
    const { guard, service } = await rig()
    await expect(guard.solve({ ...v3, challenge: invalid } as Challenge)).rejects.toMatchObject({
      code: 'CHALLENGE_INVALID',
      message: expect.stringContaining('challenge.challenge'),
    })
    expect(service.requests).toHaveLength(0)
  })

  it('fails if its answer lacks a field, whichever solver read it, and its cost is counted', async () => {
    const service = await startSolverService({ as: 'captchaai' })
    await using _ = service
    const solver = captchaAI({ baseUrl: service.url, polling: { firstPollMs: 0, everyMs: 1 } })
    const answer = { token: 'x', fields: { lot_number: 'x' } }
    const careless: Solver = { ...solver, readPoll: () => ({ kind: 'ready', answer }) }
    const other = await rig({ service, guardOptions: { solver: careless } })
    await expect(other.guard.solve(v4)).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
    expect((await other.guard.status()).day.spent).toBe(1_000)
  })
})

describe('an Amazon WAF challenge', () => {
  const sitekey = `${'An+API/key='.repeat(80)}_0_1`
  const waf: Challenge = { ...turnstile, family: 'aws-waf', variant: 'widget', sitekey }

  it('has a sitekey format of its own, which other families refuse', async () => {
    const { guard } = await rig({ guardOptions: { solver: { ...captchaAI(), unsupported: () => 'any' } } })
    await expect(guard.solve(waf)).rejects.toMatchObject({ code: 'FAMILY_UNSUPPORTED' })
    for (const invalid of [
      { ...waf, sitekey: 'a b' },
      { ...waf, sitekey: 'x'.repeat(2_049) },
      { ...turnstile, sitekey },
    ]) {
      await expect(guard.solve(invalid)).rejects.toMatchObject({
        code: 'CHALLENGE_INVALID',
        message: expect.stringContaining('challenge.sitekey'),
      })
    }
  })
})

describe('Friendly Captcha, MTCaptcha and Amazon WAF challenges', () => {
  it.each<Challenge>([FRIENDLY, MTCAPTCHA, AWS_WAF])(
    'are solved by a service that supports them: $family',
    async (challenge) => {
      const service = await startSolverService({ as: 'capmonster', onAnswer: () => undefined })
      await using _ = service
      const solver = capMonster({ baseUrl: service.url, polling: { firstPollMs: 0, everyMs: 1 } })
      const { guard } = await rig({ service, guardOptions: { solver } })
      const { token, cost } = await guard.solve({
        scriptUrl: 'https://vendor.example/a.js',
        ...challenge,
        pageUrl: turnstile.pageUrl,
      })
      expect(token).toMatch(/^[\x21-\x7e]{20,}$/)
      expect(cost).toBe(2_000)
      expect(service.tasks).toMatchObject([{ family: challenge.family }])
    },
  )
})

describe('an Arkose challenge', () => {
  const arkose: Challenge = { ...turnstile, family: 'arkose', variant: 'arkose', sitekey: '5A1C0000-A1' }

  it('is refused for a solver that does not support the family; the message names solvers that do', async () => {
    const { guard, service } = await rig()
    await expect(guard.solve(arkose)).rejects.toMatchObject({
      code: 'FAMILY_UNSUPPORTED',
      message: expect.stringMatching(/cannot do the family arkose\. Solvers that can: twocaptcha, anticaptcha/),
    })
    expect(service.requests).toHaveLength(0)
  })

  it.each(['x'.repeat(4_097), 'a\nb', 5])('with the invalid blob %j is refused', async (blob) => {
    const { guard } = await rig()
    await expect(guard.solve({ ...arkose, blob } as Challenge)).rejects.toMatchObject({
      code: 'CHALLENGE_INVALID',
      message: expect.stringContaining('challenge.blob'),
    })
  })
})

describe('a challenge of a family that the solver does not support', () => {
  it('is refused before anything is sent; the message names solvers that support it', async () => {
    const modest = { ...captchaAI(), name: 'modest', unsupported: () => 'the family turnstile' }
    const { guard, service } = await rig({ guardOptions: { solver: modest } })
    await expect(guard.solve(turnstile)).rejects.toMatchObject({
      code: 'FAMILY_UNSUPPORTED',
      message: expect.stringMatching(
        /^The solver modest cannot do the family turnstile\. Solvers that can: .*captchaai/,
      ),
    })
    expect(service.requests).toHaveLength(0)
  })
})

import { describe, expect, test } from 'vitest'
import type { Challenge, Family } from '../../src/base/challenge.js'
import { antiCaptcha, capMonster, capSolver, twoCaptcha } from '../../src/solvers/index.js'
import { SOLVERS } from '../../src/solvers/table.js'

const at = { websiteURL: 'https://staging.example.com/', websiteKey: 'SITEKEY' }
const from = { pageUrl: at.websiteURL, sitekey: at.websiteKey }

const recaptcha = (variant: string, more: object = {}) =>
  ({ family: 'recaptcha', variant, ...from, ...more }) as Challenge

const CHALLENGES = {
  checkbox: recaptcha('v2-checkbox'),
  invisible: recaptcha('v2-invisible', { dataS: 'S' }),
  v3: recaptcha('v3', { action: 'login', minScore: 0.7 }),
  enterprise: recaptcha('enterprise-checkbox', { action: 'login', dataS: 'S' }),
  score: recaptcha('enterprise-score', { action: 'login', minScore: 0.7 }),
  turnstile: { family: 'turnstile', variant: 'turnstile', ...from, action: 'a', cData: 'c' } as Challenge,
  hcaptcha: { family: 'hcaptcha', variant: 'invisible', ...from, rqdata: 'R' } as Challenge,
}

const SCORE = { minScore: 0.7, pageAction: 'login' }
const S = { enterprisePayload: { s: 'S' } }
const HCAPTCHA = {
  type: 'HCaptchaTaskProxyless',
  isInvisible: true,
  isEnterprise: true,
  enterprisePayload: { rqdata: 'R' },
}

/** What each service's reference calls each thing; null: it does not do it. */
const TASKS: Record<string, Record<keyof typeof CHALLENGES, object | null>> = {
  twocaptcha: {
    checkbox: { type: 'RecaptchaV2TaskProxyless' },
    invisible: { type: 'RecaptchaV2TaskProxyless', isInvisible: true, recaptchaDataSValue: 'S' },
    v3: { type: 'RecaptchaV3TaskProxyless', ...SCORE },
    enterprise: { type: 'RecaptchaV2EnterpriseTaskProxyless', ...S },
    score: { type: 'RecaptchaV3TaskProxyless', ...SCORE, isEnterprise: true },
    turnstile: { type: 'TurnstileTaskProxyless', action: 'a', data: 'c' },
    hcaptcha: HCAPTCHA,
  },
  anticaptcha: {
    checkbox: { type: 'RecaptchaV2TaskProxyless' },
    invisible: { type: 'RecaptchaV2TaskProxyless', isInvisible: true, recaptchaDataSValue: 'S' },
    v3: { type: 'RecaptchaV3TaskProxyless', ...SCORE },
    enterprise: { type: 'RecaptchaV2EnterpriseTaskProxyless', ...S },
    score: { type: 'RecaptchaV3TaskProxyless', ...SCORE, isEnterprise: true },
    turnstile: { type: 'TurnstileTaskProxyless', action: 'a', cData: 'c' },
    hcaptcha: HCAPTCHA,
  },
  capmonster: {
    checkbox: { type: 'RecaptchaV2Task' },
    invisible: { type: 'RecaptchaV2Task', isInvisible: true, recaptchaDataSValue: 'S' },
    v3: { type: 'RecaptchaV3TaskProxyless', ...SCORE },
    enterprise: { type: 'RecaptchaV2EnterpriseTask', ...S, pageAction: 'login' },
    score: { type: 'RecaptchaV3EnterpriseTask', ...SCORE },
    turnstile: { type: 'TurnstileTask', pageAction: 'a', data: 'c' },
    hcaptcha: null,
  },
  capsolver: {
    checkbox: { type: 'ReCaptchaV2TaskProxyLess' },
    invisible: { type: 'ReCaptchaV2TaskProxyLess', isInvisible: true, ...S },
    v3: { type: 'ReCaptchaV3TaskProxyLess', ...SCORE },
    enterprise: { type: 'ReCaptchaV2EnterpriseTaskProxyLess', ...S, pageAction: 'login' },
    score: { type: 'ReCaptchaV3EnterpriseTaskProxyLess', ...SCORE },
    turnstile: { type: 'AntiTurnstileTaskProxyLess', metadata: { action: 'a', cdata: 'c' } },
    hcaptcha: null,
  },
}

const made = (name: string) => {
  const make = SOLVERS[name]
  if (!make) throw new Error(name)
  return make()
}

describe.each(Object.entries(TASKS))('%s submits a challenge', (name, tasks) => {
  test.each(Object.entries(tasks))('of %s in its own fields', (which, task) => {
    const challenge = CHALLENGES[which as keyof typeof CHALLENGES]
    const solver = made(name)
    if (task) expect(solver.submit(challenge).fields).toEqual({ task: { ...at, ...task } })
    else expect(solver.unsupported(challenge)).toBe(`the family ${challenge.family}`)
  })
})

test("the program's id is submitted where its user sets one", () => {
  const withSoftId = [twoCaptcha({ softId: 7 }), twoCaptcha({ api: 'v1', softId: 7 }), antiCaptcha({ softId: 7 })]
  const all = [...withSoftId, capMonster({ softId: 7 }), capSolver({ appId: 'A-1' })]
  const fields = all.map((solver) => solver.submit(CHALLENGES.turnstile).fields)
  expect(fields.map(({ softId, soft_id, appId }) => softId ?? soft_id ?? appId)).toEqual([7, '7', 7, 7, 'A-1'])
  for (const softId of [0, -1, 1.5, '7' as never]) {
    expect(() => antiCaptcha({ softId })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  }
  expect(() => capSolver({ appId: 'a b' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})

describe('whether a site accepted an answer', () => {
  const BAD = { taskId: 7, result: { invalid: true, code: 1001, message: 'invalid token' } }
  const id = { taskId: 7 }
  test.each<[string, Family, [string, object] | null, [string, object] | null]>([
    ['twocaptcha', 'recaptcha', ['/reportCorrect', id], ['/reportIncorrect', id]],
    ['twocaptcha', 'image', ['/reportCorrect', id], ['/reportIncorrect', id]],
    ['anticaptcha', 'recaptcha', ['/reportCorrectRecaptcha', id], ['/reportIncorrectRecaptcha', id]],
    ['anticaptcha', 'hcaptcha', null, ['/reportIncorrectHcaptcha', id]],
    ['anticaptcha', 'image', null, ['/reportIncorrectImageCaptcha', id]],
    ['anticaptcha', 'turnstile', null, null],
    ['capmonster', 'recaptcha', null, ['/reportIncorrectTokenCaptcha', id]],
    ['capmonster', 'bls', null, ['/reportIncorrectImageCaptcha', id]],
    ['capsolver', 'turnstile', ['/feedbackTask', { ...id, result: { invalid: false } }], ['/feedbackTask', BAD]],
  ])('is reported to %s for %s where it takes such reports', (name, family, good, bad) => {
    const reports = [true, false].map((isGood) => {
      const call = made(name).report?.('7', isGood, family)
      return call ? [call.path, call.fields] : null
    })
    expect(reports).toEqual([good, bad])
  })
})

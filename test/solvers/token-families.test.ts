import { describe, expect, test } from 'vitest'
import type { Challenge, Family } from '../../src/base/challenge.js'
import type { Solver } from '../../src/solvers/solver.js'
import { SOLVERS, solversFor } from '../../src/solvers/table.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { AWS_WAF, FRIENDLY, MTCAPTCHA, ok } from './contract.js'
import { fixture } from './recorded.js'

const { pageUrl } = FRIENDLY

const made = (name: string): Solver => {
  const make = name === 'twocaptcha v1' ? () => twoCaptcha({ api: 'v1' }) : SOLVERS[name]
  if (!make) throw new Error(name)
  return make()
}

/** The fields that a service gets for a challenge. */
function fieldsOf(name: string, challenge: Challenge): unknown {
  const { fields } = made(name).submit(challenge)
  return 'task' in fields ? fields.task : fields
}

/** What a service of the task family makes of a solution. */
const read = (name: string, family: Family, solution: object) =>
  made(name).readPoll(ok(JSON.stringify({ errorId: 0, status: 'ready', solution })), family)

describe('Friendly Captcha', () => {
  const { sitekey } = FRIENDLY
  const scriptUrl = 'https://cdn.example/friendly-challenge@0.9.19/widget.module.min.js'
  const task = { type: 'FriendlyCaptchaTaskProxyless', websiteURL: pageUrl, websiteKey: sitekey }
  test.each([
    ['twocaptcha', { ...task, version: 'v1', moduleScript: scriptUrl }],
    [
      'twocaptcha v1',
      { method: 'friendly_captcha', sitekey, pageurl: pageUrl, version: 'v1', module_script: scriptUrl, json: '1' },
    ],
    ['captchaai', { method: 'friendly_captcha', sitekey, pageurl: pageUrl, version: 'v1', json: '1' }],
    ['anticaptcha', task],
    ['capmonster', { ...task, type: 'CustomTask', class: 'friendly', metadata: { apiGetLib: scriptUrl } }],
  ])('in the fields of %s', (name, wire) => {
    expect(fieldsOf(name, { ...FRIENDLY, scriptUrl })).toEqual(wire)
  })

  test('version 2 is for the services that get the version or the script', () => {
    const second: Challenge = { ...FRIENDLY, variant: 'v2', scriptUrl }
    expect(solversFor(second)).toEqual(expect.arrayContaining(['captchaai', 'twocaptcha', 'capmonster']))
    for (const name of ['captchaai', 'twocaptcha']) expect(fieldsOf(name, second)).toMatchObject({ version: 'v2' })
    expect(made('capmonster').unsupported({ ...second, scriptUrl: undefined })).toBeDefined()
    expect(made('anticaptcha').unsupported(second)).toBe('the variant v2 of friendly')
    expect(made('capsolver').unsupported(FRIENDLY)).toBe('the family friendly')
  })

  test('has its token in the plain answer of CaptchaAI', () => {
    const reply = fixture('ready-friendly.json')
    const token: string = JSON.parse(reply).request
    expect(made('captchaai').readPoll(ok(reply), 'friendly')).toEqual({ kind: 'ready', answer: { token } })
  })

  test('has its answer one level deeper at CapMonster Cloud', () => {
    const answer = { kind: 'ready', answer: { token: '56a3.ac7W.AgAB' } }
    expect(read('capmonster', 'friendly', { data: { token: '56a3.ac7W.AgAB' } })).toEqual(answer)
    for (const odd of [{}, { data: null }, { data: 'x' }, { data: { token: 7 } }, { token: 'x' }]) {
      expect(read('capmonster', 'friendly', odd)).toMatchObject({ kind: 'failure', class: 'invalid' })
    }
  })
})

describe('MTCaptcha', () => {
  const { sitekey } = MTCAPTCHA
  const task = { websiteURL: pageUrl, websiteKey: sitekey }
  test.each([
    ['twocaptcha', { ...task, type: 'MtCaptchaTaskProxyless' }, {}],
    ['twocaptcha v1', { method: 'mt_captcha', sitekey, pageurl: pageUrl, json: '1' }, {}],
    ['capmonster', { ...task, type: 'MTCaptchaTask' }, { pageAction: 'login' }],
    ['capsolver', { ...task, type: 'MtCaptchaTaskProxyLess' }, {}],
  ])('in the fields of %s, with its action where the service takes one', (name, wire, action) => {
    expect(fieldsOf(name, MTCAPTCHA)).toEqual(wire)
    expect(fieldsOf(name, { ...MTCAPTCHA, action: 'login' })).toEqual({ ...wire, ...action })
  })
})

describe('Amazon WAF', () => {
  const { sitekey, scriptUrl } = AWS_WAF
  test.each([
    [
      'anticaptcha',
      {
        type: 'AmazonTaskProxyless',
        websiteURL: pageUrl,
        wafType: 'widget',
        websiteKey: sitekey,
        jsapiScript: scriptUrl,
      },
    ],
    ['capsolver', { type: 'AntiAwsWafTaskProxyLess', websiteURL: pageUrl, awsApiJs: scriptUrl }],
    [
      'capmonster',
      {
        type: 'AmazonTask',
        websiteURL: pageUrl,
        websiteKey: sitekey,
        captchaScript: scriptUrl,
        cookieSolution: true,
      },
    ],
  ])('in the fields of %s', (name, wire) => {
    expect(fieldsOf(name, AWS_WAF)).toEqual(wire)
  })

  test('cannot be solved without the address of its script', () => {
    const bare: Challenge = { ...AWS_WAF, scriptUrl: undefined }
    expect(solversFor(AWS_WAF)).toEqual(expect.arrayContaining(['anticaptcha', 'capmonster', 'capsolver']))
    expect(solversFor(bare)).toEqual([])
    expect(made('capsolver').unsupported(bare)).toBe('a challenge of aws-waf without its scriptUrl')
  })

  test.each([
    { token: 'uuid:a+b/c=:d' },
    { cookie: 'uuid:a+b/c=:d' },
    { cookie: 'aws-waf-token=uuid:a+b/c=:d' },
    { cookies: { 'aws-waf-token': 'uuid:a+b/c=:d' } },
  ])('has its token in %j', (solution) => {
    const answer = { token: 'uuid:a+b/c=:d' }
    expect(read('capsolver', 'aws-waf', solution)).toEqual({ kind: 'ready', answer })
    expect(read('anticaptcha', 'aws-waf', { ...solution, userAgent: 'Mozilla/5.0' })).toEqual({
      kind: 'ready',
      answer: { ...answer, fields: { userAgent: 'Mozilla/5.0' } },
    })
  })

  test.each([
    {},
    { token: '' },
    { cookie: 'aws-waf-token=' },
    { cookie: 'a b' },
    { token: 7 },
    { captcha_voucher: 'eyJ', existing_token: 'uuid:a:b' },
  ])('has no token in %j', (solution) => {
    expect(read('capsolver', 'aws-waf', solution)).toMatchObject({ kind: 'failure', class: 'invalid' })
  })
})

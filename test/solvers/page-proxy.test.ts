import { describe, expect, test } from 'vitest'
import type { AnyChallenge } from '../../src/base/challenge.js'
import type { PageProxy } from '../../src/policy/page-proxy.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { SOLVERS } from '../../src/solvers/table.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { startSolverService } from '../../src/testing/service/index.js'
import {
  ARKOSE,
  AWS_WAF,
  CAPTCHAFOX,
  CHALLENGE,
  FRIENDLY,
  GEETEST,
  GEETEST_V4,
  HCAPTCHA,
  IMAGE,
  MTCAPTCHA,
  TURNSTILE,
  YANDEX,
} from './contract.js'
import { recording } from './recorded.js'

const PROXY: PageProxy = { type: 'http', host: '203.0.113.9', port: 3128, login: { user: 'browser', password: 'pa55' } }
const SCRIPT = { scriptUrl: 'https://cdn.example/friendly.js' }

const CHALLENGES: Readonly<Record<string, AnyChallenge>> = {
  checkbox: CHALLENGE,
  invisible: { ...CHALLENGE, variant: 'v2-invisible' },
  enterprise: { ...CHALLENGE, variant: 'enterprise-checkbox' },
  v3: { ...CHALLENGE, variant: 'v3', action: 'login' },
  score: { ...CHALLENGE, variant: 'enterprise-score', action: 'login' },
  turnstile: TURNSTILE,
  hcaptcha: HCAPTCHA,
  geetest: GEETEST,
  geetest4: GEETEST_V4,
  friendly: { ...FRIENDLY, ...SCRIPT },
  mtcaptcha: MTCAPTCHA,
  'aws-waf': AWS_WAF,
  arkose: ARKOSE,
  captchafox: CAPTCHAFOX,
  yandex: YANDEX,
}

/** What a service's own documents say of proxies: `fixtures/replies/<name>/page-proxy.json`. */
interface PageProxyFacts {
  /** The type of task for each challenge that it solves through a proxy. */
  readonly types: Readonly<Record<string, string>>
  /** Whether it takes a proxy by its host name. */
  readonly hostNames: boolean
}

describe.each(Object.entries(SOLVERS))('%s', (name, make) => {
  const solver = make()
  const { types, hostNames }: PageProxyFacts = JSON.parse(recording(name, 'page-proxy.json'))

  test('solves through a proxy what its reference lists, with the type of task for that', () => {
    const submitted: Record<string, unknown> = {}
    for (const [which, challenge] of Object.entries(CHALLENGES)) {
      if (solver.unsupported(challenge) ?? solver.proxyUnsupported(challenge, PROXY)) continue
      const { fields } = solver.submit(challenge, PROXY)
      submitted[which] = (fields.task as { type?: unknown } | undefined)?.type ?? fields.method
    }
    expect(submitted).toEqual(types)
  })

  test('submits the same fields as without a proxy, and the proxy', () => {
    for (const which of Object.keys(types)) {
      const challenge = CHALLENGES[which] as AnyChallenge
      const { fields: without } = solver.submit(challenge)
      const { fields } = solver.submit(challenge, PROXY)
      if (without.task === undefined) {
        expect(fields).toEqual({ ...without, proxy: 'browser:pa55@203.0.113.9:3128', proxytype: 'HTTP' })
        continue
      }
      expect(fields.task).toEqual({
        ...without.task,
        type: types[which],
        proxyType: 'http',
        proxyAddress: '203.0.113.9',
        proxyPort: 3128,
        proxyLogin: 'browser',
        proxyPassword: 'pa55',
      })
    }
  })

  test('submits a picture without a proxy', () => {
    if (solver.unsupported(IMAGE)) return
    expect(solver.proxyUnsupported(IMAGE, PROXY)).toBeUndefined()
    expect(solver.submit(IMAGE, PROXY).fields).toEqual(solver.submit(IMAGE).fields)
  })

  test('takes a proxy by its host name only where its reference allows it', () => {
    const named = solver.proxyUnsupported(TURNSTILE, { ...PROXY, host: 'proxy.example.com' })
    if (hostNames) expect(named ?? '').not.toMatch(/by its host name/)
    else expect(named).toMatch(/by its host name.*IP address/)
  })

  test('its stand-in accepts such tasks, records the proxy, and rejects an invalid one', async () => {
    await using service = await startSolverService({ as: name as 'captchaai' })
    const local = make({ baseUrl: service.url })
    for (const which of Object.keys(types)) {
      const call = local.submit(CHALLENGES[which] as AnyChallenge, PROXY)
      const send = async (fields: object) => {
        const form = call.encoding === 'form'
        const body = form ? new URLSearchParams(fields as Record<string, string>).toString() : JSON.stringify(fields)
        return (await fetch(service.url + call.path, { method: 'POST', body })).text()
      }
      const key = { [call.keyField]: service.key }
      await send({ ...call.fields, ...key })
      expect([which, service.tasks.at(-1)?.proxy]).toEqual([which, 'http://browser:pa55@203.0.113.9:3128'])
      const task = call.fields.task as object | undefined
      const wrong = task ? { task: { ...task, proxyPort: 'none' } } : { proxy: 'nowhere' }
      expect(await send({ ...call.fields, ...key, ...wrong })).toContain('ERROR_PROXY_FORMAT')
      if (!task || name === 'capmonster') continue
      const without = { ...task, proxyType: undefined }
      expect(await send({ ...call.fields, ...key, task: without })).toContain('ERROR_PROXY_MISSING')
    }
  })
})

test("2Captcha's older API has two fields for a proxy, and none for v3", () => {
  const solver = twoCaptcha({ api: 'v1', softId: 7 })
  const v6: PageProxy = { type: 'socks5', host: '2001:db8::1', port: 1080 }
  expect(solver.submit(TURNSTILE, v6).fields).toMatchObject({
    proxy: '[2001:db8::1]:1080',
    proxytype: 'SOCKS5',
    soft_id: '7',
  })
  expect(solver.proxyUnsupported({ ...CHALLENGE, variant: 'v3' }, v6)).toBe('solve recaptcha (v3) through a proxy')
})

test('a login that one string cannot express is rejected where the API takes one string', () => {
  const of = (user: string, password: string): PageProxy => ({ ...PROXY, login: { user, password } })
  for (const solver of [captchaAI(), twoCaptcha({ api: 'v1' })]) {
    for (const odd of [of('a:b', 'c'), of('a@b', 'c'), of('a', 'b@c'), of('a', 'b/c')]) {
      expect(solver.proxyUnsupported(TURNSTILE, odd)).toMatch(/cannot express/)
    }
    expect(solver.proxyUnsupported(TURNSTILE, of('a', 'b:c'))).toBeUndefined()
  }
  expect(twoCaptcha().proxyUnsupported(TURNSTILE, of('a:b', 'c@d/e'))).toBeUndefined()
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PageProxy } from '../../src/policy/page-proxy.js'
import { antiCaptcha, capMonster, type Solver, twoCaptcha } from '../../src/solvers/index.js'
import { type ServiceName, type SolverService, startSolverService } from '../../src/testing/index.js'
import { antiCaptchaClient, capMonsterClient, twoCaptchaClient } from './published-clients.js'

/*
 * The services' own published clients, against the stand-in: they read its answers, errors and balances as the
 * services'. The clients are not changed, except for the address that they call.
 */

const PAGE = 'https://staging.example.com/login'
const SITEKEY = '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'
const TURNSTILE_KEY = '0x4AAAAAAADnPIDROzLqMNXs'
const NO_KEY = 'f'.repeat(32)

/** What all the clients can do. */
interface Client {
  recaptcha(): Promise<string | undefined>
  turnstile(): Promise<string | undefined>
  turnstileThrough(proxy: PageProxy): Promise<string | undefined>
  balance(): Promise<number>
  reportBad?(id: string): Promise<unknown>
}

function ofTwoCaptcha(url: string, key: string): Client {
  const client = twoCaptchaClient(url, key)
  return {
    recaptcha: async () => (await client.recaptcha({ pageurl: PAGE, googlekey: SITEKEY })).data,
    turnstile: async () => (await client.cloudflareTurnstile({ pageurl: PAGE, sitekey: TURNSTILE_KEY })).data,
    turnstileThrough: async ({ type, host, port, login }) => {
      const proxy = `${login?.user}:${login?.password}@${host}:${port}`
      return (
        await client.cloudflareTurnstile({
          pageurl: PAGE,
          sitekey: TURNSTILE_KEY,
          proxy,
          proxytype: type.toUpperCase(),
        })
      ).data
    },
    balance: () => client.balance(),
    reportBad: (id) => client.badReport(id),
  }
}

function ofAntiCaptcha(url: string, key: string): Client {
  const client = antiCaptchaClient(url, key)
  return {
    recaptcha: () => client.solveRecaptchaV2Proxyless(PAGE, SITEKEY),
    turnstile: () => client.solveTurnstileProxyless(PAGE, TURNSTILE_KEY),
    turnstileThrough: ({ type, host, port, login }) =>
      client.solveTurnstileProxyOn(PAGE, TURNSTILE_KEY, type, host, port, login?.user, login?.password),
    balance: () => client.getBalance(),
    reportBad: () => client.reportIncorrectRecaptcha(),
  }
}

function ofCapMonster(url: string, key: string): Client {
  const client = capMonsterClient(url, key)
  return {
    recaptcha: () => client.solve('RecaptchaV2Request', { websiteURL: PAGE, websiteKey: SITEKEY }),
    turnstile: () => client.solve('TurnstileRequest', { websiteURL: PAGE, websiteKey: TURNSTILE_KEY }),
    turnstileThrough({ type, host, port, login }) {
      const proxy = {
        proxyType: type,
        proxyAddress: host,
        proxyPort: port,
        proxyLogin: login?.user,
        proxyPassword: login?.password,
      }
      return client.solve('TurnstileRequest', { websiteURL: PAGE, websiteKey: TURNSTILE_KEY, proxy })
    },
    balance: async () => (await client.getBalance()).balance,
  }
}

const CLIENTS: [ServiceName, (url: string, key: string) => Client][] = [
  ['twocaptcha', ofTwoCaptcha],
  ['anticaptcha', ofAntiCaptcha],
  ['capmonster', ofCapMonster],
]

/** Our solver for the same wire: 2Captcha's client speaks the older API. */
const OURS: Readonly<Record<string, Solver>> = {
  twocaptcha: twoCaptcha({ api: 'v1' }),
  anticaptcha: antiCaptcha(),
  capmonster: capMonster(),
}

describe.each(CLIENTS)('the published client of %s, against the stand-in', (as, make) => {
  let service: SolverService
  let client: Client
  beforeEach(async () => {
    service = await startSolverService({ as })
    client = make(service.url, service.key)
  })
  afterEach(() => service.close())

  test.each(['recaptcha', 'turnstile'] as const)('gets an answer for %s', async (family) => {
    const token = await client[family]()
    expect(service.tasks).toMatchObject([{ family, pageUrl: PAGE, state: 'ready', answer: token }])
    expect(token).toMatch(/^[\w.-]{20,}$/)
  })

  test('submits a proxy with the same fields as our solver', async () => {
    const login = { user: 'browser', password: 'pa55' }
    const proxy = { type: 'http', host: '203.0.113.9', port: 3128, login } as const
    expect(await client.turnstileThrough(proxy)).toBe(service.tasks[0]?.answer)
    expect(service.tasks[0]?.proxy).toBe('http://browser:pa55@203.0.113.9:3128')
    const { fields } = (OURS[as] as Solver).submit(
      { family: 'turnstile', variant: 'turnstile', sitekey: TURNSTILE_KEY, pageUrl: PAGE },
      proxy,
    )
    const ofProxy = (all: object) =>
      Object.fromEntries(
        Object.entries(all).flatMap(([name, value]) =>
          /proxy|type|method/i.test(name) ? [[name, String(value)]] : [],
        ),
      )
    expect(ofProxy(service.tasks[0]?.fields ?? {})).toMatchObject(
      ofProxy((fields.task as object | undefined) ?? fields),
    )
  })

  test('polls again while a task is not ready', async () => {
    service.next('in', { pendingTimes: 3 })
    expect(await client.recaptcha()).toBe(service.tasks[0]?.answer)
    expect(service.tasks[0]?.polls).toBe(4)
  })

  test('reads the balance', async () => {
    expect(await client.balance()).toBe(1_000)
  })

  test('rejects with the service’s error code', async () => {
    service.next('in', { error: 'ERROR_ZERO_BALANCE' })
    await expect(client.recaptcha()).rejects.toSatisfy((error) => /zero.?balance/i.test(textOf(error)))
    service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    await expect(client.recaptcha()).rejects.toSatisfy((error) => /unsolvable/i.test(textOf(error)))
  })

  test('is rejected with an unknown key', async () => {
    await expect(make(service.url, NO_KEY).recaptcha()).rejects.toSatisfy((error) => /key/i.test(textOf(error)))
    expect(service.tasks).toEqual([])
  })

  // CapMonster Cloud's client cannot report.
  if (as === 'capmonster') return
  test('reports a bad answer', async () => {
    await client.recaptcha()
    await client.reportBad?.(service.tasks[0]?.id ?? '')
    expect(service.tasks[0]?.report).toBe('bad')
  })
})

/** The clients throw strings, errors, and errors whose code is in another property. */
function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.message} ${JSON.stringify(error)}` : String(error)
}

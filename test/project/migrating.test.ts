import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ChallengeInput } from '../../src/base/challenge.js'
import { createGuard } from '../../src/guard/create.js'
import type { Guard } from '../../src/guard/types.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { antiCaptcha, capMonster, type Solver, twoCaptcha } from '../../src/solvers/index.js'
import { memoryAudit, type SolverService, startSolverService } from '../../src/testing/index.js'
import { fixedSecret } from '../guard/support.js'
import {
  type AntiCaptchaClient,
  antiCaptchaClient,
  type CapMonsterClient,
  capMonsterClient,
  type TwoCaptchaClient,
  twoCaptchaClient,
} from '../testing/published-clients.js'

// The tables of docs/migrating.md, row by row: what a client of a service sends for its left column, solveguard sends
// for its right one. The clients are the published ones, and the service is the stand-in.

const pageurl = 'https://staging.example.com/login'
const sitekey = '6LfD3PIbAAAAAJs_eEHvoOl75_83eXSqpPSRFJ_u'
const at = { pageUrl: pageurl, sitekey }
const PROXY = { type: 'http', host: '203.0.113.9', port: 3128, user: 'browser', password: 'pa55' } as const
const PROXY_URL = 'http://browser:pa55@203.0.113.9:3128'
/** Which client sent a request, and in which form it wants the reply. */
const OF_THE_CLIENT = /^(?:soft_?id|json|header_acao|languagePool|callbackUrl|pingback|version|no_?cache|domain)$/i

const text = readFileSync(join(import.meta.dirname, '../../docs/migrating.md'), 'utf8')

/** The rows of a section's table: its left cells, and its right ones. */
function rowsOf(section: string): Map<string, string> {
  const [, body = ''] = text.split(`## ${section}\n`)
  const rows = (body.split(/^## /m)[0] ?? '').matchAll(/^\| (.+?) \| (.+) \|$/gm)
  return new Map(
    [...rows]
      .map(([, left = '', right = '']) => [left, right] as const)
      .filter(([left]) => !/^(?:before|---)$/.test(left)),
  )
}

interface At<Client> {
  readonly client: Client
  readonly service: SolverService
  readonly guardOf: (pageProxy?: string) => Promise<Guard>
}

type Row<Client> =
  | { readonly theirs: (client: Client) => Promise<unknown>; readonly ours: ChallengeInput; readonly proxy?: string }
  | ((at: At<Client>) => Promise<void>)

interface Section<Client> {
  readonly as: 'twocaptcha' | 'anticaptcha' | 'capmonster'
  readonly solver: (baseUrl: string) => Solver
  readonly client: (url: string, key: string) => Client
  readonly rows: Readonly<Record<string, Row<Client>>>
}

const polling = { firstPollMs: 0, everyMs: 5 }

/** What is left of the day, in the place of the account's balance. */
const balance =
  <Client>(read: (client: Client) => Promise<unknown>): Row<Client> =>
  async ({ client, guardOf }) => {
    expect(await read(client)).toBe(1_000)
    const { day } = await (await guardOf()).status()
    expect(day.left).toBe(1_000_000)
  }

/** A key in code is not needed: the guard's own is used. */
const keyed =
  <Client>(solve: (client: Client) => Promise<unknown>): Row<Client> =>
  async ({ client, service, guardOf }) => {
    await solve(client)
    await (await guardOf()).solve({ family: 'recaptcha', variant: 'v2-checkbox', ...at })
    expect(new Set(service.tasks.map(({ key }) => key)).size).toBe(1)
  }

const CHECKBOX: ChallengeInput = { family: 'recaptcha', variant: 'v2-checkbox', ...at }
const TURNSTILE: ChallengeInput = { family: 'turnstile', ...at }
const HCAPTCHA: ChallengeInput = { family: 'hcaptcha', ...at }

const box = { pageurl, googlekey: sitekey }

const TWO_CAPTCHA: Section<TwoCaptchaClient> = {
  as: 'twocaptcha',
  solver: (baseUrl) => twoCaptcha({ api: 'v1', baseUrl, polling }),
  client: twoCaptchaClient,
  rows: {
    '`new Solver(key, pollingFrequency)`': keyed((client) => client.recaptcha(box)),
    '`solver.recaptcha({ pageurl, googlekey })`': { theirs: (client) => client.recaptcha(box), ours: CHECKBOX },
    '`invisible: 1`': {
      theirs: (client) => client.recaptcha({ ...box, invisible: 1 }),
      ours: { family: 'recaptcha', variant: 'v2-invisible', ...at },
    },
    "`version: 'v3', action, min_score`": {
      theirs: (client) => client.recaptcha({ ...box, version: 'v3', action: 'login', min_score: 0.3 }),
      ours: { family: 'recaptcha', variant: 'v3', action: 'login', minScore: 0.3, ...at },
    },
    '`enterprise: 1`': {
      theirs: (client) => client.recaptcha({ ...box, enterprise: 1 }),
      ours: { family: 'recaptcha', variant: 'enterprise-checkbox', ...at },
    },
    '`datas`': {
      theirs: (client) => client.recaptcha({ ...box, datas: 'one-time' }),
      ours: { ...CHECKBOX, dataS: 'one-time' } as ChallengeInput,
    },
    '`solver.hcaptcha({ pageurl, sitekey })`': {
      theirs: (client) => client.hcaptcha({ pageurl, sitekey }),
      ours: HCAPTCHA,
    },
    '`solver.cloudflareTurnstile({ pageurl, sitekey })`': {
      theirs: (client) => client.cloudflareTurnstile({ pageurl, sitekey }),
      ours: TURNSTILE,
    },
    '`proxy`, `proxytype`': {
      theirs: (client) =>
        client.cloudflareTurnstile({ pageurl, sitekey, proxy: PROXY_URL.slice('http://'.length), proxytype: 'HTTP' }),
      ours: TURNSTILE,
      proxy: PROXY_URL,
    },
    '`cookies`, `userAgent`': async ({ service, guardOf }) => {
      await (await guardOf()).solve({ ...CHECKBOX, userAgent: 'of the browser' } as ChallengeInput)
      expect(Object.keys(service.tasks[0]?.fields ?? {})).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/cookie|agent/i)]),
      )
    },
    '`{ data, id }`': async ({ service, guardOf }) => {
      const { token, taskId, cost } = await (await guardOf()).solve(CHECKBOX)
      expect([token, taskId]).toEqual([service.tasks[0]?.answer, service.tasks[0]?.id])
      expect(cost).toBeGreaterThan(0)
    },
    '`solver.goodReport(id)`, `badReport(id)`': async ({ client, service, guardOf }) => {
      const guard = await guardOf()
      await client.goodReport((await client.recaptcha(box)).id)
      await (await guard.solve(CHECKBOX)).reportGood()
      await client.badReport((await client.recaptcha(box)).id)
      await (await guard.solve(CHECKBOX)).reportBad()
      expect(service.tasks.map(({ report }) => report)).toEqual(['good', 'good', 'bad', 'bad'])
    },
    '`solver.balance()`': balance((client) => client.balance()),
  },
}

const ANTI_CAPTCHA: Section<AntiCaptchaClient> = {
  as: 'anticaptcha',
  solver: (baseUrl) => antiCaptcha({ baseUrl, polling }),
  client: antiCaptchaClient,
  rows: {
    '`ac.setAPIKey(key)`': keyed((client) => client.solveRecaptchaV2Proxyless(pageurl, sitekey)),
    '`ac.solveRecaptchaV2Proxyless(url, sitekey, true)`': {
      theirs: (client) => client.solveRecaptchaV2Proxyless(pageurl, sitekey, true),
      ours: { family: 'recaptcha', variant: 'v2-invisible', ...at },
    },
    '`ac.solveRecaptchaV3(url, sitekey, minScore, action)`': {
      theirs: (client) => client.solveRecaptchaV3(pageurl, sitekey, 0.3, 'login'),
      ours: { family: 'recaptcha', variant: 'v3', minScore: 0.3, action: 'login', ...at },
    },
    '`ac.solveHCaptchaProxyless(url, sitekey)`': {
      theirs: (client) => client.solveHCaptchaProxyless(pageurl, sitekey),
      ours: HCAPTCHA,
    },
    '`ac.solveTurnstileProxyless(url, sitekey, action, cData)`': {
      theirs: (client) => client.solveTurnstileProxyless(pageurl, sitekey, 'login', 'order-17'),
      ours: { family: 'turnstile', action: 'login', cData: 'order-17', ...at },
    },
    '`ac.solve…ProxyOn(…)`': {
      theirs: (client) =>
        client.solveTurnstileProxyOn(pageurl, sitekey, PROXY.type, PROXY.host, PROXY.port, PROXY.user, PROXY.password),
      ours: TURNSTILE,
      proxy: PROXY_URL,
    },
    'a promise of the token': async ({ service, guardOf }) => {
      const { token, cost, taskId, expiresAt } = await (await guardOf()).solve(CHECKBOX)
      expect([token, taskId]).toEqual([service.tasks[0]?.answer, service.tasks[0]?.id])
      expect(cost).toBeGreaterThan(0)
      expect(expiresAt).toBeInstanceOf(Date)
    },
    '`ac.reportIncorrectRecaptcha()`, for the last solve': async ({ client, service, guardOf }) => {
      await client.solveRecaptchaV2Proxyless(pageurl, sitekey)
      await client.reportIncorrectRecaptcha()
      await (await (await guardOf()).solve(CHECKBOX)).reportBad()
      expect(service.tasks.map(({ report }) => report)).toEqual(['bad', 'bad'])
    },
    'errors as texts': async ({ client, service, guardOf }) => {
      service.always('in', { error: 'ERROR_ZERO_BALANCE' })
      await expect(client.solveTurnstileProxyless(pageurl, sitekey)).rejects.toMatch(/ZERO_BALANCE/)
      await expect((await guardOf()).solve(TURNSTILE)).rejects.toMatchObject({ code: 'BALANCE_EMPTY' })
    },
  },
}

const where = { websiteURL: pageurl, websiteKey: sitekey }

const CAP_MONSTER: Section<CapMonsterClient> = {
  as: 'capmonster',
  solver: (baseUrl) => capMonster({ baseUrl, polling }),
  client: capMonsterClient,
  rows: {
    '`new ClientOptions({ clientKey })`': keyed((client) => client.solve('RecaptchaV2Request', where)),
    '`new RecaptchaV2Request({ websiteURL, websiteKey })`': {
      theirs: (client) => client.solve('RecaptchaV2Request', where),
      ours: CHECKBOX,
    },
    '`new RecaptchaV3ProxylessRequest({ …, minScore, pageAction })`': {
      theirs: (client) => client.solve('RecaptchaV3ProxylessRequest', { ...where, minScore: 0.3, pageAction: 'login' }),
      ours: { family: 'recaptcha', variant: 'v3', minScore: 0.3, action: 'login', ...at },
    },
    '`new TurnstileRequest({ websiteURL, websiteKey })`': {
      theirs: (client) => client.solve('TurnstileRequest', where),
      ours: TURNSTILE,
    },
    '`proxy`': {
      theirs: (client) =>
        client.solve('TurnstileRequest', {
          ...where,
          proxy: {
            proxyType: PROXY.type,
            proxyAddress: PROXY.host,
            proxyPort: PROXY.port,
            proxyLogin: PROXY.user,
            proxyPassword: PROXY.password,
          },
        }),
      ours: TURNSTILE,
      proxy: PROXY_URL,
    },
    '`userAgent`': async ({ service, guardOf }) => {
      await (await guardOf()).solve({ ...CHECKBOX, userAgent: 'of the browser' } as ChallengeInput)
      expect(JSON.stringify(service.tasks[0]?.fields)).not.toMatch(/of the browser/)
    },
    '`{ solution, error }`, an error in the result': async ({ service, guardOf }) => {
      service.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
      await expect((await guardOf()).solve(TURNSTILE)).rejects.toMatchObject({ code: 'CAPTCHA_UNSOLVABLE' })
    },
    '`client.Solve(request, timeouts, cancellationController)`': async ({ guardOf }) => {
      const guard = await guardOf()
      const solving = guard.solve(TURNSTILE, { signal: AbortSignal.abort() })
      await expect(solving).rejects.toMatchObject({ code: 'SOLVE_ABORTED' })
    },
    '`client.getBalance()`': balance(async (client) => (await client.getBalance()).balance),
  },
}

function runRows<Client>(name: string, { as, solver, client, rows }: Section<Client>): void {
  describe(name, () => {
    test('every row of its table is run', () => {
      expect([...rowsOf(name).keys()].sort()).toEqual(Object.keys(rows).sort())
    })

    test.each(Object.entries(rows))('%s', async (_, row) => {
      const service = await startSolverService({ as, price: 0.002 })
      onTestFinished(() => service.close())
      const guardOf = async (pageProxy?: string): Promise<Guard> => {
        const guard = await createGuard({
          name: 'migrated',
          solver: solver(service.url),
          secret: fixedSecret(service.key),
          policy: { origins: ['https://staging.example.com'], attempts: 1, ...(pageProxy && { pageProxy }) },
          ledger: memoryLedger(),
          audit: memoryAudit(),
        })
        onTestFinished(() => guard.close())
        return guard
      }
      const made = client(service.url, service.key)
      if (typeof row === 'function') return row({ client: made, service, guardOf })
      await row.theirs(made)
      await (await guardOf(row.proxy)).solve(row.ours)
      const [theirs, ours] = service.tasks.map(({ family, proxy, fields }) => ({ family, proxy, fields: sent(fields) }))
      expect(ours).toEqual(theirs)
    })
  })
}

/** Older names of the same, in the clients: https://2captcha.com/2captcha-api, https://docs.capmonster.cloud */
const RENAMED: Readonly<Record<string, string>> = { datas: 'data-s', NoCaptchaTask: 'RecaptchaV2Task' }

/** What a client says of the widget. Some send all of a task's fields, without a value. */
function sent(fields: Readonly<Record<string, string>>): Record<string, unknown> {
  const said = Object.entries(fields).filter(([name, value]) => !OF_THE_CLIENT.test(name) && !/^(?:null)?$/.test(value))
  return Object.fromEntries(said.map(([name, value]) => [RENAMED[name] ?? name, RENAMED[value] ?? value]))
}

runRows('@2captcha/captcha-solver', TWO_CAPTCHA)
runRows('@antiadmin/anticaptchaofficial', ANTI_CAPTCHA)
runRows('@zennolab_com/capmonstercloud-client', CAP_MONSTER)

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import type { NarrowingInput } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { antiCaptcha, capMonster, captchaAI, twoCaptcha } from '../../../src/solvers/index.js'
import { memoryAudit, startSolverService } from '../../../src/testing/index.js'
import { drawDigits } from '../../../src/testing/shared/picture.js'
import { after, challenge, errorOf, fixedSecret, rig } from '../support.js'

const PASSWORD = 'pa55-of-the-page'
const PAGE_PROXY = `http://browser:${PASSWORD}@203.0.113.9:3128`
const FAST_POLLING = { firstPollMs: 0, everyMs: 5 }

/** A guard over a service that is not on this machine, and is not called. */
async function elsewhere(policy: Pick<NarrowingInput, 'pageProxy'>) {
  const guard = await createGuard({
    solver: captchaAI(),
    secret: fixedSecret('x'.repeat(32)),
    policy: { origins: ['https://staging.example.com'], ...policy },
    ledger: memoryLedger(),
    audit: memoryAudit(),
  })
  after(() => guard.close())
  return guard
}

/** A guard with several accounts at one stand-in service. */
async function over(makes: readonly (typeof antiCaptcha)[]) {
  const service = await startSolverService()
  const audit = memoryAudit()
  const guard = await createGuard({
    name: 'tests',
    solvers: makes.map((make) => ({
      solver: make({ baseUrl: service.url, polling: FAST_POLLING, pricing: { per: 'solve', usd: 0.001 } }),
      secret: fixedSecret(service.key),
    })),
    policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(1) }, pageProxy: PAGE_PROXY },
    ledger: memoryLedger(),
    audit,
  })
  after(() => guard.close().then(() => service.close()))
  return { guard, service, audit }
}

describe('the proxy that pages are browsed through', () => {
  test('is sent to the service with each task, and not used for the guard’s own calls', async () => {
    const { guard, service } = await rig({ policy: { pageProxy: PAGE_PROXY } })
    const { cost } = await guard.solve(challenge)
    expect(cost).toBe(1_000)
    expect(service.tasks.map(({ proxy }) => proxy)).toEqual([PAGE_PROXY])
    expect((await guard.status()).egress).toBe('direct')
    // In the submit only.
    const requests = service.requests.filter((request) => JSON.stringify(request.fields).includes(PASSWORD))
    expect(requests.map(({ endpoint }) => endpoint)).toEqual(['in'])
  })

  test('may differ between browser contexts', async () => {
    const { guard, service } = await rig()
    const one = guard.narrow({ pageProxy: PAGE_PROXY })
    const other = guard.narrow({ pageProxy: 'socks5://198.51.100.4:1080' })
    for (const grant of [one, other, guard]) await grant.solve(challenge)
    expect(service.tasks.map(({ proxy }) => proxy)).toEqual([PAGE_PROXY, 'socks5://198.51.100.4:1080', undefined])
  })

  test('causes a denial when two policies name different ones', async () => {
    const { guard, service, audit } = await rig({ policy: { pageProxy: PAGE_PROXY } })
    const grant = guard.narrow({ pageProxy: 'http://198.51.100.4:3128' })
    const error = await errorOf(grant.solve(challenge))
    expect(error).toMatchObject({ code: 'PAGE_PROXY_CONFLICT', layer: 'network' })
    expect(error.message).not.toContain(PASSWORD)
    expect(service.requests).toEqual([])
    // The same address in another spelling is no conflict.
    const same = guard.narrow({ pageProxy: `${PAGE_PROXY}/` })
    expect((await same.solve(challenge)).cost).toBe(1_000)
    await guard.close()
    expect(audit.events.filter(({ action }) => action === 'denied')).toHaveLength(1)
  })

  test('does not show its password in any object, record or log line', async () => {
    const lines: unknown[] = []
    const log = (fields: object, message: string) => lines.push([fields, message])
    const { guard, audit, service } = await rig({
      policy: { pageProxy: PAGE_PROXY },
      guardOptions: { logger: { debug: log, info: log, warn: log } },
    })
    service.next('in', { error: `ERROR_${PASSWORD}` })
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'SOLVER_ERROR', details: { solverCode: 'ERROR_***' } })
    const solution = await guard.solve(challenge)
    expect(guard.policy.pageProxies).toEqual(['http://***@203.0.113.9:3128'])
    const shown = [guard, guard.policy, await guard.status(), error, solution, audit.events, lines, guard.narrow({})]
    for (const one of shown) expect(inspect(one, { depth: 12, showHidden: true })).not.toContain(PASSWORD)
    expect(JSON.stringify(shown)).not.toContain(PASSWORD)
  })

  test.each([
    ['unchanged', (word: string) => word],
    ['in form encoding', (word: string) => word.replaceAll('&', '%26')],
    ['where a long text is truncated', (word: string) => `${'X'.repeat(64)}_${word}`],
  ])('does not show its password when a task fails and the service repeats it %s', async (_, spelt) => {
    const password = 'pa55&of-the-page'
    const dir = mkdtempSync(join(tmpdir(), 'solveguard-page-proxy-'))
    after(async () => rmSync(dir, { recursive: true, force: true }))
    const lines: unknown[] = []
    const log = (...line: unknown[]) => lines.push(line)
    const { guard, audit, service } = await rig({
      policy: { pageProxy: `http://browser:${encodeURIComponent(password)}@203.0.113.9:3128` },
      guardOptions: { trace: join(dir, 'wire.har'), logger: { debug: log, info: log, warn: log } },
    })
    service.next('in', { error: `ERROR_IN_${spelt(password)}` })
    service.next('res', { error: `ERROR_PROXY_${spelt(password)}` })
    const errors = [await errorOf(guard.solve(challenge)), await errorOf(guard.solve(challenge))]
    for (const error of errors) expect(error).toMatchObject({ code: 'SOLVER_ERROR' })
    await guard.close()
    const har = readdirSync(dir).map((file) => readFileSync(join(dir, file), 'utf8'))
    expect(har).toHaveLength(1)
    expect(har[0]).toContain('ERROR_PROXY_')
    const shown = inspect([errors, lines, audit.events, har], { depth: 12, maxStringLength: null })
    for (const word of ['pa55', 'of-the-page']) expect(shown).not.toContain(word)
  })

  test.each(['127.0.0.1', '10.0.0.7', 'proxy.internal', '[::1]'])(
    'at %s is refused as an option when the service is on another machine',
    async (host) => {
      const pageProxy = `http://u:${PASSWORD}@${host}:3128`
      const error = await errorOf(elsewhere({ pageProxy }))
      expect(error).toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^policy\.pageProxy: .*cannot reach/),
      })
      expect(error.message).not.toContain(PASSWORD)
      const guard = await elsewhere({})
      expect(() => guard.narrow({ pageProxy })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    },
  )

  test('is not sent with a picture', async () => {
    const { guard, service } = await rig({ policy: { pageProxy: PAGE_PROXY } })
    const picture = { family: 'image', variant: 'text', pageUrl: challenge.pageUrl, image: drawDigits('4711') } as const
    expect((await guard.solve(picture)).token).toBe('4711')
    expect(service.tasks[0]?.proxy).toBeUndefined()
  })
})

describe('a service that cannot use a page proxy', () => {
  test('is refused before anything is reserved or sent; the message names those that can', async () => {
    const { guard, service, audit } = await over([antiCaptcha])
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'PAGE_PROXY_UNSUPPORTED' })
    expect(error.message).toBe(
      'The solver anticaptcha cannot solve recaptcha (v2-checkbox) through a proxy. Solvers that can: captchaai, twocaptcha, capmonster, capsolver.',
    )
    expect([service.requests, audit.events, (await guard.status()).day.reserved]).toEqual([[], [], 0])
  })

  test('is skipped for one that can', async () => {
    const { guard, service } = await over([antiCaptcha, twoCaptcha])
    await guard.solve(challenge)
    expect(service.tasks.map(({ proxy, fields }) => [proxy, fields.type])).toEqual([[PAGE_PROXY, 'RecaptchaV2Task']])
  })

  test('is named with the other accounts if none of them can', async () => {
    const { guard, service } = await over([antiCaptcha, twoCaptcha, capMonster])
    const error = await errorOf(guard.solve({ ...challenge, variant: 'v3', action: 'login' }))
    expect(error).toMatchObject({ code: 'PAGE_PROXY_UNSUPPORTED' })
    expect(error.message).toMatch(/^None of the solvers anticaptcha, twocaptcha, capmonster can .*captchaai, capsolver/)
    expect(service.requests).toEqual([])
  })
})

describe('a page proxy that the service cannot use', () => {
  test.each([
    ['ERROR_PROXY_CONNECTION_FAILED', /no connection to the page's proxy: does it run/],
    ['ERROR_PROXY_CONNECT_TIMEOUT', /no connection to the page's proxy/],
    ['ERROR_PROXY_NOT_AUTHORISED', /did not accept its user name and password/],
    ['ERROR_PROXY_BANNED', /use another one/],
    ['ERROR_PROXY_READ_TIMEOUT', /too slow.*a faster one/],
    ['ERROR_BAD_PROXY', /use another one/],
  ])('fails the solve with advice (%s), costs nothing, and is not retried', async (code, message) => {
    for (const at of ['in', 'res'] as const) {
      const { guard, service } = await rig({ policy: { pageProxy: PAGE_PROXY, attempts: 3 } })
      service.next(at, { error: code })
      const error = await errorOf(guard.solve(challenge))
      expect(error).toMatchObject({ code: 'PAGE_PROXY_FAILED', details: { solverCode: code } })
      expect(error.message).toMatch(message)
      expect(service.requests.filter(({ endpoint }) => endpoint === 'in')).toHaveLength(1)
      const { day, paused } = await guard.status()
      expect([day.spent, day.reserved, service.charged, paused]).toEqual([0, 0, 0, undefined])
    }
  })
})

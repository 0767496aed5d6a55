import { describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { twoCaptcha } from '../../src/solvers/index.js'
import type { Solver } from '../../src/solvers/solver.js'
import { manualClock } from '../../src/testing/clock.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { after, settleWith } from '../guard/support.js'
import { advanceUntil, eventually } from '../support/wait.js'
import { type BrokerRig, brokerRig, PAGE, SITEKEY, send, TOKEN, untilDone } from './support.js'

const TASK = { type: 'RecaptchaV2TaskProxyless', websiteURL: PAGE, websiteKey: SITEKEY }
const FORM = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE }

/** Submits, polls until the answer is there, and returns both replies. */
async function solve(rig: BrokerRig, prefix: string, task: object, headers: Record<string, string> = {}) {
  const created = await rig.json(`${prefix}/createTask`, { task, softId: 847, languagePool: 'en' }, { headers })
  const poll = () => rig.json(`${prefix}/getTaskResult`, { taskId: created.taskId }, { headers })
  return { created, result: await untilDone(poll, ({ status }) => status === 'processing') }
}

describe('the task wire of a broker', () => {
  it('creates a task with the very fields that strict clients take', async () => {
    const rig = await brokerRig()
    for (const prefix of ['/anticaptcha', '/capmonster', '/twocaptcha']) {
      const { created } = await solve(
        rig,
        prefix,
        prefix === '/capmonster' ? { ...TASK, type: 'RecaptchaV2Task' } : TASK,
      )
      expect(created).toEqual({ errorId: 0, taskId: expect.any(Number) })
      expect(created.taskId).toBeGreaterThan(0)
      expect(created.taskId).toBeLessThan(2 ** 31)
    }
    const { created, result } = await solve(rig, '/capsolver', { ...TASK, type: 'ReCaptchaV2TaskProxyLess' })
    expect(created).toEqual({
      errorId: 0,
      status: 'idle',
      taskId: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/),
    })
    expect(Object.keys(result)).toEqual(['errorId', 'status', 'solution'])
  })

  it('gives the answer, with cost and times where the dialect has them', async () => {
    const rig = await brokerRig()
    const { result } = await solve(rig, '/anticaptcha', TASK)
    expect(result).toEqual({
      errorId: 0,
      status: 'ready',
      solution: { gRecaptchaResponse: rig.service.tasks[0]?.answer },
      cost: '0.001000',
      ip: '127.0.0.1',
      createTime: expect.any(Number),
      endTime: expect.any(Number),
      solveCount: 1,
    })
    const other = await solve(rig, '/capmonster', { ...TASK, type: 'RecaptchaV2Task' })
    expect(Object.keys(other.result)).toEqual(['errorId', 'status', 'solution'])
  })

  it('takes null for what a client was not given, in any field of either wire', async () => {
    const rig = await brokerRig()
    const names = [
      'isInvisible',
      'recaptchaDataSValue',
      'minScore',
      'proxyType',
      'proxyAddress',
      'proxyPort',
      'cookies',
    ]
    const nothing = Object.fromEntries(names.map((name) => [name, null]))
    const body = { task: { ...TASK, ...nothing }, callbackUrl: null, softId: null }
    expect(await rig.json('/createTask', body)).toEqual({ errorId: 0, taskId: expect.any(Number) })
    const fields = {
      key: TOKEN,
      ...FORM,
      json: 1,
      pingback: null,
      proxy: null,
      proxytype: null,
      version: null,
      data: null,
    }
    const reply = await send(rig.handler, 'POST', '/in.php', JSON.stringify(fields), {
      'content-type': 'application/json',
    })
    expect(JSON.parse(String(reply.body))).toEqual({ status: 1, request: expect.stringMatching(/^\d+$/) })
    const absent = await rig.json('/createTask', { task: { ...TASK, websiteKey: null } })
    expect(absent).toMatchObject({ errorCode: 'ERROR_RECAPTCHA_INVALID_SITEKEY' })
  })

  it('takes an empty text for what a client was not given, in any field of either wire', async () => {
    const rig = await brokerRig()
    let count = 0
    const sent = async (fields: Record<string, string>, empty: string) => {
      expect(await rig.form('/in.php', { ...fields, [empty]: '' })).toMatch(/^OK\|\d+$/)
      count++
      await eventually(() => rig.service.tasks.length === count)
      return rig.service.tasks.at(-1)?.fields
    }
    const captcha = { method: 'geetest', gt: 'a'.repeat(32), challenge: 'b'.repeat(32), pageurl: PAGE }
    const turnstile = { method: 'turnstile', sitekey: SITEKEY, pageurl: PAGE }
    const v3 = { ...FORM, version: 'v3', action: 'verify' }
    for (const [fields, names] of [
      [FORM, ['proxy', 'proxytype', 'pingback', 'version', 'action', 'min_score', 'data-s', 'domain', 'json']],
      [v3, ['proxy', 'min_score']],
      [turnstile, ['proxy', 'action', 'data', 'pagedata']],
      [captcha, ['proxy', 'api_server', 'captcha_id']],
    ] as const) {
      const plain = await sent(fields, 'none')
      for (const name of names) expect(await sent(fields, name)).toEqual(plain)
    }
    const task = { type: 'GeeTestTaskProxyless', websiteURL: PAGE, gt: 'a'.repeat(32), challenge: 'b'.repeat(32) }
    const nested = { ...TASK, type: 'TurnstileTask', metadata: { action: '', cdata: '' } }
    for (const each of [
      { ...task, captchaId: '', websiteKey: '', geetestApiServerSubdomain: '' },
      { ...TASK, proxyType: '', proxyAddress: '', proxyPort: '', proxyLogin: '', proxyPassword: '' },
      nested,
    ]) {
      const path = each === nested ? '/capmonster/createTask' : '/createTask'
      expect(await rig.json(path, { task: each, callbackUrl: '' })).toEqual({ errorId: 0, taskId: expect.any(Number) })
    }
    await eventually(() => rig.service.tasks.length === count + 3)
    const { data, action } = rig.service.tasks.at(-1)?.fields ?? {}
    expect([data, action]).toEqual([undefined, undefined])
  })

  it('answers a method that it does not have with a word of the service, and other paths with 404', async () => {
    const { json, handler } = await brokerRig()
    const errorCode = 'ERROR_NO_SUCH_METHOD'
    for (const path of ['/getQueueStats', '/anticaptcha/getSpendingStats', '/capmonster/getUserAgent']) {
      expect(await json(path, {})).toMatchObject({ errorId: 14, errorCode })
      expect(await send(handler, 'POST', path, '')).toMatchObject({ status: 200 })
    }
    expect(await json('/capsolver/getToken', {})).toMatchObject({ errorId: 1, errorCode })
    for (const path of ['/', '/stats.php', '/a/b', '/.env']) {
      expect(await send(handler, 'POST', path, '{}')).toMatchObject({ status: 404 })
    }
    expect(await send(handler, 'GET', '/favicon', '')).toMatchObject({ status: 404 })
  })

  it('answers at a path with one slash too many, between its parts or at its end', async () => {
    const { form, json } = await brokerRig()
    for (const path of ['//in.php', '/in.php/', '/captchaai//in.php', '//captchaai///in.php//']) {
      expect(await form(path, FORM)).toMatch(/^OK\|\d+$/)
    }
    for (const path of ['/createTask/', '/capsolver//createTask']) {
      expect(await json(path, { task: TASK })).toMatchObject({ errorId: 0 })
    }
  })

  it('decides the dialect by host, then path, then token, then marks, then its own service', async () => {
    const isCapSolver = (created: Record<string, unknown>) => created.status === 'idle'
    const create = async (rig: BrokerRig, path: string, task: object, headers: Record<string, string> = {}) =>
      isCapSolver(await rig.json(path, { task }, { headers }))
    const plain = await brokerRig()
    expect(await create(plain, '/createTask', TASK)).toBe(false)
    expect(await create(plain, '/createTask', TASK, { host: 'api.capsolver.com' })).toBe(true)
    expect(await create(plain, '/createTask', TASK, { host: 'API.capsolver.com:443' })).toBe(true)
    expect(await create(plain, '/capsolver/createTask', TASK)).toBe(true)
    expect(await create(plain, '/capsolver/createTask', TASK, { host: 'api.anti-captcha.com' })).toBe(false)
    expect(await create(plain, '/createTask', { ...TASK, type: 'ReCaptchaV2TaskProxyLess' })).toBe(true)
    const marked = { ...TASK, type: 'ReCaptchaV2TaskProxyLess' }
    expect(await create(plain, '/createTask', marked, { host: 'api.anti-captcha.com' })).toBe(false)
    const ofToken = await brokerRig({ wire: 'capsolver' })
    expect(await create(ofToken, '/createTask', TASK)).toBe(true)
    expect(await create(ofToken, '/anticaptcha/createTask', TASK)).toBe(false)
    const ofGuard = await brokerRig({ as: 'capsolver' })
    expect(await create(ofGuard, '/createTask', TASK)).toBe(true)
    // CapMonster's type without `Proxyless` needs no proxy.
    expect(await plain.json('/createTask', { task: { ...TASK, type: 'RecaptchaV2Task' } })).toMatchObject({
      errorId: 0,
    })
  })

  it('takes the token as Bearer too, and a poll in the dialect of its task', async () => {
    const rig = await brokerRig()
    const body = JSON.stringify({ task: { ...TASK, type: 'ReCaptchaV2TaskProxyLess' } })
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    const created = JSON.parse(String((await send(rig.handler, 'POST', '/createTask', body, headers)).body))
    expect(created).toMatchObject({ errorId: 0, status: 'idle' })
    const poll = () => rig.json('/getTaskResult', { taskId: created.taskId })
    const result = await untilDone(poll, ({ status }) => status === 'processing')
    expect(Object.keys(result)).toEqual(['errorId', 'status', 'solution'])
  })

  it('answers no request that a browser made for a page, and sends no header for other origins', async () => {
    const { handler, service } = await brokerRig()
    const body = JSON.stringify({ clientKey: TOKEN, task: TASK })
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-origin' },
    ]) {
      const reply = await send(handler, 'POST', '/createTask', body, headers)
      expect(reply.status).toBe(403)
      expect(Object.keys(reply.headers).join()).not.toMatch(/access-control/i)
    }
    const preflight = await send(handler, 'OPTIONS', '/createTask', '', { origin: 'https://evil.example' })
    expect(preflight.status).toBe(403)
    expect(service.requests).toEqual([])
  })
})

describe('a submit', () => {
  it('is answered when the ledger has reserved and the audit log has the record, not when the service has it', async () => {
    const rig = await brokerRig()
    rig.service.always('in', { delayMs: 500 })
    const reply = await rig.form('/in.php', FORM)
    expect(reply).toMatch(/^OK\|\d+$/)
    expect(rig.actions()).toContain('authorized')
    expect(rig.actions()).not.toContain('submitted')
    expect(await rig.form('/res.php', { action: 'get', id: reply.slice(3) })).toBe('CAPCHA_NOT_READY')
  })

  it('is answered before the call of the service is made', async () => {
    const steps: string[] = []
    const { service } = await brokerRig()
    const own = twoCaptcha({ baseUrl: service.url, polling: { firstPollMs: 0, everyMs: 5 } })
    const submit: Solver['submit'] = (...task) => {
      steps.push('called')
      return own.submit(...task)
    }
    const rig = await brokerRig({ service, guardOptions: { solver: { ...own, submit } } })
    expect(await rig.form('/in.php', FORM)).toMatch(/^OK/)
    steps.push('answered')
    await expect.poll(() => steps).toEqual(['answered', 'called'])
  })

  it('waits for a slot within acceptWait, since almost no client tries again', async () => {
    const clock = manualClock()
    const rig = await brokerRig({
      clock,
      acceptWaitMs: 3_000,
      policy: { budget: { perDay: usd(1), concurrent: 1 } },
      serviceOptions: { clock, solveMs: 2_000 },
      polling: { firstPollMs: 500, everyMs: 500 },
    })
    expect(await settleWith(clock, rig.form('/in.php', FORM), 100)).toMatch(/^OK/)
    expect(await settleWith(clock, rig.form('/in.php', FORM), 100)).toMatch(/^OK/)
    rig.service.always('res', { error: 'CAPCHA_NOT_READY' })
    const startedAt = clock.now()
    expect(await settleWith(clock, rig.form('/in.php', FORM), 100)).toBe('ERROR_NO_SLOT_AVAILABLE')
    expect(clock.now() - startedAt).toBeLessThan(4_000)
    expect(rig.tasks.counts.submitted).toBe(2)
  })

  it('is answered within four seconds, and buys nothing afterwards, when the ledger takes longer', async () => {
    const clock = manualClock()
    const ledger = memoryLedger()
    let answer = (): void => {}
    const slow = proxied(ledger, {
      reserve: (request, now) =>
        new Promise((resolve) => {
          answer = () => resolve(ledger.reserve(request, now))
        }),
    })
    const rig = await brokerRig({ clock, ledger: slow, acceptWaitMs: 3_000 })
    const startedAt = clock.now()
    const submit = rig.form('/in.php', FORM)
    await expect.poll(() => rig.tasks.waiting).toBe(1)
    expect(await settleWith(clock, submit, 100)).toBe('ERROR_INTERNAL_SERVER_ERROR')
    expect(rig.tasks.waiting).toBe(0)
    expect(clock.now() - startedAt).toBeLessThan(4_001)
    answer()
    await expect.poll(async () => (await ledger.usage('tests', clock.now())).reserved).toBe(0)
    await clock.advance(10_000)
    expect(rig.service.tasks).toEqual([])
    expect(await ledger.usage('tests', clock.now())).toMatchObject({ spent: 0, reserved: 0 })
  })

  it.each<[string, (name: keyof Ledger, scope: string) => boolean]>([
    ['says nothing of the handle', (name, scope) => name === 'listFacts' && scope.startsWith('handle/')],
    ['does not take the reservation', (name) => name === 'reserve'],
    [
      'does not take the task for the other brokers',
      (name, scope) => name === 'setFact' && /^broker:tests\/\d/.test(scope),
    ],
  ])('is answered within four seconds where the ledger %s', async (_, hangs) => {
    const clock = manualClock()
    const { ledger, hung, hang, release } = hangingLedger(hangs)
    const service = await startSolverService({ clock, price: 0.001 })
    after(() => service.close())
    const issuer = await brokerRig({ clock, ledger, service, byTokens: true })
    const { handle = '' } = await issuer.guard.issueToken({}, { handle: true })
    const rig = await brokerRig({ clock, ledger: hung, service, byTokens: true, acceptWaitMs: 3_000 })
    rig.guard.on('alert', () => {})
    hang()
    const startedAt = clock.now()
    const submit = rig.form('/in.php', FORM, { token: handle })
    expect(await settleWith(clock, submit, 50)).toBe('ERROR_INTERNAL_SERVER_ERROR')
    expect(clock.now() - startedAt).toBeLessThan(4_001)
    expect(rig.tasks.waiting).toBe(0)
    expect(rig.tasks.kept).toBe(0)
    release()
    await clock.advance(10_000)
    expect(service.tasks).toEqual([])
    expect(await ledger.usage('tests', clock.now())).toMatchObject({ spent: 0, reserved: 0 })
  })

  it.each(['usage', 'listFacts'] as const)(
    'and so is every other request, where the ledger hangs (%s)',
    async (name) => {
      const clock = manualClock()
      const { hung, hang, release } = hangingLedger((asked) => asked === name)
      const rig = await brokerRig({ clock, ledger: hung, byTokens: true })
      const { token } = await rig.guard.issueToken({})
      hang()
      const asked: readonly (() => Promise<unknown>)[] = [
        () => rig.form('/res.php', { action: 'getbalance' }, { token }),
        () => rig.form('/res.php', { action: 'threadsinfo' }, { token }),
        () => rig.form('/res.php', { action: 'get', id: '1234567' }, { token }),
        () => rig.form('/res.php', { action: 'get', ids: '1234567,1234568' }, { token }),
        () => rig.form('/res.php', { action: 'reportbad', id: '1234567' }, { token }),
        () => rig.json('/getBalance', {}, { token }),
        async () => (await send(rig.handler, 'GET', '/readyz')).body,
      ]
      for (const ask of asked) {
        const startedAt = clock.now()
        expect(await settleWith(clock, ask(), 50)).toBeDefined()
        expect(clock.now() - startedAt).toBeLessThan(4_001)
      }
      release()
    },
  )

  it('is refused, and buys nothing, where the ledger cannot record it for the other brokers', async () => {
    const ledger = memoryLedger()
    let fail = false
    const broken = proxied(ledger, {
      setFact: (fact, now) => {
        if (fail && fact.scope.startsWith('broker:tests/')) throw new Error('No space left.')
        return ledger.setFact(fact, now)
      },
    })
    const rig = await brokerRig({ ledger: broken })
    rig.guard.on('alert', () => {})
    fail = true
    expect(await rig.form('/in.php', FORM)).toBe('ERROR_INTERNAL_SERVER_ERROR')
    expect(rig.tasks.kept).toBe(0)
    await expect.poll(() => rig.guard.status()).toMatchObject({ day: { spent: 0, reserved: 0 } })
    expect(rig.service.requests).toEqual([])
  })
})

describe('a poll', () => {
  it('is answered from memory: no call to the service, and no ledger operation', async () => {
    const operations: string[] = []
    const ledger = memoryLedger()
    const watched = new Proxy(ledger, {
      get: (target, name: keyof Ledger) => {
        const value = target[name]
        if (typeof value !== 'function') return value
        return (...args: never[]) => {
          operations.push(name)
          return (value as (...args: never[]) => unknown).apply(target, args)
        }
      },
    })
    const rig = await brokerRig({ ledger: watched, polling: { firstPollMs: 60_000, everyMs: 60_000 } })
    const id = (await rig.form('/in.php', FORM)).slice(3)
    await expect.poll(() => rig.actions()).toContain('submitted')
    await expect.poll(() => operations.filter((name) => name === 'attachTask').length).toBe(1)
    const [calls, before] = [rig.service.requests.length, operations.length]
    for (let i = 0; i < 1_000; i++) {
      expect(await rig.form('/res.php', { action: 'get', id })).toBe('CAPCHA_NOT_READY')
    }
    expect(rig.service.requests.length).toBe(calls)
    expect(operations.slice(before).filter((name) => name !== 'heartbeat')).toEqual([])
  })

  it('for unknown ids asks the ledger a few times a second at most', async () => {
    const ledger = memoryLedger()
    let reads = 0
    const counted = proxied(ledger, {
      listFacts: (scope, now) => {
        if (scope.startsWith('broker:tests/')) reads++
        return ledger.listFacts(scope, now)
      },
    })
    const rig = await brokerRig({ ledger: counted, clock: manualClock() })
    for (let id = 1; id <= 500; id++) {
      expect(await rig.form('/res.php', { action: 'get', id: String(id) })).toBe('ERROR_WRONG_CAPTCHA_ID')
    }
    expect(reads).toBeLessThanOrEqual(20)
  })
})

describe('an answer that is not fetched', () => {
  it('is counted as unclaimed once it is too old, and given to no client', async () => {
    const clock = manualClock()
    const rig = await brokerRig({ clock, serviceOptions: { clock } })
    const id = (await settleWith(clock, rig.form('/in.php', FORM), 10)).slice(3)
    await advanceUntil(clock, () => rig.tasks.counts.solved > 0, 10, 60_000)
    expect(rig.tasks.counts).toMatchObject({ solved: 1, fetched: 0, unclaimed: 0 })
    await clock.advance(10 * 60_000)
    expect(rig.tasks.counts).toMatchObject({ solved: 1, fetched: 0, unclaimed: 1 })
    expect(await rig.form('/res.php', { action: 'get', id })).toBe('ERROR_WRONG_CAPTCHA_ID')
  })
})

/** A ledger some of whose calls have no answer between `hang` and `release`. */
function hangingLedger(hangs: (name: keyof Ledger, scope: string) => boolean) {
  const ledger = memoryLedger()
  let held: (() => void)[] | undefined
  const hung = new Proxy(ledger, {
    get: (target, name: keyof Ledger) => {
      const value = target[name]
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const [first] = args
        const scope = typeof first === 'string' ? first : ((first as { scope?: string } | undefined)?.scope ?? '')
        const answer = () => Reflect.apply(value, target, args)
        const waiting = held
        if (!waiting || !hangs(name, scope)) return answer()
        return new Promise((resolve) => waiting.push(() => resolve(answer())))
      }
    },
  })
  const hang = (): void => {
    held = []
  }
  const release = (): void => {
    const waiting = held ?? []
    held = undefined
    for (const go of waiting) go()
  }
  return { ledger, hung, hang, release }
}

function proxied(ledger: Ledger, overrides: Partial<Ledger>): Ledger {
  return new Proxy(ledger, {
    get: (target, name: keyof Ledger) => {
      const value = overrides[name] ?? target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

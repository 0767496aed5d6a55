import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Challenge } from '../../src/base/challenge.js'
import type { Call } from '../../src/base/wire.js'
import { createTransport, type Transport, TransportError } from '../../src/egress/index.js'
import type { PageProxy } from '../../src/policy/page-proxy.js'
import { Secret } from '../../src/secrets/secret.js'
import type { SolverOptions } from '../../src/solvers/options.js'
import type { Failure, Ready, Solver } from '../../src/solvers/solver.js'
import { SOLVERS } from '../../src/solvers/table.js'
import { type Behavior, type ServiceName, type SolverService, startSolverService } from '../../src/testing/index.js'
import { ARKOSE, EVERY, GEETEST, GEETEST_V4, GRID, IMAGE } from '../solvers/contract.js'
import { OTHER_APIS } from '../solvers/recorded.js'

const CHALLENGE: Challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
  pageUrl: 'https://staging.example.com/login',
}

const PROXY: PageProxy = { type: 'http', host: '203.0.113.9', port: 3128, login: undefined }

const WAYS: [string, (options?: SolverOptions) => Solver][] = [
  ...Object.entries(SOLVERS),
  ...Object.entries(OTHER_APIS).map(([name, { make }]): [string, typeof make] => [name, make]),
]

test('a solver of the table supports each family of the tests below', () => {
  const supported = [ARKOSE, GEETEST, GEETEST_V4].map((one) => WAYS.some(([, make]) => !make().unsupported(one)))
  expect(supported).toEqual([true, true, true])
})

// Solver, transport and service together, over a real connection: each understands the others.
describe.each(WAYS)('%s and the stand-in service', (name, make) => {
  let service: SolverService
  let transport: Transport
  let solver: Solver
  let secret: Secret
  beforeEach(async () => {
    const price = make().price(CHALLENGE).amount / 1e6
    service = await startSolverService({ as: name as ServiceName, price })
    solver = make({ baseUrl: service.url })
    transport = createTransport({ baseUrl: solver.baseUrl })
    secret = new Secret(service.key)
  })
  afterEach(async () => {
    await transport.close()
    await service.close()
  })

  const send = (call: Call) => transport.send(call, secret, { timeoutMs: 5_000 })
  const submit = async () => solver.readSubmit(await send(solver.submit(CHALLENGE)))

  test('complete a solve, and agree on its cost', async () => {
    service.next('in', { pendingTimes: 1 })
    const submitted = await submit()
    if (submitted.kind !== 'submitted') throw new Error(inspect(submitted))
    const { taskId } = submitted
    expect(solver.readPoll(await send(solver.poll(taskId)), 'recaptcha')).toEqual({ kind: 'pending' })
    const ready = solver.readPoll(await send(solver.poll(taskId)), 'recaptcha')
    expect(ready).toMatchObject({ kind: 'ready', answer: { token: service.tasks[0]?.answer } })
    const { amount } = solver.price(CHALLENGE)
    expect([service.charged, (ready as Ready).cost ?? amount]).toEqual([amount, amount])
    expect(solver.readBalance(await send(solver.balance()))).toEqual({ kind: 'balance', amount: service.balance() })
    const report = solver.report(taskId, false, 'recaptcha')
    if (report) await send(report)
    expect(service.tasks[0]?.report).toBe(report ? 'bad' : undefined)
    expect([service.keysInUrls, service.requests.every(({ keyOk }) => keyOk)]).toEqual([0, true])
  })

  const supported = (challenges: readonly Challenge[]) =>
    challenges.filter((challenge) => make().unsupported(challenge) === undefined)

  test.each(supported([ARKOSE]))('complete an Arkose', async (arkose) => {
    const challenge = { ...arkose, blob: 'one-time', apiHost: 'company-api.arkoselabs.com' }
    await service.close()
    service = await startSolverService({ as: name as ServiceName, price: solver.price(ARKOSE).amount / 1e6 })
    solver = make({ baseUrl: service.url })
    await transport.close()
    transport = createTransport({ baseUrl: solver.baseUrl })
    secret = new Secret(service.key)
    const submitted = solver.readSubmit(await send(solver.submit(challenge)))
    if (submitted.kind !== 'submitted') throw new Error(inspect(submitted))
    const ready = solver.readPoll(await send(solver.poll(submitted.taskId)), 'arkose')
    expect(service.tasks).toMatchObject([{ family: 'arkose', sitekey: ARKOSE.sitekey }])
    expect((ready as Ready).answer.token).toBe(service.tasks[0]?.answer)
  })

  test.each(supported([GEETEST, GEETEST_V4]))(
    'agree on an answer of several values: GeeTest $variant',
    async (challenge) => {
      const submitted = solver.readSubmit(await send(solver.submit(challenge)))
      if (submitted.kind !== 'submitted') throw new Error(inspect(submitted))
      const ready = solver.readPoll(await send(solver.poll(submitted.taskId)), 'geetest')
      expect(service.tasks).toMatchObject([{ family: 'geetest', sitekey: challenge.sitekey }])
      expect((ready as Ready).answer.fields).toEqual(JSON.parse(service.tasks[0]?.answer ?? ''))
      if (challenge.variant === 'v3') {
        const rejected = solver.readSubmit(await send(solver.submit({ ...challenge, challenge: undefined })))
        expect(rejected).toMatchObject({ kind: 'failure' })
      }
    },
  )

  test('complete every family that the solver supports, and the solver finds the answer in the service’s reply', async () => {
    const supported = [...EVERY, IMAGE, GRID].filter((one) => solver.unsupported(one) === undefined)
    expect(supported.length).toBeGreaterThan(5)
    for (const [i, challenge] of supported.entries()) {
      const { family } = challenge
      const proxy = solver.proxyUnsupported(challenge, undefined) === undefined ? undefined : PROXY
      const submitted = solver.readSubmit(await send(solver.submit(challenge, proxy)), family)
      if (submitted.kind !== 'submitted') throw new Error(`${family}: ${inspect(submitted)}`)
      const ready = submitted.ready ?? solver.readPoll(await send(solver.poll(submitted.taskId)), family)
      if (ready.kind !== 'ready') throw new Error(`${family}: ${inspect(ready)}`)
      const task = service.tasks[i]
      expect(task).toMatchObject({ id: submitted.taskId, family, state: 'ready' })
      if (family === 'image') expect(ready.answer.token).toBe('4711')
      else if (family === 'bls') expect(ready.answer.token).toBe('[1,4,7]')
      else if (family !== 'geetest') expect(ready.answer.token).toBe(task?.answer)
      for (const good of [true, false]) {
        const report = solver.report(submitted.taskId, good, family)
        if (report) solver.readBalance(await send(report))
      }
      if (solver.report(submitted.taskId, false, family)) expect(service.tasks[i]?.report).toBeDefined()
    }
    expect(service.keysInUrls).toBe(0)
  })

  test.each<[Behavior, Partial<Failure>]>([
    [{ error: 'ERROR_NO_SLOT_AVAILABLE' }, { class: 'busy', ambiguous: false }],
    [{ error: 'ERROR_KEY_DOES_NOT_EXIST' }, { class: 'key', ambiguous: false }],
    [{ error: 'IP_BANNED' }, { class: 'address', ambiguous: false }],
    [{ error: 'ERROR_GOOGLEKEY' }, { class: 'request', ambiguous: false }],
    [{ error: 'ERROR_SERVER_ERROR' }, { class: 'busy', ambiguous: true }],
    [{ html: true }, { class: 'invalid', code: 'HTML', ambiguous: true }],
    [{ empty: true }, { class: 'invalid', code: 'EMPTY', ambiguous: true }],
    [{ body: '{"status":1,"requ' }, { class: 'invalid', code: 'UNREADABLE', ambiguous: true }],
    [{ redirect: 'http://127.0.0.1:9/in.php' }, { class: 'invalid', code: 'HTTP_302', ambiguous: true }],
    [{ status: 429 }, { class: 'busy', code: 'HTTP_429', ambiguous: false }],
    [
      { status: 503, html: true },
      { class: 'busy', code: 'HTTP_503', ambiguous: true },
    ],
    [{ status: 504 }, { class: 'busy', code: 'HTTP_504', ambiguous: true }],
    [{ bytes: 500_000 }, { class: 'invalid', code: 'TOO_LONG', ambiguous: true }],
  ])('agree on the class of the failure: %j', async (behavior, failure) => {
    service.next('in', behavior)
    expect(await submit()).toMatchObject({ kind: 'failure', ...failure })
    expect(await submit()).toMatchObject({ kind: 'submitted' })
  })

  test.each<[Behavior, string]>([
    [{ half: true }, 'cut-off'],
    [{ drop: true }, 'cut-off'],
    [{ dropBefore: true }, 'cut-off'],
    [{ bytes: 50_000_000 }, 'too-large'],
  ])('report that a task may exist: %j', async (behavior, reason) => {
    service.next('in', behavior)
    const error = await submit().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ reason, delivered: 'unknown' })
    expect(inspect(error)).not.toContain(service.key)
  })
})

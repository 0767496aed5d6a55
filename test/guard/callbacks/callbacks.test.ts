import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callbackHandler } from '../../../src/guard/callback-handler.js'
import { fileLedger } from '../../../src/ledger/file.js'
import type { CallbackBehavior } from '../../../src/testing/index.js'
import { manualClock } from '../../../src/testing/index.js'
import { SERVICES, type ServiceName } from '../../../src/wires/services.js'
import { freePort } from '../../support/loopback.js'
import { advanceUntil, eventually } from '../../support/wait.js'
import { after, challenge, rig, settleWith } from '../support.js'
import { addressOf, callbackRig, startHooks } from './support.js'

const NAMES = Object.keys(SERVICES) as ServiceName[]

describe('a service that calls back', () => {
  it.each([...NAMES.map((as) => [as, undefined] as const), ['twocaptcha', 'v1'] as const])(
    'is polled once, and as soon as it calls: %s %s',
    async (as, api) => {
      const made = await callbackRig({ as, ...(api && { api }), serviceOptions: { solveMs: 40 } })
      const { guard, service, polls } = made
      const { token } = await guard.solve(challenge)
      expect(token).toBe(service.tasks[0]?.answer)
      expect(polls()).toBe(1)
      const [called] = service.callbacks
      await eventually(() => service.callbacks[0]?.status === 200)
      // Its own polling begins a second after the submit at the earliest.
      expect(service.requests.at(-1)?.at ?? 0).toBeLessThan((service.tasks[0]?.readyAt ?? 0) + 1_000)
      expect(service.callbacks).toHaveLength(1)
      expect(called?.method ?? service.callbacks[0]?.method).toBe(SERVICES[as].callback === 'query' ? 'GET' : 'POST')
    },
  )

  it('is given an address that cannot be guessed, for each submit another one, which says nothing', async () => {
    const made = await callbackRig({ serviceOptions: { solveMs: 20 } })
    const { guard, service, hooks } = made
    const solved = await Promise.all(Array.from({ length: 5 }, () => guard.solve(challenge)))
    const addresses = service.requests
      .filter(({ endpoint }) => endpoint === 'in')
      .map(({ fields }) => fields.callbackUrl)
    expect(new Set(addresses).size).toBe(5)
    for (const address of addresses) {
      expect(address).toMatch(new RegExp(`^${hooks.url}/[A-Za-z0-9_-]{48}$`))
      for (const { token, taskId } of solved) for (const part of [token, taskId]) expect(address).not.toContain(part)
      expect(address).not.toContain(service.key)
    }
    // The random part: 144 bits of which no byte is the same in all of them.
    const random = addresses.map((address = '') => Buffer.from(address.slice(-40, -16), 'base64url'))
    for (let at = 0; at < 18; at++) expect(new Set(random.map((bytes) => bytes[at])).size).toBeGreaterThan(1)
  })

  it('gets no address without the option, and from a guard whose service it cannot reach', async () => {
    const { guard, service } = await rig()
    await guard.solve(challenge)
    expect(Object.keys(service.requests[0]?.fields ?? {})).not.toContain('pingback')
  })
})

describe('a service that calls back wrongly', () => {
  const wrong: readonly (readonly [string, CallbackBehavior, polls: number])[] = [
    ['twice', { times: 2 }, 1],
    ['a hundred times', { times: 100 }, 1],
    ["with another task's id", { id: '1' }, 1],
    ['with a forged answer', { body: '{"errorId":0,"status":"ready","solution":{"gRecaptchaResponse":"FORGED"}}' }, 1],
    ['with what is no JSON', { body: '{{{' }, 1],
    ['with a huge body', { bytes: 20_000_000 }, 1],
    ['with a body that comes slowly, and is cut off', { bytes: 5_000, slowMs: 20, dropAfterMs: 200 }, 1],
  ]

  it.each(wrong)('%s costs one poll and delivers what the poll says', async (_, callback, polls) => {
    const made = await callbackRig({ callback, serviceOptions: { solveMs: 30 } })
    const { token } = await made.guard.solve(challenge)
    expect(token).toBe(made.service.tasks[0]?.answer)
    await eventually(() => made.service.callbacks.length === (callback.times ?? 1))
    expect(made.polls()).toBe(polls)
    expect(made.service.charged).toBe(1_000)
    expect((await made.guard.status()).day.spent).toBe(1_000)
  })

  const late: readonly (readonly [string, CallbackBehavior, polls: number])[] = [
    ['never', { never: true }, 2],
    ['too late', { lateMs: 3_600_000 }, 2],
    ['with a method of its own', { method: 'PUT' }, 2],
    ['before its reply to the submit, when the task is not done', { early: true }, 3],
  ]

  it.each(late)('%s is polled slowly, and not later than the solve has time', async (_, callback, polls) => {
    const clock = manualClock()
    const made = await callbackRig({ callback, clock, serviceOptions: { solveMs: 40_000 } })
    const { service } = made
    const { token } = await settleWith(clock, made.guard.solve(challenge), 500)
    expect(token).toBe(service.tasks[0]?.answer)
    expect(made.polls()).toBeLessThanOrEqual(polls)
    const last = service.requests.at(-1)?.at ?? 0
    expect(last - (service.tasks[0]?.submittedAt ?? 0)).toBeLessThan(90_000)
  })

  it('never, to a solve that has little time: it is polled as without call-backs', async () => {
    const clock = manualClock()
    const policy = { deadline: '20s' } as const
    const made = await callbackRig({ callback: { never: true }, clock, policy, serviceOptions: { solveMs: 8_000 } })
    const { token } = await settleWith(clock, made.guard.solve(challenge), 250)
    expect(token).toBe(made.service.tasks[0]?.answer)
  })

  it('before its reply to the submit, when the task is done, is asked at once', async () => {
    const made = await callbackRig({ callback: { early: true } })
    const { token } = await made.guard.solve(challenge)
    expect(token).toBe(made.service.tasks[0]?.answer)
    expect(made.polls()).toBe(1)
  })

  it('never, for three tasks in a row, is polled as usual from then on, and reported once, until it calls', async () => {
    const clock = manualClock()
    const made = await callbackRig({ callback: { never: true }, clock, serviceOptions: { solveMs: 8_000 } })
    const { guard, service } = made
    const alerts: string[] = []
    guard.on('alert', ({ code }) => void alerts.push(code))
    const took: number[] = []
    const solve = async () => {
      const from = clock.now()
      await settleWith(clock, guard.solve(challenge), 250)
      took.push(clock.now() - from)
    }
    for (let i = 0; i < 5; i++) await solve()
    expect(took.slice(0, 3).every((ms) => ms >= 30_000)).toBe(true)
    expect(took.slice(3).every((ms) => ms < 15_000)).toBe(true)
    expect(alerts.filter((code) => code === 'CALLBACKS_MISSING')).toHaveLength(1)
    service.always('in', { callback: {} })
    await solve()
    service.always('in', { callback: { never: true } })
    await solve()
    expect(took.at(-1)).toBeGreaterThanOrEqual(30_000)
  })

  it('while a poll that says "not ready" is under way is asked once more', async () => {
    const clock = manualClock()
    const made = await callbackRig({ callback: { never: true }, clock, serviceOptions: { solveMs: 42_000 } })
    const solving = made.guard.solve(challenge)
    await eventually(() => made.service.tasks.length === 1)
    made.service.next('res', { delayMs: 6_000 })
    await advanceUntil(clock, () => made.polls() > 0, 100, 90_000)
    expect(made.polls()).toBe(1)
    await fetch(addressOf(made), { method: 'POST' })
    await settleWith(clock, solving, 500)
    expect(made.polls()).toBe(2)
  })

  it('and then does not answer polls is asked again, soon', async () => {
    const clock = manualClock()
    const made = await callbackRig({ clock, serviceOptions: { solveMs: 5_000 } })
    made.service.next('res', { status: 502 }, { drop: true })
    const from = clock.now()
    await settleWith(clock, made.guard.solve(challenge), 250)
    expect(clock.now() - from).toBeLessThan(40_000)
    expect(made.polls()).toBe(3)
  })
})

describe('call-backs for which no task waits', () => {
  it('get the same reply, whatever they are, and cause at most one poll a task: 10,000 of them', async () => {
    const clock = manualClock()
    const made = await callbackRig({ callback: { never: true }, clock, serviceOptions: { solveMs: 3_600_000 } })
    const handler = callbackHandler(made.guard)
    const solves = Array.from({ length: 3 }, () => made.guard.solve(challenge).catch((error) => error.code))
    await eventually(() => made.service.tasks.length === 3)
    const [known, , another] = [0, 1, 2].map((at) => addressOf(made, at)) as [string, string, string]
    const altered = `${another.slice(0, -1)}${another.endsWith('A') ? 'B' : 'A'}`
    const replies = new Set<string>()
    for (let i = 0; i < 10_000; i++) {
      const url = [known, altered, `${made.hooks.url}/${'A'.repeat(48)}`, `${made.hooks.url}/x`][i % 4] as string
      const reply = handler(new Request(url, { method: i % 3 === 0 ? 'GET' : 'POST' }))
      replies.add(JSON.stringify([reply.status, [...reply.headers], await reply.text()]))
    }
    expect(replies.size).toBe(1)
    await eventually(() => made.polls() === 1)
    await clock.advance(2_000)
    expect(made.polls()).toBe(1)
    expect(made.service.tasks.filter(({ polls }) => polls > 0)).toHaveLength(1)
    await made.guard.close()
    expect(await Promise.all(solves)).toEqual(Array(3).fill('GUARD_CLOSED'))
  })

  it('buy, spend and deliver nothing, in whatever order, form and number they come', async () => {
    const made = await callbackRig({ callback: { never: true }, serviceOptions: { solveMs: 3_600_000 } })
    const other = await callbackRig({ callback: { never: true }, serviceOptions: { solveMs: 3_600_000 } })
    const handler = callbackHandler(made.guard)
    let ended = 0
    for (const { guard } of [made, other]) {
      for (let i = 0; i < 2; i++) {
        guard.solve(challenge).then(
          () => ended++,
          () => {},
        )
      }
    }
    await eventually(() => made.service.tasks.length === 2 && other.service.tasks.length === 2)
    const real = [addressOf(made, 0), addressOf(made, 1)] as const
    const foreign = addressOf(other)
    const address = fc.oneof(
      fc.constantFrom(...real, foreign, `${made.hooks.url}/`, made.hooks.url, 'http://h/'),
      fc.constantFrom(...real).chain((url) => fc.nat(47).map((cut) => url.slice(0, -1 - cut))),
      fc.constantFrom(...real).chain((url) => fc.webQueryParameters().map((query) => `${url}?${query}`)),
      fc.constantFrom(...real).map((url) => url.toUpperCase().replace(/^HTTP/, 'http')),
      fc.webUrl(),
    )
    const knock = fc.record({
      url: address,
      method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
      body: fc.option(fc.string(), { nil: undefined }),
    })
    const property = fc.asyncProperty(fc.array(knock, { maxLength: 30 }), async (knocks) => {
      for (const { url, method, body } of knocks) {
        const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD'
        expect(handler(new Request(url, { method, ...(hasBody && { body }) })).status).toBe(200)
      }
    })
    await fc.assert(property, { numRuns: 100 })
    await eventually(() => made.polls() === 2)
    expect({ polls: made.polls(), tasks: made.service.tasks.length, ended }).toEqual({ polls: 2, tasks: 2, ended: 0 })
    expect(other.polls()).toBe(0)
    expect((await made.guard.status()).day).toMatchObject({ spent: 0, reserved: 2_000 })
  })

  it('for a task that has ended change nothing', async () => {
    const made = await callbackRig({ serviceOptions: { solveMs: 20 } })
    await made.guard.solve(challenge)
    const requests = made.service.requests.length
    for (let i = 0; i < 20; i++) expect((await fetch(addressOf(made), { method: 'POST' })).status).toBe(200)
    await made.guard.status()
    expect(made.service.requests).toHaveLength(requests)
  })

  it('do not hasten a submit that waits for a free slot', async () => {
    const clock = manualClock()
    const made = await callbackRig({ clock })
    made.service.next('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
    const solving = made.guard.solve(challenge)
    await eventually(() => made.service.requests.length === 1)
    for (let i = 0; i < 10; i++) await fetch(addressOf(made), { method: 'POST' })
    expect(made.service.requests).toHaveLength(1)
    await settleWith(clock, solving, 500)
  })
})

describe('call-backs of several processes', () => {
  it('that arrive at another process of the guard are passed on by the ledger', async () => {
    const dir = temporaryFolder()
    const hooks = await startHooks()
    const first = await callbackRig({ hooks, ledger: fileLedger({ dir }), serviceOptions: { solveMs: 50 } })
    const second = await callbackRig({ hooks, ledger: fileLedger({ dir }), service: first.service })
    hooks.mount(second.guard)
    const { token } = await first.guard.solve(challenge)
    expect(token).toBe(first.service.tasks[0]?.answer)
    expect(first.polls()).toBe(1)
    expect((first.service.requests.at(-1)?.at ?? 0) - (first.service.tasks[0]?.readyAt ?? 0)).toBeLessThan(4_500)
  })

  it('write nothing into the ledger for addresses that were made up, and for others a bounded number', async () => {
    const dir = temporaryFolder()
    const facts: string[] = []
    const ledger = fileLedger({ dir })
    const setFact = ledger.setFact.bind(ledger)
    ledger.setFact = (fact, now) => {
      if (fact.scope.startsWith('callbacks/')) facts.push(fact.name)
      return setFact(fact, now)
    }
    const clock = manualClock(Date.now())
    const waiting = await callbackRig({ callback: { never: true }, ledger: fileLedger({ dir }), clock })
    const made = await callbackRig({ ledger, clock, service: waiting.service })
    const handler = callbackHandler(made.guard)
    facts.length = 0
    const post = (url: string) => handler(new Request(url, { method: 'POST' }))
    for (let i = 0; i < 1_000; i++) post(`http://h/${i.toString(36).padStart(48, '0')}`)
    expect(facts).toEqual([])
    waiting.service.always('in', { callback: { never: true }, pendingTimes: 1_000_000 })
    for (let i = 0; i < 300; i++) void waiting.guard.solve(challenge).catch(() => {})
    await eventually(() => waiting.service.tasks.length === 300)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 300; i++) post(addressOf(waiting, i))
    }
    expect(facts.length).toBe(200)
    expect(new Set(facts).size).toBe(200)
  })
})

describe('the option callbacks', () => {
  const refused: readonly (readonly [string, object])[] = [
    ['http: where it is not loopback', { url: 'http://hooks.example.com/x' }],
    ['a key in the address', { url: 'https://user:key@hooks.example.com' }],
    ['a query', { url: 'https://hooks.example.com/?key=1' }],
    ['no address', {}],
    ['a list', [{ url: 'https://hooks.example.com' }]],
    ['no port', { url: 'https://hooks.example.com', listen: { host: '127.0.0.1' } }],
    ['another option', { url: 'https://hooks.example.com', token: 'x' }],
    ['a file outside', { url: 'https://hooks.example.com', files: { '../x': 'y' } }],
  ]

  it.each(refused)('is refused with %s', async (_, callbacks) => {
    const made = rig({ guardOptions: { callbacks: callbacks as { url: string } } })
    await expect(made).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('callbacks') })
  })

  it('is refused with an address that no service can reach', async () => {
    const { capSolver } = await import('../../../src/solvers/cap-solver.js')
    for (const url of ['http://127.0.0.1:8080', 'https://10.1.2.3/x', 'https://hooks.internal']) {
      const made = rig({ guardOptions: { solver: capSolver(), callbacks: { url } } })
      await expect(made).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })

  it('opens nothing without listen, and refuses a handler for a guard without it', async () => {
    const { guard } = await rig()
    expect(() => callbackHandler(guard)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('callbacks.listen', () => {
  it('takes call-backs, serves the file that proves the domain, and answers all else alike', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const made = await callbackRig({
      serviceOptions: { solveMs: 30 },
      guardOptions: { callbacks: { url, listen: { port }, files: { '/2captcha.txt': 'a-code-of-2captcha' } } },
    })
    await made.guard.solve(challenge)
    expect(made.polls()).toBe(1)
    expect(await (await fetch(`${url}/2captcha.txt`)).text()).toBe('a-code-of-2captcha')
    for (const [path, init] of [
      ['/', {}],
      ['/2captcha.txt', { method: 'POST', body: 'x' }],
      ['/..%2f2captcha.txt', {}],
      [`/${'A'.repeat(48)}`, { method: 'POST' }],
    ] as const) {
      const reply = await fetch(`${url}${path}`, init)
      expect([reply.status, await reply.text()]).toEqual([200, 'ok'])
    }
    await made.guard.close()
    await expect(fetch(url)).rejects.toThrow()
  })

  it('is shared by the guards of one machine: when the one that listens ends, another does', async () => {
    const clock = manualClock()
    const port = await freePort()
    const callbacks = { url: `http://127.0.0.1:${port}`, listen: { port } }
    const first = await callbackRig({ guardOptions: { callbacks } })
    await callbackRig({ clock, guardOptions: { callbacks, name: 'tests' } })
    await first.guard.close()
    for (let i = 0; i < 100; i++) {
      await clock.advance(5_000)
      const reply = await fetch(callbacks.url).catch(() => undefined)
      if (reply) return expect(reply.status).toBe(200)
    }
    expect.unreachable('no process listens')
  })

  it('throws CONFIG_INVALID for an address that is not this machine', async () => {
    const callbacks = { url: 'http://127.0.0.1:8080', listen: { host: '203.0.113.9', port: 8080 } }
    await expect(rig({ guardOptions: { callbacks } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-callbacks-'))
  after(async () => rmSync(dir, { recursive: true, force: true }))
  return dir
}

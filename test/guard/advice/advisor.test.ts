import { describe, expect, it } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import type { AdviceOptions, Guard } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { captchaAI, twoCaptcha } from '../../../src/solvers/index.js'
import { memoryAudit } from '../../../src/testing/audit.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

/** A guard at 2Captcha, paid by the solve, on a manual clock, with the service's default polling. */
async function paidBySolve(policy: Parameters<typeof rig>[0] = {}, dollars = 1000) {
  const clock = manualClock()
  const service = await startSolverService({ keys: { 'a-key-for-tests': dollars }, clock, solveMs: 20_000 })
  after(() => service.close())
  const solver = twoCaptcha({ baseUrl: service.url, pricing: { per: 'solve', usd: 0.001 } })
  const all = await rig({ service, clock, ...policy, guardOptions: { solver, ...policy.guardOptions } })
  const balances = () => service.requests.filter(({ endpoint }) => endpoint === 'balance').length
  return { ...all, clock, balances }
}

/** A guard at CaptchaAI, with five threads. */
async function paidByThread() {
  const service = await startSolverService()
  after(() => service.close())
  const pricing = { per: 'thread', threads: 5, usdPerMonth: 15, imputedUsd: 0.001 } as const
  return rig({ service, guardOptions: { solver: captchaAI({ baseUrl: service.url, pricing }) } })
}

/** Two accounts at one service: three slots, and four. */
async function twoAccounts() {
  const service = await startSolverService()
  const solver = twoCaptcha({ baseUrl: service.url, pricing: { per: 'solve', usd: 0.001 } })
  const solvers = ['one', 'other'].map((name, i) => ({
    solver,
    secret: fixedSecret(service.key),
    name,
    budget: { concurrent: 3 + i },
  }))
  const guard = await createGuard({
    name: 'tests',
    solvers,
    policy: { origins: ['https://staging.example.com'] },
    ledger: memoryLedger(),
    audit: memoryAudit(),
  })
  after(() => guard.close().then(() => service.close()))
  return { guard, service }
}

/** Advice, with its first reason as `nearest`. */
async function adviceOf(guard: Guard, options?: AdviceOptions) {
  const advice = await guard.recommendConcurrency(options)
  return { ...advice, nearest: advice.reasons[0] }
}

describe('guard.recommendConcurrency', () => {
  it('counts the given queue, and the solves that are queued and under way in this process', async () => {
    const { guard } = await paidBySolve()
    expect(await adviceOf(guard)).toMatchObject({
      workers: 0,
      queued: 0,
      underWay: 0,
      nearest: { code: 'queue', limit: 0 },
    })
    expect(await adviceOf(guard, { queued: 30 })).toMatchObject({
      workers: 30,
      queued: 30,
      nearest: { code: 'queue', limit: 30 },
    })
  })

  it('counts queued solves, and the items that a stream has not started yet', async () => {
    const { guard, clock } = await paidBySolve({ policy: { budget: { perDay: usd(1), concurrent: 2, wait: '60s' } } })
    const solves = [1, 2, 3, 4, 5].map(() => guard.solve(challenge))
    await clock.advance(0)
    expect(await adviceOf(guard)).toMatchObject({
      workers: 2,
      underWay: 2,
      queued: 3,
      nearest: { code: 'concurrent', limit: 2 },
    })
    await settleWith(clock, Promise.all(solves))
    const stream = guard.stream([1, 2, 3, 4, 5, 6].map(() => challenge))[Symbol.asyncIterator]()
    await settleWith(clock, stream.next())
    const { queued, underWay } = await adviceOf(guard)
    expect(queued + underWay).toBeGreaterThanOrEqual(3)
    expect(queued + underWay).toBeLessThanOrEqual(5)
    await stream.return?.()
    expect((await adviceOf(guard)).queued).toBe(0)
  })

  it('counts the queued solves of other processes', async () => {
    const clock = manualClock()
    const ledger = memoryLedger()
    const policy = { budget: { perDay: usd(1), concurrent: 1, wait: '120s' } } as const
    const one = await rig({ clock, ledger, policy, serviceOptions: { solveMs: 60_000, clock } })
    const other = await rig({ clock, ledger, policy, service: one.service })
    const solves = [1, 2, 3].map(() => errorOf(one.guard.solve(challenge)))
    await clock.advance(11_000)
    expect(await adviceOf(other.guard)).toMatchObject({ queued: 2, underWay: 1, workers: 1 })
    await one.guard.close()
    await Promise.all(solves)
    await clock.advance(30_000)
    expect((await adviceOf(other.guard)).queued).toBe(0)
  })

  it('learns how long solves take, and shares it with other processes', async () => {
    const { guard, clock, ledger, service } = await paidBySolve()
    // The service states about 20 s for a reCAPTCHA.
    const { solveMs } = await adviceOf(guard, { queued: 9 })
    expect(solveMs).toBeGreaterThan(16_000)
    for (let i = 0; i < 5; i++) await settleWith(clock, guard.solve(challenge))
    const learned = await adviceOf(guard, { queued: 9 })
    expect(learned.solveMs).toBeGreaterThan(20_000)
    await clock.advance(11_000)
    const solver = twoCaptcha({ baseUrl: service.url, pricing: { per: 'solve', usd: 0.001 } })
    const other = await rig({ service, clock, ledger, guardOptions: { solver } })
    const shared = await adviceOf(other.guard, { queued: 9 })
    expect(Math.abs(shared.solveMs - learned.solveMs)).toBeLessThan(2_000)
    // For another family only the service's stated time is known.
    expect((await adviceOf(other.guard, { queued: 9, family: 'turnstile' })).solveMs).toBeLessThan(17_000)
  })

  it('recommends as many workers as the rate keeps busy', async () => {
    const { guard } = await paidBySolve({ policy: { budget: { perDay: usd(100), perMinute: 12 } } })
    const { workers, nearest, solveMs, solvesPerMinute } = await adviceOf(guard, { queued: 500 })
    expect(workers).toBe(Math.ceil((12 * solveMs) / 60_000))
    expect(nearest).toMatchObject({ code: 'rate' })
    expect(solvesPerMinute).toBeLessThanOrEqual(12)
  })

  it('reads the balance at most once a minute, and never for an account that is paid by the thread', async () => {
    const { guard, clock, balances } = await paidBySolve({}, 0.004)
    expect(await adviceOf(guard, { queued: 50 })).toMatchObject({ workers: 4, nearest: { code: 'balance', limit: 4 } })
    await adviceOf(guard, { queued: 50 })
    expect(balances()).toBe(1)
    await clock.advance(61_000)
    await adviceOf(guard, { queued: 50 })
    expect(balances()).toBe(2)

    const byThread = await paidByThread()
    expect(await adviceOf(byThread.guard, { queued: 50 })).toMatchObject({
      workers: 5,
      threads: { has: 5, worth: 50 },
      nearest: { code: 'threads', limit: 5 },
    })
    expect(byThread.service.requests).toEqual([])
  })

  it('works without a balance when the service returns none', async () => {
    const { guard, service, balances } = await paidBySolve()
    service.always('balance', { html: true })
    expect(await adviceOf(guard, { queued: 7 })).toMatchObject({ workers: 7 })
    await adviceOf(guard, { queued: 7 })
    expect(balances()).toBe(1)
  })

  it('recommends no workers when the budget is used up, with the time of the next free amount', async () => {
    const { guard, clock, service } = await paidBySolve({ policy: { budget: { perDay: usd(0.002) } } })
    for (let i = 0; i < 2; i++) await settleWith(clock, guard.solve(challenge))
    const before = (await guard.status()).day
    const advice = await adviceOf(guard, { queued: 20 })
    expect(advice).toMatchObject({
      workers: 0,
      nearest: { code: 'budget', limit: 0 },
    })
    const wait = (advice.retryAt?.getTime() ?? 0) - clock.now()
    expect(wait).toBeGreaterThan(23 * 3_600_000)
    expect(wait).toBeLessThanOrEqual(24 * 3_600_000 + 5 * 60_000)
    // The advice has spent and reserved nothing.
    expect([(await guard.status()).day, service.tasks.length]).toEqual([before, 2])
    await clock.advance(wait)
    expect((await adviceOf(guard, { queued: 20 })).workers).toBeGreaterThan(0)
  })

  it('recommends no workers while the guard is paused, or outside the working hours', async () => {
    const { guard, clock, service } = await paidBySolve({
      policy: { schedule: { timeZone: 'UTC', windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] } },
    })
    expect(await adviceOf(guard, { queued: 5 })).toMatchObject({
      closesAt: new Date(Date.UTC(2025, 0, 6, 17)),
      leftOver: 0,
    })
    service.next('in', { error: 'ERROR_ZERO_BALANCE' })
    await errorOf(settleWith(clock, guard.solve(challenge)))
    const paused = await adviceOf(guard, { queued: 5 })
    expect(paused).toMatchObject({
      workers: 0,
      nearest: { code: 'paused', message: expect.stringContaining('no money') },
    })
    await guard.resume()
    expect((await adviceOf(guard, { queued: 5 })).workers).toBe(5)
    await clock.advance(6 * 3_600_000)
    const closed = await adviceOf(guard, { queued: 5 })
    expect(closed).toMatchObject({
      workers: 0,
      retryAt: new Date(Date.UTC(2025, 0, 7, 9)),
      nearest: { code: 'schedule' },
    })
  })

  it('adds up the limits of several accounts, without those that are paused', async () => {
    const { service, guard } = await twoAccounts()
    expect(await adviceOf(guard, { queued: 50 })).toMatchObject({
      workers: 7,
      nearest: { code: 'concurrent', limit: 7 },
    })
    service.next('in', { error: 'ERROR_ZERO_BALANCE' })
    await errorOf(guard.solve(challenge, { signal: AbortSignal.timeout(2_000) }))
    expect(await adviceOf(guard, { queued: 50 })).toMatchObject({ nearest: { code: 'concurrent', limit: 4 } })
  })

  it.each<[unknown, RegExp]>([
    [{ queued: -1 }, /advice\.queued: expected a whole number/],
    [{ family: 'nocaptcha' }, /advice\.family/],
    [{ depth: 3 }, /advice\.depth: there is no such field/],
  ])('refuses %j', async (options, message) => {
    const { guard } = await rig()
    const error = await errorOf(guard.recommendConcurrency(options as AdviceOptions))
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringMatching(message)])
  })

  it('rejects with GUARD_CLOSED after the guard was closed', async () => {
    const { guard } = await rig()
    await guard.close()
    expect(await errorOf(guard.recommendConcurrency())).toMatchObject({ code: 'GUARD_CLOSED' })
  })
})

it('a guard reads no balance with a key that is too old for a solve', async () => {
  const secret = fixedSecret('a-key-for-tests', { createdAt: Date.UTC(2024, 0, 1) })
  const { guard, balances, clock } = await paidBySolve({ secret, policy: { key: { expireAfter: '30d' } } })
  const { reasons } = await settleWith(clock, guard.recommendConcurrency({ queued: 5, family: 'recaptcha' }))
  expect([balances(), reasons.some(({ code }) => code === 'balance')]).toEqual([0, false])
})

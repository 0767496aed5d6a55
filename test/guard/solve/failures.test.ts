import { describe, expect, it, vi } from 'vitest'
import { functionAudit } from '../../../src/audit/function.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import type { Behavior, ServiceEndpoint } from '../../../src/testing/service/index.js'
import { challenge, errorOf, rig, settleWith } from '../support.js'

const PRICE = usd(0.001)

/** What happens, at which endpoint and how, the code that the caller gets, and what counts as spent. */
const ENDS: [string, ServiceEndpoint, Behavior, string, number][] = [
  ['refuses the request', 'in', { error: 'ERROR_GOOGLEKEY' }, 'SOLVER_REFUSED', 0],
  ['returns an unknown error', 'in', { error: 'ERROR_OF_NEXT_YEAR' }, 'SOLVER_ERROR', 0],
  ['returns an unknown error of its own', 'in', { error: 'ERROR_INTERNAL_Q7', taken: true }, 'SOLVER_ERROR', PRICE],
  ['cuts its reply to a submit in half', 'in', { half: true }, 'SOLVER_REPLY_INVALID', PRICE],
  ['replies to a submit with 50 MB', 'in', { bytes: 50e6 }, 'SOLVER_REPLY_INVALID', PRICE],
  ['replies to a submit with nothing', 'in', { empty: true }, 'SOLVER_REPLY_INVALID', PRICE],
  ['drops the connection in place of a reply to a submit', 'in', { drop: true }, 'SOLVER_', PRICE],
  ['answers a submit with a web page', 'in', { html: true, taken: true }, 'SOLVER_REPLY_INVALID', PRICE],
  ['answers a submit with a redirect', 'in', { redirect: 'https://elsewhere.example', taken: true }, 'SOLVER_', PRICE],
  ['answers a submit with 408', 'in', { status: 408, taken: true }, 'SOLVER_REPLY_INVALID', PRICE],
  ['answers a submit with 500', 'in', { status: 500, taken: true }, 'SOLVER_BUSY', PRICE],
  ['answers a submit with 503', 'in', { status: 503, body: '', taken: true }, 'SOLVER_BUSY', PRICE],
  ['reports an internal error', 'in', { error: 'ERROR_SERVER_ERROR', taken: true }, 'SOLVER_BUSY', PRICE],
  ['cannot solve the task', 'res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' }, 'CAPTCHA_UNSOLVABLE', 0],
  ['does not know the task any more', 'res', { error: 'ERROR_WRONG_CAPTCHA_ID' }, 'SOLVER_REFUSED', PRICE],
  ['returns an unknown error for a task', 'res', { error: 'ERROR_OF_NEXT_YEAR' }, 'SOLVER_ERROR', PRICE],
]

/** Failures that the service recovers from: one reservation, one task, one charge. */
const RECOVERS: [string, ServiceEndpoint, Behavior][] = [
  ['has no free slot', 'in', { error: 'ERROR_NO_SLOT_AVAILABLE' }],
  ['has no free thread (CaptchaAI reports a zero balance)', 'in', { error: 'ERROR_ZERO_BALANCE' }],
  ['replies to a submit with 429', 'in', { status: 429, body: 'slow down' }],
  ['has not solved the task yet', 'res', { error: 'CAPCHA_NOT_READY' }],
  ['returns a web page to a poll', 'res', { html: true }],
  ['cuts its reply to a poll in half', 'res', { half: true }],
  ['drops the connection of a poll', 'res', { drop: true }],
  ['replies to a poll with 50 MB', 'res', { bytes: 50e6 }],
  ['reports an internal error to a poll', 'res', { error: 'ERROR_INTERNAL_SERVER_ERROR' }],
]

describe('a solve fails, and its possible cost counts as spent, when the service', () => {
  it.each(ENDS)('%s', async (_, endpoint, behavior, code, spent) => {
    const { guard, service, actions, ledger } = await rig()
    service.next(endpoint, behavior)
    const error = await errorOf(guard.solve(challenge))
    expect(error.code).toMatch(new RegExp(`^${code}`))
    expect((await guard.status()).day).toMatchObject({ spent, reserved: 0 })
    // A failed task may have been charged or not: it counts as unsure.
    expect((await ledger.usage('tests', Date.now())).totals).toMatchObject({ settled: 0, unsure: spent })
    expect(actions().filter((action) => action !== 'alert')).toEqual(
      endpoint === 'in' ? ['authorized', 'failed'] : ['authorized', 'submitted', 'failed'],
    )
    // The guard never counts less than the service charges.
    expect(service.charged).toBeLessThanOrEqual(spent)
  })
})

describe('a solve is retried under its reservation when the service for a while', () => {
  it.each(RECOVERS)('%s', async (_, endpoint, behavior) => {
    const clock = manualClock()
    const { guard, service, actions } = await rig({ clock })
    service.next(endpoint, behavior, behavior)
    let retries = 0
    guard.on('retrying', ({ inMs }) => {
      expect(inMs).toBeGreaterThan(0)
      retries++
    })
    const solution = await settleWith(clock, guard.solve(challenge))
    expect(solution.cost).toBe(PRICE)
    // A task that is not ready is no failure; every other reply emits an event.
    expect(retries).toBe('error' in behavior && behavior.error === 'CAPCHA_NOT_READY' ? 0 : 2)
    expect(service.tasks).toHaveLength(1)
    expect(actions()).toEqual(['authorized', 'submitted', 'solved'])
    expect((await guard.status()).day).toMatchObject({ spent: PRICE, reserved: 0 })
  })
})

describe('a service that does not recover', () => {
  it.each([
    ['no free slot', { error: 'ERROR_NO_SLOT_AVAILABLE' }, 'SOLVER_BUSY'],
    ['a web page', { html: true as const }, 'SOLVER_REPLY_INVALID'],
    ['no connection', { dropBefore: true as const }, 'SOLVER_'],
  ])('ends a submit at the deadline, with the code of the failure (%s)', async (_, behavior, code) => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock, policy: { deadline: '60s' } })
    service.always('in', behavior)
    const error = await errorOf(settleWith(clock, guard.solve(challenge)))
    expect(error.code).toMatch(new RegExp(`^${code}`))
    await settleWith(clock, noneReserved(guard))
  })

  it('ends the polls at the deadline; the task counts as spent once its reservation expires', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({
      clock,
      policy: { deadline: '60s' },
      polling: { firstPollMs: 1000, everyMs: 5000 },
    })
    service.always('res', { html: true })
    const error = await errorOf(settleWith(clock, guard.solve(challenge)))
    expect(error.code).toBe('SOLVER_REPLY_INVALID')
    await settleWith(clock, noneReserved(guard))
    expect((await guard.status()).day.spent).toBe(PRICE)
  })

  it('costs nothing when it cannot be reached', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock, policy: { deadline: '20s' } })
    await service.close()
    const error = await errorOf(settleWith(clock, guard.solve(challenge)))
    expect(error.code).toBe('SOLVER_UNREACHABLE')
    await settleWith(clock, noneReserved(guard))
    expect((await guard.status()).day.spent).toBe(0)
  })
})

it('an unknown error of a submit is an alert, once for each error, and costs nothing', async () => {
  const { guard, service } = await rig()
  const alerts: string[] = []
  guard.on('alert', ({ code, message }) => alerts.push(`${code}: ${message}`))
  for (const error of ['ERROR_OF_NEXT_YEAR', 'ERROR_OF_NEXT_YEAR', 'ERROR_OF_MARS']) {
    service.next('in', { error })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({
      code: 'SOLVER_ERROR',
      details: { solverCode: error },
    })
  }
  expect(alerts).toEqual([
    expect.stringMatching(/^SOLVER_ERROR: captchaai refused a submit.*ERROR_OF_NEXT_YEAR.*Nothing was spent/),
    expect.stringMatching(/^SOLVER_ERROR: captchaai refused a submit.*ERROR_OF_MARS/),
  ])
  expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
})

it('a solve that costs more than its reservation counts in full and raises an alert', async () => {
  const { guard, service } = await rig()
  service.always('res', { body: JSON.stringify({ status: 1, request: 'a-token', price: '0.005' }) })
  const alerts: string[] = []
  guard.on('alert', ({ code, message }) => alerts.push(`${code}: ${message}`))
  expect((await guard.solve(challenge)).cost).toBe(usd(0.005))
  expect((await guard.status()).day).toMatchObject({ spent: usd(0.005), reserved: 0 })
  expect(alerts).toEqual([expect.stringMatching(/^PRICE_ABOVE_RESERVED: .*\$0\.005.*\$0\.001/)])
})

it('the end of a solve is recorded in the audit log before it is settled, however slow the log is', async () => {
  const steps: string[] = []
  const ledger = memoryLedger()
  const settle = ledger.settle.bind(ledger)
  ledger.settle = (settlement, now) => {
    steps.push('settled')
    return settle(settlement, now)
  }
  const audit = functionAudit(async (records) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    steps.push(...records.map(({ event }) => event.action))
  })
  const { guard } = await rig({ ledger, guardOptions: { audit } })
  await guard.solve(challenge)
  expect(steps).toEqual(['authorized', 'submitted', 'solved', 'settled'])
})

describe('the attempts of a solve', () => {
  it('each have a reservation and records of their own', async () => {
    const ledger = memoryLedger()
    const reserve = vi.spyOn(ledger, 'reserve')
    const { guard, service, actions } = await rig({ ledger, policy: { attempts: 3 } })
    service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' }, { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    await guard.solve(challenge)
    expect(service.tasks).toHaveLength(3)
    expect(new Set(reserve.mock.calls.map(([{ id }]) => id)).size).toBe(3)
    expect(actions()).toEqual([
      'authorized',
      'submitted',
      'failed',
      'authorized',
      'submitted',
      'failed',
      'authorized',
      'submitted',
      'solved',
    ])
  })

  it('have separate reservations after a lost reply, so that both count as spent', async () => {
    const { guard, service } = await rig({ policy: { attempts: 2 } })
    service.next('in', { drop: true })
    await guard.solve(challenge)
    expect((await guard.status()).day.spent).toBe(2 * PRICE)
    expect(service.tasks).toHaveLength(2)
  })

  it('stop when the budget is used up', async () => {
    const { guard, service } = await rig({ policy: { attempts: 10, budget: { perDay: usd(0.0025) } } })
    service.always('in', { drop: true })
    expect((await errorOf(guard.solve(challenge))).code).toBe('BUDGET_EXHAUSTED')
    expect(service.tasks).toHaveLength(2)
  })
})

describe('the service pauses every guard of that name, until resume(), when it refuses', () => {
  it.each([
    ['the address', { error: 'ERROR_IP_NOT_ALLOWED' }, 'ADDRESS_REFUSED'],
    ['the account', { error: 'ERROR_ACCOUNT_SUSPENDED' }, 'ADDRESS_REFUSED'],
  ])('%s', async (_, behavior, code) => {
    const first = await rig()
    const second = await rig({ ledger: first.ledger, service: first.service })
    first.service.next('in', behavior)
    const paused = new Promise((resolve) => void first.guard.on('paused', resolve))
    const error = await errorOf(first.guard.solve(challenge))
    expect(error.code).toBe(code)
    expect(error.message).toContain('direct')
    expect(await paused).toMatchObject({ reason: { code } })
    expect(await errorOf(second.guard.solve(challenge))).toMatchObject({ code: 'GUARD_PAUSED', layer: 'spending' })
    expect((await second.guard.status()).paused).toMatchObject({ code })
    expect((await first.guard.status()).day.spent).toBe(0)
    await second.guard.resume()
    await first.guard.solve(challenge)
  })
})

async function noneReserved(guard: { status(): Promise<{ day: { reserved: number } }> }): Promise<void> {
  while ((await guard.status()).day.reserved > 0) await new Promise((resolve) => setTimeout(resolve, 3))
}

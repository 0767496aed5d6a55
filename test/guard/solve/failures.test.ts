import { describe, expect, it, vi } from 'vitest'
import { functionAudit } from '../../../src/audit/function.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import type { Behavior, ServiceEndpoint } from '../../../src/testing/service/index.js'
import { challenge, errorOf, rig, settleWith } from '../support.js'

const PRICE = usd(0.001)

/** Where the service fails, how, what the caller is told, and what is held to have been spent. */
const ENDS: [string, ServiceEndpoint, Behavior, string, number][] = [
  ['refuses the request', 'in', { error: 'ERROR_GOOGLEKEY' }, 'SOLVER_REFUSED', 0],
  ['says an error nobody knows', 'in', { error: 'ERROR_OF_NEXT_YEAR' }, 'SOLVER_ERROR', PRICE],
  ['cuts its reply to a submit in half', 'in', { half: true }, 'SOLVER_REPLY_INVALID', PRICE],
  ['replies to a submit with 50 MB', 'in', { bytes: 50e6 }, 'SOLVER_REPLY_INVALID', PRICE],
  ['replies to a submit with nothing', 'in', { empty: true }, 'SOLVER_REPLY_INVALID', PRICE],
  ['drops the connection in place of a reply to a submit', 'in', { drop: true }, 'SOLVER_', PRICE],
  ['gives up on the task', 'res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' }, 'CAPTCHA_UNSOLVABLE', 0],
  ['forgets the task', 'res', { error: 'ERROR_WRONG_CAPTCHA_ID' }, 'SOLVER_REFUSED', PRICE],
  ['says an error nobody knows of a task it took', 'res', { error: 'ERROR_OF_NEXT_YEAR' }, 'SOLVER_ERROR', PRICE],
]

/** What the service recovers from: the same reservation throughout, one task, one charge. */
const RECOVERS: [string, ServiceEndpoint, Behavior][] = [
  ['has no free slot', 'in', { error: 'ERROR_NO_SLOT_AVAILABLE' }],
  ['has no free thread (CaptchaAI calls that a zero balance)', 'in', { error: 'ERROR_ZERO_BALANCE' }],
  ['shows a web page in place of a reply', 'in', { html: true }],
  ['answers a submit with 503', 'in', { status: 503, body: '' }],
  ['answers a submit with 429', 'in', { status: 429, body: 'slow down' }],
  ['is not ready', 'res', { error: 'CAPCHA_NOT_READY' }],
  ['shows a web page on a poll', 'res', { html: true }],
  ['cuts a poll in half', 'res', { half: true }],
  ['drops a poll', 'res', { drop: true }],
  ['answers a poll with 50 MB', 'res', { bytes: 50e6 }],
  ['has an internal error on a poll', 'res', { error: 'ERROR_INTERNAL_SERVER_ERROR' }],
]

describe('when the service fails for good, the caller is told and the money is accounted for', () => {
  it.each(ENDS)('%s', async (_, endpoint, behavior, code, spent) => {
    const { guard, service, actions, ledger } = await rig()
    service.next(endpoint, behavior)
    const error = await errorOf(guard.solve(challenge))
    expect(error.code).toMatch(new RegExp(`^${code}`))
    expect((await guard.status()).day).toMatchObject({ spent, reserved: 0 })
    // What failed may have been charged, or not: nobody knows.
    expect((await ledger.usage('tests', Date.now())).totals).toMatchObject({ settled: 0, unsure: spent })
    expect(actions()).toEqual(endpoint === 'in' ? ['authorized', 'failed'] : ['authorized', 'submitted', 'failed'])
    // What we count is never less than what they charged.
    expect(service.charged).toBeLessThanOrEqual(spent)
  })
})

describe('when the service recovers, the solve goes on under the same reservation', () => {
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
    // Not being ready is no trouble; everything else is told.
    expect(retries).toBe('error' in behavior && behavior.error === 'CAPCHA_NOT_READY' ? 0 : 2)
    expect(service.tasks).toHaveLength(1)
    expect(actions()).toEqual(['authorized', 'submitted', 'solved'])
    expect((await guard.status()).day).toMatchObject({ spent: PRICE, reserved: 0 })
  })
})

describe('when the service never gets better', () => {
  it.each([
    ['busy', { error: 'ERROR_NO_SLOT_AVAILABLE' }, 'SOLVER_BUSY'],
    ['HTML', { html: true as const }, 'SOLVER_REPLY_INVALID'],
    ['gone', { dropBefore: true as const }, 'SOLVER_'],
  ])('a submit ends at the deadline at the latest (%s), with what was wrong', async (_, behavior, code) => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock, policy: { deadline: '60s' } })
    service.always('in', behavior)
    const error = await errorOf(settleWith(clock, guard.solve(challenge)))
    expect(error.code).toMatch(new RegExp(`^${code}`))
    await settleWith(clock, noneReserved(guard))
  })

  it('a poll ends at the deadline, and the task counts as spent once its reservation lapses', async () => {
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

  it('an unreachable service spends nothing', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock, policy: { deadline: '20s' } })
    await service.close()
    const error = await errorOf(settleWith(clock, guard.solve(challenge)))
    expect(error.code).toBe('SOLVER_UNREACHABLE')
    await settleWith(clock, noneReserved(guard))
    expect((await guard.status()).day.spent).toBe(0)
  })
})

it('a solve that costs more than was reserved for it counts in full, and is told of', async () => {
  const { guard, service } = await rig()
  service.always('res', { body: JSON.stringify({ status: 1, request: 'a-token', price: '0.005' }) })
  const alerts: string[] = []
  guard.on('alert', ({ code, message }) => alerts.push(`${code}: ${message}`))
  expect((await guard.solve(challenge)).cost).toBe(usd(0.005))
  expect((await guard.status()).day).toMatchObject({ spent: usd(0.005), reserved: 0 })
  expect(alerts).toEqual([expect.stringMatching(/^PRICE_ABOVE_RESERVED: .*\$0\.005.*\$0\.001/)])
})

it('how a solve ended is on the record before it is settled, however slow the log is', async () => {
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
  const { guard } = await rig({ ledger, more: { audit } })
  await guard.solve(challenge)
  expect(steps).toEqual(['authorized', 'submitted', 'solved', 'settled'])
})

describe('attempts', () => {
  it('are each reserved and recorded by themselves', async () => {
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

  it('after a reply that never came need a reservation of their own, so nothing is spent twice under one', async () => {
    const { guard, service } = await rig({ policy: { attempts: 2 } })
    service.next('in', { drop: true })
    await guard.solve(challenge)
    expect((await guard.status()).day.spent).toBe(2 * PRICE)
    expect(service.tasks).toHaveLength(2)
  })

  it('stop at the budget', async () => {
    const { guard, service } = await rig({ policy: { attempts: 10, budget: { perDay: usd(0.0025) } } })
    service.always('in', { drop: true })
    expect((await errorOf(guard.solve(challenge))).code).toBe('BUDGET_EXHAUSTED')
    expect(service.tasks).toHaveLength(2)
  })
})

describe('what only a person can mend pauses the guard, for everyone, until someone resumes it', () => {
  it.each([
    ['the address', { error: 'ERROR_IP_NOT_ALLOWED' }, 'ADDRESS_REFUSED'],
    ['the account', { error: 'ERROR_ACCOUNT_SUSPENDED' }, 'ADDRESS_REFUSED'],
  ])('%s', async (_, behavior, code) => {
    const first = await rig()
    const second = await rig({ ledger: first.ledger, at: first.service })
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

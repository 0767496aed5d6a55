import { Pool } from 'undici'
import { describe, expect, it, vi } from 'vitest'
import { SolveguardError } from '../../../src/base/errors.js'
import { usd } from '../../../src/policy/money.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import type { Solver } from '../../../src/solvers/solver.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, errorOf, rig, settleWith } from '../support.js'

const PRICE = usd(0.001)

const broken = (): never => {
  throw new TypeError('this.frobnicate is not a function')
}

const refusing = (): never => {
  throw new SolveguardError('CONFIG_INVALID', 'a solver of the user that throws an error of this package')
}

/** What throws, and what then counts as spent. */
const ERRORS: [string, Partial<Solver>, string, number][] = [
  ['writing a submit', { submit: broken }, 'SOLVER_ERROR', 0],
  [
    'encoding a submit',
    { submit: () => ({ path: '/in.php', encoding: 'form', keyField: 'key', fields: { nested: {} } }) },
    'CONFIG_INVALID',
    0,
  ],
  [
    'writing a submit as JSON',
    { submit: () => ({ path: '/createTask', encoding: 'json', keyField: 'clientKey', fields: { count: 1n } }) },
    'CONFIG_INVALID',
    0,
  ],
  ['reading the reply to a submit', { readSubmit: broken }, 'SOLVER_ERROR', PRICE],
  ['reading the reply to a submit, with a code', { readSubmit: refusing }, 'CONFIG_INVALID', PRICE],
  ['a submit that is a promise', { submit: async () => ({}) } as never, 'SOLVER_ERROR', 0],
  ['what was read of a submit, which is nothing', { readSubmit: () => undefined } as never, 'SOLVER_ERROR', PRICE],
  ['what was read of a submit, a promise', { readSubmit: async () => broken() } as never, 'SOLVER_ERROR', PRICE],
  ['what was read of a poll, which is nothing', { readPoll: () => undefined } as never, 'SOLVER_ERROR', PRICE],
  ['writing a poll', { poll: broken }, 'SOLVER_ERROR', PRICE],
  ['reading the reply to a poll', { readPoll: broken }, 'SOLVER_ERROR', PRICE],
]

/** undici's pool, with another `dispatch`: some run-times have an undici of their own. */
function replaceDispatch(dispatch: Pool['dispatch']) {
  const spy = vi.spyOn(Pool.prototype, 'dispatch').mockImplementation(dispatch)
  after(async () => spy.mockRestore())
  return spy
}

describe('no reservation is left open by an unexpected error in', () => {
  it.each(ERRORS)('%s', async (_, part, code, spent) => {
    const service = await startSolverService()
    after(() => service.close())
    const options = { polling: { firstPollMs: 0, everyMs: 5 }, pricing: { per: 'solve', usd: 0.001 } } as const
    const solver = { ...captchaAI({ baseUrl: service.url, ...options }), ...part }
    const { guard, actions } = await rig({ service, guardOptions: { solver } })
    const error = await errorOf(guard.solve(challenge))
    expect(error.code).toBe(code)
    expect((await guard.status()).day).toMatchObject({ spent, reserved: 0 })
    expect(actions().at(-1)).toBe('failed')
    expect(service.charged).toBeLessThanOrEqual(spent)
  })

  it('an HTTP client that sends nothing: the reservation is given back, and not one for each try is left', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock })
    const dispatch = replaceDispatch(broken)
    for (let i = 0; i < 3; i++) {
      const error = await errorOf(settleWith(clock, guard.solve(challenge)))
      expect(error.code).toBe('SOLVER_UNREACHABLE')
      expect(error.message).toContain('TypeError')
    }
    expect(dispatch.mock.calls.length).toBeGreaterThan(3)
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
    expect(service.requests).toHaveLength(0)
  })

  it('an HTTP client that fails after it began to send: the reservation counts as spent', async () => {
    const { guard } = await rig()
    const abort = vi.fn()
    replaceDispatch((_, handler) => {
      const controller = { aborted: false, paused: false, reason: null, abort, pause: vi.fn(), resume: vi.fn() }
      handler.onRequestStart?.(controller, {})
      return broken()
    })
    const error = await errorOf(guard.solve(challenge))
    expect(error.code).toBe('SOLVER_REPLY_INVALID')
    expect(abort).toHaveBeenCalledOnce()
    expect((await guard.status()).day).toMatchObject({ spent: PRICE, reserved: 0 })
  })
})

describe('one task id for two challenges', () => {
  it('is an alert; the second solve fails and counts as spent, and its caller gets no answer of the first', async () => {
    const { guard, service, ledger } = await rig()
    const alerts: string[] = []
    guard.on('alert', ({ code, message }) => alerts.push(`${code} ${message}`))
    const first = await guard.solve(challenge)
    service.always('in', { repeatId: true })
    for (let i = 0; i < 2; i++) {
      const other = { ...challenge, pageUrl: `https://staging.example.com/${i}` }
      expect(await errorOf(guard.solve(other))).toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
    }
    expect(first.taskId).toBe(service.tasks[0]?.id)
    expect(service.tasks).toHaveLength(3)
    expect(alerts.length).toBeGreaterThan(0)
    for (const alert of alerts) expect(alert).toMatch(/^TASK_ID_REPEATED captchaai answered a submit with the id/)
    expect((await guard.status()).day).toMatchObject({ spent: 3 * PRICE, reserved: 0 })
    expect((await ledger.usage('tests', Date.now())).totals).toMatchObject({ settled: PRICE, unsure: 2 * PRICE })
  })

  it('is noticed while the first task is still being solved, and costs no less when that one fails for free', async () => {
    const { guard, service } = await rig()
    guard.on('alert', () => {})
    service.next('in', { pendingTimes: 1_000_000 }, { repeatId: true })
    const first = errorOf(guard.solve(challenge))
    await vi.waitFor(() => expect(service.tasks[0]?.polls).toBeGreaterThan(0))
    const second = errorOf(guard.solve(challenge))
    expect((await second).code).toBe('SOLVER_REPLY_INVALID')
    service.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    expect((await first).code).toBe('CAPTCHA_UNSOLVABLE')
    const { spent, reserved } = (await guard.status()).day
    expect(service.charged).toBe(PRICE)
    expect([spent, reserved]).toEqual([PRICE, 0])
  })

  it('of which another process has the first is an alert; the second fails, counts, and gets no answer', async () => {
    const { guard, service, ledger } = await rig()
    const next = await rig({ service, ledger })
    const alerts: string[] = []
    next.guard.on('alert', ({ code }) => alerts.push(code))
    service.always('in', { pendingTimes: 1_000_000 })
    const first = errorOf(guard.solve(challenge))
    await vi.waitFor(() => expect(service.tasks[0]?.polls).toBeGreaterThan(0))
    service.always('in', { pendingTimes: 1_000_000, repeatId: true })
    const second = await errorOf(next.guard.solve(challenge))
    expect(second).toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
    expect(alerts).toEqual(['TASK_ID_REPEATED'])
    expect(next.actions().at(-1)).toBe('failed')
    service.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    await first
    expect((await guard.status()).day).toMatchObject({ spent: PRICE, reserved: 0 })
  })

  it('of a task that was left by another process is noticed too', async () => {
    const clock = manualClock()
    const { guard, service, ledger } = await rig({ clock })
    service.always('in', { pendingTimes: 1_000_000 })
    const left = errorOf(guard.solve(challenge))
    await vi.waitFor(() => expect(service.tasks[0]?.polls).toBeGreaterThan(0))
    await settleWith(clock, guard.close())
    await left
    const next = await rig({ clock, service, ledger })
    const alerts: string[] = []
    next.guard.on('alert', ({ code }) => alerts.push(code))
    await settleWith(
      clock,
      vi.waitFor(() => expect(service.tasks[0]?.polls).toBeGreaterThan(1)),
    )
    service.always('in', { repeatId: true })
    expect(await errorOf(settleWith(clock, next.guard.solve(challenge)))).toMatchObject({
      code: 'SOLVER_REPLY_INVALID',
    })
    expect(alerts).toContain('TASK_ID_REPEATED')
  })
})

import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { type ServiceOptions, startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, errorOf, rig, settleWith } from '../support.js'

/** A guard over CaptchaAI, which answers `ERROR_ZERO_BALANCE` when its threads are busy, or the plan has ended. */
async function captchaAi(options: ServiceOptions) {
  const clock = manualClock()
  const service = await startSolverService({ as: 'captchaai', fullError: 'ERROR_ZERO_BALANCE', clock, ...options })
  after(() => service.close())
  const { guard } = await rig({ service, clock, policy: { deadline: '2m' } })
  const asked = () => service.requests.filter(({ endpoint }) => endpoint === 'threads').length
  return { clock, service, guard, asked }
}

describe('an account without a free thread', () => {
  it('is waited for while its threads are busy', async () => {
    const { clock, service, guard, asked } = await captchaAi({ threads: 1, solveMs: 40_000 })
    const codes = new Set<string>()
    guard.on('retrying', ({ code, message }) => codes.add(`${code} ${message}`))
    const solutions = await settleWith(clock, Promise.all([guard.solve(challenge), guard.solve(challenge)]))
    expect(solutions).toHaveLength(2)
    expect(asked()).toBeGreaterThan(3)
    expect([...codes]).toEqual([expect.stringMatching(/^SOLVER_BUSY Every thread .* in use/)])
    expect((await guard.status()).paused).toBeUndefined()
    expect(service.tasks).toHaveLength(2)
  })

  it('pauses with that sentence when the plan has ended: it has no threads', async () => {
    const { clock, service, guard, asked } = await captchaAi({ threads: 0 })
    const error = await errorOf(settleWith(clock, guard.solve(challenge)))
    expect(error).toMatchObject({ code: 'BALANCE_EMPTY', message: expect.stringMatching(/plan has ended.*renew it/) })
    expect((await guard.status()).paused).toMatchObject({ code: 'BALANCE_EMPTY', message: error.message })
    expect(asked()).toBe(1)
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'GUARD_PAUSED' })
    expect(service.requests.filter(({ endpoint }) => endpoint === 'in')).toHaveLength(1)
  })

  it('pauses when the service refuses again and again, and accepts nothing, while threads are free', async () => {
    const { clock, service, guard, asked } = await captchaAi({ threads: 5 })
    service.always('in', { error: 'ERROR_ZERO_BALANCE' })
    const all = Promise.all([1, 2, 3].map(() => errorOf(guard.solve(challenge))))
    const codes = (await settleWith(clock, all)).map(({ code }) => code)
    expect(codes).toContain('BALANCE_EMPTY')
    // All solves ask together.
    expect(asked()).toBeGreaterThanOrEqual(3)
    expect(asked()).toBeLessThanOrEqual(clock.monotonic() / 5_000 + 1)
    expect((await guard.status()).paused).toMatchObject({ code: 'BALANCE_EMPTY' })
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })

  it('does not pause when a thread is freed between a refusal and the look at the threads', async () => {
    const { clock, service, guard } = await captchaAi({ threads: 5 })
    const refused = { error: 'ERROR_ZERO_BALANCE' } as const
    for (let i = 0; i < 4; i++) {
      service.next('in', refused, refused)
      await settleWith(clock, guard.solve(challenge))
    }
    expect((await guard.status()).paused).toBeUndefined()
    expect(service.tasks).toHaveLength(4)
  })

  it.each([
    ['a web page', { html: true } as const],
    ['an error', { error: 'ERROR_EMPTY_ACTION' } as const],
    ['nothing', { drop: true } as const],
    ['an internal error', { status: 500 } as const],
  ])('is waited for when the look at its threads ends with %s', async (_, behavior) => {
    const { clock, service, guard } = await captchaAi({ threads: 5 })
    service.always('threads', behavior)
    const refused = { error: 'ERROR_ZERO_BALANCE' } as const
    service.next('in', refused, refused, refused, refused)
    expect((await settleWith(clock, guard.solve(challenge))).taskId).toBe(service.tasks[0]?.id)
    expect((await guard.status()).paused).toBeUndefined()
  })
})

it('a reCAPTCHA with a score and without an action is not sent to CaptchaAI; another service is named', async () => {
  const { guard, service } = await captchaAi({})
  for (const variant of ['v3', 'enterprise-score'] as const) {
    const error = await errorOf(guard.solve({ ...challenge, variant }))
    expect(error).toMatchObject({ code: 'FAMILY_UNSUPPORTED' })
    expect(error.message).toMatch(/captchaai cannot do .*score and without an `action`.*twocaptcha/)
  }
  expect(service.requests).toHaveLength(0)
  expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
})

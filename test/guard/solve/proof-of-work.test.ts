import { describe, expect, it } from 'vitest'
import type { Challenge } from '../../../src/base/challenge.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, rig } from '../support.js'

const altcha: Challenge = { family: 'altcha', variant: 'altcha', sitekey: 'self-hosted', pageUrl: challenge.pageUrl }
const never = () => new Promise<never>(() => {})

describe('a proof of work', () => {
  it('is returned as a solution at no cost, with an audit record before and after', async () => {
    const { guard, audit, service } = await rig()
    const solution = await guard.solve(altcha, { runProofOfWork: async () => ({ token: 'proof' }) })
    expect(solution).toMatchObject({ token: 'proof', cost: 0, taskId: '', imputed: false })
    await solution.reportGood()
    expect(audit.events).toMatchObject([
      { action: 'authorized', code: 'PROOF_OF_WORK', solver: 'browser', reserved: 0 },
      { action: 'solved', code: 'PROOF_OF_WORK', solver: 'browser', cost: 0 },
    ])
    expect(service.requests).toHaveLength(0)
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })

  it('draws on no budget, so that it also runs when the budget is used up', async () => {
    const { guard } = await rig({ policy: { budget: { perDay: 0 as never } } })
    await expect(guard.solve(altcha, { runProofOfWork: async () => ({ token: 'proof' }) })).resolves.toMatchObject({
      cost: 0,
    })
  })

  it('does not run on a page that is not named, or without an audit record', async () => {
    let begun = 0
    const work = async () => {
      begun++
      return { token: 'proof' }
    }
    const { guard, audit } = await rig()
    const elsewhere = { ...altcha, pageUrl: 'https://elsewhere.example/' }
    expect(await errorOf(guard.solve(elsewhere, { runProofOfWork: work }))).toMatchObject({ code: 'ORIGIN_NOT_NAMED' })
    audit.failWith(new Error('disk full'))
    expect(await errorOf(guard.solve(altcha, { runProofOfWork: work }))).toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    audit.failWith(undefined)
    expect(begun).toBe(0)
  })

  it('ends at the deadline, when its signal aborts, and when the guard closes', async () => {
    const clock = manualClock(Date.UTC(2026, 0, 5, 12))
    const { guard, audit } = await rig({ clock, policy: { deadline: '10s' } })
    const signals: AbortSignal[] = []
    const work = (signal: AbortSignal) => {
      signals.push(signal)
      return never()
    }
    const late = errorOf(guard.solve(altcha, { runProofOfWork: work }))
    await clock.advance(10_000)
    expect(await late).toMatchObject({ code: 'SOLVE_TIMEOUT' })
    const controller = new AbortController()
    const aborted = errorOf(guard.solve(altcha, { runProofOfWork: work, signal: controller.signal }))
    await Promise.resolve()
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'SOLVE_ABORTED' })
    const closed = errorOf(guard.solve(altcha, { runProofOfWork: work }))
    await Promise.resolve()
    await guard.close()
    expect(await closed).toMatchObject({ code: 'GUARD_CLOSED' })
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true, true])
    expect(audit.events.filter(({ action }) => action === 'failed')).toHaveLength(3)
  })

  it('that throws fails the solve with WIDGET_FAILED', async () => {
    const { guard, audit } = await rig()
    const failing = guard.solve(altcha, { runProofOfWork: () => Promise.reject(new TypeError('odd')) })
    expect(await errorOf(failing)).toMatchObject({ code: 'WIDGET_FAILED', message: 'odd' })
    expect(audit.events.at(-1)).toMatchObject({ action: 'failed', code: 'WIDGET_FAILED', cost: 0 })
  })

  it('needs a browser, and is run for proof-of-work challenges only', async () => {
    const { guard, service } = await rig()
    expect(await errorOf(guard.solve(altcha))).toMatchObject({ code: 'FAMILY_UNSUPPORTED' })
    const { token } = await guard.solve(challenge, { runProofOfWork: async () => ({ token: 'not bought' }) })
    expect(token).not.toBe('not bought')
    expect(service.tasks).toHaveLength(1)
  })
})

import { describe, expect, it } from 'vitest'
import type { GuardEvents } from '../../../src/guard/types.js'
import { usd } from '../../../src/policy/money.js'
import { challenge, errorOf, type RigOptions, rig } from '../support.js'

const OTHER = 'https://qa.example.com'

/** A guard with a budget, and its alerts, without those about thresholds. */
async function guarded(budget: NonNullable<RigOptions['policy']>['budget'], more: RigOptions = {}) {
  const made = await rig({
    ...more,
    policy: { origins: ['https://staging.example.com', OTHER], budget: { alertsAt: [], perDay: usd(1), ...budget } },
  })
  const alerts: GuardEvents['alert'][] = []
  made.guard.on('alert', (alert) => alerts.push(alert))
  return { ...made, alerts }
}

describe('policy.budget.perPage', () => {
  it('limits the solves of one page load, those under way included; another load has its own limit', async () => {
    const { guard, service, audit } = await guarded({ perPage: 2 })
    const pageLoad = {}
    const solves = [1, 2, 3].map(() => guard.solve(challenge, { pageLoad }))
    expect(await errorOf(solves[2] as Promise<unknown>)).toMatchObject({
      name: 'DeniedError',
      code: 'PAGE_LIMIT_REACHED',
      layer: 'spending',
      details: { limit: 2, used: 2 },
    })
    await Promise.all(solves.slice(0, 2))
    expect((await errorOf(guard.solve(challenge, { pageLoad }))).code).toBe('PAGE_LIMIT_REACHED')
    await guard.solve(challenge, { pageLoad: {} })
    expect(service.tasks).toHaveLength(3)
    await guard.close()
    expect(audit.events.filter(({ code }) => code === 'PAGE_LIMIT_REACHED').length).toBeGreaterThan(0)
  })

  it('does not limit solves without a page load', async () => {
    const { guard } = await guarded({ perPage: 1 })
    for (let i = 0; i < 3; i++) await guard.solve(challenge)
  })

  it('applies the lowest number, and counts all grants of a guard together', async () => {
    const { guard } = await guarded({ perPage: 3 })
    const narrow = guard.narrow({ budget: { perPage: 1 } })
    const wide = guard.narrow({ budget: { perPage: 9 } })
    const pageLoad = {}
    await narrow.solve(challenge, { pageLoad })
    expect(await errorOf(narrow.solve(challenge, { pageLoad }))).toMatchObject({ details: { limit: 1, used: 1 } })
    for (let i = 0; i < 2; i++) await wide.solve(challenge, { pageLoad })
    expect(await errorOf(guard.solve(challenge, { pageLoad }))).toMatchObject({ details: { limit: 3, used: 3 } })
  })

  it('does not count a solve that spends nothing: a denied one, a refused one, a test key', async () => {
    const { guard, service } = await guarded({ perPage: 1, perOrigin: usd(0.001) })
    const pageLoad = {}
    const solve = (more: object = {}) => guard.solve({ ...challenge, ...more }, { pageLoad })
    expect((await errorOf(solve({ pageUrl: 'https://elsewhere.example/' }))).code).toBe('ORIGIN_NOT_NAMED')
    await solve({ sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI' })
    service.next('in', { error: 'ERROR_WRONG_GOOGLEKEY' })
    expect((await errorOf(solve())).code).toBe('SOLVER_REFUSED')
    await guard.solve({ ...challenge, pageUrl: `${OTHER}/` })
    expect((await errorOf(solve({ pageUrl: `${OTHER}/` }))).code).toBe('BUDGET_EXHAUSTED')
    await solve()
    expect((await errorOf(solve())).code).toBe('PAGE_LIMIT_REACHED')
  })

  it('counts a solve that may have been charged', async () => {
    const { guard, service } = await guarded({ perPage: 1 })
    const pageLoad = {}
    service.next('in', { drop: true })
    expect((await errorOf(guard.solve(challenge, { pageLoad }))).code).toBe('SOLVER_REPLY_INVALID')
    expect((await errorOf(guard.solve(challenge, { pageLoad }))).code).toBe('PAGE_LIMIT_REACHED')
  })

  it('requires a page load to be an object', async () => {
    const { guard } = await guarded({ perPage: 1 })
    const pageLoad: object = 'the page' as never
    expect((await errorOf(guard.solve(challenge, { pageLoad }))).code).toBe('CONFIG_INVALID')
  })
})

describe('a page with more challenges than its budget allows', () => {
  it('raises one alert for each load that reaches perPage, with its origin and counts', async () => {
    const { guard, alerts } = await guarded({ perPage: 2 })
    const pageLoad = {}
    for (let i = 0; i < 2; i++) await guard.solve(challenge, { pageLoad })
    expect(alerts).toEqual([])
    for (let i = 0; i < 5; i++) await errorOf(guard.solve(challenge, { pageLoad }))
    expect(alerts).toMatchObject([
      {
        code: 'PAGE_DRAIN_SUSPECTED',
        details: { origin: 'https://staging.example.com', solves: 2, denials: 1 },
      },
    ])
    const another = {}
    for (let i = 0; i < 4; i++) await guard.solve(challenge, { pageLoad: another }).catch(() => {})
    expect(alerts).toHaveLength(2)
  })

  it.each([
    ['the budget of its origin', { perOrigin: usd(0.001) }, 'BUDGET_EXHAUSTED'],
    ['the rate', { perMinute: 1 }, 'RATE_EXCEEDED'],
  ])('raises an alert when it is denied repeatedly for %s', async (_, budget, code) => {
    const { guard, alerts } = await guarded(budget)
    const pageLoad = {}
    await guard.solve(challenge, { pageLoad })
    for (let i = 0; i < 2; i++) expect((await errorOf(guard.solve(challenge, { pageLoad }))).code).toBe(code)
    // Each of these solves is on a page load of its own.
    for (let i = 0; i < 3; i++) await errorOf(guard.solve(challenge, { pageLoad: {} }))
    await errorOf(guard.solve(challenge))
    expect(alerts).toEqual([])
    await errorOf(guard.solve(challenge, { pageLoad }))
    await errorOf(guard.solve(challenge, { pageLoad }))
    expect(alerts).toMatchObject([{ code: 'PAGE_DRAIN_SUSPECTED', details: { solves: 1, denials: 3 } }])
  })

  it('raises no alert when the whole budget is spent', async () => {
    const { guard, alerts } = await guarded({ perDay: usd(0.001) })
    const pageLoad = {}
    for (let i = 0; i < 6; i++) await guard.solve(challenge, { pageLoad }).catch(() => {})
    expect(alerts).toEqual([])
  })
})

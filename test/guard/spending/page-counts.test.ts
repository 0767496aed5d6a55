import { describe, expect, it } from 'vitest'
import type { GrantContext } from '../../../src/guard/admission/grant-context.js'
import { denied } from '../../../src/guard/errors.js'
import { PageLimits } from '../../../src/guard/spending/page-limits.js'
import { parseNarrowing } from '../../../src/policy/schema.js'

const ORIGIN = 'https://staging.example.com'

/** Page limits, and the alerts that they raise. */
function rig() {
  const alerts: unknown[] = []
  const limits = new PageLimits({
    name: 'tests',
    alert: (code, message, details) => alerts.push([code, message, details]),
  })
  const grant = (perPage?: number) => ({ policy: parseNarrowing({ budget: { perPage } }) }) as GrantContext
  return { limits, alerts, grant }
}

const exhausted = (budgetId: string) => denied('BUDGET_EXHAUSTED', 'x', undefined, { details: { budgetId } })

describe('the counts of a page load', () => {
  it('rise with each solve up to the limit, and fall with each that costs nothing', () => {
    const { limits, grant } = rig()
    const [pageLoad, other] = [{}, {}]
    for (let solves = 0; solves < 2; solves++) limits.count(grant(2), pageLoad)
    expect(() => limits.count(grant(2), pageLoad)).toThrow(
      expect.objectContaining({
        code: 'PAGE_LIMIT_REACHED',
        layer: 'spending',
        message: 'This page load has used 2 of the 2 solves that policy.budget.perPage allows.',
        details: { limit: 2, used: 2 },
      }),
    )
    limits.count(grant(2), other)
    limits.uncount(pageLoad)
    limits.count(grant(2), pageLoad)
    expect(() => limits.count(grant(2), pageLoad)).toThrow(/has used 2 of the 2/)
    // Another grant's limit applies to the same count.
    limits.count(grant(), pageLoad)
    limits.count(grant(4), pageLoad)
    expect(() => limits.count(grant(4), pageLoad)).toThrow(/has used 4 of the 4/)
  })

  it('do not exist for a solve without a page load', () => {
    const { limits, grant, alerts } = rig()
    for (let solves = 0; solves < 3; solves++) limits.count(grant(1), undefined)
    limits.check(grant(1), undefined)
    limits.uncount(undefined)
    for (let denials = 0; denials < 5; denials++) limits.denied(undefined, ORIGIN, denied('PAGE_LIMIT_REACHED', 'x'))
    expect(alerts).toEqual([])
  })

  it.each(['the page', 7, null])('are refused for %o in place of an object', (pageLoad) => {
    const { limits, grant } = rig()
    expect(() => limits.count(grant(1), pageLoad as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^options\.pageLoad: /) }),
    )
  })
})

describe('the alert about a page load', () => {
  it('is raised once, at the first denial by its own limit', () => {
    const { limits, grant, alerts } = rig()
    const pageLoad = {}
    limits.count(grant(1), pageLoad)
    for (let denials = 0; denials < 3; denials++) limits.denied(pageLoad, ORIGIN, denied('PAGE_LIMIT_REACHED', 'x'))
    expect(alerts).toEqual([
      [
        'PAGE_DRAIN_SUSPECTED',
        `A page of ${ORIGIN} asks for more solves than its budget allows: 1 solve, and 1 denied (PAGE_LIMIT_REACHED).`,
        { origin: ORIGIN, solves: 1, denials: 1 },
      ],
    ])
  })

  it('is raised once, at the third denial by the rate or by the amount of its origin', () => {
    const { limits, grant, alerts } = rig()
    const pageLoad = {}
    limits.count(grant(), pageLoad)
    limits.denied(pageLoad, ORIGIN, denied('RATE_EXCEEDED', 'x'))
    limits.denied(pageLoad, ORIGIN, exhausted(`tests@${ORIGIN}`))
    for (const other of ['tests', 'tests@https://elsewhere.example', `other@${ORIGIN}`, undefined])
      limits.denied(pageLoad, ORIGIN, other === undefined ? denied('BUDGET_EXHAUSTED', 'x') : exhausted(other))
    limits.denied(pageLoad, ORIGIN, denied('SLOTS_FULL', 'x', undefined, { details: { budgetId: `tests@${ORIGIN}` } }))
    limits.denied({}, ORIGIN, denied('RATE_EXCEEDED', 'x'))
    expect(alerts).toEqual([])
    limits.denied(pageLoad, ORIGIN, exhausted(`tests@${ORIGIN}`))
    expect(alerts).toMatchObject([['PAGE_DRAIN_SUSPECTED', expect.anything(), { solves: 1, denials: 3 }]])
    for (let denials = 0; denials < 3; denials++) limits.denied(pageLoad, ORIGIN, denied('RATE_EXCEEDED', 'x'))
    expect(alerts).toHaveLength(1)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import { bookedCost, costFloor } from '../../../src/guard/service/reported-cost.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { type Money, usd } from '../../../src/policy/money.js'
import type { Pricing } from '../../../src/solvers/pricing-options.js'
import { SOLVERS } from '../../../src/solvers/table.js'
import { memoryAudit } from '../../../src/testing/audit.js'
import { type ServiceName, type SolverService, startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, errorOf, fixedSecret } from '../support.js'

const DOLLARS = 0.003
const PRICE = usd(DOLLARS)
const FLOOR = usd(0.0015)
const NAMES = Object.keys(SOLVERS) as ServiceName[]
const MAX_COST = usd(100)

/** A cost in a reply, as JSON writes it. */
const lie = fc.oneof(
  fc.constantFrom(
    '"0"',
    '0',
    '0.0',
    '"0.000000"',
    '1e-12',
    '-5',
    '"-0.001"',
    '"NaN"',
    '"Infinity"',
    'null',
    '{}',
    '[]',
  ),
  fc.constantFrom('1e999', '1e300', '-1e999', '999999999', '"999999999.999999999"', '9007199254740993', '""', 'true'),
  fc.double({ min: 0, max: 2 * DOLLARS, noNaN: true }).map((dollars) => dollars.toFixed(6)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
)

async function guarded(name: ServiceName, perDay: Money, trustCost?: boolean) {
  const service = await startSolverService({ as: name, price: DOLLARS })
  after(() => service.close())
  const ledger = memoryLedger()
  const polling = { firstPollMs: 0, everyMs: 1 }
  const pricing: Pricing = { per: 'solve', usd: DOLLARS }
  const solver = SOLVERS[name]?.({ baseUrl: service.url, polling, pricing, trustCost })
  const guard = await createGuard({
    name: 'tests',
    solver,
    secret: fixedSecret(service.key),
    policy: { origins: ['https://staging.example.com'], budget: { perDay } },
    ledger,
    audit: memoryAudit(),
  })
  after(() => guard.close())
  const alerts: string[] = []
  guard.on('alert', ({ code }) => alerts.push(code))
  return { service, ledger, guard, alerts, usage: () => ledger.usage('tests', Date.now()) }
}

/** Each poll is answered with a token and this cost; the service charges its price. */
function answerWith(service: SolverService, name: ServiceName, cost: string): void {
  const token = 'a-token-of-the-service-0123456789'
  const body =
    name === 'captchaai'
      ? `{"status":1,"request":"${token}","price":${cost}}`
      : `{"errorId":0,"status":"ready","solution":{"gRecaptchaResponse":"${token}","token":"${token}"},"cost":${cost}}`
  service.always('res', { body, taken: true })
}

describe.each(NAMES)('the cost that a service reports (%s)', (name) => {
  it('does not switch the cap off when it is 0, and raises one alert', async () => {
    const { service, guard, alerts, usage } = await guarded(name, usd(3 * DOLLARS))
    answerWith(service, name, '"0"')
    let solved = 0
    for (let i = 0; i < 100; i++) if (await guard.solve(challenge).catch(() => undefined)) solved++
    expect(solved).toBeLessThanOrEqual(5)
    expect((await errorOf(guard.solve(challenge))).code).toBe('BUDGET_EXHAUSTED')
    expect((await usage()).totals.settled).toBe(solved * FLOOR)
    expect(service.charged).toBeLessThanOrEqual(6 * PRICE)
    expect(alerts.filter((code) => code === 'COST_BELOW_FLOOR')).toHaveLength(1)
  })

  it('is booked between half of the price and $100, and the cap holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(lie, { maxLength: 10 }), async (solves, lies) => {
        const perDay = usd(solves * DOLLARS)
        const { service, guard, usage } = await guarded(name, perDay)
        let sum = 0
        for (const one of lies) {
          answerWith(service, name, one)
          const { spent } = await usage()
          const result = await guard.solve(challenge).catch((error) => error.code as string)
          expect(result === 'BUDGET_EXHAUSTED').toBe(spent + PRICE > perDay)
          if (typeof result === 'string') continue
          expect(result.cost).toBeGreaterThanOrEqual(FLOOR)
          expect(result.cost).toBeLessThanOrEqual(MAX_COST)
          sum += result.cost
        }
        expect((await usage()).totals.settled).toBe(sum)
        expect(service.charged).toBeLessThanOrEqual(2 * perDay)
        await guard.close()
        await service.close()
      }),
      { numRuns: 15 },
    )
  })

  it('is booked as it is, however low, with trustCost', async () => {
    const { service, guard, alerts } = await guarded(name, usd(1), true)
    answerWith(service, name, '"0.000001"')
    expect((await guard.solve(challenge)).cost).toBe(1)
    expect(alerts).toEqual([])
  })
})

it('a stream over enormous reported costs ends with its summary', async () => {
  const { service, guard } = await guarded('twocaptcha', usd(1_000_000))
  answerWith(service, 'twocaptcha', '"999999999.999999"')
  const summary = await guard.stream(Array.from({ length: 20 }, () => challenge)).forEach(() => {})
  expect(summary).toEqual({ solved: 20, failed: 0, alreadySolved: 0, cost: 20 * MAX_COST })
})

it('a cost of any kind, also of a solver that the user wrote, is booked as a safe amount of at least the floor', () => {
  const anything = fc.oneof(fc.double(), fc.integer(), fc.anything())
  fc.assert(
    fc.property(anything, fc.integer({ min: 0, max: MAX_COST }), fc.boolean(), (reported, amount, trusted) => {
      const price = amount as Money
      const floor = trusted ? usd(0) : costFloor(price)
      const booked = bookedCost(reported, price, floor)
      expect(Number.isSafeInteger(booked)).toBe(true)
      expect(booked).toBeGreaterThanOrEqual(floor)
      expect(booked).toBeLessThanOrEqual(MAX_COST)
      expect(Object.is(booked, -0)).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

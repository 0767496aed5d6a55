import { formatMs } from '../../policy/duration.js'
import { formatUsd, type Money, micros } from '../../policy/money.js'
import { dayCap } from '../bounds.js'
import type { Setup } from '../setup.js'
import { allowed, drain, type Scenario } from './scenario.js'

/** The time to live of a token, by default. */
export const TTL_MS = 15 * 60_000
/** How many solves the token of the drill is worth. */
export const TOKEN_SOLVES = 3

/** What a token of the drill may spend, in micro-dollars. */
export function tokenBudget(setup: Setup): Money {
  return micros(Math.min(TOKEN_SOLVES * setup.price.amount, dayCap(setup).amount))
}

/** A token that was stolen, in a process of the guard. */
export const stolenToken: Scenario = {
  id: 'stolen-token',
  scenario: 'a stolen token',
  expected: 'worth its own small grant for its few minutes',
  async run(stage, answers) {
    const { guard, clock, setup } = stage
    const perDay = tokenBudget(setup)
    const policy = { budget: { perDay } }
    const { token, expiresAt } = await guard.issueToken(policy, { ttl: '15m', subject: 'drill' })
    const grant = await guard.verifyToken(token)
    const solve = () => stage.solve(undefined, { grant })
    if (setup.price.amount > 0) {
      const { end } = await drain(stage, TOKEN_SOLVES, ['BUDGET_EXHAUSTED'], solve)
      answers.add(end)
    } else await allowed('a solve with a token', solve)
    const other = await guard.issueToken(policy, { ttl: '15m', subject: 'drill' })
    const stolen = await guard.verifyToken(other.token)
    await guard.revokeToken(other.id)
    const use = () => stage.solve(undefined, { grant: stolen })
    await answers.denied('a solve with a token that was revoked', ['TOKEN_REVOKED'], use)
    await clock.advance(TTL_MS + 1_000)
    // The working hours may be over by then: the layer before this one answers.
    await answers.denied('a solve with an expired token', ['TOKEN_EXPIRED', 'OUTSIDE_SCHEDULE'], solve)
    await answers.denied('an expired token', ['TOKEN_EXPIRED'], () => guard.verifyToken(token))
    return {
      atMost: {
        amount: perDay,
        until: expiresAt,
        text: `its own ${formatUsd(perDay)}, for ${formatMs(TTL_MS)}`,
      },
      detail: 'its own budget, then its end; a revoked one is refused at once',
    }
  },
}

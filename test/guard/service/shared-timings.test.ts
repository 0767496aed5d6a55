import { describe, expect, it } from 'vitest'
import { PollSchedule } from '../../../src/guard/accounts/poll-schedule.js'
import type { Guard } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { twoCaptcha } from '../../../src/solvers/index.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, rig, settleWith } from '../support.js'

const POLLING = { firstPollMs: 5_000, everyMs: 5_000, usual: { medianMs: 12_000, spread: 0.5, idleMs: 2_550 } }
const LEARNED = { mu: Math.log(40_000), sigma: 0.15, seen: 50 }

describe('solve times learned by other processes', () => {
  it('replace the configured times at the start, within bounds', () => {
    const schedule = new PollSchedule(POLLING)
    const before = schedule.next()
    expect(schedule.meanMs).toBeLessThan(20_000)
    schedule.seed(LEARNED)
    expect(schedule.next()).toBeGreaterThan(before + 10_000)
    expect(schedule.meanMs).toBeGreaterThan(35_000)
    // Seeded times have the same bounds, relative to the configured time, as observed ones.
    schedule.seed({ ...LEARNED, mu: 16 })
    expect(schedule.meanMs).toBeLessThan(5 * 12_000 * 1.1 + 2_550)
  })

  it('do not change a schedule that has observations of its own', () => {
    const schedule = new PollSchedule(POLLING)
    schedule.observe({ after: 10_000, by: 15_000 })
    const [next, mean] = [schedule.next(), schedule.meanMs]
    schedule.seed(LEARNED)
    expect([schedule.next(), schedule.meanMs]).toEqual([next, mean])
  })

  it('lose their weight to later observations', () => {
    const schedule = new PollSchedule(POLLING)
    schedule.seed(LEARNED)
    for (let i = 0; i < 60; i++) schedule.observe({ after: 8_000, by: 10_000 })
    expect(schedule.meanMs).toBeLessThan(18_000)
    expect(schedule.next()).toBeLessThan(16_000)
  })

  it('do not change poll times that the user has set', () => {
    const schedule = new PollSchedule({ firstPollMs: 7, everyMs: 5 })
    schedule.seed(LEARNED)
    schedule.observe({ after: 0, by: 20 })
    expect([schedule.next(), schedule.next(7), schedule.learned]).toEqual([7, 12, undefined])
    expect(schedule.meanMs).toBeGreaterThan(12)
  })

  it('are read from the ledger by a new process, which polls slow tasks less often from the start', async () => {
    const clock = manualClock()
    const ledger = memoryLedger()
    const service = await startSolverService({ clock, solveMs: 45_000 })
    after(() => service.close())
    const solver = twoCaptcha({ baseUrl: service.url, pricing: { per: 'solve', usd: 0.001 } })
    const make = () => rig({ service, clock, ledger, policy: { budget: { perDay: usd(1) } }, guardOptions: { solver } })
    const solve = async (guard: Guard): Promise<number> => {
      await settleWith(clock, guard.solve(challenge))
      return service.tasks.at(-1)?.polls ?? 0
    }
    const one = await make()
    const first = await solve(one.guard)
    for (let i = 0; i < 7; i++) await solve(one.guard)
    // Closing publishes the learned times.
    await one.guard.close()
    expect(await ledger.listFacts('solve-times:tests', clock.now())).toMatchObject([{ name: 'twocaptcha/recaptcha' }])
    const other = await make()
    await clock.advance(1)
    expect(await solve(other.guard)).toBeLessThan(first)
  })

  it.each(['', '{}', '{"mu":1e9,"sigma":1,"seen":3}', '{"mu":9,"sigma":-1,"seen":3}', 'null', '{"mu":"9"}'])(
    'are ignored where the ledger holds %j',
    async (value) => {
      const clock = manualClock()
      const { guard, ledger } = await rig({ clock })
      for (const name of ['captchaai/recaptcha', 'captchaai/nothing', 'unknown/recaptcha', 'x'])
        await ledger.setFact({ scope: 'solve-times:tests', name, value, ttlMs: 60_000 }, clock.now())
      const { solveMs } = await guard.recommendConcurrency({ queued: 1 })
      expect(solveMs).toBeLessThan(60_000)
      expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(1_000)
    },
  )
})

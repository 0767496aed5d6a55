import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maximumLikelihood } from '../../../src/guard/accounts/log-normal.js'
import { PollSchedule } from '../../../src/guard/accounts/poll-schedule.js'
import type { Polling } from '../../../src/solvers/solver.js'

const POLLING: Polling = {
  firstPollMs: 5_000,
  everyMs: 1_000,
  usual: { medianMs: 10_000, spread: 0.5, idleMs: 1_040 },
}

/** When a task that is ready after `readyMs` is polled. The schedule learns from it. */
function polls(schedule: PollSchedule, readyMs: number): number[] {
  const times: number[] = []
  for (;;) {
    const at = schedule.next(times.at(-1))
    times.push(at)
    if (at < readyMs) continue
    schedule.observe({ after: times.at(-2) ?? 0, by: at })
    return times
  }
}

describe('a poll schedule', () => {
  test('without usual solve times polls exactly as configured, and learns nothing', () => {
    const schedule = new PollSchedule({ firstPollMs: 7, everyMs: 5 })
    for (let i = 0; i < 20; i++) expect(polls(schedule, 20)).toEqual([7, 12, 17, 22])
  })

  test('never polls sooner or more often than the service allows, and at most 120 times for a task', () => {
    const polling = fc.record({
      firstPollMs: fc.integer({ min: 1_000, max: 20_000 }),
      everyMs: fc.integer({ min: 1_000, max: 10_000 }),
      usual: fc.record({
        medianMs: fc.integer({ min: 500, max: 60_000 }),
        spread: fc.double({ min: 0.1, max: 1.2, noNaN: true }),
        idleMs: fc.integer({ min: 100, max: 10_000 }),
      }),
    })
    const times = fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(polling, times, (given, ready) => {
        const schedule = new PollSchedule(given)
        for (const readyMs of ready) {
          const asked = polls(schedule, readyMs)
          expect(asked[0]).toBeGreaterThanOrEqual(given.firstPollMs)
          for (const [i, at] of asked.entries()) {
            if (i > 0) expect(at - (asked[i - 1] as number)).toBeGreaterThanOrEqual(given.everyMs - 1e-6)
          }
          // Some services allow at most 120 polls for a task.
          expect(asked.length).toBeLessThanOrEqual(120)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('polls later and fewer times when tasks are slow', () => {
    const schedule = new PollSchedule(POLLING)
    for (let i = 0; i < 60; i++) polls(schedule, 30_000 + (i % 7) * 100)
    const asked = polls(schedule, 30_000)
    expect(asked[0]).toBeGreaterThan(24_000)
    expect(asked.length).toBeLessThanOrEqual(4)
  })

  test('polls sooner when tasks are fast', () => {
    const schedule = new PollSchedule({ ...POLLING, firstPollMs: 1_000 })
    expect(schedule.next()).toBeGreaterThan(3_000)
    for (let i = 0; i < 100; i++) polls(schedule, 1_200 + (i % 5) * 100)
    expect(schedule.next()).toBeLessThan(3_000)
  })

  test('adapts to a service that becomes slower', () => {
    const schedule = new PollSchedule(POLLING)
    for (let i = 0; i < 200; i++) polls(schedule, 8_000 + (i % 9) * 200)
    const before = schedule.next()
    for (let i = 0; i < 200; i++) polls(schedule, 24_000 + (i % 9) * 500)
    expect(schedule.next()).toBeGreaterThan(before * 1.5)
  })

  test('keeps the first poll within bounds of the configured time after invalid or extreme observations', () => {
    const schedule = new PollSchedule({ ...POLLING, firstPollMs: 1_000 })
    for (let i = 0; i < 300; i++) schedule.observe({ after: 3_000_000, by: 3_600_000 })
    expect(schedule.next()).toBeLessThanOrEqual(10_000 * 5 * 3)
    for (let i = 0; i < 300; i++) schedule.observe({ after: Number.NaN, by: 1 })
    for (let i = 0; i < 300; i++) schedule.observe({ after: 5, by: 5 })
    expect(Number.isFinite(schedule.next())).toBe(true)
  })
})

test('maximumLikelihood estimates a distribution from the intervals that polls cut out of it', () => {
  // Quantiles of a log-normal with median 14 s and spread 0.4, seen through polls that are 2 s apart.
  const z = [-1.645, -1.282, -1.036, -0.842, -0.674, -0.524, -0.385, -0.253, -0.126, 0]
  const seen = [...z, ...z.slice(0, -1).map((value) => -value)].flatMap((value) => {
    const ms = 14_000 * Math.exp(0.4 * value)
    const after = Math.floor(ms / 2_000) * 2_000
    return Array(10).fill({ after, by: after + 2_000 })
  })
  const { mu, sigma } = maximumLikelihood({ mu: Math.log(5_000), sigma: 1, weight: 1, spreadWeight: 1 }, seen, 1)
  expect(Math.exp(mu) / 14_000).toBeCloseTo(1, 1)
  expect(sigma).toBeGreaterThan(0.33)
  expect(sigma).toBeLessThan(0.47)
})

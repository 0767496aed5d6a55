import { describe, expect, test } from 'vitest'
import { twoCaptcha } from '../../../src/solvers/index.js'
import {
  type ManualClock,
  manualClock,
  type ServiceOptions,
  type SolverService,
  startSolverService,
} from '../../../src/testing/index.js'
import { eventually } from '../../support/wait.js'
import { after, challenge, rig, settleWith } from '../support.js'

/** A guard over 2Captcha's older API, with its default polling, on a manual clock. */
async function olderApi(clock: ManualClock, options: ServiceOptions = {}) {
  const service = await startSolverService({ clock, ...options })
  after(() => service.close())
  const solver = twoCaptcha({ api: 'v1', baseUrl: service.url, pricing: { per: 'solve', usd: 0.001 } })
  return rig({ clock, service, guardOptions: { solver } })
}

/** The times of the polls of each task. */
function pollsOf(service: SolverService): Map<string, number[]> {
  const polls = new Map<string, number[]>()
  for (const { endpoint, fields, at } of service.requests) {
    if (endpoint !== 'res') continue
    for (const id of (fields.ids ?? fields.id ?? '').split(',')) polls.set(id, [...(polls.get(id) ?? []), at])
  }
  return polls
}

const calls = (service: SolverService) => service.requests.filter(({ endpoint }) => endpoint === 'res')

/** No task was polled sooner than 10 s after its submit, or twice within 5 s. */
function expectPollLimits(service: SolverService): void {
  for (const { id, submittedAt } of service.tasks) {
    const times = pollsOf(service).get(id) ?? []
    for (const [i, at] of times.entries()) {
      expect(at - (times[i - 1] ?? submittedAt)).toBeGreaterThanOrEqual(i === 0 ? 10_000 : 5_000)
    }
  }
}

describe('a task poller with batch polls', () => {
  test('polls every task that may be polled in the call of the task that is due', async () => {
    const clock = manualClock()
    let tasks = 0
    const { guard, service } = await olderApi(clock, { solveMs: () => 12_000 + (tasks++ % 10) * 2_000 })
    const solves = Promise.all(Array.from({ length: 30 }, () => guard.solve(challenge)))
    await eventually(() => service.tasks.length === 30)
    const solved = await settleWith(clock, solves, 500)
    expect(new Set(solved.map(({ token }) => token)).size).toBe(30)
    for (const { taskId, token } of solved) {
      expect(service.tasks.find(({ id }) => id === taskId)?.answer).toBe(token)
    }
    expectPollLimits(service)
    const together = calls(service).filter(({ fields }) => fields.ids !== undefined)
    expect(together.length).toBeGreaterThan(0)
    // 30 tasks, the last ready after 30 s: one call for all, every 5 s.
    expect(calls(service).length).toBeLessThanOrEqual(8)
  })

  test('polls a single task with the action that returns its cost', async () => {
    const clock = manualClock()
    const { guard, service } = await olderApi(clock, { price: 0.000_7 })
    expect((await settleWith(clock, guard.solve(challenge), 500)).cost).toBe(700)
    expect(calls(service).map(({ fields }) => [fields.action, fields.ids])).toEqual([['get2', undefined]])
  })

  test('reports the error of one task to that task only', async () => {
    const clock = manualClock()
    const { guard, service } = await olderApi(clock, { solveMs: 11_000 })
    const solves = Array.from({ length: 4 }, () => guard.solve(challenge).catch((error) => error.code))
    await eventually(() => service.tasks.length === 4)
    // The service gives up on this one only.
    const [unlucky] = service.tasks
    const gaveUp = fetch(`${service.url}/res.php`, {
      method: 'POST',
      body: new URLSearchParams({ key: service.key, action: 'get', id: unlucky?.id ?? '' }),
    })
    service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    await gaveUp
    const results = await settleWith(clock, Promise.all(solves), 500)
    expect(results.filter((one) => one === 'CAPTCHA_UNSOLVABLE')).toHaveLength(1)
    expect(results.filter((one) => typeof one === 'object')).toHaveLength(3)
  })

  test.each([
    ['a web page', { html: true as const }],
    ['a reply with a part missing', { body: 'a|b' }],
    ['no reply at all', { drop: true as const }],
  ])('%s in place of a batch reply loses no answer', async (_, behavior) => {
    const clock = manualClock()
    const { guard, service } = await olderApi(clock, { solveMs: 9_000 })
    const solves = Promise.all(Array.from({ length: 5 }, () => guard.solve(challenge)))
    service.next('res', behavior)
    const solved = await settleWith(clock, solves, 500)
    expect(new Set(solved.map(({ token }) => token)).size).toBe(5)
    expectPollLimits(service)
    expect(service.tasks.map(({ charged }) => charged)).toEqual(Array(5).fill(1_000))
  })
})

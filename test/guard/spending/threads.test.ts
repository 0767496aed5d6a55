import { describe, expect, it } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { antiCaptcha, captchaAI } from '../../../src/solvers/index.js'
import { memoryAudit } from '../../../src/testing/audit.js'
import { type SolverService, startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, errorOf, fixedSecret, rig } from '../support.js'

const FAST_POLLING = { firstPollMs: 0, everyMs: 5 }

/** CaptchaAI with this number of threads; a solve counts as $0.002. */
function paidByThread(service: SolverService, threads: number) {
  const pricing = { per: 'thread', threads, usdPerMonth: 15, imputedUsd: 0.002 } as const
  return captchaAI({ baseUrl: service.url, polling: FAST_POLLING, pricing })
}

async function started(solveMs = 20) {
  const service = await startSolverService({ solveMs })
  after(() => service.close())
  return service
}

/** The highest number of solves under way at a time, by the guards' events. */
function watch(guards: readonly Awaited<ReturnType<typeof rig>>['guard'][]) {
  const seen = { now: 0, most: 0 }
  for (const guard of guards) {
    guard.on('authorized', () => {
      seen.most = Math.max(seen.most, ++seen.now)
    })
    guard.on('solved', () => seen.now--)
  }
  return seen
}

describe('an account that is paid by the thread', () => {
  it('has no more solves under way than threads in all guards with its key, of any name', async () => {
    const service = await started()
    const ledger = memoryLedger()
    const solver = paidByThread(service, 3)
    const made = await Promise.all(
      ['one', 'other'].map((name) =>
        rig({ service, ledger, policy: { budget: { wait: '20s' } }, guardOptions: { name, solver } }),
      ),
    )
    const guards = made.map(({ guard }) => guard)
    const seen = watch(guards)
    const solutions = await Promise.all(
      guards.flatMap((guard) => Array.from({ length: 6 }, () => guard.solve(challenge))),
    )
    expect(seen.most).toBe(3)
    expect(service.tasks).toHaveLength(12)
    expect(solutions.every(({ cost, imputed }) => cost === usd(0.002) && imputed)).toBe(true)
    for (const guard of guards) expect((await guard.status()).day).toMatchObject({ spent: usd(0.012), reserved: 0 })
  })

  it('has its threads and those in use in the status', async () => {
    const service = await started(200)
    const { guard } = await rig({ service, guardOptions: { solver: paidByThread(service, 3) } })
    expect((await guard.status()).solvers).toMatchObject([{ threads: { has: 3, used: 0 } }])
    const submitted = new Promise((resolve) => guard.on('submitted', resolve))
    const solve = guard.solve(challenge)
    await submitted
    expect((await guard.status()).solvers).toMatchObject([{ threads: { has: 3, used: 1 } }])
    await solve
    expect((await guard.status()).solvers).toMatchObject([{ threads: { has: 3, used: 0 } }])
  })

  it('denies a solve at once when no thread is free and the policy does not wait', async () => {
    const service = await started(200)
    const { guard, audit } = await rig({ service, guardOptions: { solver: paidByThread(service, 1) } })
    const first = guard.solve(challenge)
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'SLOTS_FULL', layer: 'spending', details: { limit: 1, used: 1 } })
    expect(error.message).toContain('threads/captchaai/')
    await first
    expect(service.tasks).toHaveLength(1)
    expect(audit.events.find(({ action }) => action === 'solved')).toMatchObject({ imputed: true, cost: usd(0.002) })
  })

  it('falls back to the next account when no thread is free', async () => {
    const service = await started(200)
    const expensive = await startSolverService({ price: 0.003 })
    const guard = await createGuard({
      name: 'tests',
      solvers: [
        { solver: paidByThread(service, 1), secret: fixedSecret(service.key) },
        {
          solver: antiCaptcha({ baseUrl: expensive.url, polling: FAST_POLLING, pricing: { per: 'solve', usd: 0.003 } }),
          secret: fixedSecret(expensive.key),
        },
      ],
      policy: { origins: ['https://staging.example.com'] },
      ledger: memoryLedger(),
      audit: memoryAudit(),
    })
    after(() => guard.close().then(() => expensive.close()))
    const solutions = await Promise.all([guard.solve(challenge), guard.solve(challenge)])
    expect(solutions.map(({ cost, imputed }) => [cost, imputed])).toEqual([
      [usd(0.002), true],
      [usd(0.003), false],
    ])
    expect((await guard.status()).solvers.map(({ threads }) => threads)).toEqual([{ has: 1, used: 0 }, undefined])
  })

  it('has no thread limit if the number of threads is not configured', async () => {
    const service = await started(100)
    const solver = captchaAI({ baseUrl: service.url, polling: FAST_POLLING })
    const { guard } = await rig({ service, guardOptions: { solver } })
    const seen = watch([guard])
    await Promise.all(Array.from({ length: 8 }, () => guard.solve(challenge)))
    expect(seen.most).toBe(8)
    expect((await guard.status()).solvers[0]?.threads).toBeUndefined()
  })
})

import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { GuardEvents } from '../../../src/guard/types.js'
import { formatUsd, usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import { eventually } from '../../support/wait.js'
import { challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

afterEach(() => void vi.restoreAllMocks())

describe('a solution that is in its page', () => {
  const warnings = () => vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const SENTENCE =
    /own code was not notified: the widget names a callback, .* declare the function before the widget is/

  it('is reported as notifyFailed where the page’s own code does not know of it', async () => {
    const warn = warnings()
    const { guard } = await rig()
    const events: GuardEvents['notifyFailed'][] = []
    guard.on('notifyFailed', (event) => events.push(event))
    guard.injected(await guard.solve(challenge), { ok: true })
    expect(events).toEqual([])
    guard.injected(await guard.solve(challenge), { ok: true, notifyFailure: 'callback-missing' })
    expect(events).toMatchObject([
      {
        reason: 'callback-missing',
        message: expect.stringMatching(SENTENCE),
        challenge: { sitekey: challenge.sitekey },
      },
    ])
    expect(warn).not.toHaveBeenCalled()
  })

  it('is a process warning where the event has no listener', async () => {
    const warn = warnings()
    const { guard } = await rig()
    guard.injected(await guard.solve(challenge), { ok: true, notifyFailure: 'callback-missing' })
    expect(warn.mock.calls).toEqual([[expect.stringMatching(SENTENCE), { type: 'SolveguardNotifyFailed' }]])
  })
})

describe('an allowed solve', () => {
  it('returns the token, its cost and its expiry', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock, polling: { firstPollMs: 0, everyMs: 0 } })
    const solution = await guard.solve(challenge)
    expect(solution.token).toBe(service.tasks[0]?.answer)
    expect(solution.cost).toBe(usd(0.001))
    expect(solution.taskId).toBe(service.tasks[0]?.id)
    expect(solution.expiresAt.getTime()).toBe(clock.now() + 120_000)
  })

  it('submits the parameters of the challenge, and nothing else of the page', async () => {
    const { guard, service } = await rig()
    await guard.solve({ ...challenge, variant: 'v2-invisible', frameUrl: 'https://staging.example.com/frame' })
    expect(service.requests[0]).toMatchObject({
      method: 'POST',
      path: '/in.php',
      keyInUrl: false,
      fields: {
        method: 'userrecaptcha',
        googlekey: challenge.sitekey,
        pageurl: 'https://staging.example.com/frame',
        invisible: '1',
      },
    })
  })

  it('is recorded in the audit log before it is sent, and after it has ended', async () => {
    const { guard, audit, service } = await rig()
    await guard.solve(challenge)
    const [authorized, , solved] = audit.events
    expect(audit.events.map(({ action }) => action)).toEqual(['authorized', 'submitted', 'solved'])
    expect(authorized).toMatchObject({
      guard: 'tests',
      path: ['tests'],
      page: 'https://staging.example.com/login',
      sitekey: challenge.sitekey,
      reserved: usd(0.001),
      egress: 'direct',
    })
    expect(solved).toMatchObject({ cost: usd(0.001), taskId: service.tasks[0]?.id, solveId: authorized?.solveId })
    const text = JSON.stringify(audit.events) + JSON.stringify(audit.records)
    for (const secret of [service.key, service.tasks[0]?.answer ?? '?', 'very-private'])
      expect(text).not.toContain(secret)
  })

  it('emits an event for each step, in order, without the token', async () => {
    const { guard, service } = await rig()
    const emitted: string[] = []
    let eventText = ''
    for (const name of ['authorized', 'submitted', 'solved'] as const) {
      guard.on(name, (event) => {
        emitted.push(name)
        eventText += JSON.stringify(event)
      })
    }
    await guard.solve(challenge)
    expect(emitted).toEqual(['authorized', 'submitted', 'solved'])
    expect(eventText).not.toContain(service.tasks[0]?.answer)
  })

  it('hides the token of a solution that is printed or serialized', async () => {
    const { guard } = await rig()
    const solution = await guard.solve(challenge)
    for (const text of [JSON.stringify(solution), inspect(solution), `${solution}`])
      expect(text).not.toContain(solution.token)
  })

  it('records whether the site accepted the answer, and reports it to the service', async () => {
    const { guard, actions } = await rig()
    const good = await guard.solve(challenge)
    await good.reportGood()
    const bad = await guard.solve(challenge)
    await bad.reportBad()
    expect(actions()).toEqual([
      'authorized',
      'submitted',
      'solved',
      'accepted',
      'authorized',
      'submitted',
      'solved',
      'rejected',
    ])
  })

  it('calls no service when the sitekey is a published test key', async () => {
    const { guard, service, audit } = await rig()
    const solution = await guard.solve({ ...challenge, sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI' })
    expect(solution.cost).toBe(0)
    expect(solution.token).not.toBe('')
    expect(service.requests).toHaveLength(0)
    expect(audit.events).toMatchObject([{ action: 'solved', cost: 0, code: 'TEST_KEY', solver: undefined }])
  })

  it('submits a published test key like any other if policy.testKeys is solve', async () => {
    const { guard, service } = await rig({ policy: { testKeys: 'solve' } })
    await guard.solve({ ...challenge, sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI' })
    expect(service.tasks).toHaveLength(1)
  })

  it('is not changed by a listener that throws', async () => {
    const { guard } = await rig()
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    guard.on('solved', () => {
      throw new Error('a fault of the user')
    })
    await guard.solve(challenge)
    expect((await warned).message).toBe("A listener of 'solved' threw: a fault of the user")
    expect((await guard.status()).day.spent).toBe(usd(0.001))
  })
})

describe('guard.status', () => {
  it('returns the state of the budgets, the key, the schedule and the other parts', async () => {
    const { guard, service } = await rig({ policy: { budget: { perDay: usd(5), perMinute: 20, concurrent: 10 } } })
    await guard.solve(challenge)
    expect(await guard.status()).toMatchObject({
      name: 'tests',
      day: { cap: usd(5), spent: usd(0.001), reserved: 0, left: usd(4.999) },
      minute: { cap: 20, used: 1 },
      slots: { cap: 10, used: 0 },
      key: { place: 'the test' },
      schedule: { open: true },
      egress: 'direct',
      solver: 'captchaai',
      ledger: { kind: 'memory' },
      audit: { kind: 'memory' },
    })
    expect(JSON.stringify(await guard.status())).not.toContain(service.key)
    expect(formatUsd((await guard.status()).day.left)).toBe('$4.999')
  })
})

describe('a caller that does not wait for its solve', () => {
  it('gets SOLVE_ABORTED at once when it aborts; a submitted task is still accounted for', async () => {
    const { guard, service, actions } = await rig({ serviceOptions: { solveMs: 100 } })
    const abort = new AbortController()
    const solve = guard.solve(challenge, { signal: abort.signal })
    guard.on('submitted', () => abort.abort())
    expect((await errorOf(solve)).code).toBe('SOLVE_ABORTED')
    await expect.poll(async () => (await guard.status()).day).toMatchObject({ spent: usd(0.001), reserved: 0 })
    expect(service.charged).toBe(usd(0.001))
    expect(actions()).toEqual(['authorized', 'submitted', 'abandoned', 'solved'])
  })

  it('spends nothing if it aborts before the submit', async () => {
    const { guard, service } = await rig()
    const abort = new AbortController()
    abort.abort()
    expect((await errorOf(guard.solve(challenge, { signal: abort.signal }))).code).toBe('SOLVE_ABORTED')
    expect(service.requests).toHaveLength(0)
    expect((await guard.status()).day.spent).toBe(0)
  })

  it('gets SOLVE_TIMEOUT at the deadline; the guard follows the task to its end', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({
      clock,
      serviceOptions: { clock, solveMs: 20_000 },
      policy: { deadline: '10s' },
      polling: { firstPollMs: 1000, everyMs: 1000 },
    })
    const error = await errorOf(settleWith(clock, guard.solve(challenge)))
    expect(error.code).toBe('SOLVE_TIMEOUT')
    expect((await guard.status()).day.reserved).toBe(usd(0.001))
    await settleWith(
      clock,
      eventually(async () => service.charged > 0 && (await guard.status()).day.reserved === 0),
    )
    expect((await guard.status()).day.spent).toBe(usd(0.001))
  })

  it('gets GUARD_CLOSED when the guard closes; the ledger keeps the reservation', async () => {
    const { guard, ledger } = await rig({ serviceOptions: { solveMs: 60_000 } })
    const solve = errorOf(guard.solve(challenge))
    await new Promise<void>((resolve) => void guard.on('submitted', () => resolve()))
    await guard.close()
    expect((await solve).code).toBe('GUARD_CLOSED')
    expect((await ledger.usage('tests', Date.now())).reserved).toBe(usd(0.001))
    expect((await errorOf(guard.solve(challenge))).code).toBe('GUARD_CLOSED')
  })
})

describe('two guards of one name', () => {
  it('share one budget', async () => {
    const first = await rig({ policy: { budget: { perDay: usd(0.001) } } })
    const second = await rig({
      ledger: first.ledger,
      service: first.service,
      policy: { budget: { perDay: usd(0.001) } },
    })
    await first.guard.solve(challenge)
    expect((await errorOf(second.guard.solve(challenge))).code).toBe('BUDGET_EXHAUSTED')
  })

  it('with different limits both apply the lower one, and raise an alert', async () => {
    const loose = await rig({ policy: { budget: { perDay: usd(5) } } })
    const tight = await rig({
      ledger: loose.ledger,
      service: loose.service,
      policy: { budget: { perDay: usd(0.001) } },
    })
    const warned: unknown[] = []
    tight.guard.on('alert', (alert) => warned.push(alert))
    await loose.guard.solve(challenge)
    expect(await errorOf(tight.guard.solve(challenge))).toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    const message = expect.stringContaining(`(process ${process.pid}) has different limits for the budget 'tests'; `)
    expect(warned).toMatchObject([{ code: 'LIMITS_DIFFER', message }])
    expect((await errorOf(loose.guard.solve(challenge))).code).toBe('BUDGET_EXHAUSTED')
    expect((await loose.guard.status()).day.cap).toBe(usd(0.001))
  })

  it('show a key by its fingerprint only in their status', async () => {
    const { guard } = await rig({ secret: fixedSecret('a-key-that-must-not-be-seen') })
    await errorOf(guard.solve(challenge))
    expect(inspect(await guard.status(), { depth: 9 })).not.toContain('must-not-be-seen')
  })
})

it.each([
  ['reportGood', 'reportBad', 'accepted', 'reportgood'],
  ['reportBad', 'reportGood', 'rejected', 'reportbad'],
] as const)(
  'a solution is reported once: after %s, %s and a second call do nothing',
  async (first, other, action, sent) => {
    const { guard, service, actions } = await rig()
    const solution = await guard.solve(challenge)
    await Promise.all([solution[first](), solution[first](), solution[other]()])
    await solution[other]()
    expect(actions().slice(3)).toEqual([action])
    const reports = service.requests.filter(({ endpoint }) => endpoint === 'report')
    expect(reports.map(({ fields }) => fields.action)).toEqual([sent])
  },
)

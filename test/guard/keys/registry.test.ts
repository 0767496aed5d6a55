import { describe, expect, it } from 'vitest'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { secretFor } from '../../../src/secrets/index.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { leaks } from '../../support/key-leaks.js'
import { eventually } from '../../support/wait.js'
import { after, challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

const OLD = 'the-old-key-0123456789abcdef0123'
const NEW = 'the-new-key-0123456789abcdef0123'
const HOUR = 3_600_000

async function startService() {
  const service = await startSolverService({ keys: { [OLD]: 10, [NEW]: 10 } })
  after(() => service.close())
  return service
}

describe('the environment that a key is for', () => {
  const named = (environment: string, sharedWith?: string[]) =>
    secretFor({ environment, sharedWith }, 'captcha/{environment}', () => fixedSecret(OLD))

  it('is set by its first use; a guard of another environment is denied before anything is spent', async () => {
    const [service, ledger] = [await startService(), memoryLedger()]
    const staging = await rig({ service, ledger, secret: named('staging'), guardOptions: { name: 'staging' } })
    await staging.guard.solve(challenge)
    const production = await rig({ service, ledger, secret: named('production'), guardOptions: { name: 'production' } })
    const error = await errorOf(production.guard.solve(challenge))
    expect([error.code, error.layer]).toEqual(['KEY_OF_ANOTHER_ENVIRONMENT', 'secret'])
    expect(error.message).toContain("sharedWith: ['staging']")
    expect(service.requests.filter(({ endpoint }) => endpoint === 'in')).toHaveLength(1)
    expect(production.actions()).not.toContain('authorized')
    // Other guards of the first environment, and a guard without an environment, can use the key.
    await (
      await rig({ service, ledger, secret: named('staging'), guardOptions: { name: 'more-staging' } })
    ).guard.solve(challenge)
    await (await rig({ service, ledger, secret: fixedSecret(OLD), guardOptions: { name: 'unnamed' } })).guard.solve(
      challenge,
    )
  })

  it('does not deny a guard whose sharedWith names the other environment', async () => {
    const [service, ledger] = [await startService(), memoryLedger()]
    await (await rig({ service, ledger, secret: named('staging') })).guard.solve(challenge)
    await (await rig({ service, ledger, secret: named('ci', ['staging']) })).guard.solve(challenge)
  })

  it('is read from the ledger once for each key, not for each solve', async () => {
    const [service, ledger] = [await startService(), memoryLedger()]
    const names: string[] = []
    const { setFact: remember } = ledger
    ledger.setFact = (fact, now) => {
      names.push(fact.name.split('/')[0] ?? '')
      return remember(fact, now)
    }
    const { guard } = await rig({ service, ledger, secret: named('staging') })
    for (let i = 0; i < 5; i++) await guard.solve(challenge)
    expect(names.filter((name) => name === 'of')).toHaveLength(1)
    expect(names.filter((name) => name === 'used')).toHaveLength(1)
  })

  it('is checked also for a key that replaces a refused one', async () => {
    const [service, ledger] = [await startService(), memoryLedger()]
    const production = secretFor({ environment: 'production' }, 'x', () => fixedSecret(NEW))
    await (await rig({ service, ledger, secret: production, guardOptions: { name: 'production' } })).guard.solve(
      challenge,
    )
    const secret = fixedSecret(OLD)
    const staging = await rig({ service, ledger, secret: secretFor({ environment: 'staging' }, 'x', () => secret) })
    staging.guard.on('alert', () => {})
    await staging.guard.solve(challenge)
    service.revoke(OLD)
    secret.set(NEW)
    expect((await errorOf(staging.guard.solve(challenge))).code).toBe('KEY_OF_ANOTHER_ENVIRONMENT')
  })

  it('denies solves when the ledger cannot read it', async () => {
    const ledger = memoryLedger()
    ledger.setFact = () => {
      throw new Error('the disk is full')
    }
    const { guard, service } = await rig({ ledger, secret: named('staging') })
    guard.on('alert', () => {})
    expect((await errorOf(guard.solve(challenge))).code).toBe('LEDGER_UNAVAILABLE')
    expect(service.requests).toEqual([])
  })
})

describe('the key registry', () => {
  async function twoProcesses() {
    const clock = manualClock()
    const [service, ledger] = [await startService(), memoryLedger()]
    const secrets = [fixedSecret(OLD), fixedSecret(OLD)] as const
    const make = (secret: (typeof secrets)[number]) => rig({ service, ledger, clock, secret })
    const guards = [await make(secrets[0]), await make(secrets[1])] as const
    const alerts: string[] = []
    for (const { guard } of guards) guard.on('alert', ({ code }) => alerts.push(code))
    const solve = (index: 0 | 1) => settleWith(clock, guards[index].guard.solve(challenge), 10)
    const known = async (index: 0 | 1 = 0) => (await guards[index].guard.status()).key.known
    return { clock, service, secrets, guards, alerts, solve, known }
  }

  it('reports no key as revocable while there is only one', async () => {
    const { solve, known, clock } = await twoProcesses()
    expect(await known()).toEqual([])
    await solve(0)
    await solve(1)
    await clock.advance(25 * HOUR)
    expect(await known()).toMatchObject([{ underWay: 0, revocable: false, reason: 'it is the key in use' }])
  })

  it('reports an old key as revocable, once, after a day in which no process has held or used it', async () => {
    const { solve, known, clock, secrets, alerts, guards } = await twoProcesses()
    await solve(0)
    await solve(1)
    const status = (await guards[0].guard.status()).key
    expect(status.known).toMatchObject([{ fingerprint: status.fingerprint, heldBy: 2, revocable: false }])

    for (const secret of secrets) secret.set(NEW, OLD)
    await clock.advance(5 * 60_000)
    await solve(0)
    // The other process has been idle, and still holds the old key.
    expect((await known())[1]).not.toHaveProperty('revocableAt')
    expect(await known()).toMatchObject([
      { heldBy: 1, reason: 'it is the key in use' },
      { heldBy: 1, revocable: false, reason: '1 process would still use it' },
    ])
    await solve(1)
    await clock.advance(10_000)
    const [current, old] = await known(1)
    expect(current).toMatchObject({ heldBy: 2 })
    expect(old).toMatchObject({ heldBy: 0, revocable: false, reason: expect.stringContaining('from 20') })
    const from = (old?.lastUsedAt?.getTime() ?? 0) + 24 * HOUR
    expect(old?.revocableAt?.getTime()).toBe(from)

    await clock.advance(from - clock.now() - 1)
    expect((await known())[1]?.revocable).toBe(false)
    await clock.advance(1)
    expect((await known())[1]).toMatchObject({ revocable: true, reason: expect.stringContaining('every process') })
    await clock.advance(12 * 60_000)
    expect(alerts.filter((code) => code === 'KEY_REVOCABLE')).toHaveLength(1)
    const records = guards.flatMap(({ audit }) => audit.events.filter(({ code }) => code === 'KEY_REVOCABLE'))
    expect(records).toMatchObject([{ action: 'alert', message: expect.stringContaining(old?.fingerprint ?? '-') }])
    expect(JSON.stringify(records)).not.toContain(OLD)
  })

  it('counts the tasks under way with an old key', async () => {
    const { known, clock, secrets, service, guards } = await twoProcesses()
    service.next('res', ...Array.from({ length: 500 }, () => ({ error: 'CAPCHA_NOT_READY' })))
    const abort = new AbortController()
    const slow = guards[0].guard.solve(challenge, { signal: abort.signal }).catch(() => {})
    await settleWith(
      clock,
      eventually(() => service.tasks.length > 0),
      1,
    )
    abort.abort()
    await slow
    for (const secret of secrets) secret.set(NEW, OLD)
    await clock.advance(5 * 60_000 - 20_000)
    expect((await known()).map(({ underWay }) => underWay)).toEqual([1])
  })

  it('keeps a key after every process that used it has ended', async () => {
    const { solve, known, secrets, guards, clock } = await twoProcesses()
    await solve(0)
    secrets[0].set(NEW, OLD)
    await clock.advance(5 * 60_000)
    await solve(0)
    await guards[0].guard.close()
    expect(await known(1)).toMatchObject([
      { heldBy: 0, revocable: false, reason: 'it is the key in use' },
      { heldBy: 0, revocable: false },
    ])
    await clock.advance(24 * HOUR)
    expect(await known(1)).toMatchObject([{ revocable: false }, { revocable: true }])
  })
})

describe('the age of a key', () => {
  const DAY = 24 * HOUR
  const aged = async (createdAt: number, clock = manualClock()) => {
    const secret = fixedSecret(NEW, { createdAt })
    const policy = { key: { rotateEvery: '60d', expireAfter: '90d' } } as const
    const made = await rig({ secret, clock, policy, serviceOptions: { keys: { [NEW]: 10 } } })
    const alerts: string[] = []
    made.guard.on('alert', ({ code }) => alerts.push(code))
    return { ...made, clock, alerts, solve: () => settleWith(clock, made.guard.solve(challenge), 10) }
  }

  it('raises one alert when the key is due for rotation, and the key stays in use', async () => {
    const clock = manualClock()
    const { solve, alerts, guard } = await aged(clock.now() - 61 * DAY, clock)
    await solve()
    await clock.advance(60_000)
    await solve()
    expect(alerts).toEqual(['KEY_DUE'])
    expect((await guard.status()).key.dueAt?.getTime()).toBe(
      ((await guard.status()).key.createdAt?.getTime() as number) + 60 * DAY,
    )
  })

  it('over the limit denies solves, also after the clock was set back while the process runs', async () => {
    const clock = manualClock()
    const { solve, service } = await aged(clock.now() - 90 * DAY + HOUR, clock)
    await solve()
    await clock.advance(HOUR)
    await clock.advance(1)
    expect((await errorOf(solve())).code).toBe('KEY_TOO_OLD')
    clock.set(clock.now() - 30 * DAY)
    expect((await errorOf(solve())).code).toBe('KEY_TOO_OLD')
    expect(service.tasks).toHaveLength(1)
  })

  it('below zero denies solves if the clock is more than an hour behind the key', async () => {
    const clock = manualClock()
    const { solve } = await aged(clock.now() + 2 * HOUR, clock)
    expect((await errorOf(solve())).message).toContain('Correct the clock')
    await (await aged(clock.now() + HOUR / 2, clock)).solve()
  })
})

describe('a key that does not look like those of the service', () => {
  const OTHER = 'CAP-0123456789ABCDEF0123456789ABCDEF'

  async function guardWith(key: string, ledger = memoryLedger(), name = 'tests') {
    const service = await startSolverService({ keys: { [key]: 10 } })
    after(() => service.close())
    const polling = { firstPollMs: 0, everyMs: 1 }
    const made = captchaAI({ baseUrl: service.url, polling, pricing: { per: 'solve', usd: 0.001 } })
    // As at the service's own address.
    const solver = { ...made, keyFormat: captchaAI().keyFormat }
    const alerts: { code: string; message: string }[] = []
    const { guard, audit } = await rig({ service, ledger, secret: fixedSecret(key), guardOptions: { solver, name } })
    guard.on('alert', (alert) => alerts.push(alert))
    return { guard, audit, ledger, alerts }
  }

  it('is an alert, once for each key in all guards of a ledger, and the solve goes on', async () => {
    const first = await guardWith(OTHER)
    await first.guard.solve(challenge)
    await first.guard.solve(challenge)
    await expect.poll(() => first.alerts).toHaveLength(1)
    const [{ code, message } = { code: '', message: '' }] = first.alerts
    expect([code, message]).toEqual(['KEY_UNUSUAL', expect.stringContaining('32 characters')])
    expect(message).toContain('the test')
    expect(leaks(OTHER, JSON.stringify([first.alerts, first.audit.events]))).toEqual([])
    const second = await guardWith(OTHER, first.ledger, 'more-tests')
    await second.guard.solve(challenge)
    await second.guard.close()
    expect(second.alerts).toEqual([])
  })

  it('is none where it looks like them', async () => {
    const { guard, alerts } = await guardWith(OLD)
    await guard.solve(challenge)
    await guard.close()
    expect(alerts).toEqual([])
  })
})

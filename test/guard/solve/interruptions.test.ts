import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { DeniedError } from '../../../src/base/errors.js'
import type { Ledger } from '../../../src/ledger/ledger.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import type { SecretProvider, SecretVersions } from '../../../src/secrets/provider.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { memoryAudit } from '../../../src/testing/audit.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

/** A store that answers when the test lets it. */
function slowSecret(key: string): SecretProvider & { asked: Promise<void>; answer(): void } {
  let ask = (): void => {}
  let give = (_: SecretVersions): void => {}
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const given = new Promise<SecretVersions>((resolve) => {
    give = resolve
  })
  const store = fixedSecret(key)
  return {
    kind: 'test',
    place: 'the test',
    asked,
    fetch() {
      ask()
      return given
    },
    answer: () => give(store.fetch() as SecretVersions),
  }
}

describe('while the key is fetched', () => {
  it('the guard can be closed; nothing is reserved or sent', async () => {
    const secret = slowSecret('a-key-that-is-slow')
    const { guard, service, ledger } = await rig({ secret })
    const solve = errorOf(guard.solve(challenge))
    await secret.asked
    const closing = guard.close()
    secret.answer()
    await closing
    expect((await solve).code).toBe('GUARD_CLOSED')
    expect(service.requests).toHaveLength(0)
    expect(await ledger.usage('tests', Date.now())).toMatchObject({ reserved: 0, lastMinute: 0 })
  })

  it('the caller can abort at any moment around the arrival of the key', async () => {
    const { service } = await rig()
    for (let turns = 0; turns < 16; turns++) {
      const secret = slowSecret(service.key)
      const { guard } = await rig({ service, secret })
      const abort = new AbortController()
      const solve = errorOf(guard.solve(challenge, { signal: abort.signal }))
      await secret.asked
      secret.answer()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      abort.abort()
      expect((await solve).code, `after ${turns} turns`).toBe('SOLVE_ABORTED')
    }
  })
})

describe('after the machine was suspended', () => {
  it('a submit that waited for its retry is not sent under an expired reservation', async () => {
    const clock = manualClock()
    const { guard, service, ledger } = await rig({ clock })
    service.next('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
    const retrying = new Promise<void>((resolve) => void guard.on('retrying', () => resolve()))
    const solve = errorOf(guard.solve(challenge))
    await retrying
    // The wall clock runs while a machine is suspended; the monotonic clock and timers do not.
    clock.set(clock.now() + 8 * 3_600_000)
    expect((await settleWith(clock, solve)).code).toBe('SOLVER_BUSY')
    expect(service.tasks).toHaveLength(0)
    expect(await ledger.usage('tests', clock.now())).toMatchObject({ spent: 0, reserved: 0 })
  })
})

describe('user code', () => {
  it('that aborts on a retrying event gets its reservation released at once', async () => {
    const clock = manualClock()
    const { guard, service } = await rig({ clock })
    service.next('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
    const abort = new AbortController()
    guard.on('retrying', () => abort.abort())
    expect((await errorOf(guard.solve(challenge, { signal: abort.signal }))).code).toBe('SOLVE_ABORTED')
    // The manual clock does not move.
    await expect.poll(async () => (await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
    expect(service.requests).toHaveLength(1)
  })

  it('in a logger may throw without any effect on solves, also at the deadline', async () => {
    const clock = manualClock()
    const fault = (): never => {
      throw new Error('the log is full')
    }
    const logger = { debug: fault, info: fault, warn: fault }
    const { guard, service } = await rig({ clock, policy: { deadline: '10s' }, guardOptions: { logger } })
    expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(usd(0.001))
    service.always('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
    expect((await errorOf(settleWith(clock, guard.solve(challenge)))).code).toBe('SOLVER_BUSY')
    expect((await guard.status()).day).toMatchObject({ spent: usd(0.001), reserved: 0 })
  })

  it('in a listener that rejects causes a process warning, and does not end the process', async () => {
    const { guard } = await rig()
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    guard.on('solved', async () => {
      throw new Error('a fault of the user, later')
    })
    await guard.solve(challenge)
    expect((await warned).message).toBe("A listener of 'solved' threw: a fault of the user, later")
  })

  it('in a listener may close the guard during a step; the guard is closed after the step', async () => {
    const { guard, service, ledger } = await rig()
    let closing: Promise<void> | undefined
    guard.on('authorized', () => {
      closing = guard.close()
    })
    expect((await errorOf(guard.solve(challenge))).code).toBe('GUARD_CLOSED')
    await closing
    expect(service.requests).toHaveLength(0)
    expect(await ledger.usage('tests', Date.now())).toMatchObject({ reserved: 0, spent: 0 })
  })

  it('in a logger gets addresses without credentials, query and fragment, as in the audit log', async () => {
    const logged: object[] = []
    const log = (fields: object) => void logged.push(fields)
    const logger = { debug: log, info: log, warn: log }
    const { guard } = await rig({ guardOptions: { logger } })
    const pageUrl = 'https://anna:pass-word@staging.example.com/login?session=very-private#top'
    await guard.solve({ ...challenge, pageUrl, frameUrl: pageUrl })
    expect(logged).toMatchObject([{ event: 'authorized' }, { event: 'submitted' }, { event: 'solved' }])
    expect(JSON.stringify(logged)).toContain('"pageUrl":"https://staging.example.com/login"')
    expect(JSON.stringify(logged)).not.toMatch(/very-private|pass-word/)
  })

  it('in an audit sink that throws an error of another layer is reported as AUDIT_UNAVAILABLE', async () => {
    const audit = memoryAudit()
    const { guard } = await rig({ guardOptions: { audit } })
    const solution = await guard.solve(challenge)
    audit.failWith(new DeniedError('LEDGER_UNAVAILABLE', 'The disk of both is full.'))
    const alerts: string[] = []
    guard.on('alert', ({ code }) => alerts.push(code))
    await solution.reportGood()
    expect(alerts).toEqual(['AUDIT_UNAVAILABLE'])
    expect((await errorOf(guard.solve(challenge))).code).toBe('AUDIT_UNAVAILABLE')
    audit.failWith(undefined)
  })
})

describe('after a solve', () => {
  it('its grant can be garbage collected, also if the solve was denied at once', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const { guard } = await rig({ policy: { budget: { perDay: usd(0.0005) } } })
    const grants: WeakRef<object>[] = []
    for (let i = 0; i < 20; i++) {
      const grant = guard.narrow({})
      grants.push(new WeakRef(grant))
      await errorOf(grant.solve(challenge))
    }
    await expect
      .poll(() => {
        collect()
        return grants.filter((grant) => grant.deref()).length
      })
      .toBeLessThan(5)
  })

  it('closing the guard leaves no timer, even if its last records could not be written', async () => {
    const clock = manualClock()
    const audit = memoryAudit()
    const { guard } = await rig({ clock, guardOptions: { audit } })
    guard.on('alert', () => {})
    await errorOf(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }))
    audit.failWith(new Error('disk full'))
    await guard.close()
    expect(clock.waiting).toBe(0)
  })

  it('closing the guard records each submitted task before it unregisters, also in a slow ledger', async () => {
    const memory = memoryLedger()
    const steps: string[] = []
    const ledger: Ledger = {
      ...memory,
      async attachTask(id, task) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        steps.push('noted')
        return memory.attachTask(id, task)
      },
      unregister(owner, now) {
        memory.unregister(owner, now)
        steps.push('left')
      },
    }
    const { guard } = await rig({ ledger, serviceOptions: { solveMs: 60_000 } })
    const solve = errorOf(guard.solve(challenge))
    await new Promise<void>((resolve) => void guard.on('submitted', () => resolve()))
    await guard.close()
    expect((await solve).code).toBe('GUARD_CLOSED')
    expect(steps).toEqual(['noted', 'left'])
  })
})

it('createGuard closes the audit log if it finds a wrong option after opening it', async () => {
  let closed = 0
  const audit = { ...memoryAudit(), close: () => void closed++ }
  const close = (): never => {
    throw new Error('It cannot be closed either.')
  }
  const error = await errorOf(
    rig({
      ledger: { ...memoryLedger(), close },
      policy: { pageProxy: 'http://127.0.0.1:8080' },
      guardOptions: { audit, solver: captchaAI() },
    }),
  )
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('policy.pageProxy') })
  expect(closed).toBe(1)
})

it('a solve is denied while its guard cannot register in the ledger, and nothing is sent', async () => {
  const memory = memoryLedger()
  let down = true
  const register: Ledger['register'] = (...args) => {
    if (down) throw new DeniedError('LEDGER_UNAVAILABLE', 'The ledger is gone.')
    return memory.register(...args)
  }
  const { guard, service } = await rig({ ledger: { ...memory, register } })
  expect(await errorOf(guard.solve(challenge))).toMatchObject({ message: 'The ledger is gone.' })
  expect(service.requests).toEqual([])
  down = false
  await guard.solve(challenge)
  expect(memory.usage('tests', Date.now()).declared).toMatchObject({ perDay: usd(1) })
})

it('a guard registers once with a ledger that takes its time, however many solves begin at once', async () => {
  const memory = memoryLedger()
  let calls = 0
  const register: Ledger['register'] = async (...args) => {
    calls++
    return memory.register(...args)
  }
  const { guard } = await rig({ ledger: { ...memory, register } })
  await Promise.all([1, 2, 3].map(() => guard.solve(challenge)))
  expect(calls).toBe(1)
})

it('an expired task that is claimed again while a guard follows it is not followed twice', async () => {
  const clock = manualClock()
  const ledger = memoryLedger()
  const { service } = await rig({ clock })
  const limits = { perDay: usd(1) }
  const path = [{ id: 'tests', limits }]
  ledger.reserve({ id: 'dead.1', ownerId: 'dead', path, amount: usd(0.001), deadline: clock.now() + 1 }, clock.now())
  ledger.attachTask('dead.1', { solver: 'captchaai', taskId: '1234', keyVersion: 'x', family: 'recaptcha' })
  service.always('res', { body: 'CAPCHA_NOT_READY' })
  await rig({ service, clock, ledger, polling: { firstPollMs: 5_000, everyMs: 5_000 } })
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      await clock.advance(1_000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  await pass(140)
  const before = service.requests.length
  await pass(20)
  expect(service.requests.length - before).toBeGreaterThan(1)
  expect(service.requests.length - before).toBeLessThan(6)
})

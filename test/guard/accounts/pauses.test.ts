import { describe, expect, it } from 'vitest'
import type { GuardOptions } from '../../../src/guard/options.js'
import type { Ledger } from '../../../src/ledger/ledger.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

/** Several processes of one guard on one ledger, and the events of each. */
async function processes(count: number, more: (url: string) => Partial<GuardOptions> = () => ({})) {
  const clock = manualClock()
  const ledger = memoryLedger()
  const service = await startSolverService()
  after(() => service.close())
  const start = async () => {
    const secret = fixedSecret(service.key)
    const { guard, audit } = await rig({ service, ledger, clock, secret, guardOptions: more(service.url) })
    const events: string[] = []
    guard.on('paused', ({ reason, solver }) => events.push(`paused ${solver}: ${reason.code}`))
    guard.on('resumed', () => events.push('resumed'))
    guard.on('alert', ({ code }) => events.push(`alert ${code}`))
    const solve = () => settleWith(clock, errorOf(guard.solve(challenge)), 10).then(({ code }) => code)
    return { guard, audit, events, solve, secret }
  }
  const all = []
  for (let i = 0; i < count; i++) all.push(await start())
  return { clock, service, ledger, all, start }
}

describe('a pause', () => {
  it('emits an event in every process within a heartbeat, also in idle ones, and an alert in one', async () => {
    const { clock, service, all } = await processes(3)
    service.always('in', { error: 'ERROR_IP_NOT_ALLOWED' })
    expect(await all[0]?.solve()).toBe('ADDRESS_REFUSED')
    expect(all.map(({ events }) => events.length)).toEqual([2, 0, 0])
    await clock.advance(10_000)
    expect(all.map(({ events }) => events)).toEqual([
      ['paused captchaai: ADDRESS_REFUSED', 'alert ADDRESS_REFUSED'],
      ['paused captchaai: ADDRESS_REFUSED'],
      ['paused captchaai: ADDRESS_REFUSED'],
    ])
    for (const { guard } of all) expect((await guard.status()).paused?.code).toBe('ADDRESS_REFUSED')
    await clock.advance(60_000)
    expect(all.flatMap(({ events }) => events)).toHaveLength(4)
    const written = all.flatMap(({ audit }) => audit.events.filter(({ action }) => action === 'paused'))
    expect(written).toHaveLength(1)
  })

  it('emits its event at once in a process whose solve it denies', async () => {
    const { service, all } = await processes(2)
    service.always('in', { error: 'ERROR_IP_NOT_ALLOWED' })
    await all[0]?.solve()
    expect(await all[1]?.solve()).toBe('GUARD_PAUSED')
    expect(await all[1]?.solve()).toBe('GUARD_PAUSED')
    expect(all[1]?.events).toEqual(['paused captchaai: ADDRESS_REFUSED'])
  })

  it('emits its event in a process that starts later', async () => {
    const { clock, service, all, start } = await processes(1)
    service.always('in', { error: 'ERROR_IP_NOT_ALLOWED' })
    await all[0]?.solve()
    const late = await start()
    await clock.advance(11_000)
    expect(late.events).toEqual(['paused captchaai: ADDRESS_REFUSED'])
  })

  it('of one account emits an event with the name of the account in every process', async () => {
    const accounts = (url: string) => ({
      solver: undefined,
      secret: undefined,
      solvers: ['one', 'two'].map((name) => ({
        name,
        solver: captchaAI({
          baseUrl: url,
          polling: { firstPollMs: 0, everyMs: 5 },
          pricing: { per: 'solve', usd: 0.001 },
        }),
        secret: fixedSecret(`the-key-of-${name}-0123456789abcdef`),
      })),
    })
    const { clock, service, all } = await processes(2, accounts)
    service.addKey('the-key-of-two-0123456789abcdef', 5)
    await settleWith(clock, all[0]?.guard.solve(challenge) as Promise<unknown>, 10)
    await clock.advance(10_000)
    expect(all[1]?.events).toEqual(['paused one: KEY_REFUSED'])
    const status = await all[1]?.guard.status()
    expect(status?.solvers.map(({ paused }) => paused?.code)).toEqual(['KEY_REFUSED', undefined])
    await all[1]?.guard.resume()
    await clock.advance(10_000)
    expect(all.map(({ events }) => events.at(-1))).toEqual(['resumed', 'resumed'])
  })
})

describe('a resume', () => {
  it('emits an event in every process within a heartbeat, and each process fetches its key again', async () => {
    const { clock, service, all } = await processes(2)
    const other = 'another-key-0123456789abcdef01234'
    service.addKey(other, 5)
    for (const { guard } of all) await settleWith(clock, guard.solve(challenge), 10)
    service.revoke(service.key)
    await all[0]?.solve()
    await clock.advance(10_000)
    for (const { secret } of all) secret.set(other)
    await all[0]?.guard.resume()
    const fetches = all[1]?.secret.fetches ?? 0
    await clock.advance(10_000)
    expect(all[1]?.secret.fetches).toBe(fetches + 1)
    for (const { guard, events } of all) {
      await settleWith(clock, guard.solve(challenge), 10)
      expect(events.filter((what) => what === 'resumed')).toHaveLength(1)
      expect((await guard.status()).paused).toBeUndefined()
    }
    await clock.advance(60_000)
    expect(all.map(({ events }) => events.at(-1))).toEqual(['resumed', 'resumed'])
  })

  it('and a new pause between two heartbeats emit a second pause event', async () => {
    const { clock, service, all } = await processes(2)
    service.always('in', { error: 'ERROR_IP_NOT_ALLOWED' })
    await all[0]?.solve()
    await clock.advance(10_000)
    await all[0]?.guard.resume()
    await clock.advance(10)
    await all[0]?.solve()
    await clock.advance(10_000)
    expect(all[1]?.events).toEqual(['paused captchaai: ADDRESS_REFUSED', 'paused captchaai: ADDRESS_REFUSED'])
  })
})

it('a ledger that fails at every heartbeat raises one alert, and a second one when it fails again later', async () => {
  const { clock, ledger, all } = await processes(1)
  const [{ events }] = all as [(typeof all)[0]]
  const { usage, heartbeat } = ledger
  const breakIt = () => {
    ledger.heartbeat = ledger.usage = () => {
      throw new Error('the disk is full')
    }
  }
  breakIt()
  await clock.advance(120_000)
  expect(events).toEqual(['alert LEDGER_UNAVAILABLE'])
  Object.assign(ledger, { usage, heartbeat })
  await clock.advance(80_000)
  breakIt()
  await clock.advance(120_000)
  expect(events).toEqual(['alert LEDGER_UNAVAILABLE', 'alert LEDGER_UNAVAILABLE'])
  Object.assign(ledger, { usage, heartbeat })
})

it('a solve that causes a pause rejects once the pause is in the ledger, however slow that is', async () => {
  const memory = memoryLedger()
  const steps: string[] = []
  const ledger: Ledger = {
    ...memory,
    async pause(...args) {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      steps.push('paused')
      return memory.pause(...args)
    },
  }
  const { guard } = await rig({ ledger, secret: fixedSecret('a-key-that-the-service-does-not-know') })
  guard.on('alert', () => {})
  const { code } = await errorOf(guard.solve(challenge))
  steps.push(code ?? '')
  expect(steps).toEqual(['paused', 'KEY_REFUSED'])
})

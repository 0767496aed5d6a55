import { describe, expect, it } from 'vitest'
import { functionAudit } from '../../src/audit/function.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { manualClock } from '../../src/testing/clock.js'
import { after, challenge, rig, settleWith } from './support.js'

/** The operations that closing needs, each of which may fail. */
const FAILING = ['saveHead', 'unregister', 'close', 'setFact'] as const

function failing(operations: readonly (keyof Ledger)[], how: 'throws' | 'rejects'): Ledger & { broken: boolean } {
  const ledger = memoryLedger()
  const state: Ledger & { broken: boolean } = { ...ledger, broken: false }
  for (const name of operations) {
    const work = ledger[name] as (...args: unknown[]) => unknown
    Object.assign(state, {
      [name]: (...args: unknown[]) => {
        if (!state.broken) return work(...args)
        if (how === 'throws') throw new Error(`${name} fails`)
        return Promise.reject(new Error(`${name} fails`))
      },
    })
  }
  return state
}

describe('guard.close()', () => {
  it.each(['throws', 'rejects'] as const)('resolves and reports once when the ledger %s', async (how) => {
    const ledger = failing(FAILING, how)
    const { guard } = await rig({ ledger })
    const alerts: { code: string; message: string }[] = []
    guard.on('alert', (alert) => alerts.push(alert))
    await guard.solve(challenge)
    ledger.broken = true
    await guard.close()
    expect(alerts.map(({ code }) => code)).toEqual(['LEDGER_UNAVAILABLE'])
    expect(alerts[0]?.message).toContain('close fails')
  })

  it('resolves and reports once how many records were lost when the audit log fails', async () => {
    const { guard, audit } = await rig()
    const alerts: { code: string; message: string }[] = []
    guard.on('alert', (alert) => alerts.push(alert))
    audit.failWith(new Error('disk full'))
    await expect(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' })).rejects.toThrow()
    alerts.length = 0
    await guard.close()
    expect(alerts.map(({ code }) => code)).toEqual(['AUDIT_UNAVAILABLE'])
    // The denial and the end of the log.
    expect(alerts[0]?.message).toContain('Not written: 2 records')
  })

  it('has the pending denials on the record, each kind with its count', async () => {
    const { guard, audit } = await rig()
    for (let i = 0; i < 5; i++)
      await expect(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' })).rejects.toThrow()
    await guard.close()
    const counts = audit.events.filter(({ action }) => action === 'denied').map(({ count = 1 }) => count)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(5)
  })

  it('resolves and reports when the ledger does not answer', async () => {
    const clock = manualClock()
    const memory = memoryLedger()
    let hangs = false
    const stuck = new Promise<never>(() => {})
    const ledger: Ledger = {
      ...memory,
      saveHead: (head) => (hangs ? stuck : memory.saveHead(head)),
      unregister: (ownerId, now) => (hangs ? stuck : memory.unregister(ownerId, now)),
      close: () => (hangs ? stuck : memory.close()),
    }
    const { guard } = await rig({ ledger, clock })
    const alerts: string[] = []
    guard.on('alert', ({ code, message }) => alerts.push(`${code} ${message}`))
    hangs = true
    await settleWith(clock, guard.close())
    expect(alerts).toEqual([expect.stringMatching(/^LEDGER_UNAVAILABLE .*The ledger has not answered within 15 s/)])
  })

  it('never takes the place of an error of the caller’s own', async () => {
    const ledger = failing(FAILING, 'throws')
    const used = async () => {
      const { guard } = await rig({ ledger, guardOptions: { logger: { debug() {}, info() {}, warn() {} } } })
      await using own = guard
      ledger.broken = true
      throw new Error(`the caller's own, under ${own.name}`)
    }
    await expect(used()).rejects.toThrow("the caller's own, under tests")
  })

  it('reports to the logger, and as a process warning where there is neither listener nor logger', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    after(async () => process.off('warning', onWarning))
    const logged: unknown[] = []
    const logger = { debug() {}, info() {}, warn: (...args: unknown[]) => logged.push(args) }
    for (const guardOptions of [{ logger }, {}]) {
      const ledger = failing(['close'], 'rejects')
      const { guard } = await rig({ ledger, guardOptions })
      ledger.broken = true
      await guard.close()
    }
    await new Promise((resolve) => setImmediate(resolve))
    expect(JSON.stringify(logged)).toContain('close fails')
    expect(warnings.filter(({ message }) => message.includes('close fails'))).toHaveLength(1)
  })
})

describe('an outcome that cannot be recorded', () => {
  it('leaves its reservation open, and the number of lost records is reported', async () => {
    let fails = false
    const audit = functionAudit(async (records) => {
      if (fails && records.some(({ event }) => event.action !== 'authorized')) throw new Error('away')
    })
    const { guard, ledger } = await rig({ guardOptions: { audit } })
    const alerts: string[] = []
    guard.on('alert', ({ message }) => alerts.push(message))
    fails = true
    const { cost } = await guard.solve(challenge)
    expect(cost).toBe(usd(0.001))
    expect(await ledger.usage('tests', Date.now())).toMatchObject({ spent: 0, reserved: usd(0.001), active: 1 })
    expect((await guard.status()).audit).toMatchObject({ pending: 2, lost: 0 })
    await guard.close()
    expect(await ledger.usage('tests', Date.now())).toMatchObject({ spent: 0, reserved: usd(0.001), active: 1 })
    // Submitted, solved and closed.
    expect(alerts.at(-1)).toContain('Not written: 3 records')
  })

  it('of a recovered task leaves it as it is, and it is settled once it can be recorded', async () => {
    const clock = manualClock()
    const ledger = memoryLedger()
    const { service } = await rig({ clock })
    const request = { id: 'dead.1', ownerId: 'dead', path: [{ id: 'tests', limits: {} }], amount: usd(0.001) }
    ledger.reserve({ ...request, deadline: clock.now() + 30_000 }, clock.now())
    ledger.attachTask('dead.1', { solver: 'captchaai', taskId: '1234', keyVersion: 'x', family: 'recaptcha' })
    service.always('res', { body: '{"status":1,"request":"03AFcWeA5bXxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' })
    const audit = memoryAudit()
    const { guard } = await rig({ service, clock, ledger, guardOptions: { audit } })
    const alerts: string[] = []
    guard.on('alert', ({ code }) => alerts.push(code))
    const seconds = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await clock.advance(1_000)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    audit.failWith(new Error('disk full'))
    await seconds(20)
    expect(alerts).toContain('AUDIT_UNAVAILABLE')
    expect(ledger.usage('tests', clock.now())).toMatchObject({ spent: 0, reserved: usd(0.001) })
    audit.failWith(undefined)
    // The reservation expires, and the claim of this process too.
    await seconds(80)
    expect(ledger.usage('tests', clock.now())).toMatchObject({ spent: usd(0.001), reserved: 0 })
    expect(audit.events.filter(({ action }) => action === 'recovered')).toHaveLength(1)
  })
})

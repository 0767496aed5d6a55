import { expect, it } from 'vitest'
import { copyAudit } from '../../../src/audit/copy.js'
import { functionAudit } from '../../../src/audit/function.js'
import type { AuditSink } from '../../../src/audit/sink.js'
import { createGuard } from '../../../src/guard/create.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { memoryAudit } from '../../../src/testing/audit.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, rig, settleWith } from '../support.js'

const policy = { origins: ['https://staging.example.com'] }

it('a guard writes to all of its sinks, and denies solves when a required one fails', async () => {
  const [first, second] = [memoryAudit(), memoryAudit()]
  const { guard, service } = await rig({ guardOptions: { audit: [first, second] } })
  await guard.solve(challenge)
  const actions = (sink: typeof first) => sink.events.map(({ action }) => action)
  expect(actions(second)).toEqual(actions(first))
  second.failWith(new Error('full'))
  await expect(guard.solve(challenge)).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE', layer: 'audit' })
  expect(service.tasks).toHaveLength(1)
  second.failWith(undefined)
  await guard.solve(challenge)
  await guard.close()
  expect(actions(second)).toEqual(expect.arrayContaining(['denied', 'closed']))
})

it('a guard solves while only an audit copy fails, and raises an alert', async () => {
  const copy = memoryAudit()
  const { guard } = await rig({ guardOptions: { audit: [memoryAudit(), copyAudit(copy)] } })
  copy.failWith(new Error('no route'))
  const alerts: string[] = []
  const alerted = new Promise<void>((resolve) => {
    guard.on('alert', ({ code }) => {
      alerts.push(code)
      resolve()
    })
  })
  await guard.solve(challenge)
  await alerted
  expect(alerts).toEqual(['AUDIT_COPY_BEHIND'])
  copy.failWith(undefined)
})

it('a guard loses no record of a solve when a write fails', async () => {
  const written: (string | undefined)[] = []
  let failed = false
  const audit = functionAudit(async (records) => {
    const actions = records.map(({ event }) => event.action)
    if (!failed && actions.includes('submitted')) {
      failed = true
      throw new Error('away for a moment')
    }
    written.push(...actions)
  })
  const { guard } = await rig({ guardOptions: { audit } })
  guard.on('alert', () => {})
  await guard.solve(challenge)
  await guard.close()
  expect(written).toEqual(['authorized', 'submitted', 'solved', 'closed'])
})

it('a guard denies solves when its sink hangs, and can still be closed', async () => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12))
  const hanging: AuditSink = {
    kind: 'hanging',
    open() {},
    write: () => new Promise(() => {}),
    close() {},
  }
  const { guard, service } = await rig({ clock, guardOptions: { audit: hanging } })
  const solve = guard.solve(challenge).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(await settleWith(clock, solve, 1_000)).toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
  expect(service.tasks).toHaveLength(0)
  await settleWith(clock, guard.close(), 1_000)
})

it('createGuard accepts only audit sinks, at least one of them required', async () => {
  const made = (audit: unknown) => createGuard({ policy, ledger: memoryLedger(), audit: audit as AuditSink })
  await expect(made('stdout')).rejects.toThrow('options.audit: expected an audit sink such as jsonlAudit()')
  await expect(made([])).rejects.toThrow('has to be required')
  await expect(made([copyAudit(memoryAudit())])).rejects.toThrow('has to be required')
  await expect(made(functionAudit)).rejects.toThrow('options.audit')
})

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { createGuard } from '../../src/guard/create.js'
import { formatStatus } from '../../src/guard/format-status.js'
import { fileLedger } from '../../src/ledger/file.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { manualClock } from '../../src/testing/clock.js'
import { listen } from '../support/loopback.js'
import { after, challenge, errorOf, fixedSecret, rig, settleWith } from './support.js'

it('status counts the solves of this process: under way, queued, and denied by code', async () => {
  const { guard } = await rig({
    serviceOptions: { solveMs: 60_000 },
    policy: { budget: { perDay: usd(1), concurrent: 1, wait: '30s' } },
  })
  expect((await guard.status()).process).toEqual({ solving: 0, waiting: 0, recovering: 0, denied: {} })
  const abort = new AbortController()
  const solves = [1, 2, 3].map(() => errorOf(guard.solve(challenge, { signal: abort.signal })))
  await expect.poll(async () => (await guard.status()).process).toMatchObject({ solving: 3, waiting: 2 })
  for (const pageUrl of ['https://elsewhere.example/', 'https://elsewhere.example/', 'about:blank']) {
    await errorOf(guard.solve({ ...challenge, pageUrl }))
  }
  expect((await guard.narrow({}).status()).process.denied).toEqual({ ORIGIN_NOT_NAMED: 2, ORIGIN_OPAQUE: 1 })
  abort.abort()
  await Promise.all(solves)
  await expect.poll(async () => (await guard.status()).process.waiting).toBe(0)
})

it('status counts the orphaned tasks that this process follows', async () => {
  const ledger = memoryLedger()
  const before = await rig({ ledger, serviceOptions: { solveMs: 60_000 } })
  const submitted = new Promise((resolve) => before.guard.on('submitted', resolve))
  const solve = errorOf(before.guard.solve(challenge))
  await submitted
  await before.guard.close()
  await solve
  const { guard } = await rig({ ledger, service: before.service })
  await expect.poll(async () => (await guard.status()).process).toMatchObject({ solving: 0, recovering: 1 })
})

it('the JSON of a status has the amounts of a day in dollars too', async () => {
  const { guard } = await rig({ policy: { budget: { perDay: usd(0.5) } } })
  const { cost } = await guard.solve(challenge)
  const status = await guard.status()
  expect(JSON.parse(JSON.stringify(status)).day).toMatchObject({
    cap: usd(0.5),
    capUsd: 0.5,
    spent: cost,
    spentUsd: cost / 1e6,
    reservedUsd: 0,
    left: usd(0.5) - cost,
    leftUsd: (usd(0.5) - cost) / 1e6,
  })
  expect(Object.keys(status.day).filter((name) => name.endsWith('Usd') || name === 'toJSON')).toEqual([])
})

it('status names the audit file of this process and its last record', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-status-'))
  after(async () => rmSync(dir, { recursive: true }))
  const { guard } = await rig({ guardOptions: { audit: jsonlAudit({ dir }) } })
  await guard.solve(challenge)
  const { audit } = await guard.status()
  expect(audit).toMatchObject({ kind: 'jsonl', place: dir, pending: 0, lastError: undefined })
  expect(audit.head?.file).toMatch(/\.jsonl$/)
  expect(audit.head?.seq).toBeGreaterThanOrEqual(3)
})

it('status has the last audit error, its time and the pending records, and clears them after a write', async () => {
  const audit = memoryAudit()
  const clock = manualClock(Date.UTC(2026, 10, 24, 12))
  const { guard } = await rig({ clock, guardOptions: { audit, logger: { debug() {}, info() {}, warn() {} } } })
  const solution = await guard.solve(challenge)
  audit.failWith(new Error('the disk is full'))
  await solution.reportGood()
  const since = new Date(clock.now())
  await clock.advance(5_000)
  await errorOf(guard.solve(challenge))
  const { audit: stuck } = await guard.status()
  expect(stuck.lastError).toMatchObject({ since, message: expect.stringContaining('the disk is full') })
  expect(stuck.pending).toBeGreaterThan(0)
  audit.failWith(undefined)
  await clock.advance(5_000)
  await guard.solve(challenge)
  expect((await guard.status()).audit).toMatchObject({ pending: 0, lastError: undefined })
})

it('status has the address that calls leave from, once it was checked', async () => {
  const server = createServer((request, response) => response.end(request.socket.remoteAddress))
  const ipCheckUrl = `http://127.0.0.1:${await listen(server)}/`
  after(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  const { guard } = await rig({ policy: { egress: { expectIp: ['127.0.0.0/8'], ipCheckUrl } } })
  expect(await guard.status()).toMatchObject({ egress: 'direct', egressAddress: undefined })
  await guard.solve(challenge)
  expect(await guard.status()).toMatchObject({ egress: 'direct', egressAddress: '127.0.0.1' })
})

it('status names the wire log, if there is one', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-status-'))
  after(async () => rmSync(dir, { recursive: true }))
  const { guard } = await rig({ guardOptions: { trace: join(dir, 'wire.har') } })
  expect((await guard.status()).trace).toBe(join(dir, `wire.${process.pid}.har`))
  expect((await (await rig()).guard.status()).trace).toBeUndefined()
})

it('status reads the ledger once for a guard with one budget', async () => {
  let asked = 0
  const ledger = memoryLedger()
  const counting: Ledger = {
    ...ledger,
    usage(...args) {
      asked++
      return ledger.usage(...args)
    },
  }
  const { guard } = await rig({ ledger: counting })
  await guard.status()
  expect(asked).toBe(1)
})

it.each([
  ['throws', () => Promise.reject(new Error('connection lost'))],
  ['hangs', () => new Promise<never>(() => {})],
])('status rejects with LEDGER_UNAVAILABLE within its time limit when the ledger %s', async (_, usage) => {
  const clock = manualClock()
  const { guard } = await rig({ clock, ledger: { ...memoryLedger(), usage } })
  const asked = errorOf(guard.status())
  await clock.advance(5_000)
  expect(await asked).toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
})

it.each(['usage', 'listFacts'] as const)(
  'status rejects, and leaves no rejection without a handler, when %s of the ledger fails for good',
  async (method) => {
    const unhandled: unknown[] = []
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', onUnhandled)
    after(async () => process.off('unhandledRejection', onUnhandled))
    for (const fail of [() => Promise.reject(new Error('the disk is full')), throwNow]) {
      let failing = false
      const inner = memoryLedger()
      const broken = { ...inner, [method]: (...args: never[]) => (failing ? fail() : call(inner[method], args)) }
      const solver = twoCaptcha({ baseUrl: 'http://127.0.0.1:9' })
      const account = { solver, secret: fixedSecret('a-key-of-the-guard-0123456789abcd'), budget: { perDay: usd(1) } }
      const guard = await createGuard({
        name: 'tests',
        solvers: [account, { ...account, name: 'other' }],
        policy: { origins: ['https://staging.example.com'] },
        ledger: broken,
        audit: memoryAudit(),
        logger: { debug() {}, info() {}, warn() {} },
      })
      after(() => guard.close().catch(() => {}))
      failing = true
      for (const grant of [guard, guard.narrow({})])
        expect((await errorOf(grant.status())).message).toContain('the disk is full')
      await new Promise((resolve) => setTimeout(resolve, 10))
      failing = false
    }
    expect(unhandled).toEqual([])
  },
)

function throwNow(): never {
  throw new Error('the disk is full')
}

function call(method: unknown, args: readonly unknown[]): unknown {
  return (method as (...args: readonly unknown[]) => unknown)(...args)
}

it('status of a used-up budget has the time of the next free amount, and solves pass from that time on', async () => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12, 1))
  const { guard } = await rig({ clock, policy: { budget: { perDay: usd(0.002), alertsAt: [] } } })
  expect((await guard.status()).day).not.toHaveProperty('moreAt')
  for (let i = 0; i < 2; i++) await guard.solve(challenge)
  const { day, paused } = await guard.status()
  expect(day).toMatchObject({ left: 0, moreAt: new Date(Date.UTC(2026, 10, 25, 12, 5)) })
  expect(paused).toBeUndefined()
  const denied = await errorOf(guard.solve(challenge))
  expect([denied.code, denied.retryAt]).toEqual(['BUDGET_EXHAUSTED', day.moreAt])
  clock.set(Date.UTC(2026, 10, 25, 12, 5))
  await guard.solve(challenge)
})

describe('a second guard that only looks', () => {
  const production = { budget: { perDay: usd(5), concurrent: 20 } }

  it('declares no limits, even if they are the tight defaults: the first guard solves meanwhile', async () => {
    const first = await rig({ policy: production })
    const look = await rig({ ledger: first.ledger, service: first.service, policy: { budget: { perDay: usd(0.001) } } })
    await look.guard.status()
    for (let i = 0; i < 3; i++) await first.guard.solve(challenge)
    expect((await first.guard.status()).day).toMatchObject({ cap: usd(5), spent: usd(0.003) })
    expect((await look.guard.status()).day).toMatchObject({ cap: usd(0.001), spent: usd(0.003) })
    await look.guard.close()
  })

  it('writes nothing to the ledger', async () => {
    const first = await rig({ policy: production })
    await first.guard.solve(challenge)
    const writes: string[] = []
    const watched = new Proxy(first.ledger, {
      get(ledger, name) {
        const reads = ['kind', 'place', 'open', 'usage', 'listFacts', 'heads', 'close']
        if (reads.includes(String(name))) return Reflect.get(ledger, name)
        return () => writes.push(String(name))
      },
    })
    const audit = memoryAudit()
    const look = await rig({ ledger: watched, service: first.service, guardOptions: { audit } })
    await look.guard.status()
    await look.guard.close()
    expect(writes).toEqual([])
  })

  it('follows the tasks of a dead process, and still declares no limits', async () => {
    const first = await rig({ serviceOptions: { solveMs: 60_000 }, policy: production })
    const submitted = new Promise((resolve) => first.guard.on('submitted', resolve))
    const solve = errorOf(first.guard.solve(challenge))
    await submitted
    await first.guard.close()
    await solve
    const look = await rig({ ledger: first.ledger, service: first.service })
    await expect.poll(async () => (await look.guard.status()).process.recovering).toBe(1)
    const { declared } = await first.ledger.usage('tests', Date.now())
    expect(declared).toEqual({})
  })

  it('shows its own limits of each account, though it has declared none', async () => {
    const { guard, service } = await rig({ policy: production })
    await guard.close()
    const several = await createGuard({
      name: 'tests',
      solvers: [
        {
          solver: captchaAI({ baseUrl: service.url }),
          secret: fixedSecret(service.key),
          budget: { perDay: usd(2), concurrent: 7 },
        },
        { solver: twoCaptcha({ baseUrl: service.url }), secret: fixedSecret(service.key) },
      ],
      policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(5) } },
      ledger: memoryLedger(),
      audit: memoryAudit(),
    })
    after(() => several.close())
    expect((await several.status()).solvers).toMatchObject([{ day: { cap: usd(2) }, slots: { cap: 7 } }, {}])
  })
})

it('status has the clocks of process and ledger while they differ, and one alert is raised', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-status-'))
  after(async () => rmSync(dir, { recursive: true }))
  const start = Date.UTC(2026, 10, 24, 12)
  const clock = manualClock(start)
  const ledgerClock = manualClock(start)
  const alerts: unknown[] = []
  const { guard } = await rig({ clock, ledger: fileLedger({ dir, clock: ledgerClock }) })
  guard.on('alert', (alert) => alerts.push(alert))
  await settleWith(clock, guard.solve(challenge), 5)
  expect((await guard.status()).ledger.clocks).toBeUndefined()
  const ahead = start + 20 * 365 * 86_400_000
  clock.set(ahead)
  for (let beats = 0; beats < 3; beats++) await clock.advance(10_000)
  const { ledger, day } = await guard.status()
  expect(ledger.clocks).toEqual({ here: new Date(clock.now()), ledger: new Date(start) })
  expect(day.spent).toBe(usd(0.001))
  expect(alerts).toMatchObject([{ code: 'CLOCKS_DIFFER', message: expect.stringContaining('2046') }])
  clock.set(start + 40_000)
  ledgerClock.set(start + 40_000)
  await clock.advance(10_000)
  expect((await guard.status()).ledger.clocks).toBeUndefined()
})

it('status is printed in sentences, while its fields and its JSON stay', async () => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12))
  const { guard } = await rig({
    clock,
    policy: {
      budget: { perDay: usd(0.0015), perMinute: 20, concurrent: 10 },
      schedule: { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] },
    },
  })
  await settleWith(clock, guard.solve(challenge))
  for (let i = 0; i < 2; i++) await errorOf(guard.solve(challenge))
  const status = await guard.status()
  const printed = inspect(status)
  expect(printed).toBe(formatStatus(status))
  expect(printed.split('\n')).toEqual([
    'tests: $0.0005 of $0.0015 left in 24 hours ($0.001 spent), 1 of 20 solves in the last minute, 0 of 10 slots in use.',
    'Open until 2026-11-24T16:00:00.000Z (Tue 17:00 in Europe/Berlin).',
    expect.stringMatching(/^captchaai: key from the test, version \w+\.$/),
    'Calls leave directly.',
    'Ledger: memory. Audit log: memory.',
    'This process: denied: BUDGET_EXHAUSTED ×2.',
  ])
  expect(JSON.parse(JSON.stringify(status))).toMatchObject({
    name: 'tests',
    day: { cap: 1500, spent: 1000, left: 500 },
  })
  expect(Object.keys(status)).toEqual(Object.keys({ ...status }))
})

it('a status that is printed without caps counts one solve as one', async () => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12))
  const { guard } = await rig({ clock, guardOptions: { audit: memoryAudit() } })
  const solved = settleWith(clock, guard.solve(challenge))
  const underWay = formatStatus(await guard.status())
  await solved
  const after = formatStatus(await guard.status())
  for (const printed of [underWay, after]) expect(printed).not.toMatch(/\b1 (solves|slots|tasks|records|threads) /)
  expect(after).toContain(', 1 solve in the last minute, 0 slots in use.')
})

it('a status that is printed names what is wrong: a pause, an audit log that cannot be written', async () => {
  const audit = memoryAudit()
  const { guard } = await rig({
    guardOptions: { audit, logger: { debug() {}, info() {}, warn() {} } },
    secret: fixedSecret('0'.repeat(32)),
  })
  await errorOf(guard.solve(challenge))
  audit.failWith(new Error('the disk is full'))
  await errorOf(guard.solve(challenge))
  const printed = formatStatus(await guard.status())
  expect(printed).toMatch(/^PAUSED since 20\d\d-.*: .*key/)
  expect(printed).toContain('GUARD_PAUSED')
})

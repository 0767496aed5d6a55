import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditSink } from '../../src/audit/sink.js'
import { DRILL_ROWS, type DrillReport, type DrillRow, type DrillRowId, runDrill } from '../../src/drill/index.js'
import { runDrillWith } from '../../src/drill/run.js'
import type { DrillSeams } from '../../src/drill/stage.js'
import type { GuardOptions } from '../../src/guard/options.js'
import { fileLedger } from '../../src/ledger/file.js'
import type { Ledger, ReserveRequest } from '../../src/ledger/ledger.js'
import { usd } from '../../src/policy/money.js'
import type { SecretProvider } from '../../src/secrets/provider.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'

/** Nothing of it may be touched by a drill. */
const touched: string[] = []
const secret: SecretProvider = {
  kind: 'file',
  place: 'the real key',
  fetch() {
    touched.push('secret')
    throw new Error('The real key was read.')
  },
}

/** A configuration in which every layer is set. */
const STRICT: GuardOptions = {
  name: 'strict',
  solver: twoCaptcha({ pricing: { per: 'solve', usd: 0.003 } }),
  secret,
  onLeak: 'pause',
  alerts: [
    {
      kind: 'pager',
      place: 'the real pager',
      id: 'pager',
      async deliver() {
        touched.push('alerts')
      },
    },
  ],
  policy: {
    origins: ['https://staging.example.com', 'https://*.qa.example.com'],
    budget: {
      perDay: usd(5),
      perMinute: 20,
      concurrent: 10,
      perPage: 3,
      perOrigin: usd(1),
      wait: '30s',
      alertsAt: [0.5, 0.8],
    },
    schedule: { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] },
    key: { rotateEvery: '60d', expireAfter: '90d' },
    egress: {
      proxy: 'http://user:password@egress.internal:3128',
      expectIp: ['203.0.113.7/32'],
      ipCheckUrl: 'https://ip.example.com/',
    },
  },
}

/** What has only what is required. */
const BARE: GuardOptions = { policy: { origins: ['https://staging.example.com'] } }

const rowOf = ({ rows }: DrillReport, id: DrillRowId): DrillRow => {
  const row = rows.find((each) => each.id === id)
  if (!row) throw new Error(`There is no row ${id}.`)
  return row
}

describe('a drill of a configuration that sets every layer', () => {
  let report: DrillReport
  const seen: string[] = []

  beforeAll(async () => {
    report = await runDrill(STRICT, { onRow: ({ id }) => void seen.push(id) })
  })

  it('passes each row that can be run from source', () => {
    const states = report.rows.map(({ id, state, detail }) => (state === 'failed' ? `${id}: ${detail}` : state))
    expect(states).toEqual(report.rows.map(({ id }) => (id === 'round-register' ? 'skipped' : 'pass')))
    expect(report.counts).toEqual({ pass: 14, open: 0, failed: 0, skipped: 1 })
  })

  it('says which layer answered, and with which code', () => {
    const codes = (id: DrillRowId) => rowOf(report, id).answers.map(({ layer, code }) => `${layer ?? '–'} ${code}`)
    expect(codes('normal')).toEqual([])
    expect(codes('leaked-key')).toEqual(['– KEY_LEAK_SUSPECTED', 'spending GUARD_PAUSED'])
    expect(codes('full-speed')).toEqual(['spending BUDGET_EXHAUSTED'])
    expect(codes('old-key')).toEqual(['time KEY_TOO_OLD'])
    expect(codes('after-hours')).toEqual(['time OUTSIDE_SCHEDULE'])
    expect(codes('wrong-address')).toEqual(['network EGRESS_ADDRESS'])
    expect(codes('stolen-token')).toContain('time TOKEN_EXPIRED')
    expect(codes('hostile-page')).toEqual([
      'origin ORIGIN_NOT_NAMED',
      'origin ORIGIN_NOT_NAMED',
      'spending PAGE_LIMIT_REACHED',
      'spending BUDGET_EXHAUSTED',
    ])
    expect(codes('secret-down')).toContain('secret SECRET_UNAVAILABLE')
    expect(codes('ledger-down')).toEqual(['spending LEDGER_UNAVAILABLE'])
    expect(codes('audit-down')).toEqual(['audit AUDIT_UNAVAILABLE'])
    expect(codes('broker-widened-token')).toContain('secret TOKEN_WIDENED')
  })

  it('states what an attacker could have taken, and until when, by the caps of the configuration', () => {
    const fullSpeed = rowOf(report, 'full-speed').atMost
    expect(fullSpeed.amount).toBe(usd(5))
    expect(fullSpeed.until?.getTime()).toBeGreaterThan(report.at.getTime())
    expect(rowOf(report, 'hostile-page').atMost.amount).toBe(usd(1))
    expect(rowOf(report, 'leaked-key').atMost.amount).toBeUndefined()
    const token = rowOf(report, 'stolen-token').atMost
    expect(token.amount).toBe(usd(0.009))
    expect(token.until?.getTime()).toBeGreaterThan(report.at.getTime())
    for (const id of ['old-key', 'after-hours', 'wrong-address', 'ledger-down', 'audit-down'] as const) {
      expect(rowOf(report, id).atMost.amount).toBe(0)
    }
  })

  it('has the next opening time of the schedule', () => {
    const { until } = rowOf(report, 'after-hours').atMost
    const berlin = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', timeStyle: 'short' }).format(until)
    expect(berlin).toBe('09:00')
  })

  it('reports each row as it comes', () => {
    expect(seen).toEqual(report.rows.map(({ id }) => id))
  })

  it('reads no key and calls no channel of the configuration', () => {
    expect(touched).toEqual([])
  })
})

describe('a drill of a configuration that sets only what is required', () => {
  let report: DrillReport

  beforeAll(async () => {
    report = await runDrill(BARE)
  })

  it('shows what is open, with the line that closes it', () => {
    const open = report.rows.filter(({ state }) => state === 'open')
    expect(open.map(({ id }) => id)).toEqual(['leaked-key', 'old-key', 'after-hours', 'wrong-address', 'hostile-page'])
    for (const { closes } of open) expect(closes).toMatch(/^policy\./)
    expect(report.counts.failed).toBe(0)
  })

  it('says of a service that charges by the thread what is left to be set there', async () => {
    const egress = { proxy: 'http://127.0.0.1:9', expectIp: ['203.0.113.7/32'], ipCheckUrl: 'http://127.0.0.1:9' }
    const policy = { origins: ['https://staging.example.com'], egress }
    const { rows } = await runDrill({ policy }, { rows: ['leaked-key'] })
    expect(rows).toMatchObject([{ state: 'open', closes: expect.stringContaining('allow 203.0.113.7/32') }])
  })

  it('takes the default cap as the most that can be taken', () => {
    expect(rowOf(report, 'full-speed').atMost.amount).toBe(usd(1))
    expect(rowOf(report, 'hostile-page').atMost.amount).toBe(usd(1))
  })
})

describe('the configuration’s own files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drill-own-'))
  const before = process.env.SOLVEGUARD_STATE_DIR

  afterAll(() => {
    if (before === undefined) delete process.env.SOLVEGUARD_STATE_DIR
    else process.env.SOLVEGUARD_STATE_DIR = before
    rmSync(folder, { recursive: true })
  })

  it('are not made, opened or changed', async () => {
    process.env.SOLVEGUARD_STATE_DIR = join(folder, 'by-environment')
    const stateDir = join(folder, 'by-option')
    const ledger = fileLedger({ dir: join(folder, 'ledger') })
    const audit: AuditSink = {
      kind: 'own',
      open: () => void touched.push('audit'),
      write: () => void touched.push('audit'),
      close() {},
    }
    const trace = join(folder, 'wire.har')
    const options = { ...BARE, stateDir, ledger, audit: [audit], trace }
    const report = await runDrill(options, { rows: ['normal', 'full-speed', 'audit-down', 'stolen-token'] })
    expect(report.counts).toEqual({ pass: 4, open: 0, failed: 0, skipped: 0 })
    expect(report.audit).toEqual(['memory'])
    expect(report.notes).toEqual(['The audit sink own is not touched: one in memory replaces it.'])
    expect(readdirSync(folder)).toEqual([])
    expect(touched).toEqual([])
  })

  it('leaves no folder of its own behind', async () => {
    const own = () => readdirSync(tmpdir()).filter((name) => name.startsWith('solveguard-drill-'))
    const known = own()
    await runDrill(BARE, { rows: ['normal'] })
    expect(own().filter((name) => !known.includes(name) && existsSync(join(tmpdir(), name)))).toEqual([])
  })
})

describe('a layer that is broken', () => {
  /** Ledgers of which one promise is broken. */
  const brokenLedger = (change: (ledger: Ledger) => Partial<Ledger>) => (options: GuardOptions) => {
    const { ledger } = options
    if (!ledger) throw new Error('There is no ledger.')
    const changed = change(ledger)
    const broken = new Proxy(ledger, {
      get: (target, name) => Reflect.get(name in changed ? changed : target, name),
    })
    return { ...options, ledger: broken }
  }
  const neverCounts = brokenLedger(() => ({
    reserve: () => ({ ok: true, alerts: [] }),
    settle: () => ({ settled: true }),
  }))
  const onlyTheRoot = brokenLedger((ledger) => ({
    reserve: (request: ReserveRequest, now: number) =>
      ledger.reserve({ ...request, path: request.path.slice(0, 1), unless: [] }, now),
  }))
  const failsOpen = brokenLedger((ledger) => ({
    reserve(request: ReserveRequest, now: number) {
      try {
        return ledger.reserve(request, now)
      } catch {
        return { ok: true, alerts: [] }
      }
    },
    register: () => ({ differing: [] }),
  }))
  const sinks = (make: (sink: AuditSink) => Partial<AuditSink>) => (options: GuardOptions) => ({
    ...options,
    audit: [options.audit ?? []].flat().map(
      (sink): AuditSink => ({
        kind: sink.kind,
        open: (guard, now) => sink.open(guard, now),
        write: (events) => sink.write(events),
        close: () => sink.close(),
        ...make(sink),
      }),
    ),
  })
  const swallows = sinks(() => ({ write() {} }))
  const failsSilently = sinks((sink) => ({
    write(events) {
      try {
        return sink.write(events)
      } catch {
        return undefined
      }
    },
  }))
  const policy = (change: Partial<GuardOptions['policy']>) => (options: GuardOptions) => ({
    ...options,
    policy: { ...options.policy, ...change },
  })
  const budget = (change: GuardOptions['policy']['budget']) => (options: GuardOptions) =>
    policy({ budget: { ...options.policy.budget, ...change } })(options)
  const keyFromAnywhere = (options: GuardOptions) => {
    if (!options.secret) throw new Error('There is no secret.')
    const versions = options.secret.fetch()
    return { ...options, secret: { ...options.secret, fetch: () => versions } }
  }

  interface Mistake {
    readonly what: string
    readonly seams: DrillSeams
    readonly says: RegExp
    readonly options?: GuardOptions
  }
  const MISTAKES: Readonly<Partial<Record<DrillRowId, readonly Mistake[]>>> = {
    normal: [
      { what: 'a ledger that never counts', seams: { options: neverCounts }, says: /counted nothing/ },
      { what: 'an audit sink that swallows records', seams: { options: swallows }, says: /has 0 of them/ },
      {
        what: 'an origin gate that knows other pages',
        seams: { options: policy({ origins: ['https://other.example'] }) },
        says: /ORIGIN_NOT_NAMED/,
      },
    ],
    'leaked-key': [
      {
        what: 'a balance that is not compared',
        seams: { options: (options) => ({ ...options, sharedKey: true }) },
        says: /balance was not read/,
      },
      {
        what: 'an alert that reaches no channel',
        seams: { options: (options) => ({ ...options, alerts: [] }) },
        says: /reached 0 of 1 channel/,
      },
    ],
    'full-speed': [
      { what: 'a ledger that never counts', seams: { options: neverCounts }, says: /nothing ended it/ },
      { what: 'another cap', seams: { options: budget({ perDay: usd(500) }) }, says: /nothing ended it/ },
      { what: 'no alert', seams: { options: budget({ alertsAt: [] }) }, says: /without an alert/ },
    ],
    'old-key': [
      { what: 'a key whose age is not checked', seams: { options: policy({ key: {} }) }, says: /old key was allowed/ },
    ],
    'after-hours': [
      { what: 'no schedule', seams: { options: policy({ schedule: undefined }) }, says: /after hours was allowed/ },
    ],
    'wrong-address': [
      {
        what: 'an address that is not checked',
        seams: { options: policy({ egress: undefined }) },
        says: /another address was allowed/,
      },
      {
        what: 'a direct connection in place of the proxy',
        seams: { options: policy({ egress: undefined }) },
        says: /proxy is down was allowed/,
        options: { ...STRICT, policy: { ...STRICT.policy, egress: { proxy: 'http://egress.internal:3128' } } },
      },
    ],
    'stolen-token': [{ what: 'a token without a budget', seams: { options: onlyTheRoot }, says: /allows 3/ }],
    'hostile-page': [
      {
        what: 'no origin gate',
        seams: { options: policy({ origins: ['https://hostile.invalid', 'https://*.qa.example.com'] }) },
        says: /not named was allowed/,
      },
      { what: 'no limit for a page', seams: { options: budget({ perPage: undefined }) }, says: /allows 3/ },
      { what: 'no amount for an origin', seams: { options: budget({ perOrigin: undefined }) }, says: /allows 5/ },
    ],
    'secret-down': [
      { what: 'a key that is used for ever', seams: { options: keyFromAnywhere }, says: /without a key was allowed/ },
      {
        what: 'a key that is cached for a week',
        seams: { options: (options) => ({ ...options, secretCache: { staleFor: '7d' } }) },
        says: /too old was allowed/,
      },
    ],
    'ledger-down': [
      { what: 'a ledger that fails open', seams: { options: failsOpen }, says: /without a ledger was allowed/ },
    ],
    'audit-down': [
      { what: 'a sink that fails silently', seams: { options: failsSilently }, says: /without a record was allowed/ },
    ],
    'broker-stolen-token': [
      { what: 'a token without a budget', seams: { options: onlyTheRoot }, says: /4 solves/ },
      {
        what: 'a broker that gives the task of another token out',
        seams: {
          broker: (handler) => (request) =>
            request.url.includes('/res.php') ? { status: 200, headers: {}, body: 'OK|the-answer' } : handler(request),
        },
        says: /task of another one/,
      },
    ],
    'broker-forged-callback': [
      {
        what: 'an answer that is not the one of the service',
        seams: {
          options: (options) => {
            if (!options.solver) throw new Error('There is no solver.')
            const readPoll = () => ({ kind: 'ready', answer: { token: 'an-answer-that-the-attacker-chose' } }) as const
            return { ...options, solver: { ...options.solver, readPoll, batchPoll: undefined } }
          },
        },
        says: /forged call-back was taken/,
      },
    ],
    'broker-widened-token': [
      {
        what: 'a broker that believes every token',
        seams: { broker: () => () => ({ status: 200, headers: {}, body: 'OK|1' }) },
        says: /took a task of an edited token/,
      },
    ],
  }
  const all = Object.entries(MISTAKES).flatMap(([id, mistakes]) =>
    (mistakes ?? []).map((mistake) => ({ id: id as DrillRowId, ...mistake })),
  )

  it.each(all)('fails the row $id: $what', async ({ id, seams, says, options = STRICT }) => {
    const report = await runDrillWith(options, { rows: [id] }, { patienceMs: 500, ...seams })
    const { state, detail } = rowOf(report, id)
    expect(`${state}: ${detail}`).toMatch(/^failed: /)
    expect(detail).toMatch(says)
  })

  it('is planted for each row; that of a client in register.processes.test.ts', () => {
    const tried = new Set(all.map(({ id }) => id))
    expect(DRILL_ROWS.filter((id) => !tried.has(id))).toEqual(['round-register'])
  })
})

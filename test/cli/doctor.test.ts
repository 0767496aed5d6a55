import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { type Broker, startBroker } from '../../src/broker/server.js'
import { createGuard } from '../../src/guard/create.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { envSecret } from '../../src/secrets/env.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { type HostOptions, runCommandLine } from './host.js'
import { type TestProject, testProject } from './project.js'

let project: TestProject

beforeEach(async () => {
  project = await testProject({ policy: { origins: ['https://staging.example.com'], budget: { perDay: '$5' } } })
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await project.close()
})

interface Report {
  readonly exitCode: number
  readonly ok: boolean
  readonly checks: readonly {
    readonly name: string
    readonly state: string
    readonly found: string
    readonly remedy: string | null
    readonly code: string | null
  }[]
}

async function doctor(args: readonly string[] = [], more: HostOptions = {}): Promise<Report> {
  const options = { cwd: project.folder, clock: systemClock, ...more }
  const { exitCode, stdout, stderr } = await runCommandLine(['doctor', '--json', ...args], options)
  expect(stdout + stderr).not.toContain(project.key)
  return { exitCode, ...JSON.parse(stdout) }
}

const POLICY = { origins: ['https://staging.example.com'], budget: { perDay: '$5' } }

/** Changes fields of the project's configuration. */
function configure(fields: object) {
  const file = join(project.folder, 'solveguard.config.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...fields }))
}

const checkOf = ({ checks }: Report, name: string) => checks.find((each) => each.name === name)

describe('doctor', () => {
  it('holds for a project in order, and names each part', async () => {
    await project.solve()
    const report = await doctor()
    expect(report.checks.filter(({ state, name }) => state !== 'ok' && name !== 'browser')).toEqual([])
    expect(report.exitCode).toBe(0)
    expect(report.checks.map(({ name }) => name)).toEqual([
      ...['configuration', 'policy', 'secret', 'network', 'ledger', 'audit', 'clock', 'service', 'browser'],
    ])
    expect(checkOf(report, 'ledger')?.found).toContain('$0.001 spent')
    expect(checkOf(report, 'service')?.found).toContain('$4.999')
    expect(checkOf(report, 'audit')?.found).toContain('the chain is whole')
  })

  it('creates nothing', async () => {
    await doctor()
    expect(readdirSync(project.folder)).not.toContain('.solveguard')
  })

  it('--offline sends nothing, and says what it left out', async () => {
    const report = await doctor(['--offline'])
    expect(report.exitCode).toBe(0)
    expect(report.checks.filter(({ state }) => state === 'skipped').map(({ name }) => name)).toEqual([
      ...['network', 'clock', 'service'],
    ])
    expect(project.service.requests).toEqual([])
  })

  it.each<[string, string, () => unknown, string]>([
    [
      'secret',
      'a file that others can read',
      () => chmodSync(join(project.folder, 'secrets/key'), 0o644),
      'SECRET_UNSAFE',
    ],
    ['secret', 'no key', () => writeFileSync(join(project.folder, 'secrets/key'), ''), 'SECRET_INVALID'],
    [
      'service',
      'a key that is refused',
      () => writeFileSync(join(project.folder, 'secrets/key'), 'e'.repeat(32)),
      'KEY_REFUSED',
    ],
    ['service', 'a service that is away', () => project.service.close(), 'SOLVER_UNREACHABLE'],
    [
      'network',
      'a proxy that is away',
      () => configure({ policy: { ...POLICY, egress: { proxy: 'http://127.0.0.1:9' } } }),
      'SOLVER_UNREACHABLE',
    ],
    [
      'network',
      'an address that is not the expected one',
      () =>
        configure({
          policy: { ...POLICY, egress: { expectIp: ['203.0.113.7/32'], ipCheckUrl: 'http://127.0.0.1:9' } },
        }),
      'EGRESS_UNVERIFIED',
    ],
    [
      'secret',
      'a store that is away',
      () => {
        vi.stubEnv('VAULT_TOKEN', 'x')
        configure({ secret: { vault: { path: 'captcha', address: 'http://127.0.0.1:9' } } })
      },
      'SECRET_UNAVAILABLE',
    ],
    [
      'ledger',
      'a Redis that is away',
      () => configure({ ledger: { redis: 'redis://127.0.0.1:9' } }),
      'LEDGER_UNAVAILABLE',
    ],
    [
      'audit',
      'a folder that is none',
      () => {
        writeFileSync(join(project.folder, 'audit-log'), 'a file')
        configure({ audit: { dir: 'audit-log' } })
      },
      'AUDIT_UNAVAILABLE',
    ],
    [
      'audit',
      'a folder in what is none',
      () => configure({ audit: { dir: 'package.json/audit' } }),
      'AUDIT_UNAVAILABLE',
    ],
    [
      'ledger',
      'a folder in what is none',
      () => configure({ ledger: { dir: 'package.json/ledger' } }),
      'LEDGER_UNAVAILABLE',
    ],
    [
      'policy',
      'no origins',
      () => writeFileSync(join(project.folder, 'solveguard.config.json'), '{ "secret": { "file": "secrets/key" } }'),
      'CONFIG_INVALID',
    ],
    [
      'configuration',
      'a file that is wrong',
      () => writeFileSync(join(project.folder, 'solveguard.config.json'), '{ "polcy": 1 }'),
      'CONFIG_INVALID',
    ],
    [
      'ledger',
      'a ledger that is none',
      () => {
        mkdirSync(join(project.folder, '.solveguard'))
        writeFileSync(join(project.folder, '.solveguard/ledger.db'), 'x'.repeat(4096))
      },
      'LEDGER_UNAVAILABLE',
    ],
  ])('%s: with %s ends with 6, and says what to do', async (name, _, spoil, code) => {
    await spoil()
    const report = await doctor(/^(service|network)$/.test(name) ? [] : ['--offline'])
    expect(report.exitCode).toBe(6)
    expect(checkOf(report, name)).toMatchObject({ state: 'failed', code, remedy: expect.stringMatching(/\w/) })
  })

  it('finds a record that was altered', async () => {
    await project.solve()
    const folder = join(project.folder, '.solveguard/audit')
    const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.jsonl')) ?? '')
    writeFileSync(file, readFileSync(file, 'utf8').replace('staging', 'stagimg'))
    const report = await doctor(['--offline'])
    expect(report.exitCode).toBe(6)
    expect(checkOf(report, 'audit')).toMatchObject({ state: 'failed', remedy: expect.stringContaining('audit verify') })
  })

  it('finds a guard that is paused', async () => {
    await project.solve()
    await runCommandLine(['pause', 'It loops.'], { cwd: project.folder, clock: systemClock })
    expect(checkOf(await doctor(['--offline']), 'ledger')).toMatchObject({ state: 'failed', code: 'GUARD_PAUSED' })
  })

  it('finds a clock that is wrong', async () => {
    const wrong = { ...systemClock, now: () => Date.now() + 3_600_000 }
    const report = await doctor([], { clock: wrong })
    expect(checkOf(report, 'clock')).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('60 min ahead of'),
    })
  })

  it('names a broker that does not answer, and looks for no key', async () => {
    writeFileSync(join(project.folder, 'solveguard.config.json'), '{ "broker": "http://127.0.0.1:9" }')
    const report = await doctor()
    expect(report.checks.map(({ name }) => name)).toEqual(['configuration', 'broker', 'browser'])
    expect(checkOf(report, 'broker')).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('SOLVEGUARD_TOKEN'),
    })
  })

  describe('with a broker that has a certificate of its own authority', () => {
    let broker: Broker
    let token: string
    let close: () => Promise<void>

    beforeAll(async () => {
      const folder = mkdtempSync(join(tmpdir(), 'solveguard-doctor-'))
      vi.stubEnv('SOLVEGUARD_DOCTOR_KEY', '0123456789abcdef0123456789abcdef')
      const guard = await createGuard({
        solver: captchaAI({ baseUrl: 'http://127.0.0.1:9' }),
        secret: envSecret('SOLVEGUARD_DOCTOR_KEY'),
        policy: { origins: POLICY.origins, budget: { perDay: usd(5) } },
        ledger: memoryLedger(),
        audit: memoryAudit(),
        stateDir: folder,
      })
      broker = await startBroker({ guard, port: 0, tls: 'private', stateDir: folder })
      token = (await guard.issueToken({ origins: POLICY.origins }, { ttl: '15m' })).token
      close = async () => {
        await broker.close()
        await guard.close()
        rmSync(folder, { recursive: true })
      }
    })

    afterAll(() => close())

    const brokerCheck = async (config: object, own = token) => {
      writeFileSync(join(project.folder, 'solveguard.config.json'), JSON.stringify(config))
      const report = await doctor([], { env: { SOLVEGUARD_TOKEN: own } })
      expect(JSON.stringify(report)).not.toContain(token)
      return { exitCode: report.exitCode, ...checkOf(report, 'broker') }
    }

    it('holds with the token and the authority', async () => {
      const found = await brokerCheck({ broker: broker.url, brokerCa: broker.caFile })
      expect(found).toMatchObject({ exitCode: 0, state: 'ok', found: expect.stringContaining('$5.00 left') })
    })

    it.each([
      ['no authority', () => ({ broker: broker.url }), undefined, /brokerCa/],
      ['a file that is no authority', () => ({ broker: broker.url, brokerCa: 'package.json' }), undefined, /brokerCa/],
      ['a file that is not there', () => ({ broker: broker.url, brokerCa: 'nothing.pem' }), undefined, /brokerCa/],
      ['a token that was altered', () => ({ broker: broker.url, brokerCa: broker.caFile }), 'altered', /token/i],
      [
        'a broker that is away',
        () => ({ broker: 'https://127.0.0.1:9', brokerCa: broker.caFile }),
        undefined,
        /broker/,
      ],
    ])('with %s says what to do', async (_, config, change, words) => {
      const found = await brokerCheck(config(), change && `${token.slice(0, -4)}AAAA`)
      expect(found).toMatchObject({ exitCode: 6, state: 'failed' })
      expect(`${found.found} ${found.remedy}`).toMatch(words)
    })
  })

  it.each([80, 120])('fits %s columns as text', async (columns) => {
    await project.solve()
    const { stdout } = await runCommandLine(['doctor', '--offline'], {
      cwd: project.folder,
      clock: systemClock,
      columns,
    })
    // A path is one word, which no line can break: here it may be longer than the terminal is wide.
    const breakable = (line: string) =>
      line
        .replace(/^\S \S+ +/, '')
        .trim()
        .includes(' ')
    const long = stdout.split('\n').filter((line) => line.length > columns && breakable(line))
    expect(long).toEqual([])
    expect(stdout).toContain('✓ secret')
  })
})

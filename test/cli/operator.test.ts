import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { Interruption } from '../../src/cli/failure.js'
import { runCli } from '../../src/cli/run.js'
import { runCommandLine as run, testHost } from './host.js'
import { commandsOf, type TestProject, testProject } from './project.js'

let project: TestProject

beforeEach(async () => {
  project = await testProject()
})

afterEach(() => project.close())

const { inProject, json } = commandsOf(() => project)

describe('status', () => {
  it('shows what was spent, without a key and without a cap of its own', async () => {
    await project.solve()
    writeFileSync(join(project.folder, 'secrets/key'), '')
    const { exitCode, budgets } = await json('status')
    expect(exitCode).toBe(0)
    expect(budgets).toMatchObject([
      { name: 'shop', day: { spent: 1000, spentUsd: 0.001 }, slots: { used: 0 }, paused: null },
    ])
    expect(budgets[0].day.cap).toBeUndefined()
  })

  it('without a ledger ends with 5 and creates none', async () => {
    expect(await json('status')).toMatchObject({ exitCode: 5, error: { code: 'LEDGER_UNAVAILABLE' } })
    expect(existsSync(join(project.folder, '.solveguard'))).toBe(false)
  })

  it('--watch shows it again until it is interrupted, and gives the terminal back', async () => {
    await project.solve()
    const controller = new AbortController()
    const host = testHost(inProject({ isTTY: true, signal: controller.signal, columns: 80 }))
    const running = runCli(['status', '--watch'], host)
    await expect.poll(() => host.output().stdout).toContain('shop')
    controller.abort(new Interruption('SIGINT', 130))
    expect(await running).toBe(130)
    const { stdout } = host.output()
    expect(stdout.startsWith('\u001b[?1049h')).toBe(true)
    expect(stdout.endsWith('\u001b[?1049l')).toBe(true)
  })
})

describe('balance', () => {
  it('shows what the service reports', async () => {
    expect(await json('balance')).toEqual({ exitCode: 0, solver: 'captchaai', balance: 5_000_000, balanceUsd: 5 })
  })

  it('ends with 4 where the service refuses the key', async () => {
    writeFileSync(join(project.folder, 'secrets/key'), 'f'.repeat(32))
    expect(await json('balance')).toMatchObject({ exitCode: 4, error: { code: 'KEY_REFUSED' } })
  })

  it('ends with 5 where the service is away', async () => {
    await project.service.close()
    expect(await json('balance')).toMatchObject({ exitCode: 5, error: { code: 'SOLVER_UNREACHABLE' } })
  })

  it('ends with 4 where there is no key', async () => {
    writeFileSync(join(project.folder, 'secrets/key'), '')
    const { exitCode, error } = await json('balance')
    expect({ exitCode, layer: error.layer }).toEqual({ exitCode: 4, layer: 'secret' })
  })
})

describe('explain', () => {
  it('says what each layer would, and asks and creates nothing', async () => {
    const { exitCode, allowed, layers } = await json('explain', 'https://staging.example.com/login')
    expect({ exitCode, allowed }).toEqual({ exitCode: 0, allowed: true })
    expect(layers.map(({ layer }: { layer: string }) => layer)).toEqual([
      'origin',
      'time',
      'secret',
      'network',
      'spending',
      'audit',
    ])
    expect(project.service.requests).toEqual([])
    expect(readdirSync(project.folder)).not.toContain('.solveguard')
  })

  it('ends with 3 for a page that the policy does not name', async () => {
    expect(await json('explain', 'https://example.org/')).toMatchObject({ exitCode: 3, code: 'ORIGIN_NOT_NAMED' })
  })

  it('knows of a pause, from the ledger', async () => {
    await project.solve()
    await json('pause', 'The bill is being investigated.')
    expect(await json('explain', 'https://staging.example.com/')).toMatchObject({ exitCode: 3, code: 'GUARD_PAUSED' })
  })

  it('knows of a pause however slow it is: now is not a moment of the past', async () => {
    await project.solve()
    await json('pause')
    // Each look at the clock takes two seconds.
    let now = Date.now()
    const slow = { ...systemClock, now: () => (now += 2_000) }
    const { exitCode } = await run(['explain', 'https://staging.example.com/'], inProject({ clock: slow }))
    expect(exitCode).toBe(3)
  })

  it('declares no limit, writes no record and calls no service', async () => {
    await project.solve()
    const audit = join(project.folder, '.solveguard/audit')
    const before = readdirSync(audit).map((name) => readFileSync(join(audit, name), 'utf8'))
    const calls = project.service.requests.length
    await json('explain', 'https://staging.example.com/', '--profile', 'ci')
    expect(readdirSync(audit).map((name) => readFileSync(join(audit, name), 'utf8'))).toEqual(before)
    expect(project.service.requests).toHaveLength(calls)
  })

  it('denies with the ledger where that cannot be read', async () => {
    mkdirSync(join(project.folder, '.solveguard'))
    writeFileSync(join(project.folder, '.solveguard/ledger.db'), 'x'.repeat(4096))
    const { exitCode, code, layers } = await json('explain', 'https://staging.example.com/')
    expect({ exitCode, code }).toEqual({ exitCode: 5, code: 'LEDGER_UNAVAILABLE' })
    expect(layers.filter(({ ok }: { ok: boolean }) => !ok)).toMatchObject([{ layer: 'spending' }])
    const redis = await json('explain', 'https://staging.example.com/', '--ledger', 'redis://127.0.0.1:1')
    expect(redis).toMatchObject({ exitCode: 5, code: 'LEDGER_UNAVAILABLE' })
  })

  it('refuses a time that is none', async () => {
    expect(await json('explain', 'https://example.com', '--at', 'tomorrow')).toMatchObject({ exitCode: 2 })
  })
})

describe('pause and resume', () => {
  it('stop and start every process, without a key, and are on the record', async () => {
    await project.solve()
    writeFileSync(join(project.folder, 'secrets/key'), '')
    expect(await json('pause', 'It is investigated.')).toMatchObject({ exitCode: 0, paused: true, name: 'shop' })
    expect((await json('status')).budgets[0].paused).toMatchObject({ message: expect.stringContaining('investigated') })
    expect(await json('resume')).toMatchObject({ exitCode: 0, paused: false })
    expect((await json('status')).budgets[0].paused).toBeNull()
    const audit = join(project.folder, '.solveguard/audit')
    const records = readdirSync(audit).map((name) => readFileSync(join(audit, name), 'utf8'))
    expect(records.join('')).toContain('It is investigated.')
  })

  it('lower no limit of the guards that live', async () => {
    await project.solve()
    await json('pause')
    expect((await json('status')).budgets[0].day.cap).toBeUndefined()
  })

  it('work without a configuration, by name and folder', async () => {
    await project.solve()
    const state = join(project.folder, '.solveguard')
    const options = { cwd: '/', clock: systemClock }
    const { exitCode } = await run(['pause', '--name', 'shop', '--state-dir', state], options)
    expect(exitCode).toBe(0)
    expect((await json('status')).budgets[0].paused).not.toBeNull()
  })
})

describe('keys', () => {
  it('shows the key of the store and the ones before it, by fingerprint only', async () => {
    await project.solve()
    const { exitCode, accounts } = await json('keys')
    expect(exitCode).toBe(0)
    expect(accounts).toMatchObject([
      { solver: 'captchaai', problem: null, keys: [{ current: true, revocable: false, reason: expect.any(String) }] },
    ])
  })

  it('of a key that was replaced says that the new one is untried, and fits 80 columns', async () => {
    await project.solve()
    writeFileSync(join(project.folder, 'secrets/key'), 'f'.repeat(32))
    const { accounts } = await json('keys')
    expect(accounts[0].keys).toMatchObject([
      { current: true, revocable: false, reason: expect.stringContaining('the next solve uses') },
      { current: false, revocable: false, reason: expect.stringContaining('no solve has shown yet') },
    ])
    const { stdout } = await run(['keys'], inProject({ columns: 80 }))
    const long = stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('captchaai  file '))
    expect(long).toEqual([])
  })

  it('says what is wrong with the store, and still shows what was used', async () => {
    await project.solve()
    writeFileSync(join(project.folder, 'secrets/key'), '')
    const { accounts } = await json('keys')
    expect(accounts[0].problem).toContain('secrets/key')
    expect(accounts[0].keys).toHaveLength(1)
  })
})

describe('config', () => {
  it('shows where each value is from, and no value that is secret', async () => {
    const { stdout } = await run(['config', '--json', '--name', 'other'], inProject({ env: { CI: '1' } }))
    const { profile, values } = JSON.parse(stdout)
    expect(profile).toEqual({ name: 'ci', source: 'CI' })
    expect(values).toContainEqual({ path: 'name', value: 'other', source: '--name' })
    expect(values).toContainEqual({
      path: 'policy.budget.perDay',
      value: '$5.00',
      source: 'solveguard.config.json',
    })
  })

  it('refuses a key in the file with a sentence, and does not print it', async () => {
    const file = join(project.folder, 'solveguard.config.json')
    writeFileSync(file, JSON.stringify({ secret: project.key }))
    const { exitCode, error } = await json('config')
    expect(exitCode).toBe(2)
    expect(error.message).toContain('secret (solveguard.config.json): is a key')
  })

  it('names the file that cannot be loaded, without what is in it', async () => {
    writeFileSync(join(project.folder, 'solveguard.config.json'), `{ "secret": "${project.key}"`)
    const { exitCode, error } = await json('config')
    expect(exitCode).toBe(2)
    expect(error.message).toContain('solveguard.config.json cannot be loaded')
  })

  it('refuses two files', async () => {
    writeFileSync(join(project.folder, 'solveguard.config.mjs'), 'export default {}')
    expect((await json('config')).error.message).toContain('remove one')
  })

  it('prints a JSON Schema that knows each field', async () => {
    const { stdout } = await run(['config', '--schema'])
    const schema = JSON.parse(stdout)
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['policy', 'secret', 'profiles', 'ledger']))
    expect(schema.properties.policy.properties.budget.properties.perDay.anyOf).toHaveLength(3)
    expect(stdout).not.toMatch(/\{\}/)
  })
})

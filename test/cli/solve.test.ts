import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { Interruption } from '../../src/cli/failure.js'
import { runCli } from '../../src/cli/run.js'
import { fileLedger } from '../../src/ledger/file.js'
import { type Money, usd } from '../../src/policy/money.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { type HostOptions, runCommandLine, testHost } from './host.js'
import { type TestProject, testProject } from './project.js'

const PAGE = 'https://staging.example.com/login'
const SITEKEY = '6LcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const ONE = ['--family', 'recaptcha', '--variant', 'v2-checkbox', '--sitekey', SITEKEY, '--page-url', PAGE]
const line = (more: object = {}) =>
  JSON.stringify({ family: 'recaptcha', variant: 'v2-checkbox', sitekey: SITEKEY, pageUrl: PAGE, ...more })

let project: TestProject

/** The configuration of the project, with what may be spent in a day. */
function configure(perDay: Money) {
  // A polling of its own is no JSON: the file exports what the test has.
  Object.assign(globalThis, {
    configOfTest: {
      name: 'shop',
      solver: captchaAI({ baseUrl: project.service.url, polling: { firstPollMs: 1, everyMs: 5 } }),
      secret: { file: 'secrets/key' },
      policy: { origins: ['https://staging.example.com'], budget: { perDay } },
    },
  })
}

beforeEach(async () => {
  project = await testProject()
  configure(usd(0.003))
  rmSync(join(project.folder, 'solveguard.config.json'))
  writeFileSync(join(project.folder, 'solveguard.config.mjs'), 'export default globalThis.configOfTest\n')
})

afterEach(() => project.close())

const solve = (args: readonly string[], more: HostOptions = {}) =>
  runCommandLine(['solve', ...args], { cwd: project.folder, clock: systemClock, ...more })

const answers = () => project.service.tasks.map(({ answer }) => answer)

/** The JSON lines of an output. */
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((each) => JSON.parse(each))

describe('solveguard solve', () => {
  it('prints the token, and nothing else, on standard output that is no terminal', async () => {
    const { exitCode, stdout, stderr } = await solve(ONE)
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(stdout).toBe(`${answers()[0]}\n`)
    expect(stderr).toContain('Solved for $0.001')
    expect(stderr).not.toContain(answers()[0])
  })

  it('prints no token at a terminal, unless --show is given', async () => {
    const hidden = await solve(ONE, { isTTY: true })
    expect(hidden.stdout + hidden.stderr).not.toContain(answers()[0])
    expect(hidden.stdout).toContain('--show')
    const json = await solve([...ONE, '--json'], { isTTY: true })
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, tokenHidden: true, costUsd: 0.001 })
    const shown = await solve([...ONE, '--show'], { isTTY: true })
    expect(shown.stdout).toBe(`${answers()[2]}\n`)
  })

  it('ends with 3 where a layer denies it, and with 2 where it is used wrongly; nothing is spent', async () => {
    const denied = await solve([...ONE.slice(0, -1), 'https://other.example/', '--json'])
    expect(denied.exitCode).toBe(3)
    expect(JSON.parse(denied.stdout).error).toMatchObject({ code: 'ORIGIN_NOT_NAMED', layer: 'origin' })
    expect((await solve([])).exitCode).toBe(2)
    expect((await solve([...ONE, '--stdin'])).exitCode).toBe(2)
    expect((await solve(['--family', 'nothing', '--sitekey', 'x', '--page-url', PAGE])).exitCode).toBe(2)
    expect((await solve(['--family', 'recaptcha', '--sitekey', '"', '--page-url', PAGE])).exitCode).toBe(2)
    expect(project.service.tasks).toEqual([])
  })
})

describe('solveguard solve --stdin', () => {
  it('writes a line for each line as it ends, and reports what is none by its number', async () => {
    const stdin = [
      line(),
      '',
      'no JSON',
      '[]',
      line({ pageUrl: 'https://other.example/' }),
      line({ family: 'x' }),
    ].join('\n')
    const { exitCode, stdout } = await solve(['--stdin'], { stdin })
    expect(exitCode).toBe(1)
    const results = linesOf(stdout).sort((a, b) => a.line - b.line)
    expect(results).toMatchObject([
      { line: 1, ok: true, token: answers()[0], costUsd: 0.001 },
      { line: 3, ok: false, error: { code: 'CHALLENGE_INVALID' } },
      { line: 4, ok: false, error: { code: 'CHALLENGE_INVALID' } },
      { line: 5, ok: false, error: { code: 'ORIGIN_NOT_NAMED', layer: 'origin' } },
      { line: 6, ok: false, error: { code: 'CHALLENGE_INVALID' } },
    ])
  })

  it('reports a line without end, and reads the next one', async () => {
    const stdin = `${'x'.repeat(3 * 1024 * 1024)}\n${line()}\n`
    const { stdout } = await solve(['--stdin'], { stdin })
    const results = linesOf(stdout).sort((a, b) => a.line - b.line)
    expect(results).toMatchObject([
      { line: 1, ok: false, error: { code: 'CHALLENGE_INVALID', message: expect.stringMatching(/bytes/) } },
      { line: 2, ok: true },
    ])
  })

  it('ends with the exit code that all errors have: 3 where the budget is used up', async () => {
    const stdin = Array.from({ length: 6 }, () => line()).join('\n')
    const { exitCode, stdout } = await solve(['--stdin', '--concurrency', '1'], { stdin })
    expect(linesOf(stdout).map(({ ok }) => ok)).toEqual([true, true, true, false, false, false])
    expect(exitCode).toBe(3)
    expect(project.service.tasks).toHaveLength(3)
  })

  it('solves no more than is read: a reader that stops stops the buying', async () => {
    configure(usd(1))
    const stdin = `${line()}\n`.repeat(20)
    const host = testHost({ cwd: project.folder, clock: systemClock, stdin })
    const pending: (() => void)[] = []
    let text = ''
    const write = (chunk: Buffer, _: string, done: () => void) => {
      text += String(chunk)
      pending.push(done)
    }
    // It takes a line only when the test reads one.
    const stdout = new Writable({ highWaterMark: 1, write })
    const running = runCli(['solve', '--stdin', '--concurrency', '4'], { ...host, stdout })
    const ahead: number[] = []
    for (let read = 0; read < 20; read++) {
      await expect.poll(() => pending.length).toBeGreaterThan(0)
      // Replies of the service, by which it would have been asked for more, had there been capacity.
      for (let turn = 0; turn < 3; turn++) await fetch(project.service.url)
      ahead.push(project.service.tasks.length - read)
      pending.shift()?.()
    }
    expect(await running).toBe(0)
    expect(linesOf(text)).toHaveLength(20)
    expect(Math.max(...ahead)).toBeLessThanOrEqual(5)
  })

  it('buys no item of a batch twice', async () => {
    const stdin = [line(), line({ action: 'second' })].join('\n')
    await solve(['--stdin', '--batch', 'nightly'], { stdin })
    const again = await solve(['--stdin', '--batch', 'nightly'], { stdin })
    expect(again).toMatchObject({ exitCode: 0, stdout: '' })
    expect(project.service.tasks).toHaveLength(2)
  })

  it('is interrupted with 130 while a task is under way, which the ledger counts', async () => {
    project.service.always('res', { error: 'CAPCHA_NOT_READY' })
    const controller = new AbortController()
    const stdin = `${line()}\n`
    const host = testHost({ cwd: project.folder, clock: systemClock, stdin, signal: controller.signal })
    const running = runCli(['solve', '--stdin', '--json'], host)
    await expect.poll(() => project.service.tasks.length).toBe(1)
    controller.abort(new Interruption('SIGINT', 130))
    expect(await running).toBe(130)
    const ledger = fileLedger({ dir: join(project.folder, '.solveguard') })
    await ledger.open()
    const { spent, reserved } = await ledger.usage('shop', Date.now())
    await ledger.close()
    expect(spent + reserved).toBe(1000)
  })
})

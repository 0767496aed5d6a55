import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { runCli } from '../../src/cli/run.js'
import { type HostOptions, runCommandLine, testHost } from './host.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-init-'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const init = (args: readonly string[], more: HostOptions = {}) =>
  runCommandLine(['init', ...args], { cwd: folder, clock: systemClock, ...more })
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const SITE = 'https://staging.example.com'

describe('init', () => {
  it('--force makes no second configuration beside one of another format', async () => {
    await init(['--yes'])
    const before = read('solveguard.config.ts')
    expect((await init(['--yes', '--force', '--format', 'json'])).exitCode).toBe(2)
    expect(existsSync(join(folder, 'solveguard.config.json'))).toBe(false)
    expect(read('solveguard.config.ts')).toBe(before)
  })

  it.each([
    ['0.5', "perDay: '$0.5'"],
    ['5', "perDay: '$1'"],
  ])('with $%s a day has CI spend no more', async (perDay, expected) => {
    await init(['--yes', '--per-day', perDay])
    expect(read('solveguard.config.ts')).toContain(`profiles: { ci: { policy: { budget: { ${expected} } } } }`)
  })

  it('--yes asks nothing, and writes a typed configuration and lines for git', async () => {
    const { exitCode, stdout } = await init(['--yes', '--json'])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      file: join(folder, 'solveguard.config.ts'),
      ignored: ['.solveguard/'],
      next: expect.arrayContaining(['npx solveguard doctor']),
    })
    expect(read('solveguard.config.ts')).toContain("import { defineConfig } from 'solveguard/config'")
    expect(read('.gitignore')).toBe('.solveguard/\n')
  })

  it.each(['ts', 'mjs', 'json'])('writes a %s that config reads', async (format) => {
    const args = ['--origin', SITE, '--solver', 'capsolver', '--per-day', '2.5', '--key-in', 'file']
    expect((await init([...args, '--format', format])).exitCode).toBe(0)
    if (format === 'json') {
      const { stdout } = await runCommandLine(['config', '--json'], { cwd: folder })
      const { values } = JSON.parse(stdout)
      const source = 'solveguard.config.json'
      expect(values).toContainEqual({ path: 'policy.origins', value: [SITE], source })
      expect(values).toContainEqual({ path: 'policy.budget.perDay', value: '$2.50', source })
      expect(values).toContainEqual({ path: 'solver', value: 'capsolver', source })
    }
    expect(read('.gitignore')).toBe('.solveguard/\n.secrets/\n')
  })

  it.each<[string, HostOptions, readonly string[]]>([
    ['without a terminal', {}, []],
    ['in CI', { isTTY: true, env: { CI: 'true' } }, []],
    ['with --json', { isTTY: true }, ['--json']],
  ])('%s asks nothing, and names the option that is missing', async (_, host, args) => {
    const { exitCode, stdout, stderr } = await init(args, host)
    expect(exitCode).toBe(2)
    expect(stdout + stderr).toContain('--origin is missing')
    expect(existsSync(join(folder, 'solveguard.config.ts'))).toBe(false)
  })

  it.each(['solveguard.config.ts', 'solveguard.config.json'])(
    'never replaces %s without the option or answer for it',
    async (name) => {
      writeFileSync(join(folder, name), 'mine')
      const { exitCode, stderr } = await init(['--yes'])
      expect(exitCode).toBe(2)
      expect(stderr).toContain(name)
      expect(read(name)).toBe('mine')
    },
  )

  it('replaces with --force, and does not add the lines for git twice', async () => {
    await init(['--yes'])
    writeFileSync(join(folder, 'solveguard.config.ts'), 'mine')
    expect((await init(['--yes', '--force'])).exitCode).toBe(0)
    expect(read('solveguard.config.ts')).toContain('defineConfig')
    expect(read('.gitignore')).toBe('.solveguard/\n')
  })

  it.each([
    ['--origin', 'staging'],
    ['--per-day', 'five'],
    ['--per-day', '-1'],
    ['--solver', 'nosuch'],
  ])('refuses %s %s, and writes nothing', async (...args) => {
    const { exitCode } = await init(['--yes', ...args])
    expect(exitCode).toBe(2)
    expect(existsSync(join(folder, 'solveguard.config.ts'))).toBe(false)
  })

  it('writes an origin that tries to be code as a text', async () => {
    await init(['--yes', '--origin', "https://a.example.com/',process.exit(),'"])
    expect(existsSync(join(folder, 'solveguard.config.ts'))).toBe(false)
  })

  it('asks at a terminal, on standard error, and keeps NO_COLOR', async () => {
    const host = testHost({ cwd: folder, clock: systemClock, isTTY: true, env: { NO_COLOR: '1' }, stdin: '\r' })
    await runCli(['init', '--origin', SITE, '--solver', 'captchaai', '--key-in', 'env'], host)
    const { stdout, stderr } = host.output()
    expect(stderr).toContain('How many dollars')
    expect(stderr + stdout).not.toMatch(COLOR)
  })
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colors begin with it
const COLOR = /\u001b\[3[0-9]m/

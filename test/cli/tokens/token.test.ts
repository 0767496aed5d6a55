import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/clock.js'
import { after } from '../../guard/support.js'
import { leaks } from '../../support/key-leaks.js'
import { type HostOptions, runCommandLine } from '../host.js'
import { testProject } from '../project.js'

async function project() {
  const made = await testProject()
  after(() => made.close())
  const run = (args: string, options: HostOptions = {}) =>
    runCommandLine(['token', ...args.split(' ')], { cwd: made.folder, clock: systemClock, ...options })
  return { ...made, run }
}

describe('solveguard token', () => {
  it('issues, narrows, inspects, makes a handle and revokes, with the token on no argument and in no other output', async () => {
    const { run } = await project()
    const issued = await run('issue --per-day 0.5 --ttl 1h --subject ci-4711')
    const token = issued.stdout.trim()
    expect(token).toMatch(/^eyJ[\w-]+(?:\.[\w-]+){2}$/)
    const narrowed = await run('narrow --per-day 0.1 --subject sign-in', { stdin: `${token}\n` })
    const narrower = narrowed.stdout.trim()
    const inspected = await run('inspect --json', { env: { SOLVEGUARD_TOKEN: narrower } })
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      guard: 'shop',
      expired: false,
      links: [{ subject: 'ci-4711' }, { subject: 'sign-in', policy: { budget: { perDay: 100_000 } } }],
    })
    const handle = await run('handle', { stdin: narrower })
    expect(handle.stdout).toMatch(/^[\da-f]{32}\n$/)
    const verified = await run('inspect --verify', { stdin: handle.stdout })
    expect(verified.stdout).toContain('for sign-in')
    const revoked = await run('revoke', { stdin: narrower })
    expect(revoked).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Revoked ') })
    const refused = await run('inspect --verify', { stdin: narrower })
    expect(refused).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('revoked: ') })
    expect(await run('inspect --verify', { stdin: token })).toMatchObject({ exitCode: 0 })
    const shown = [issued.stderr, narrowed.stderr, inspected, handle.stderr, verified, revoked]
    for (const secret of [token.slice(-43), narrower.slice(-43), handle.stdout.trim()]) {
      expect(leaks(secret, JSON.stringify(shown))).toEqual([])
    }
  })

  it('states the dialect of its clients, where it is named, and no other below it', async () => {
    const { run } = await project()
    const issued = await run('issue --wire capsolver')
    const token = issued.stdout.trim()
    expect((await run('inspect', { stdin: token })).stdout).toMatch(/^wire +capsolver$/m)
    expect(await run('narrow --wire captchaai', { stdin: token })).toMatchObject({ exitCode: 4, stdout: '' })
    const plain = await run('issue')
    const narrowed = await run('narrow --wire captchaai', { stdin: plain.stdout })
    const inspected = await run('inspect --json', { stdin: narrowed.stdout })
    expect(JSON.parse(inspected.stdout)).toMatchObject({ wire: 'captchaai' })
    for (const wire of ['rucaptcha', 'CapSolver']) {
      expect(await run(`issue --wire ${wire}`)).toMatchObject({ exitCode: 2, stdout: '' })
    }
  })

  it('shows no token on a terminal unasked, and issues none that would be shown nowhere', async () => {
    const { run, folder } = await project()
    for (const args of ['issue', 'issue --handle', 'issue --json']) {
      const { exitCode, stdout } = await run(args, { isTTY: true })
      expect([args, exitCode, leaks('eyJhbGciOiJIUzI1NiIs', stdout)]).toEqual([args, 2, []])
    }
    expect(existsSync(join(folder, '.solveguard/token.key'))).toBe(false)
    expect((await run('issue --show', { isTTY: true })).stdout).toMatch(/^eyJ/)
    expect(await run('issue --out token', { isTTY: true })).toMatchObject({ exitCode: 0, stdout: '' })
    expect(readFileSync(join(folder, 'token'), 'utf8')).toMatch(/^eyJ/)
    if (process.platform !== 'win32') expect(statSync(join(folder, 'token')).mode & 0o777).toBe(0o600)
    expect(await run('issue --out token')).toMatchObject({ exitCode: 2, stdout: '' })
  })

  it('refuses a token among the arguments, a wider policy and an amount that may be misread', async () => {
    const { run } = await project()
    const { stdout } = await run('issue --per-day 0.5')
    const token = stdout.trim()
    for (const args of [`inspect --token ${token}`, `inspect ${token}`, `revoke ${token}`]) {
      const { exitCode, stderr } = await run(args)
      expect([exitCode, leaks(token.slice(-43), stderr)]).toEqual([2, []])
    }
    expect(await run('narrow --per-day 0.9 --json', { stdin: token })).toMatchObject({ exitCode: 4 })
    expect(await run('narrow --per-day 1e9', { stdin: token })).toMatchObject({ exitCode: 2, stdout: '' })
    expect(await run('inspect', { stdin: 'nonsense' })).toMatchObject({ exitCode: 4 })
    expect(await run('revoke no-such-id')).toMatchObject({ exitCode: 2 })
  })
})

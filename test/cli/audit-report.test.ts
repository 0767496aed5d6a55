import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { isoDay } from '../../src/report/period.js'
import { type HostOptions, runCommandLine as run } from './host.js'
import { type TestProject, testProject } from './project.js'

let project: TestProject

beforeEach(async () => {
  project = await testProject()
})

afterEach(() => project.close())

const report = (args: readonly string[] = [], more: HostOptions = {}) =>
  run(['audit', 'report', '--time-zone', 'UTC', ...args], { cwd: project.folder, clock: systemClock, ...more })

describe('audit report', () => {
  it('is a page on standard output, whose sums the ledger agrees with', async () => {
    await project.solve()
    const { exitCode, stdout, stderr } = await report()
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/)
    expect(stdout).toContain('Audit report of shop')
    expect(stdout).toContain('The ledger says the same.')
    expect(stdout).toContain('<p class="value good">Yes</p>')
    expect(stdout).not.toContain(project.key)
  })

  it('--json has the figures, and --out the page besides, for its owner alone', async () => {
    await project.solve()
    const { exitCode, stdout } = await report(['--json', '--out', 'report.html'])
    expect(exitCode).toBe(0)
    const path = join(project.folder, 'report.html')
    expect(JSON.parse(stdout)).toMatchObject({
      file: path,
      total: { spent: 1_000, solved: 1, failed: 0 },
      ledger: { problem: null, comparisons: [{ guard: 'shop', ledger: 1_000, log: 1_000, agrees: true }] },
      log: { ok: true, checkedWithHeads: true },
    })
    expect(readFileSync(path, 'utf8')).toContain('Audit report of shop')
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('reads another folder, by another key, without the ledger, as the other commands of a log do', async () => {
    await project.solve()
    const copy = join(project.folder, 'copy')
    cpSync(join(project.folder, '.solveguard/audit'), copy, { recursive: true })
    const key = { env: { AUDIT_KEY: 'x'.repeat(32) } }
    const { exitCode, stdout } = await report(['copy', '--without-ledger', '--json'])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      total: { spent: 1_000, solved: 1 },
      log: { ok: true, checkedWithHeads: false },
      ledger: { problem: null, comparisons: [] },
    })
    const page = await report(['copy', '--without-ledger'])
    expect(page.stdout).toContain('As far as is known')
    expect(page.stdout).not.toContain('could not be read')
    expect(JSON.parse((await report(['copy', '--key', 'AUDIT_KEY', '--json'], key)).stdout).log).toMatchObject({
      ok: false,
      firstBad: { problem: 'key' },
    })
    expect(await report(['copy', '--key', 'AUDIT_KEY'])).toMatchObject({ exitCode: 2, stdout: '' })
  })

  it('says of a log without a record that there is nothing to verify', async () => {
    mkdirSync(join(project.folder, '.solveguard/audit'), { recursive: true })
    for (const more of [[], ['--without-ledger']]) {
      expect((await report(more)).stdout).toContain('<p class="value ">Empty</p>')
    }
  })

  it('verifies the files of its days: those of before may have been moved elsewhere', async () => {
    await project.solve()
    const audit = join(project.folder, '.solveguard/audit')
    for (const name of readdirSync(audit)) rmSync(join(audit, name))
    const later = (days: number) => ({ clock: { ...systemClock, now: () => Date.now() + days * 86_400_000 } })
    const logOf = async (days: number) =>
      JSON.parse((await report(['--since', '7d', '--json'], later(days))).stdout).log
    expect(await logOf(6)).toMatchObject({ ok: false, firstBad: { problem: 'missing' } })
    expect(await logOf(8)).toMatchObject({ ok: true, verifiedSince: isoDay(Date.now() + 86_400_000, 'UTC') })
  })

  it('--since yesterday is that day alone, as with spent', async () => {
    await project.solve()
    const { period } = JSON.parse((await report(['--since', 'yesterday', '--json'])).stdout)
    expect(Date.parse(period.to) - Date.parse(period.from)).toBe(86_400_000)
  })

  it('at a terminal goes into a file, whose name is printed', async () => {
    mkdirSync(join(project.folder, '.solveguard/audit'), { recursive: true })
    const { exitCode, stdout } = await report([], { isTTY: true })
    const path = join(project.folder, `solveguard-report-${isoDay(Date.now(), 'UTC')}.html`)
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${path}\n` })
    expect(readFileSync(path, 'utf8')).toContain('Nothing happened')
  })

  it('without a log, or with a period that is none, says what is wrong', async () => {
    expect(await report()).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('No audit log') })
    mkdirSync(join(project.folder, '.solveguard/audit'), { recursive: true })
    const later = await report(['--since', '1d', '--until', '2d'])
    expect(later).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--until') })
    const elsewhere = await report(['--since', 'soon'])
    expect(elsewhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--since') })
  })
})

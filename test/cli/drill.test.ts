import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Interruption } from '../../src/cli/failure.js'
import { runCommandLine } from './host.js'
// Loaded before the first test, whose time it would take.
import '../../src/drill/index.js'
import '../../src/cli/commands/drill.js'

const folder = mkdtempSync(join(tmpdir(), 'drill-command-'))
const ORIGINS = { origins: ['https://staging.example.com'] }

/** A project for each policy: its file is loaded once. */
const projects = new Map<string, string>()

/** The folder of a project with a policy. */
function projectOf(policy: object): string {
  const text = JSON.stringify({ policy })
  const known = projects.get(text)
  if (known !== undefined) return known
  const project = mkdtempSync(join(folder, 'project-'))
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  writeFileSync(join(project, 'solveguard.config.json'), text)
  projects.set(text, project)
  return project
}

const drill = (args: readonly string[], policy: object = ORIGINS, signal?: AbortSignal) =>
  runCommandLine(['drill', ...args], { cwd: projectOf(policy), signal })

afterAll(() => rmSync(folder, { recursive: true }))

describe('solveguard drill', () => {
  it('prints the rows, what is open with the line that closes it, and ends with 0', async () => {
    const { exitCode, stdout, stderr } = await drill(['--row', 'full-speed', 'after-hours'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^✔ server compromised/m)
    expect(stdout).toContain('BUDGET_EXHAUSTED')
    expect(stdout).toContain('$1.00 in any 24 h')
    expect(stdout).toMatch(/^○ after hours/m)
    expect(stdout).toMatch(/close it: policy\.schedule: /)
    expect(stdout).toContain('1 passed, 1 open')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('ends with 6 for an open row with --strict', async () => {
    expect((await drill(['--row', 'after-hours', '--strict'])).exitCode).toBe(6)
    expect((await drill(['--row', 'full-speed', '--strict'])).exitCode).toBe(0)
  })

  it('prints one JSON object with --json', async () => {
    const { exitCode, stdout } = await drill(['--row', 'full-speed', '--json'])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      guard: 'default',
      counts: { pass: 1, open: 0, failed: 0, skipped: 0 },
      rows: [
        {
          id: 'full-speed',
          state: 'pass',
          atMostUsd: 1,
          atMostUntil: expect.stringMatching(/Z$/),
          answers: [{ layer: 'spending', code: 'BUDGET_EXHAUSTED', retryAt: expect.stringMatching(/Z$/) }],
        },
      ],
    })
  })

  it('writes the rows as JUnit, where a text of the configuration is escaped', async () => {
    await drill(['--row', 'after-hours', '--junit', 'open.xml'])
    const open = readFileSync(join(projectOf(ORIGINS), 'open.xml'), 'utf8')
    expect(open).toContain('tests="1" failures="0" errors="0" skipped="1"')
    expect(open).toContain('timeZone: &apos;Europe/Berlin&apos;')
    await drill(['--row', 'after-hours', '--strict', '--junit', 'strict.xml'])
    expect(readFileSync(join(projectOf(ORIGINS), 'strict.xml'), 'utf8')).toContain('<failure type="open"')
  })

  it('ends with 6 where a row failed: a policy that denies normal operation', async () => {
    const { exitCode, stdout } = await drill(['--row', 'normal'], { ...ORIGINS, budget: { perSolve: '$0.0005' } })
    expect(exitCode).toBe(6)
    expect(stdout).toMatch(/^✗ normal operation/m)
    expect(stdout).toContain('PRICE_TOO_HIGH')
  })

  it('takes a configuration that is wrong, or an unknown row, as wrong use', async () => {
    expect((await drill([], {})).exitCode).toBe(2)
    expect((await drill(['--row', 'nothing'])).exitCode).toBe(2)
  })

  it('ends with 130 when it is interrupted, after the row that is under way', async () => {
    const signal = AbortSignal.abort(new Interruption('SIGINT', 130))
    expect((await drill([], ORIGINS, signal)).exitCode).toBe(130)
  })
})

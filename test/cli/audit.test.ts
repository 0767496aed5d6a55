import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { Interruption } from '../../src/cli/failure.js'
import { runCli } from '../../src/cli/run.js'
import { manualClock } from '../../src/testing/clock.js'
import { runCommandLine as run, testHost } from './host.js'
import { commandsOf, type TestProject, testProject } from './project.js'

let project: TestProject
let dir: string

beforeEach(async () => {
  project = await testProject()
  dir = join(project.folder, '.solveguard/audit')
})

afterEach(() => project.close())

const { inProject, json } = commandsOf(() => project)

/** Changes the only file of the log. Returns its name. */
function edit(change: (lines: string[]) => string[]): string {
  const [name = ''] = readdirSync(dir)
  const lines = readFileSync(join(dir, name), 'utf8').trimEnd().split('\n')
  writeFileSync(join(dir, name), `${change(lines).join('\n')}\n`)
  return name
}

describe.each(['spent', 'audit verify', 'audit archive', 'audit tail', 'audit report'])('%s', (name) => {
  it('says that there is no such folder, and creates none', async () => {
    const { exitCode, error } = await json(...name.split(' '))
    expect(exitCode).toBe(2)
    expect(error.message).toContain(`No audit log can be read at ${dir}`)
    expect(existsSync(join(project.folder, '.solveguard'))).toBe(false)
  })

  it('needs no key, and declares no limits', async () => {
    await project.solve()
    writeFileSync(join(project.folder, 'secrets/key'), '')
    expect(await run(name.split(' '), inProject())).toMatchObject({ exitCode: 0 })
    expect((await json('status')).budgets[0].day.cap).toBeUndefined()
  })
})

describe('a file that is damaged hides nothing of the others, and is named:', () => {
  beforeEach(async () => {
    await project.solve()
    const half = gzipSync(readFileSync(join(dir, readdirSync(dir)[0] ?? ''))).subarray(0, -40)
    const today = new Date().toISOString().slice(0, 10)
    writeFileSync(join(dir, `${today}-1-aa-0001.jsonl.gz`), half)
    mkdirSync(join(dir, `${today}-1-bb-0001.jsonl`))
  })

  it('spent, which ends with 6', async () => {
    const { exitCode, stdout, stderr } = await run(['spent', '--json'], inProject())
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 6, stderr: expect.stringMatching(/-aa-.*\n.*-bb-/) })
    const { total, brokenFiles } = JSON.parse(stdout)
    expect(total).toMatchObject({ spent: 1000, solved: 1 })
    expect(brokenFiles).toMatchObject([{ file: expect.stringContaining('-aa-') }, { reason: expect.any(String) }])
  })

  it('audit tail', async () => {
    const { exitCode, stdout, stderr } = await run(['audit', 'tail'], inProject())
    expect(exitCode).toBe(0)
    expect(stdout).toContain('solved')
    expect(stderr).toMatch(/-bb-.* cannot be read.*\n.*-aa-.* cannot be read/)
  })

  it('audit report', async () => {
    const { exitCode, stdout } = await run(['audit', 'report'], inProject())
    expect(exitCode).toBe(0)
    expect(stdout).toContain('2 files could not be read to the end: what is missing is not counted.')
    expect(stdout).toContain('<p class="value bad">No</p>')
  })
})

describe('spent', () => {
  it('adds up what was spent, and the ledger agrees', async () => {
    await project.solve()
    await project.solve()
    expect(await json('spent', '--by', 'origin')).toMatchObject({
      exitCode: 0,
      total: { spent: 2000, spentUsd: 0.002, solved: 2, failed: 0 },
      groups: [{ name: 'https://staging.example.com', isRest: false, spent: 2000 }],
      agrees: true,
      ledger: [{ guard: 'shop', window: '24 hours', ledgerUsd: 0.002, logUsd: 0.002, higher: null }],
    })
    const { stdout } = await run(['spent', '--by', 'family'], inProject())
    expect(stdout).toContain('$0.0020       2       0       0  recaptcha\n$0.0020       2       0       0  total')
    expect(stdout).toContain('They agree.')
  })

  it('says which side is higher, and what may be the reason, and ends with 6', async () => {
    await project.solve()
    edit((lines) => lines.slice(0, 1))
    const { exitCode, agrees, ledger } = await json('spent')
    expect({ exitCode, agrees }).toEqual({ exitCode: 6, agrees: false })
    expect(ledger).toMatchObject([{ higher: 'ledger', differenceUsd: 0.001, reason: expect.any(String) }])
    expect((await run(['spent'], inProject())).stdout).toMatch(/\$0\.001 apart at least\.\s+The ledger has more/)
  })

  it('sees what was added to the log', async () => {
    await project.solve()
    edit((lines) => lines.map((line) => line.replace('"cost_micros":1000', '"cost_micros":900000')))
    expect(await json('spent')).toMatchObject({ exitCode: 6, ledger: [{ higher: 'log' }] })
  })

  it('shows the log also where the ledger is away, and ends with 5', async () => {
    await project.solve()
    const { exitCode, stdout, stderr } = await run(['spent', '--ledger', './nowhere'], inProject())
    expect(exitCode).toBe(5)
    expect(stdout).toContain('$0.0010')
    expect(stderr).toContain('not compared')
    expect(existsSync(join(project.folder, 'nowhere'))).toBe(false)
    expect(await json('spent', '--ledger', './nowhere', '--without-ledger')).toMatchObject({
      exitCode: 0,
      agrees: null,
    })
  })

  it('yesterday is that day alone', async () => {
    await project.solve()
    const { from, to, total } = await json('spent', '--since', 'yesterday')
    expect(Date.parse(to) - Date.parse(from)).toBe(86_400_000)
    expect(total.spent).toBe(0)
  })

  it.each([
    ['--by', 'whom'],
    ['--since', 'tomorrow'],
    ['--until', '2026-13-01'],
    ['--time-zone', 'Mars/Olympus'],
  ])('takes %s %s as wrong use', async (...args) => {
    await project.solve()
    expect(await json('spent', ...args)).toMatchObject({ exitCode: 2 })
  })

  it('shows no control character of a name that a record has', async () => {
    await project.solve()
    edit((lines) => lines.map((line) => line.replaceAll('"family":"recaptcha"', '"family":"\\u001b[2J\\u009b2Jx"')))
    const { stdout } = await run(['spent', '--by', 'family'], inProject({ isTTY: true, env: { NO_COLOR: '1' } }))
    expect(stdout).toContain('·[2J')
    for (const control of ['\u001b', '\u009b']) expect(stdout).not.toContain(control)
  })
})

describe('audit verify', () => {
  it('ends with 0 where the log is whole', async () => {
    await project.solve()
    expect(await json('audit', 'verify')).toMatchObject({ exitCode: 0, ok: true, withLedger: true, firstBad: null })
    expect((await run(['audit', 'verify'], inProject())).stdout).toMatch(/whole: 1 file, \d+ records in /)
  })

  it('names the file and the line that was altered, and ends with 6', async () => {
    await project.solve()
    const file = edit(([first = '', second = '', ...more]) => [first, second.replace(/\d{4}-/, '2001-'), ...more])
    expect(await json('audit', 'verify')).toMatchObject({
      exitCode: 6,
      firstBad: { file, line: 2, problem: 'altered' },
    })
    const { stdout } = await run(['audit', 'verify'], inProject())
    expect(stdout).toContain(`${file}\n   line 2, altered: `)
  })

  it('notices what was cut off, by the ledger', async () => {
    await project.solve()
    edit((lines) => lines.slice(0, -1))
    expect(await json('audit', 'verify')).toMatchObject({ exitCode: 6, ok: false })
    expect(await json('audit', 'verify', '--without-ledger')).toMatchObject({ exitCode: 0, withLedger: false })
  })

  it('says that a process was killed while it wrote, which is no problem', async () => {
    await project.solve(async () => {
      const [name = ''] = readdirSync(dir)
      appendFileSync(join(dir, name), '{"@timest')
      const { exitCode, stdout } = await run(['audit', 'verify'], inProject())
      expect(exitCode).toBe(0)
      expect(stdout).toContain('killed while it wrote')
    })
  })

  it('says of a log without a record that there is nothing to verify', async () => {
    mkdirSync(dir, { recursive: true })
    const { exitCode, stdout } = await run(['audit', 'verify', '--without-ledger'], inProject())
    expect(exitCode).toBe(0)
    expect(stdout).toBe(`– nothing to verify: 0 files, 0 records in ${dir}\n`)
  })

  it('takes the key from its place only', async () => {
    await project.solve()
    const audit = ['audit', 'verify', '--key', 'AUDIT_KEY', '--json']
    const { exitCode, stdout } = await run(audit, inProject({ env: { AUDIT_KEY: 'x'.repeat(32) } }))
    expect(exitCode).toBe(6)
    expect(JSON.parse(stdout).firstBad.problem).toBe('key')
    const short = await run(audit, inProject({ env: { AUDIT_KEY: 'hunter2' } }))
    expect(short.exitCode).toBe(2)
    expect(short.stdout + short.stderr).not.toContain('hunter2')
  })
})

describe('audit archive', () => {
  const later = (days: number) => ({ ...systemClock, now: () => Date.now() + days * 86_400_000 })

  it('compresses days that are over, once, and the log verifies as before', async () => {
    await project.solve()
    const before = await json('audit', 'verify')
    expect(await json('audit', 'archive')).toMatchObject({ exitCode: 0, archived: [], left: [], bytes: 0 })

    const { exitCode, stdout } = await run(['audit', 'archive', '--json'], inProject({ clock: later(32) }))
    const first = JSON.parse(stdout)
    expect({ exitCode, left: first.left }).toEqual({ exitCode: 0, left: [] })
    expect(first.archived).toMatchObject([{ bytes: first.bytes, archivedBytes: first.archivedBytes }])
    expect(first.archivedBytes).toBeLessThan(first.bytes)
    expect(readdirSync(dir)).toEqual([expect.stringMatching(/\.jsonl\.gz$/)])
    expect(await json('audit', 'verify')).toEqual(before)
    expect(await json('spent')).toMatchObject({ exitCode: 0, total: { spent: 1000 }, agrees: true })

    const again = await run(['audit', 'archive'], inProject({ clock: later(32) }))
    expect(again.stdout).toContain('Nothing was compressed')
  })

  it('leaves a file that was altered, and ends with 6', async () => {
    await project.solve()
    const file = edit(([first = '', ...more]) => [first.replace(/\d{4}-/, '2001-'), ...more])
    const { exitCode, stdout } = await run(['audit', 'archive', '--json'], inProject({ clock: later(32) }))
    expect(exitCode).toBe(6)
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, archived: [], left: [{ file, bad: true }] })
    expect(readdirSync(dir)).toEqual([file])
  })

  it('takes a day that is none as wrong use', async () => {
    expect(await json('audit', 'archive', '--before', 'soon')).toMatchObject({ exitCode: 2 })
  })
})

describe('audit tail', () => {
  it('shows the last records with time, decision, origin and cost', async () => {
    await project.solve()
    const { exitCode, stdout } = await run(['audit', 'tail', '-n', '3'], inProject())
    expect(exitCode).toBe(0)
    expect(stdout.trimEnd().split('\n')).toHaveLength(3)
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d [\d:.]+Z {2}solved .* https:\/\/staging\.example\.com {2}\$0\.001$/m)
  })

  it('--json prints a record a line; filters choose', async () => {
    await project.solve()
    const all = (await run(['audit', 'tail', '--json'], inProject())).stdout.trimEnd().split('\n')
    const [name = ''] = readdirSync(dir)
    expect(all).toEqual(readFileSync(join(dir, name), 'utf8').trimEnd().split('\n'))
    const counts = async (...args: string[]) =>
      (await run(['audit', 'tail', '--json', ...args], inProject())).stdout.split('\n').length - 1
    expect(await counts('--origin', 'https://staging.example.com/any')).toBeGreaterThan(1)
    expect(await counts('--origin', 'https://example.org')).toBe(0)
    expect(await counts('--layer', 'spending')).toBe(0)
    expect(await counts('--code', 'BUDGET_EXHAUSTED')).toBe(0)
  })

  it.each([[], ['--json']])('lets no record drive the terminal %j', async (...args) => {
    await project.solve()
    const [name = ''] = readdirSync(dir)
    const hostile = JSON.stringify({
      '@timestamp': '2030-01-01T00:00:00Z',
      event: { action: 'denied\u001b[2J', reason: '\u009b2J\u202e\r' },
      error: { code: '\u001b]0;title\u0007' },
      url: { scheme: 'https', domain: '\u001b[31m' },
      solveguard: { layer: '\u001bc' },
      user: { name: '\n\u001b[1A' },
    })
    appendFileSync(join(dir, name), `${hostile}\n\u001b[2J not a record\n`)
    const { stdout } = await run(['audit', 'tail', ...args], inProject({ isTTY: true, env: { NO_COLOR: '1' } }))
    expect(stdout).toContain('2030-01-01')
    for (const control of ['\u001b', '\u009b', '\u202e', '\r', '\u0007']) expect(stdout).not.toContain(control)
  })

  it.each([[], ['--json']])(
    'shows the records beside one that is nested too deep to be written %j',
    async (...args) => {
      await project.solve()
      const [name = ''] = readdirSync(dir)
      const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`
      const line = `{\t"@timestamp":"2030-01-01T00:00:00Z",\r"event":{"action":"denied"},"deep":${deep}}`
      appendFileSync(join(dir, name), `${line}\n`)
      const { exitCode, stdout } = await run(['audit', 'tail', ...args], inProject())
      expect(exitCode).toBe(0)
      expect(stdout).toContain('authorized')
      expect(stdout).toContain('2030-01-01')
      expect(stdout).not.toMatch(/[\t\r]/)
    },
  )

  it('says how many lines it does not show because they are no records, or too long', async () => {
    await project.solve()
    const [name = ''] = readdirSync(dir)
    const valid = readFileSync(join(dir, name), 'utf8').split('\n', 1)[0] ?? ''
    const long = [70_000, 1_100_000].map((length) => valid.replace('{', `{"note":"${'x'.repeat(length)}",`))
    appendFileSync(join(dir, name), `${long.join('\n')}\nno record\n`)
    const { stdout, stderr, exitCode } = await run(['audit', 'tail', '-n', '1', '--json'], inProject())
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).not.toHaveProperty('note')
    expect(stderr).toContain('3 lines of the log are no record: not shown.')
  })

  it.each([
    ['-n', 'many'],
    ['--layer', 'seventh'],
    ['--origin', 'nowhere'],
  ])('takes %s %s as wrong use', async (...args) => {
    expect(await json('audit', 'tail', ...args)).toMatchObject({ exitCode: 2 })
  })

  it('--follow shows what is written later, once, in new files too, until it is interrupted', async () => {
    await project.solve()
    const [name = ''] = readdirSync(dir)
    const lines = readFileSync(join(dir, name), 'utf8').trimEnd().split('\n')
    const controller = new AbortController()
    const clock = manualClock(Date.now())
    const host = testHost(inProject({ clock, signal: controller.signal }))
    const running = runCli(['audit', 'tail', '--follow', '--json', '-n', '1'], host)
    const shown = () => host.output().stdout.trimEnd().split('\n')
    await expect.poll(() => clock.waiting).toBe(1)
    expect(shown()).toEqual([lines.at(-1)])
    const half = lines[0]?.slice(0, 40) ?? ''
    appendFileSync(join(dir, name), half)
    await clock.advance(1_000)
    await expect.poll(() => clock.waiting).toBe(1)
    appendFileSync(join(dir, name), `${lines[0]?.slice(40)}\n`)
    writeFileSync(join(dir, '2999-01-01-1-ab-1.jsonl'), `${lines[1]}\n`)
    await clock.advance(1_000)
    await expect.poll(() => clock.waiting).toBe(1)
    await clock.advance(1_000)
    await expect.poll(() => clock.waiting).toBe(1)
    expect(shown()).toEqual([lines.at(-1), lines[0], lines[1]])
    controller.abort(new Interruption('SIGINT', 130))
    expect(await running).toBe(130)
  })
})

import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const PLAIN = { PATH: process.env.PATH, HOME: process.env.HOME, CHROMIUM_PATH: process.env.CHROMIUM_PATH }

interface Ran {
  readonly code: number | null
  readonly lines: string[]
  readonly complaint: string
}

/** Runs the demo as a person would, but for what sets the machine up. */
function demo(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['scripts/run.mjs', 'src/cli/demo.ts', ...args], {
      cwd: root,
      env: { ...PLAIN, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    let complaint = ''
    child.stderr.on('data', (chunk) => {
      complaint += chunk
      process.stderr.write(chunk)
    })
    child.once('close', (code) => resolve({ code, lines: output.trimEnd().split('\n'), complaint }))
  })
}

describe('the demo', () => {
  let ran: Ran
  beforeAll(async () => {
    ran = await demo([])
  })

  it('goes as told, says so in its last line, and exits with 0', () => {
    expect(ran.lines.at(-1)).toMatch(/^demo ok: 1 sign-in accepted by the server, 4 attempts denied, \$0\.003/)
    expect(ran.code).toBe(0)
  })

  it.each([
    ['the server accepts the token', /✓ accepted .*the server verified your token/],
    ['an unnamed origin is denied', /✓ origin .*ORIGIN_NOT_NAMED/],
    ['the last cent is denied, with the time for another try', /✓ spending .*BUDGET_EXHAUSTED.*again at 20\d\d-/],
    ['a solve outside working hours is denied', /✓ time .*OUTSIDE_SCHEDULE.*begin at 20\d\d-/],
    ['a wrong key pauses, with the reason', /✓ secret .*GUARD_PAUSED.*does not know the key/],
    ['the books agree', /✓ books/],
  ])('shows that %s', (_, line) => {
    expect(ran.lines.some((text) => line.test(text))).toBe(true)
  })

  it('uses no colour where there is no terminal', () => {
    expect(ran.lines.join('\n')).not.toContain('\u001b')
  })

  it('leaves the audit log and a screenshot where it says', () => {
    const path = (what: string) => ran.lines.find((line) => line.includes(what))?.match(/\.solveguard\S+/)?.[0] ?? '?'
    expect(existsSync(join(root, path('screenshot')))).toBe(true)
    expect(readdirSync(join(root, path('audit log'))).length).toBe(2)
  })
})

it('prints one JSON object a line with --json, and nothing else', async () => {
  const { code, lines } = await demo(['--json'])
  const objects = lines.map((line) => JSON.parse(line))
  expect(objects.at(-1)).toMatchObject({ type: 'end', ok: true })
  expect(objects.filter(({ ok }) => ok === false)).toEqual([])
  expect(code).toBe(0)
})

describe('with --url', () => {
  it('needs a key, and says where', async () => {
    const { code, lines } = await demo(['--url', 'https://staging.example.com/login'])
    expect(lines.at(-1)).toMatch(/^demo failed: .*SOLVEGUARD_KEY/)
    expect(code).toBe(1)
  })

  it('takes the address of a page, and says what is wrong with another', async () => {
    const { lines } = await demo(['--url', 'data:text/html,x'], { SOLVEGUARD_KEY: '0123456789abcdef0123456789abcdef' })
    expect(lines.at(-1)).toMatch(/^demo failed: --url takes the address/)
  })
})

it('says in one sentence what to install when there is no browser', async () => {
  const { code, lines } = await demo([], { CHROMIUM_PATH: '/nowhere/chromium' })
  expect(lines.at(-1)).toMatch(/^demo failed: no browser was found; install/)
  expect(code).toBe(1)
})

it.each([
  [['--hedaed'], "Unknown option '--hedaed'"],
  [['--url'], "Option '--url <value>' argument missing"],
  [['login'], "Unexpected argument 'login'"],
])('says what is wrong with %j, and what there is', async (args, sentence) => {
  const { code, complaint } = await demo(args)
  expect(complaint.split('\n')[0]).toBe(sentence)
  expect(complaint).toContain('npm run demo -- --headed')
  expect(complaint).not.toContain('    at ')
  expect(code).toBe(1)
})

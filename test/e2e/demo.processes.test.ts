import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { humanReport } from '../../src/demo/report.js'

// A run takes some seconds; with ten busy processes on two cores, close to a minute.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const root = join(import.meta.dirname, '../..')
const PLAIN = { PATH: process.env.PATH, HOME: process.env.HOME, CHROMIUM_PATH: process.env.CHROMIUM_PATH }

const KEY = { SOLVEGUARD_KEY: '0123456789abcdef0123456789abcdef' }

interface Ran {
  readonly code: number | null
  readonly lines: string[]
  readonly stderr: string
}

/** Runs the demo as a user would. `onOutput` gets its output so far, and can send it a signal. */
function demo(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  onOutput = (_output: string, _kill: (signal: NodeJS.Signals) => void) => {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['scripts/demo.mjs', ...args], {
      cwd: root,
      env: { ...PLAIN, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      onOutput(output, (signal) => child.kill(signal))
    })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
      process.stderr.write(chunk)
    })
    child.once('close', (code) => resolve({ code, lines: output.trimEnd().split('\n'), stderr }))
  })
}

describe('the demo', () => {
  let ran: Ran
  beforeAll(async () => {
    // CI servers set CI, which picocolors takes for a terminal.
    ran = await demo([], { CI: 'true' })
  })

  it('prints a summary as its last line, and exits with 0', () => {
    expect(ran.lines.at(-1)).toMatch(/^demo ok: 1 sign-in accepted by the server, 4 attempts denied, \$0\.003/)
    expect(ran.code).toBe(0)
  })

  it.each([
    ['the server accepts the token', /✓ accepted .*the server verified your token/],
    ['an origin that the policy does not name is denied', /✓ origin .*ORIGIN_NOT_NAMED/],
    [
      'a solve beyond the budget is denied, with the time to try again',
      /✓ spending .*BUDGET_EXHAUSTED.*Retry at 20\d\d-/,
    ],
    ['a solve outside working hours is denied', /✓ time .*OUTSIDE_SCHEDULE.*start at 20\d\d-/],
    [
      'a wrong key pauses the guard, with the reason',
      /✓ secret .*GUARD_PAUSED.*does not know the key.*guard\.resume\(\)/,
    ],
    ['ledger and service agree', /✓ account/],
  ])('shows that %s', (_, line) => {
    expect(ran.lines.some((text) => line.test(text))).toBe(true)
  })

  it('prints the steps that the picture in the README shows', () => {
    const picture = readFileSync(join(root, 'docs/pictures/demo.svg'), 'utf8')
    // What begins in the fifth column: 20 units of margin, and 7.8 for each character.
    const drawn = [...picture.matchAll(/x="51\.2"[^>]*>([^<\u00a0]+)/g)].map(([, step = '']) => step)
    const printed = ran.lines.map((line) => /^ {2}[ ✓·] (\S.*?)(?: {2,}|$)/.exec(line)?.[1])
    const first = printed.indexOf('found')
    expect(drawn).toContain('accepted')
    expect(drawn).toEqual(printed.slice(first, printed.lastIndexOf('secret') + 1).filter((step) => step !== undefined))
  })

  it('writes no colors without a terminal', () => {
    expect(ran.lines.join('\n')).not.toContain('\u001b')
  })

  it('writes the audit log and a screenshot to the paths that it prints', () => {
    const path = (what: string) => ran.lines.find((line) => line.includes(what))?.match(/\.solveguard\S+/)?.[0] ?? '?'
    expect(existsSync(join(root, path('screenshot')))).toBe(true)
    expect(readdirSync(join(root, path('audit log'))).length).toBe(2)
  })
})

it('the demo prints one JSON object per line with --json, and nothing else', async () => {
  const { code, lines } = await demo(['--json'])
  const objects = lines.map((line) => JSON.parse(line))
  expect(objects.at(-1)).toMatchObject({ type: 'end', ok: true })
  expect(objects.filter(({ ok }) => ok === false)).toEqual([])
  expect(objects.filter(({ path }) => path !== undefined && !existsSync(join(root, path)))).toEqual([])
  expect(objects).toContainEqual(
    expect.objectContaining({ type: 'total', account: 'guard demo', allowed: 3, denied: 4 }),
  )
  expect(code).toBe(0)
})

it('the demo stops at a signal, and leaves no files of that run', async () => {
  const before = readdirSync(join(root, '.solveguard/demo'))
  let stopped = false
  const { code, lines } = await demo([], {}, (output, kill) => {
    if (!stopped && output.includes('The main job')) kill('SIGINT')
    stopped ||= output.includes('The main job')
  })
  expect(lines.at(-1)).toBe('demo failed: interrupted')
  expect(lines.join('\n')).not.toContain('✗')
  expect(code).toBe(130)
  expect(readdirSync(join(root, '.solveguard/demo'))).toEqual(before)
})

it('the demo breaks its lines between words at the width of a terminal', () => {
  const lines: string[] = []
  const report = humanReport((line) => lines.push(...line.split('\n')), { isTTY: true, columns: 60 })
  report.step({ what: 'origin', detail: 'one two three four five six seven eight nine ten eleven', ok: true })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colors consist of them
  expect(lines.map((line) => line.replace(/\u001b\[\d+m/g, ''))).toEqual([
    '  ✓ origin       one two three four five six seven eight',
    '                 nine ten eleven',
  ])
})

describe('the demo with --url', () => {
  it('needs a key, and names the environment variable', async () => {
    const { code, lines } = await demo(['--url', 'https://staging.example.com/login'])
    expect(lines.at(-1)).toMatch(/^demo failed: .*SOLVEGUARD_KEY/)
    expect(code).toBe(1)
  })

  it('reports that a page has no widget', async () => {
    const page = createServer((_, response) => response.end('<h1>hello</h1>')).listen(0, '127.0.0.1')
    await once(page, 'listening')
    const { port } = page.address() as AddressInfo
    const { lines } = await demo(['--url', `http://127.0.0.1:${port}/login`], KEY)
    expect(lines.at(-1)).toMatch(/^demo failed: there is no CAPTCHA on this page: look at the screenshot/)
    page.close()
  })

  it('rejects an address that is not of a page', async () => {
    const { lines } = await demo(['--url', 'data:text/html,x'], KEY)
    expect(lines.at(-1)).toMatch(/^demo failed: --url takes the address/)
  })
})

describe('a demo that cannot start', () => {
  it.each([
    [
      'CHROMIUM_PATH names no program',
      [],
      { CHROMIUM_PATH: '/nowhere/chromium' },
      /CHROMIUM_PATH names no program: corr/,
    ],
    [
      'the browser does not start',
      [],
      { CHROMIUM_PATH: '/bin/false' },
      /the browser \/bin\/false did not start: see what/,
    ],
    ['there is no screen', ['--headed'], { DISPLAY: '' }, /--headed needs a screen, and DISPLAY names none/],
    ['an option is misspelled', ['--hedaed'], {}, /Unknown option '--hedaed'$/],
  ])('names the problem and what to do in its last line, when %s', async (_, args, env, sentence) => {
    const { code, lines, stderr } = await demo(args, env)
    expect(lines.at(-1)).toMatch(new RegExp(`^demo failed: ${sentence.source}`))
    expect(lines.join('\n') + stderr).not.toContain('    at ')
    expect(stderr).toMatch(/^$|npm run demo -- --headed/)
    expect(code).toBe(1)
  })

  it('writes its last line as JSON with --json', async () => {
    const { lines } = await demo(['--json'], { CHROMIUM_PATH: '/nowhere/chromium' })
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ type: 'end', ok: false }])
  })
})

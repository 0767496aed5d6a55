import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { createContext } from '../../src/cli/context.js'
import { createProgram } from '../../src/cli/run.js'
import { runCommandLine, testHost } from '../cli/host.js'
import { type TestProject, testProject } from '../cli/project.js'
import { after } from '../guard/support.js'
import { blocks, blocksOf, root } from './blocks.js'

/** A command line of a document, as words: of `npx solveguard`, and without what a shell does with it. */
interface CommandLine {
  readonly at: string
  readonly words: readonly string[]
}

/** The words of a line of a shell, up to a pipe, a redirection, a list or a comment. */
function wordsOf(line: string): string[] {
  const words: string[] = []
  for (const [, quoted, double, bare] of line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)) {
    if (bare !== undefined && /^(?:[|<>&;#]|\|\||&&|2>)/.test(bare)) break
    words.push(quoted ?? double ?? bare ?? '')
  }
  return words
}

function commandLines(of: typeof blocks): CommandLine[] {
  return of
    .filter(({ language }) => language === 'sh' || language === 'yaml')
    .flatMap(({ document, line, code }) =>
      code.split('\n').flatMap((text, index) => {
        const [, rest] = /(?:^|[\s(])npx solveguard (?!demo$)(.+)$/.exec(text.replace(/^\s*#.*/, '')) ?? []
        return rest === undefined ? [] : [{ at: `${document}:${line + index}`, words: wordsOf(rest) }]
      }),
    )
}

/** What commander says of a command line, without running it: nothing, where it would run. */
async function refusal(words: readonly string[]): Promise<string | undefined> {
  const { context } = createContext(testHost(), false)
  let ran = false
  const program = await createProgram(['*'], context, async () => {
    ran = true
  })
  try {
    await program.parseAsync([...words], { from: 'user' })
    return ran ? undefined : 'no command was run'
  } catch (error) {
    return String(error)
  }
}

it('every command line of the documentation is one that the program takes', async () => {
  const lines = commandLines(blocks)
  expect(lines.length).toBeGreaterThan(40)
  const wrong = await Promise.all(lines.map(async ({ at, words }) => ({ at, words, problem: await refusal(words) })))
  expect(wrong.filter(({ problem }) => problem !== undefined)).toEqual([])
  // The check finds mistakes.
  expect(await refusal(['status', '--wacth'])).toContain('unknown option')
  expect(await refusal(['statsu'])).toBeDefined()
})

describe('docs/incidents.md', () => {
  const text = readFileSync(join(root, 'docs/incidents.md'), 'utf8')
  const runbooks = text
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section] as const)

  it.each(runbooks)('“%s” has its symptoms, steps, a sign that it worked, and what comes after', (_, section) => {
    const parts = ['**Symptoms.**', '**Do this.**', '\n1. ', '**It worked when**', '**Afterwards.**']
    const at = parts.map((part) => section.indexOf(part))
    expect(at).not.toContain(-1)
    expect(at).toEqual(at.toSorted((a, b) => a - b))
    expect(section).toContain('npx solveguard')
  })

  it('has a row for each runbook, and names only codes that there are', () => {
    const [head = ''] = text.split(/^## /m)
    expect([...head.matchAll(/^\| \[(.+?)\]/gm)].map(([, title]) => title)).toEqual(runbooks.map(([title]) => title))
    const known = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    const codes = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code = '']) => code)
    expect(codes.filter((code) => !known.includes(`### ${code}\n`))).toEqual([])
  })
})

/** A project that has solved once, with a token in the file that the runbooks name. */
async function projectWithToken(): Promise<TestProject> {
  const project = await testProject()
  after(() => project.close())
  await project.solve()
  const { exitCode } = await run(project, ['token', 'issue', '--subject', 'ci-4711', '--ttl', '1h', '--out', 'leaked'])
  expect(exitCode).toBe(0)
  writeFileSync(join(project.folder, 'leaked-token'), readFileSync(join(project.folder, 'leaked')), { mode: 0o600 })
  return project
}

const run = (project: TestProject, words: readonly string[]) =>
  runCommandLine(words, { cwd: project.folder, clock: systemClock, env: {} })

/** How a command of a runbook may end where it is not 0, on a project in which nothing has happened. */
const ENDS: Readonly<Record<string, readonly number[]>> = {
  // On some machines there is no browser of Playwright's own.
  doctor: [0, 6],
  // After `pause` the answer is that a pause denies.
  explain: [0, 3],
  // The runbook has just revoked it.
  'token inspect --verify': [4],
}

it.each(['docs/incidents.md', 'docs/rotation.md'])('every command of %s runs, in its order', async (document) => {
  const project = await projectWithToken()
  const shown: string[] = []
  for (const { at, words } of commandLines(blocksOf(document))) {
    const { exitCode, stdout, stderr } = await run(project, words)
    const group = words.slice(0, ['token', 'audit'].includes(words[0] ?? '') ? 2 : 1)
    const name = [...group, ...words.filter((word) => word === '--verify')].join(' ')
    expect([at, words, exitCode, stderr]).toEqual([at, words, expect.toBeOneOf([...(ENDS[name] ?? [0])]), stderr])
    expect([at, (stdout + stderr).includes(project.key)]).toEqual([at, false])
    shown.push(name)
  }
  expect(shown).toContain('doctor')
  if (shown.includes('token revoke')) {
    const { stdout } = await run(project, ['token', 'inspect', '--verify', '--token', '@leaked-token', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      links: [{ subject: 'ci-4711', revoked: { code: 'TOKEN_REVOKED' } }],
      paused: null,
    })
  }
})

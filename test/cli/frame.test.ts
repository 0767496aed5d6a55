import { afterEach, describe, expect, it, vi } from 'vitest'
import { DeniedError } from '../../src/base/errors.js'
import { type CommandDefinition, defineCommand, SECRET_PLACE, secretOption } from '../../src/cli/command.js'
import { COMMANDS, GROUPS } from '../../src/cli/commands.js'
import { createContext } from '../../src/cli/context.js'
import { Interruption } from '../../src/cli/failure.js'
import { createProgram, runCli } from '../../src/cli/run.js'
import { readSecret, SECRET_NAME } from '../../src/cli/secret-arguments.js'
import { runCommandLine, testHost } from './host.js'

const KEY = '0123456789abcdef0123456789abcdef'

const names = Object.keys(COMMANDS)

/** Removes the commands that a test has added: the table is that of all test files. */
afterEach(() => {
  for (const name of Object.keys(COMMANDS)) if (!names.includes(name)) Reflect.deleteProperty(COMMANDS, name)
})

/** Adds a command to the table, for one test. */
function withCommand(name: string, definition: Pick<CommandDefinition, 'run'> & Partial<CommandDefinition>) {
  const command = { define: () => {}, examples: [`solveguard ${name}`] as const, ...definition }
  Object.assign(COMMANDS, { [name]: { what: 'a command of a test', load: async () => ({ command }) } })
}

const unused = { code: '', layer: null, message: '', retryAt: null, docs: '' }

describe('every command', () => {
  const all = async () => {
    const { context } = createContext(testHost(), false)
    return createProgram(['*'], context, async () => {})
  }

  it.each(names)('%s shows its help with an example that names it', async (name) => {
    const { exitCode, stdout, stderr } = await runCommandLine([...name.split(' '), '--help'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toContain(`Usage: solveguard ${name}`)
    expect(stdout).toContain('--json')
    expect(stdout.slice(stdout.indexOf('\nExamples:'))).toContain(`npx solveguard ${name}`)
  })

  it.each(names)('%s takes an option that it does not have as wrong use', async (name) => {
    const { exitCode, stdout } = await runCommandLine([...name.split(' '), '--jsom=x', '--json'])
    expect(exitCode).toBe(2)
    expect(JSON.parse(stdout)).toEqual({
      error: { ...unused, code: 'COMMAND_INVALID', message: expect.any(String), docs: expect.any(String) },
    })
  })

  it.each(names)('%s takes no secret as an argument', async (name) => {
    const program = await all()
    const [first, second] = name.split(' ')
    const found = program.commands.find((each) => each.name() === first)
    const command = second === undefined ? found : found?.commands.find((each) => each.name() === second)
    for (const { long, flags } of command?.options ?? []) {
      if (SECRET_NAME.test(long ?? '')) expect(flags).toContain(SECRET_PLACE)
    }
    const { exitCode, stdout, stderr } = await runCommandLine([...name.split(' '), KEY])
    expect(exitCode).toBe(2)
    expect(stdout + stderr).not.toContain(KEY)
    expect(stderr).toContain('replace it')
  })

  it('that is in a group has a line that describes the group', () => {
    const groups = names.filter((name) => name.includes(' ')).map((name) => name.split(' ')[0])
    expect(Object.keys(GROUPS).sort()).toEqual([...new Set(groups)].sort())
  })
})

describe('a command line', () => {
  it('without a command shows the help', async () => {
    const { exitCode, stdout } = await runCommandLine([])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Usage: solveguard')
    expect(stdout).not.toContain('\u001b')
  })

  it.each([[[]], [['audit']], [['token']], [['help', 'nothing']]])(
    'of %j with --json has no command, which is an error as any other',
    async (args) => {
      const { exitCode, stdout } = await runCommandLine([...args, '--json'])
      expect(exitCode).toBe(2)
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'COMMAND_INVALID' } })
    },
  )

  it('with a command that there is not, suggests the nearest one', async () => {
    const { exitCode, stderr, stdout } = await runCommandLine(['demoo'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain('Did you mean demo?')
  })

  it.each([
    [KEY],
    [`--name=${KEY}`],
    ['--token', 'hunter2'],
    ['--api-key=hunter2'],
    ['--password', 'correct-horse'],
    ['CAP-0123456789ABCDEF0123456789ABCDEF'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJhYmNkZWZnaCJ9.c2lnbmF0dXJlc2lnbmF0dXJl'],
    ['--proxy', 'http://user:hunter2@203.0.113.9:3128'],
    ['--ledger=redis://:correct-horse@127.0.0.1'],
  ])('with the secret %j is refused, and nothing of it is printed', async (...args) => {
    for (const more of [[], ['--json']]) {
      const { exitCode, stdout, stderr } = await runCommandLine(['demo', ...args, ...more])
      expect(exitCode).toBe(2)
      const secret = args.at(-1)?.replace(/^.*?=/, '') ?? ''
      for (const part of [secret, 'hunter2', 'correct-horse']) expect(stdout + stderr).not.toContain(part)
      expect(stdout + stderr).toContain('COMMAND_INVALID')
    }
  })

  it('may have what looks like a key after --, where it is the line of another program', async () => {
    const run = vi.fn(async () => undefined)
    withCommand('pass', { define: (command) => command.argument('[words...]'), run })
    expect(await runCommandLine(['pass', '--', 'md5sum', KEY])).toMatchObject({ exitCode: 0 })
    expect(run).toHaveBeenCalledOnce()
  })
})

describe('a command', () => {
  it('that a layer denies ends with 3, and says so in one shape', async () => {
    const retryAt = new Date('2026-12-01T08:00Z')
    withCommand('deny', {
      async run() {
        throw new DeniedError('OUTSIDE_SCHEDULE', 'Closed.', { retryAt })
      },
    })
    const asJson = await runCommandLine(['deny', '--json'])
    expect(asJson).toMatchObject({ exitCode: 3, stderr: '' })
    expect(JSON.parse(asJson.stdout)).toEqual({
      error: {
        code: 'OUTSIDE_SCHEDULE',
        layer: 'time',
        message: 'Closed.',
        retryAt: '2026-12-01T08:00:00.000Z',
        docs: expect.stringMatching(/#outside_schedule$/),
      },
    })
    const asText = await runCommandLine(['deny'])
    expect(asText).toMatchObject({ exitCode: 3, stdout: '' })
    expect(asText.stderr).toContain('2026-12-01T08:00:00.000Z')
  })

  it('that throws what has no code ends with 1', async () => {
    withCommand('break', {
      async run() {
        throw new TypeError('x is not a function')
      },
    })
    const { exitCode, stdout } = await runCommandLine(['break', '--json'])
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'COMMAND_FAILED', message: 'x is not a function' } })
  })

  it('that is interrupted closes what it opened, last first, and ends with 130', async () => {
    const controller = new AbortController()
    const closed: string[] = []
    withCommand('wait', {
      run(context) {
        context.defer(() => void closed.push('ledger'))
        context.defer(async () => void closed.push('guard'))
        controller.abort(new Interruption('SIGINT', 130))
        return new Promise(() => {})
      },
    })
    const { exitCode, stdout } = await runCommandLine(['wait', '--json'], { signal: controller.signal })
    expect(exitCode).toBe(130)
    expect(closed).toEqual(['guard', 'ledger'])
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'COMMAND_INTERRUPTED' } })
  })

  it('that ends itself keeps its exit code when it is interrupted', async () => {
    const controller = new AbortController()
    withCommand('serve-test', {
      endsItself: true,
      async run({ signal }) {
        controller.abort(new Interruption('SIGINT', 130))
        return signal.aborted ? 130 : 0
      },
    })
    expect(await runCommandLine(['serve-test'], { signal: controller.signal })).toMatchObject({ exitCode: 130 })
  })

  it('reads a secret from standard input, a file or the environment', async () => {
    const read = vi.fn()
    withCommand('read', {
      define: (command) => command.addOption(secretOption('--token', 'the token')),
      async run(context, options) {
        read(await readSecret(context, (options as { token: string }).token, 'the token'))
        return undefined
      },
    })
    await runCommandLine(['read', '--token', '-'], { stdin: ' from-stdin\n' })
    await runCommandLine(['read', '--token', '@package.json'])
    await runCommandLine(['read', '--token', 'MY_TOKEN'], { env: { MY_TOKEN: 'from-env' } })
    expect(read.mock.calls.flat()).toEqual(['from-stdin', expect.stringContaining('"solveguard"'), 'from-env'])
    const nothing = await runCommandLine(['read', '--token', 'HUNTER2'])
    expect(nothing.exitCode).toBe(2)
    expect(nothing.stderr).not.toContain('HUNTER2')
  })
})

describe('demo', () => {
  it.each([
    [['--url', 'nonsense'], {}, 2, 'COMMAND_INVALID'],
    [['--url', 'https://staging.example.com'], { SOLVEGUARD_KEY: '' }, 4, 'SECRET_MISSING'],
    [[], { CHROMIUM_PATH: '/dev/null' }, 1, 'COMMAND_FAILED'],
  ])('with %j and %j fails in the shape of every command', async (args, env, expected, code) => {
    const lines: string[] = []
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    try {
      const { exitCode, stdout } = await runCommandLine(['demo', '--json', ...args])
      expect(exitCode).toBe(expected)
      expect(JSON.parse(stdout)).toMatchObject({ error: { code } })
      expect(lines.join('')).not.toContain('demo failed')
    } finally {
      write.mockRestore()
      vi.unstubAllEnvs()
    }
  })
})

describe('output', () => {
  it.each([undefined, 0])('of a terminal with %s columns is 80 wide', async (columns) => {
    const { context } = createContext(testHost({ isTTY: true, columns }), false)
    expect(context.columns).toBe(80)
  })

  it.each([
    [{ isTTY: false }, false],
    [{ isTTY: true }, true],
    [{ isTTY: true, env: { NO_COLOR: '1' } }, false],
    [{ isTTY: true, env: { TERM: 'dumb' } }, false],
  ])('on %j has colors: %s', async (options, colored) => {
    const host = testHost(options)
    await runCli(['demoo'], host)
    expect(host.output().stderr.includes('\u001b[')).toBe(colored)
  })

  it.each([
    [{ isTTY: true }, [], true],
    [{ isTTY: true, env: { CI: 'true' } }, [], false],
    [{ isTTY: true }, ['--json'], false],
    [{ isTTY: false }, [], false],
  ])('on %j with %j may ask: %s', async (options, args, may) => {
    let interactive: boolean | undefined
    withCommand('ask', {
      async run(context) {
        interactive = context.interactive
        return undefined
      },
    })
    await runCommandLine(['ask', ...args], options)
    expect(interactive).toBe(may)
  })
})

it('defineCommand keeps what the frame reads', () => {
  expect(defineCommand({ examples: ['solveguard x'], endsItself: true, run: async () => 0 })).toMatchObject({
    endsItself: true,
    examples: ['solveguard x'],
  })
})

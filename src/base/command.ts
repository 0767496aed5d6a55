import { type ChildProcess, spawn } from 'node:child_process'
import { basename } from 'node:path'
import { BoundedBytes } from './bounded-bytes.js'
import { type Clock, systemClock } from './clock.js'
import { printable } from './errors.js'
import { withTimeout } from './timeout.js'

/** Variables that most commands need, and those without which programs do not start on Windows. */
const INHERITED = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME'],
  ...['SYSTEMROOT', 'PATHEXT', 'COMSPEC', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'TEMP', 'TMP'],
]

/** Whether a value can be a program's name or argument: text without a zero byte. */
export const isArgument = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0')

/** A command of the user's, and its bounds. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  /** Variables beside the few that most commands need. The command inherits no others. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** The folder to run it in. @default the working folder */
  readonly cwd?: string | undefined
  readonly timeoutMs: number
  /** A command that prints more than this is ended. */
  readonly maxOutputBytes: number
  readonly signal?: AbortSignal | undefined
  /** What it reads on standard input. @default nothing */
  readonly input?: string | undefined
  /** Times the command. @default systemClock */
  readonly clock?: Clock | undefined
}

/** Why a command failed. The message holds no argument of the command, and nothing that it printed. */
export class CommandError extends Error {
  readonly reason: 'not-started' | 'timeout' | 'aborted' | 'output-too-large' | 'exit-status'

  constructor(reason: CommandError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** The name of a command for messages: without its arguments, which may hold a secret. */
export function commandName(program: string): string {
  return `the command ${printable(basename(program), 60)}`
}

/**
 * Runs a command without a shell. A command that takes too long, prints too much or is aborted is killed together with
 * the processes that it started. Its standard error is discarded.
 *
 * @returns what it printed on standard output, once it has exited with status 0
 * @throws CommandError
 */
export async function runCommand(command: Command): Promise<string> {
  const { program, args, env = {}, cwd, timeoutMs, maxOutputBytes, signal, input, clock = systemClock } = command
  // A process group of its own, so that the processes it starts are killed with it. A group of its own also has no
  // terminal, at which the command could wait for a password.
  const detached = process.platform !== 'win32'
  const child = spawn(program, args, {
    env: environment(env),
    cwd,
    detached,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'ignore'],
    windowsHide: true,
  })
  let closed = false
  child.on('close', () => {
    closed = true
  })
  // A command may exit without reading its input.
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  try {
    return await withTimeout(outputOf(child, maxOutputBytes), {
      clock,
      ms: timeoutMs,
      error: () => new CommandError('timeout', 'it did not end in time'),
      signal,
      abortError: () => new CommandError('aborted', 'it was aborted'),
    })
  } finally {
    child.stdout?.removeAllListeners('data').destroy()
    child.stdin?.destroy()
    if (child.pid !== undefined && !closed) kill(child.pid, detached)
  }
}

function outputOf(child: ChildProcess, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (reason: CommandError['reason'], problem: string): void => reject(new CommandError(reason, problem))
    const output = new BoundedBytes(maxBytes)
    child.stdout?.on('data', (chunk: Buffer) => {
      if (!output.add(chunk)) fail('output-too-large', `it printed more than ${maxBytes / 1024} KiB`)
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      const known = error.code === 'ENOENT' ? 'there is no such program, or no such folder to run it in' : error.code
      fail('not-started', `it could not be started (${printable(known ?? '', 80)})`)
    })
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve(output.toString())
      else fail('exit-status', `it ended with ${killedBy ?? `status ${code}`}; run it by hand to see its error output`)
    })
  })
}

function environment(more: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const name of INHERITED) if (process.env[name] !== undefined) env[name] = process.env[name]
  return { ...env, ...more }
}

function kill(pid: number, group: boolean): void {
  try {
    process.kill(group ? -pid : pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

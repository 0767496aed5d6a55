import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import { printable } from './errors.js'

/** What any command may need to find its way about, and what Windows' programs do not start without. */
const INHERITED = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME'],
  ...['SYSTEMROOT', 'PATHEXT', 'COMSPEC', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'TEMP', 'TMP'],
]

/** What may be said of a command of a user's own, and its words: none with a zero byte. */
export const isArgument = (word: unknown): word is string => typeof word === 'string' && !word.includes('\0')

/** A command of the user's own, and its bounds. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  /** Variables beside the few that any command needs. It inherits no others. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly cwd?: string | undefined
  readonly timeoutMs: number
  /** The most of what it prints that is kept; more ends it. */
  readonly maxOutputBytes: number
  readonly signal?: AbortSignal | undefined
  /** What it reads on standard input. Default: nothing. */
  readonly input?: string | undefined
}

/** Why a command came to nothing. Its message holds none of the command's words, and nothing that it printed. */
export class CommandError extends Error {
  readonly reason: 'not-started' | 'timeout' | 'aborted' | 'too-much' | 'status'

  constructor(reason: CommandError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** How a command is called in messages: its words may hold anything. */
export function commandName(program: string): string {
  return `the command ${printable(basename(program), 60)}`
}

/**
 * Runs a command without a shell, and ends it with whatever it has started when it takes too long or prints too much. What it says
 * on standard error is shown nowhere.
 *
 * @returns what it printed, once it has ended well
 * @throws CommandError
 */
export function runCommand(command: Command): Promise<string> {
  const { program, args, env = {}, cwd, timeoutMs, maxOutputBytes, signal, input } = command
  return new Promise((resolve, reject) => {
    const fail = (reason: CommandError['reason'], problem: string): void => {
      end()
      reject(new CommandError(reason, problem))
    }
    // A group of its own, so that what it has started ends with it; and no terminal, at which it could wait for a password.
    const detached = process.platform !== 'win32'
    const child = spawn(program, args, {
      env: environment(env),
      cwd,
      detached,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'ignore'],
      windowsHide: true,
    })
    const chunks: Buffer[] = []
    let size = 0
    let closed = false
    const timer = setTimeout(() => fail('timeout', 'it did not end in time'), timeoutMs)
    const onAbort = () => fail('aborted', 'it was not waited for any longer')
    signal?.addEventListener('abort', onAbort)

    function end(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      child.stdout?.removeAllListeners('data').destroy()
      child.stdin?.destroy()
      if (child.pid !== undefined && !closed) kill(child.pid, detached)
    }

    // One that does not read what it is given is no trouble of ours.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > maxOutputBytes) fail('too-much', `it printed more than ${maxOutputBytes / 1024} KiB`)
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      const known = error.code === 'ENOENT' ? 'there is no such program (or folder to run it in)' : (error.code ?? '')
      fail('not-started', `it could not be started (${printable(known, 80)})`)
    })
    child.on('close', (code, killedBy) => {
      closed = true
      if (code === 0) {
        end()
        resolve(Buffer.concat(chunks).toString('utf8'))
        return
      }
      fail('status', `it ended with ${killedBy ?? `status ${code}`}; run it by hand to see what it says`)
    })
    if (signal?.aborted) onAbort()
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

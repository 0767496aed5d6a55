import { PassThrough } from 'node:stream'
import type { CliHost, InputStream, OutputStream } from '../../src/cli/context.js'
import { runCli } from '../../src/cli/run.js'
import { manualClock } from '../../src/testing/clock.js'

/** How a command is run in a test. */
export interface HostOptions {
  /** What is on standard input. @default nothing */
  readonly stdin?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** @default the folder of the tests */
  readonly cwd?: string | undefined
  /** Whether all three streams are a terminal. @default false */
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly clock?: CliHost['clock'] | undefined
}

/** A host whose output is kept. */
export interface TestHost extends CliHost {
  output(): { readonly stdout: string; readonly stderr: string }
}

/** What a command has printed, and its exit code. */
export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** What a command runs in, in place of a process. */
export function testHost(options: HostOptions = {}): TestHost {
  const { stdin = '', env = {}, cwd = process.cwd(), isTTY = false, columns, signal, clock = manualClock() } = options
  const input: InputStream = Object.assign(new PassThrough(), { isTTY, setRawMode: () => {} })
  input.push(stdin)
  input.push(null)
  const texts = { stdout: '', stderr: '' }
  const output = (name: 'stdout' | 'stderr'): OutputStream => {
    const stream = new PassThrough()
    stream.on('data', (chunk) => {
      texts[name] += String(chunk)
    })
    return Object.assign(stream, { isTTY, columns })
  }
  return {
    stdin: () => input,
    stdout: output('stdout'),
    stderr: output('stderr'),
    env,
    cwd,
    clock,
    signal: signal ?? new AbortController().signal,
    output: () => ({ ...texts }),
  }
}

/** Runs a command line in this process. */
export async function runCommandLine(args: readonly string[], options?: HostOptions): Promise<CommandResult> {
  const host = testHost(options)
  const exitCode = await runCli(args, host)
  return { exitCode, ...host.output() }
}

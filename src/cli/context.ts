import type { Readable, Writable } from 'node:stream'
import pc from 'picocolors'
import type { Clock } from '../base/clock.js'
import { isCi } from '../config/environment.js'

/** A stream that may be a terminal. */
export type InputStream = Readable & { readonly isTTY?: boolean | undefined }
/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined }

/** What the program runs in: the process, or a test. */
export interface CliHost {
  /** Standard input. It is taken only by a command that reads it: to take it keeps a process from ending. */
  stdin(): InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Readonly<Record<string, string | undefined>>
  /** The working folder, an absolute path. */
  readonly cwd: string
  readonly clock: Clock
  /** Aborted by the first signal, with an `Interruption`. */
  readonly signal: AbortSignal
  /**
   * From now on signals end nothing here: the command takes them itself, such as to pass them on.
   * @default the host has none
   */
  readonly ownSignals?: (() => void) | undefined
}

/** Colors for a stream: without a terminal, each function returns its text unchanged. */
export type Colors = ReturnType<typeof pc.createColors>

/** What a command is given in place of the process. */
export interface CommandContext extends CliHost {
  /** Whether `--json` was given: one object, or a line of JSON for each result, on standard output. */
  readonly json: boolean
  /** Whether a question may be asked: both ends are a terminal, no `--json`, and not in CI. */
  readonly interactive: boolean
  /** The width of standard output, 80 where it is no terminal, or one that has no size. */
  readonly columns: number
  /** For text on standard output. */
  readonly colors: Colors
  /** For text on standard error. */
  readonly errorColors: Colors
  /** Writes the result: the value as a line of JSON with `--json`, else the text. */
  result(value: unknown, text: string | (() => string)): void
  /** Writes a line of text to standard output; nothing with `--json`. */
  print(text: string): void
  /** Writes a line to standard error: whatever is not the result. */
  note(text: string): void
  /**
   * Registers what has to be closed when the command ends, in whichever way: a guard, a ledger, a browser. Closed last
   * first.
   */
  defer(close: () => unknown): void
}

/** The context of one command, and the function that closes what it deferred. */
export function createContext(
  host: CliHost,
  json: boolean,
): { readonly context: CommandContext; close(): Promise<void> } {
  const { stdout, stderr, env } = host
  const deferred: (() => unknown)[] = []
  const context: CommandContext = {
    ...host,
    json,
    interactive: !json && !isCi(env) && stderr.isTTY === true && stdout.isTTY === true && host.stdin().isTTY === true,
    columns: stdout.columns || 80,
    colors: pc.createColors(hasColors(stdout, env)),
    errorColors: pc.createColors(hasColors(stderr, env)),
    result: (value, text) =>
      void stdout.write(`${json ? JSON.stringify(value) : typeof text === 'string' ? text : text()}\n`),
    print: (text) => void (json || stdout.write(`${text}\n`)),
    note: (text) => void stderr.write(`${text}\n`),
    defer: (close) => void deferred.push(close),
  }
  const close = async () => {
    for (const each of deferred.splice(0).reverse()) await each()
  }
  return { context, close }
}

/** Colors are for terminals, and not where `NO_COLOR` is set (https://no-color.org). */
function hasColors({ isTTY }: OutputStream, { NO_COLOR, TERM }: CliHost['env']): boolean {
  return isTTY === true && !NO_COLOR && TERM !== 'dumb'
}

import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** What is passed on to a child. A terminal sends the first three to every process of its group itself. */
const PASSED_ON = [
  'SIGINT',
  'SIGQUIT',
  'SIGTSTP',
  'SIGTERM',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGWINCH',
] as const
const OF_TERMINAL: readonly string[] = ['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGWINCH', 'SIGCONT']
/** As `env` of POSIX has it. */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126
const BY_SIGNAL = 128

/** How a child ended. */
export interface ChildEnd {
  /** As a shell has it: 128 and the signal's number for a child that a signal ended. */
  readonly exitCode: number
  /** Why it could not be started. */
  readonly problem?: string | undefined
}

/**
 * Runs a command with its own environment, and with the streams and the signals of this process.
 *
 * @param hasTerminal whether a terminal sends its signals to the child too
 */
export function runChild(
  [command = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  hasTerminal: boolean,
): Promise<ChildEnd> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: 'inherit' })
    const listeners = PASSED_ON.filter((signal) => signal in constants.signals && signal !== 'SIGTSTP').map(
      (signal) => {
        const pass = (): void => {
          if (!hasTerminal || !OF_TERMINAL.includes(signal)) child.kill(signal)
        }
        process.on(signal, pass)
        return { signal, pass }
      },
    )
    const end = (ended: ChildEnd): void => {
      for (const { signal, pass } of listeners) process.off(signal, pass)
      resolve(ended)
    }
    child.once('error', (error: NodeJS.ErrnoException) => {
      // A signal that could not be passed on is no failure of the command.
      if (child.pid !== undefined) return
      const exitCode = error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE
      end({ exitCode, problem: `${command} could not be started (${error.code ?? error.message}).` })
    })
    // Not `close`: a process that the child has left behind may hold its streams for as long as it likes.
    child.once('exit', (code, signal) => {
      end({ exitCode: code ?? BY_SIGNAL + (signal === null ? 0 : constants.signals[signal]) })
    })
  })
}

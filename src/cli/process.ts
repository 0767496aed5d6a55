import { systemClock } from '../base/clock.js'
import { Interruption } from './failure.js'
import { runCli } from './run.js'

/**
 * Runs the program with this process's arguments, streams and signals, and sets its exit code. The first signal ends
 * the command, which accounts for what was under way; the second one ends the process at once.
 */
export async function runProcess(): Promise<void> {
  const controller = new AbortController()
  const end = (interruption: Interruption): void => {
    if (controller.signal.aborted) process.exit(interruption.exitCode)
    controller.abort(interruption)
  }
  const listeners = {
    SIGINT: () => end(new Interruption('SIGINT', 130)),
    SIGTERM: () => end(new Interruption('SIGTERM', 143)),
  }
  process.on('SIGINT', listeners.SIGINT).on('SIGTERM', listeners.SIGTERM)
  for (const stream of [process.stdout, process.stderr]) {
    // The reader has ended, as with `| head`: the command ends too, without a message.
    stream.on('error', () => controller.signal.aborted || end(new Interruption('EPIPE', 1)))
  }
  process.exitCode = await runCli(process.argv.slice(2), {
    stdin: () => process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    signal: controller.signal,
    ownSignals: () => void process.off('SIGINT', listeners.SIGINT).off('SIGTERM', listeners.SIGTERM),
  })
}

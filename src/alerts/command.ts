import { z } from 'zod'
import { CommandError, commandName, isArgument, runCommand } from '../base/command.js'
import { messageOf } from '../base/errors.js'
import { type Duration, formatMs } from '../policy/duration.js'
import { check } from '../policy/schema.js'
import { duration } from '../policy/shapes.js'
import { type AlertChannel, DeliveryError } from './channel.js'
import { alertJson } from './payload.js'
import { fingerprintOf } from './secret-source.js'

/** What `commandAlerts` runs. */
export interface CommandAlertsOptions {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]]
  /**
   * Variables for the command, beside the few that most commands need (`PATH`, `HOME` and the like). It inherits no
   * others.
   * @default none
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * The folder to run it in.
   * @default the working folder
   */
  readonly cwd?: string | undefined
  /**
   * How long the command may take: `100ms` to `60s`.
   * @default '10s'
   */
  readonly timeout?: Duration | undefined
}

const argument = z.string().refine(isArgument, 'must not hold a zero byte')
const shape = z.strictObject({
  command: z
    .array(argument, { error: "expected a list such as ['notify-send', 'solveguard']" })
    .min(1)
    .max(100)
    .refine(([program]) => program !== '', 'expected a program first'),
  env: z.record(z.string(), argument.optional()).optional(),
  cwd: argument.optional(),
  timeout: duration.refine((ms) => ms >= 100 && ms <= 60_000, 'expected 100ms to 60s').optional(),
})

const MAX_OUTPUT_BYTES = 64 * 1024

/**
 * Runs a command for each alert, without a shell, with the alert as JSON on its standard input. A command that fails is
 * not run again for that alert; the guard then raises `ALERT_UNDELIVERED`. A command that takes too long or prints more
 * than 64 KiB is killed together with the processes that it started.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ alerts: [commandAlerts({ command: ['/usr/local/bin/page-team', '--team', 'qa'] })], … })
 */
export function commandAlerts(options: CommandAlertsOptions): AlertChannel {
  const { command, env, cwd, timeout: timeoutMs = 10_000 } = check(shape, options, 'commandAlerts')
  const [program = '', ...args] = command
  const place = commandName(program)
  return {
    kind: 'command',
    place,
    id: `command-${fingerprintOf([...command, cwd ?? ''])}`,
    async deliver(alert, { clock, signal }) {
      const bounds = { timeoutMs, maxOutputBytes: MAX_OUTPUT_BYTES, signal, clock }
      try {
        await runCommand({ program, args, env, cwd, ...bounds, input: `${alertJson(alert)}\n` })
      } catch (error) {
        const late = error instanceof CommandError && error.reason === 'timeout' ? ` (${formatMs(timeoutMs)})` : ''
        // A command may have notified people before it failed: retrying could notify them again without end.
        const retryable = error instanceof CommandError && error.reason === 'aborted'
        throw new DeliveryError(`${place} failed: ${messageOf(error)}${late}.`, retryable)
      }
    },
  }
}

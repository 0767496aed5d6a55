import { z } from 'zod'
import { CommandError, commandName, isArgument, runCommand } from '../base/command.js'
import { messageOf } from '../base/errors.js'
import { type Duration, formatMs } from '../policy/duration.js'
import { check, duration } from '../policy/schema.js'
import { type AlertChannel, DeliveryError } from './channel.js'
import { alertJson } from './payload.js'
import { fingerprintOf } from './secret-source.js'

/** What a `commandAlerts` runs. */
export interface CommandAlertsOptions {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]]
  /** Variables for it, beside the few that any command needs (`PATH`, `HOME` and the like). It inherits no others. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** The folder that it runs in. Default: the working folder. */
  readonly cwd?: string | undefined
  /** How long it may take, up to `60s`. Default: `10s`. */
  readonly timeout?: Duration | undefined
}

const word = z.string().refine(isArgument, 'must not hold a zero byte')
const shape = z.strictObject({
  command: z
    .array(word, { error: "expected a list such as ['notify-send', 'solveguard']" })
    .min(1)
    .max(100)
    .refine(([program]) => program !== '', 'expected a program first'),
  env: z.record(z.string(), word.optional()).optional(),
  cwd: word.optional(),
  timeout: duration.refine((ms) => ms >= 100 && ms <= 60_000, 'expected 100ms to 60s').optional(),
})

const MAX_OUTPUT_BYTES = 64 * 1024

/**
 * Runs a command for each alert, without a shell, with the alert as JSON on its standard input. It is run once: one that fails has failed, and
 * that is told (`ALERT_UNDELIVERED`). It is ended, with whatever it has started, when it takes too long or prints too much.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ alerts: [commandAlerts({ command: ['/usr/local/bin/page-somebody', '--team', 'qa'] })], … })
 */
export function commandAlerts(options: CommandAlertsOptions): AlertChannel {
  const { command, env, cwd, timeout: timeoutMs = 10_000 } = check(shape, options, 'commandAlerts')
  const [program = '', ...args] = command
  const place = commandName(program)
  return {
    kind: 'command',
    place,
    id: `command-${fingerprintOf([...command, cwd ?? ''])}`,
    async deliver(alert, { signal }) {
      const bounds = { timeoutMs, maxOutputBytes: MAX_OUTPUT_BYTES, signal }
      try {
        await runCommand({ program, args, env, cwd, ...bounds, input: `${alertJson(alert)}\n` })
      } catch (error) {
        const late = error instanceof CommandError && error.reason === 'timeout' ? ` (${formatMs(timeoutMs)})` : ''
        // Whether it has told anybody before it failed, nobody knows: told again by it would be told ever again.
        const again = error instanceof CommandError && error.reason === 'aborted'
        throw new DeliveryError(`${place} failed: ${messageOf(error)}${late}.`, again)
      }
    },
  }
}

import { z } from 'zod'
import { type Clock, systemClock } from '../base/clock.js'
import { CommandError, commandName, isArgument, runCommand } from '../base/command.js'
import { DeniedError, printable, SolveguardError } from '../base/errors.js'
import { type Duration, formatMs } from '../policy/duration.js'
import { check } from '../policy/schema.js'
import { duration } from '../policy/shapes.js'
import { extractKey, parseJson, textAt } from './json.js'
import { parseKey } from './parse.js'
import type { SecretProvider, SecretVersion, SecretVersions } from './provider.js'
import { parseTwoLines } from './two-line-text.js'

/** Options of `execSecret`. */
export interface ExecSecretOptions {
  /**
   * Variables for the command, beside the few that most commands need (`PATH`, `HOME` and the like). It inherits no
   * others: name those that it logs in with, e.g. `{ OP_SERVICE_ACCOUNT_TOKEN: process.env.OP_SERVICE_ACCOUNT_TOKEN }`.
   * @default none
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * The folder to run it in.
   * @default the working folder
   */
  readonly cwd?: string | undefined
  /**
   * How long the command may take: `100ms` to `10s`.
   * @default '10s'
   */
  readonly timeout?: Duration | undefined
  /**
   * Whether only the first line of the output is read, as for `pass`, whose entries may have more lines.
   * @default false
   */
  readonly firstLine?: boolean | undefined
  /**
   * For a command that prints JSON: the paths of the values, e.g. `{ key: 'value', createdAt: 'attributes.created' }`.
   * Dates are ISO 8601.
   * @default none: the output is the key itself
   */
  readonly json?:
    | {
        /** The path of the key. */
        readonly key: string
        /**
         * The path of the version's name.
         * @default the key's fingerprint is the name
         */
        readonly version?: string | undefined
        /**
         * The path of the date at which the key was created.
         * @default not known
         */
        readonly createdAt?: string | undefined
        /**
         * The path of the date at which the key expires.
         * @default it does not expire
         */
        readonly expiresAt?: string | undefined
      }
    | undefined
}

const jsonPath = z.string().min(1).max(200)
const argument = z.string().refine(isArgument, 'must not hold a zero byte')
const commandShape = z.array(argument, { error: "expected a list such as ['op', 'read', 'op://…']" }).min(1).max(100)
const optionsShape = z.strictObject({
  env: z.record(z.string(), argument.optional()).optional(),
  cwd: argument.optional(),
  timeout: duration.refine((ms) => ms >= 100 && ms <= 10_000, 'expected 100ms to 10s').optional(),
  firstLine: z.boolean().optional(),
  json: z
    .strictObject({
      key: jsonPath,
      version: jsonPath.optional(),
      createdAt: jsonPath.optional(),
      expiresAt: jsonPath.optional(),
    })
    .optional(),
})

const MAX_OUTPUT_BYTES = 64 * 1024

/**
 * A key that a command prints: `op`, `pass`, `gopass`, `bw`, `gcloud`, `az` or any other. The first line of the output
 * is the current key; a second line, if there is one, is the previous key. The command is run without a shell and
 * without input. One that takes too long or prints more than 64 KiB is killed together with the processes that it
 * started. Its standard error is discarded.
 *
 * @param command the program and its arguments
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong option
 * @example
 * createGuard({ secret: execSecret(['op', 'read', 'op://ci/captcha/credential']), … })
 */
export function execSecret(command: readonly [string, ...string[]], options: ExecSecretOptions = {}): SecretProvider {
  const [program = '', ...args] = check(commandShape, command, 'command')
  if (program === '') throw new SolveguardError('CONFIG_INVALID', 'command[0]: expected a program.')
  const { json, firstLine = false, timeout = 10_000, env = {}, cwd } = check(optionsShape, options, 'options')
  const place = commandName(program)
  let clock: Clock = systemClock

  function read(output: string): SecretVersions {
    if (output.trim() === '') {
      throw new DeniedError('SECRET_MISSING', `${place} printed nothing: it has to print the service's API key.`)
    }
    if (json) return { current: fromJson(output, json, place) }
    const text = firstLine ? (output.split(/\r?\n/, 1)[0] ?? '') : output
    return parseTwoLines(text, place, 'the option `json: { key }`')
  }

  return {
    kind: 'exec',
    place,
    async fetch(signal) {
      const bounds = { timeoutMs: timeout, maxOutputBytes: MAX_OUTPUT_BYTES, signal, clock }
      const printed = await runCommand({ program, args, env, cwd, ...bounds }).catch((error: unknown) => {
        throw commandFailure(place, error, timeout)
      })
      return read(printed)
    },
    start(context) {
      clock = context.clock
      return () => {}
    },
  }
}

function fromJson(output: string, at: NonNullable<ExecSecretOptions['json']>, place: string): SecretVersion {
  const value = parseKey(extractKey(output, at.key, place), place, 'the option `json: { key }`')
  const parsed = parseJson(output, place)
  const date = (path: string | undefined): number | undefined => {
    const text = path === undefined ? undefined : textAt(parsed, path)
    if (text === undefined) return undefined
    const ms = Date.parse(text)
    if (!Number.isNaN(ms)) return ms
    throw new DeniedError('SECRET_INVALID', `The output of ${place} has no date at '${printable(path ?? '', 60)}'.`)
  }
  const version = at.version === undefined ? undefined : textAt(parsed, at.version)
  return {
    value,
    version: version && /^[\x21-\x7e]{1,200}$/.test(version) ? version : value.fingerprint,
    createdAt: date(at.createdAt),
    expiresAt: date(at.expiresAt),
  }
}

function commandFailure(place: string, error: unknown, timeoutMs: number): unknown {
  if (!(error instanceof CommandError)) return error
  const { reason, message } = error
  const problem =
    reason === 'timeout' ? `it did not end within ${formatMs(timeoutMs)}; does it wait for a login?` : message
  const code = reason === 'output-too-large' ? 'SECRET_INVALID' : 'SECRET_UNAVAILABLE'
  return new DeniedError(code, `${place} gave no key: ${problem}.`)
}

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { messageOf } from '../../base/errors.js'
import { SERVICE_NAMES } from '../../wires/services.js'
import type { CommandContext } from '../context.js'
import { usageError } from '../failure.js'
import { readSecret } from '../secret-arguments.js'
import { POLICY_FLAGS, type PolicyFlags } from './policy.js'

/** What every command takes that makes a token. */
export interface OutputOptions {
  readonly out?: string | undefined
  readonly show?: true | undefined
}

/** What every command takes that reads a token. */
export interface InputOptions {
  readonly token?: string | undefined
}

/** Adds the options of a policy. */
export function policyOptions(command: Command): Command {
  for (const [flags, what] of POLICY_FLAGS) command.option(flags, what)
  return command
}

export type { PolicyFlags }

/** The service whose dialect the clients of a token speak at a broker. */
export function wireOption(): Option {
  const what = 'the service whose clients use it at a broker (default: by the request)'
  return new Option('--wire <service>', what).choices(SERVICE_NAMES)
}

/** Adds `--out` and `--show`. */
export function outputOptions(command: Command): Command {
  return command
    .option('--out <file>', 'writes it into a new file that only you can read')
    .option('--show', 'prints it on the screen')
}

/**
 * Refuses to make a secret that would be written nowhere, or shown on a screen. Called before anything is issued.
 * @throws SolveguardError `COMMAND_INVALID`
 */
export function checkOutput({ stdout }: CommandContext, { out, show }: OutputOptions): void {
  if (out !== undefined || show || stdout.isTTY !== true) return
  throw usageError(
    'The result is a secret, and standard output is a terminal: pipe it into the program that takes it, write it to a ' +
      'file with --out FILE, or print it with --show.',
  )
}

/**
 * Passes a secret on: to a file, else to standard output.
 *
 * @param secret what a client needs, alone in its line
 * @param value all of it, with `--json`
 */
export function passOn(context: CommandContext, { out }: OutputOptions, secret: string, value: object): void {
  if (out === undefined) {
    context.result(value, secret)
    return
  }
  const path = resolve(context.cwd, out)
  try {
    // A file that exists keeps its mode, and may be a link to elsewhere.
    writeFileSync(path, `${context.json ? JSON.stringify(value) : secret}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw usageError(`--out: ${out} cannot be written (${messageOf(error)}): name a file that does not exist.`)
  }
}

/** The variable of a token, where no option names another place. */
const TOKEN = 'SOLVEGUARD_TOKEN'

/**
 * The token that a command is about: from the place of `--token`, else from `SOLVEGUARD_TOKEN`, else from standard
 * input.
 * @throws SolveguardError `COMMAND_INVALID`
 */
export async function tokenOf(context: CommandContext, { token }: InputOptions): Promise<string> {
  const place = token ?? (context.env[TOKEN] ? TOKEN : '-')
  if (place === '-' && context.stdin().isTTY === true) {
    throw usageError(`Pass the token on standard input, in the variable ${TOKEN}, or name its place with --token.`)
  }
  return readSecret(context, place, 'the token')
}

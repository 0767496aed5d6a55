import { CommanderError } from 'commander'
import { type Code, docsOf, messageOf, SolveguardError } from '../base/errors.js'
import { withoutSecrets } from '../config/secret-text.js'
import type { CommandContext } from './context.js'
import { type ExitCode, exitCodeOf } from './exit-codes.js'
import { wrapped } from './table.js'

/** Why a command was interrupted: the reason of the aborted signal. */
export class Interruption extends Error {
  constructor(
    /** `EPIPE`: the program that read the output has ended. */
    readonly by: 'SIGINT' | 'SIGTERM' | 'EPIPE',
    readonly exitCode: ExitCode,
  ) {
    super(`interrupted by ${by}`)
  }
}

/** The error for a command line that is wrong: what to change, as a sentence. */
export function usageError(sentence: string): SolveguardError {
  return new SolveguardError('COMMAND_INVALID', sentence)
}

/** An error as every command prints it with `--json`. */
export interface Failure {
  readonly code: Code
  readonly layer: string | null
  readonly message: string
  /** When to try again, in ISO 8601. */
  readonly retryAt: string | null
  readonly docs: string
}

/** Writes an error, and returns the exit code. */
export function reportFailure(context: CommandContext, error: unknown): number {
  const interruption = error instanceof Interruption ? error : undefined
  if (interruption?.by === 'EPIPE') return interruption.exitCode
  const failure = failureOf(error)
  if (context.json) context.result({ error: failure }, '')
  else context.note(textOf(failure, context))
  return interruption?.exitCode ?? exitCodeOf(failure.code) ?? 1
}

/** An error, as every command prints it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof SolveguardError) {
    const { code, layer, message, retryAt, docs } = error
    return { code, layer: layer ?? null, message, retryAt: retryAt?.toISOString() ?? null, docs }
  }
  if (error instanceof CommanderError) return plain('COMMAND_INVALID', usageOf(error))
  if (error instanceof Interruption) {
    return plain('COMMAND_INTERRUPTED', `Interrupted by ${error.by}: what was under way is accounted for.`)
  }
  // Of any code: a file of the user's, a program that was started.
  return plain('COMMAND_FAILED', withoutSecrets(messageOf(error)))
}

function plain(code: Code, message: string): Failure {
  return { code, layer: null, message, retryAt: null, docs: docsOf(code) }
}

/** Commander's message as a sentence, without the value in `--option=value`: it may be a secret. */
function usageOf({ message }: CommanderError): string {
  const [first = '', suggestion] = message.replace(/^error: /, '').split('\n')
  const sentence = first.replace(/(--?[\w-]+)=[^']*/g, '$1').replace(/\.?$/, '.')
  return `${sentence[0]?.toUpperCase()}${sentence.slice(1)}${suggestion ? ` ${suggestion}` : ''}`
}

function textOf({ code, layer, message, retryAt, docs }: Failure, context: CommandContext): string {
  const { errorColors, stderr } = context
  const lines = wrapped(message, Math.max(20, (stderr.columns || 10_000) - 2)).map((line) => `  ${line}`)
  const { bold, dim, red } = errorColors
  const head = `${red('✗')} ${bold(code)}${layer === null ? '' : dim(`  ${layer} layer`)}`
  const again = retryAt === null ? [] : [`  Try again at ${retryAt}.`]
  return [head, ...lines, ...again, dim(`  ${docs}`)].join('\n')
}

import { type Command, Option } from 'commander'
import type { CommandContext } from './context.js'

/** A command, as its file in `src/cli/commands` exports it under the name `command`. */
export interface CommandDefinition {
  /** Lines of the help: each a whole command line that works, without `npx`. */
  readonly examples: readonly [string, ...string[]]
  /**
   * True for a command that ends by itself when `context.signal` is aborted, and returns its exit code. Any other is
   * left where it is, what it deferred is closed, and the exit code is 130.
   */
  readonly endsItself?: boolean | undefined
  /** Adds arguments and options. `--json` and `--help` are there already. */
  define(command: Command): void
  /** Runs it, with what commander has parsed. Returns the exit code; nothing is 0. Errors are reported by the frame. */
  run(context: CommandContext, options: object, args: readonly unknown[]): Promise<number | undefined>
}

/**
 * A command with the types of its own options and arguments. Commander has checked them against `define`.
 *
 * @example
 * export const command = defineCommand<{ watch?: true }, [name?: string]>({
 *   examples: ['solveguard status --watch'],
 *   define: (command) => command.argument('[name]', 'the guard').option('--watch', 'shows it again every second'),
 *   async run(context, { watch }, [name]) { … },
 * })
 */
export function defineCommand<Options extends object = object, Args extends readonly unknown[] = readonly []>(
  definition: Pick<CommandDefinition, 'examples' | 'endsItself'> & {
    define?(command: Command): unknown
    run(context: CommandContext, options: Options, args: Args): Promise<number | undefined>
  },
): CommandDefinition {
  const { define, run, ...more } = definition
  return {
    ...more,
    define: (command) => void define?.(command),
    run: (context, options, args) => run(context, options as Options, args as Args),
  }
}

/** The form in which a secret is named on the command line: it is never there itself. */
export const SECRET_PLACE = '<place>'

/**
 * An option that names where a secret is: `-` for standard input, `@file`, or the name of a variable of the
 * environment. Read it with `readSecret`. Every option whose name says key, token, secret or password is one.
 *
 * @param flag `--token`
 * @param what what it is, as the beginning of a sentence: `the token`
 */
export function secretOption(flag: string, what: string): Option {
  return new Option(`${flag} ${SECRET_PLACE}`, `${what}: - for standard input, @file, or the name of a variable`)
}

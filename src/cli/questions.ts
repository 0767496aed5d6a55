import { Writable } from 'node:stream'
import type { CommandContext } from './context.js'
import { Interruption, usageError } from './failure.js'

/** One question of a command. Where none may be asked, the option that answers it is named. */
export interface Question {
  readonly message: string
  /** The option that answers it: `--origin`. */
  readonly option: string
}

/** Asks at the terminal. Each method throws where no question may be asked, and where the user cancels. */
export interface Questions {
  text(question: Question & { readonly initial: string; check(answer: string): string | undefined }): Promise<string>
  choice<T extends string>(
    question: Question & { readonly initial: T; readonly choices: readonly (readonly [value: T, label: string])[] },
  ): Promise<T>
  confirm(question: Question): Promise<boolean>
}

/** The questions of a command, on standard error: what is on standard output is the result. */
export async function askAt(context: CommandContext): Promise<Questions> {
  const may = ({ message, option }: Question): void => {
    if (context.interactive) return
    throw usageError(`${option} is missing. (No question is asked without a terminal, with CI or --json: ${message})`)
  }
  const prompts = await import('@clack/prompts')
  const common = () => ({ input: context.stdin(), output: outputOf(context), signal: context.signal })
  const answered = <T>(answer: T): Exclude<T, symbol> => {
    if (typeof answer === 'symbol') throw new Interruption('SIGINT', 130)
    return answer as Exclude<T, symbol>
  }
  return {
    async text({ message, option, initial, check }) {
      may({ message, option })
      const validate = (answer: string | undefined) => check(answer || initial)
      return answered(
        await prompts.text({ ...common(), message, placeholder: initial, defaultValue: initial, validate }),
      )
    },
    async choice({ message, option, initial, choices }) {
      may({ message, option })
      const options = choices.map(([value, label]) => ({ value: value as string, label }))
      const answer = answered(await prompts.select({ ...common(), message, initialValue: initial as string, options }))
      return choices.find(([value]) => value === answer)?.[0] ?? initial
    },
    async confirm({ message, option }) {
      may({ message, option })
      return answered(await prompts.confirm({ ...common(), message, initialValue: false }))
    },
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colors begin with it
const COLORS = /\u001b\[[\d;]*m/g

/** Standard error, without colors where there are none: clack asks neither the stream nor `NO_COLOR`. */
function outputOf({ stderr, errorColors }: CommandContext): Writable {
  if (errorColors.isColorSupported) return stderr
  const plain = new Writable({
    write(chunk, _, done) {
      stderr.write(String(chunk).replace(COLORS, ''))
      done()
    },
  })
  return Object.assign(plain, { isTTY: true, columns: stderr.columns || 80 })
}

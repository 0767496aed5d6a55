import { syncBuiltinESMExports } from 'node:module'
import workers, { type WorkerOptions } from 'node:worker_threads'

/**
 * Has this file loaded first in every Node process that this one starts with its environment, and in every worker
 * thread: those of `eval` load nothing that `--import` names.
 *
 * @param file an absolute path
 */
export function patchChildren(file: string): void {
  const { NODE_OPTIONS: before = '' } = process.env
  // In double quotes, with \ and " escaped: https://nodejs.org/api/cli.html#node_optionsoptions
  const option = `--require=${JSON.stringify(file)}`
  if (!before.includes(option)) process.env.NODE_OPTIONS = `${before} ${option}`.trim()

  const { construct } = Reflect
  const { assign } = Object
  const Original = workers.Worker
  const Worker: typeof Original = new Proxy(Original, {
    construct(target, [script, options]: [string | URL, WorkerOptions?], newTarget): object {
      const make = (own: readonly string[]): object => {
        const execArgv = [...own, '--require', file]
        return construct(target, [script, assign({}, options, { execArgv })], newTarget === Worker ? target : newTarget)
      }
      if (options?.execArgv) return make(options.execArgv)
      try {
        return make(process.execArgv)
      } catch (error) {
        // A worker inherits from its process only the options that a thread can have, and refuses the others if it is
        // given them.
        if ((error as NodeJS.ErrnoException).code !== INVALID_EXEC_ARGV) throw error
        return make(withoutRefused(process.execArgv, String(error)))
      }
    },
  })
  Original.prototype.constructor = Worker
  workers.Worker = Worker
  syncBuiltinESMExports()
}

const INVALID_EXEC_ARGV = 'ERR_WORKER_INVALID_EXEC_ARGV'

/** Options without those that an error names: `Initiated Worker with invalid execArgv flags: --expose-gc, --prof`. */
function withoutRefused(options: readonly string[], message: string): string[] {
  const refused = new Set(message.slice(message.lastIndexOf(': ') + 2).split(', '))
  return options.filter((option) => !refused.has(option))
}

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
      const execArgv = [...(options?.execArgv ?? process.execArgv), '--require', file]
      return construct(target, [script, assign({}, options, { execArgv })], newTarget === Worker ? target : newTarget)
    },
  })
  Original.prototype.constructor = Worker
  workers.Worker = Worker
  syncBuiltinESMExports()
}

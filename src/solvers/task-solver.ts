import type { Family } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import { fieldsFor } from './capabilities.js'
import type { SolverOptions } from './options.js'
import { sensitiveFieldsOf, taskWithProxy } from './page-proxy.js'
import { fromDefinition, type ServiceDefinition } from './service-definition.js'
import type { Solver } from './solver.js'
import { taskCall, taskId, taskReaders } from './task-family.js'

/** The options of a solver of the task family. */
export interface TaskOptions extends SolverOptions {
  /**
   * The id of your own software at the service, sent with each task.
   * @default none is sent
   */
  readonly softId?: number | undefined
}

/** The path and the fields of a report; undefined where the service has no such call. */
export type ReportCall = (
  taskId: string | number,
  good: boolean,
  family: Family,
) => readonly [path: `/${string}`, fields: Readonly<Record<string, unknown>>] | undefined

/**
 * A solver that uses the task family's wire.
 * @param moreOptions the names of options that this service takes in addition
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 */
export function taskSolver(
  definition: ServiceDefinition,
  options: TaskOptions,
  report: ReportCall,
  moreOptions: readonly string[] = ['softId'],
): Solver {
  const { capabilities } = definition
  const { common, rules } = fromDefinition(definition, options, moreOptions)
  const softId = checkSoftId(options.softId, definition.name)
  return Object.freeze<Solver>({
    ...common,
    submit(challenge, proxy) {
      const task = taskWithProxy(fieldsFor(capabilities, challenge), challenge, proxy)
      const fields = { task, ...(softId !== undefined && { softId }) }
      return { ...taskCall('/createTask', fields), ...sensitiveFieldsOf(proxy) }
    },
    callbackField: 'callbackUrl',
    poll: (id) => taskCall('/getTaskResult', { taskId: taskId(id) }),
    balance: () => taskCall('/getBalance', {}),
    report(id, good, family) {
      const call = report(taskId(id), good, family)
      return call && taskCall(...call)
    },
    ...taskReaders(rules, capabilities),
  })
}

/** @throws SolveguardError `CONFIG_INVALID` */
export function checkSoftId(softId: unknown, solver: string): number | undefined {
  if (softId === undefined) return undefined
  if (typeof softId === 'number' && Number.isSafeInteger(softId) && softId > 0) return softId
  throw new SolveguardError('CONFIG_INVALID', `${solver}: softId must be a whole number above 0.`)
}

import type { Family } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import { fieldsFor } from './capabilities.js'
import type { SolverOptions } from './options.js'
import { hiddenFieldsOf, taskWithProxy } from './page-proxy.js'
import { fromDefinition, type ServiceDefinition } from './service-definition.js'
import type { Solver } from './solver.js'
import { taskCall, taskId, taskReaders } from './task-family.js'

/** What a solver of the task family takes. */
export interface TaskOptions extends SolverOptions {
  /** Tells the service which program a task comes from, if you have such a number of your own. Default: nothing. */
  readonly softId?: number | undefined
}

/** The path and the fields of a report; undefined where the service has no such call. */
export type Report = (
  taskId: string | number,
  good: boolean,
  family: Family,
) => readonly [path: `/${string}`, fields: Readonly<Record<string, unknown>>] | undefined

/**
 * A solver that speaks the task family's wire.
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 */
export function taskSolver(
  row: ServiceDefinition,
  options: TaskOptions,
  report: Report,
  more: readonly string[] = ['softId'],
): Solver {
  const { common, rules } = fromDefinition(row, options, more)
  const softId = checkSoftId(options.softId, row.name)
  return {
    ...common,
    submit(challenge, proxy) {
      const task = taskWithProxy(fieldsFor(row.capabilities, challenge), challenge, proxy)
      return { ...taskCall('/createTask', { task, ...(softId !== undefined && { softId }) }), ...hiddenFieldsOf(proxy) }
    },
    poll: (id) => taskCall('/getTaskResult', { taskId: taskId(id) }),
    balance: () => taskCall('/getBalance', {}),
    report(id, good, family) {
      const said = report(taskId(id), good, family)
      return said && taskCall(...said)
    },
    ...taskReaders(rules, row.capabilities),
  }
}

/** @throws SolveguardError `CONFIG_INVALID` */
export function checkSoftId(softId: unknown, solver: string): number | undefined {
  if (softId === undefined) return undefined
  if (typeof softId === 'number' && Number.isSafeInteger(softId) && softId > 0) return softId
  throw new SolveguardError('CONFIG_INVALID', `${solver}: softId must be a whole number above 0.`)
}

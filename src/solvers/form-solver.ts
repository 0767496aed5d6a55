import { fieldsFor } from './capabilities.js'
import { formBatchPoll, formCall, formReaders, formThreadsInfo } from './form-family.js'
import type { SolverOptions } from './options.js'
import { formWithProxy, sensitiveFieldsOf } from './page-proxy.js'
import { fromDefinition, type ServiceDefinition } from './service-definition.js'
import type { BatchPoll, Solver } from './solver.js'

/** Where services of the form family differ. */
interface FormDialect {
  /** Fields that every submit has in addition. */
  readonly fields?: Readonly<Record<string, string>>
  /** The `action` of a poll; `get2` is answered with the price too. */
  readonly pollAction?: 'get' | 'get2'
  /** Set where the service takes several ids in one poll. */
  readonly batch?: Pick<BatchPoll, 'max' | 'families'>
  /** Set where the service sells threads: what to say about a plan that has ended. */
  readonly endedMessage?: string
  /** The names of options that this service takes in addition. */
  readonly moreOptions?: readonly string[]
}

/**
 * A solver that uses the form family's wire.
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 */
export function formSolver(definition: ServiceDefinition, options: SolverOptions, dialect: FormDialect = {}): Solver {
  const { capabilities } = definition
  const { fields, pollAction = 'get', batch, endedMessage, moreOptions } = dialect
  const { common, rules } = fromDefinition(definition, options, moreOptions)
  return Object.freeze<Solver>({
    ...common,
    submit: (challenge, proxy) => ({
      ...formCall('/in.php', { ...formWithProxy(fieldsFor(capabilities, challenge), challenge, proxy), ...fields }),
      ...sensitiveFieldsOf(proxy),
    }),
    callbackField: 'pingback',
    poll: (taskId) => formCall('/res.php', { action: pollAction, id: taskId }),
    ...(batch && { batchPoll: formBatchPoll(rules, capabilities, batch) }),
    ...(endedMessage !== undefined && { threadsInfo: formThreadsInfo(rules, endedMessage) }),
    balance: () => formCall('/res.php', { action: 'getbalance' }),
    report: (taskId, good) => formCall('/res.php', { action: good ? 'reportgood' : 'reportbad', id: taskId }),
    ...formReaders(rules, capabilities),
  })
}
